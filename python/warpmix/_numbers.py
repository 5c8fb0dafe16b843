"""Numbers of any type that users have, and arrays of them: Python's and NumPy's."""

from __future__ import annotations

import numbers
import operator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


def as_int(name: str, value: Any) -> int:
    """Return a whole number of any integer type, NumPy's too, as an int.

    Raises:
        TypeError: it is a bool, or no integer.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be an int, got {type(value).__name__}")
    return operator.index(value)


def as_number(name: str, value: Any) -> int | float:
    """Return a real number of any type as an int or a float.

    Raises:
        TypeError: it is a bool, or no real number.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number, got {type(value).__name__}")
    return operator.index(value) if isinstance(value, numbers.Integral) else float(value)


def native(array: np.ndarray) -> np.ndarray:
    """Return an array as torch takes it, itself if it is so already: in this machine's byte order,
    without negative strides, and writable."""
    import numpy as np

    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return np.require(array, requirements=["C", "W"])
