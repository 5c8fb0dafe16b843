"""Numbers of any type that users have, and arrays of them: Python's, NumPy's and torch's.

NumPy is imported where it is used: the commands' help does not wait for it.
"""

from __future__ import annotations

import math
import numbers
import operator
from typing import TYPE_CHECKING, Any, SupportsFloat, SupportsIndex

from warpmix._reading import quoted

if TYPE_CHECKING:
    import numpy as np


def shown(value: Any) -> str:
    """Return a value for a message: its repr, cut to 200 characters, or an array's shape."""
    if getattr(value, "is_nested", False):
        return "a nested tensor"
    if hasattr(value, "shape") and hasattr(value, "dtype") and tuple(value.shape):
        return f"{type(value).__name__} {list(value.shape)} of {value.dtype}"
    return quoted(value).replace("\n", " ")


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


def check_integer(name: str, value: SupportsIndex, low: int, high: int | None = None) -> int:
    """Return an integer of [low, high], Python's, NumPy's or a tensor's, as an int.

    Raises:
        TypeError: it is no integer, or a bool.
        ValueError: it is out of range.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or _is_bool(value):
        raise TypeError(f"{name} must be an integer, got {shown(value)}")
    if number < low or (high is not None and number > high):
        expected = f"at least {low}" if high is None else f"from {low} to {high}"
        raise ValueError(f"{name} must be {expected}, got {number}")
    return number


def check_real(
    name: str, value: SupportsFloat, high: float = math.inf, *, closed: bool = False
) -> float:
    """Return a number of (0, high), or of (0, high] if ``closed``, as a float.

    Raises:
        TypeError: it is no number.
        ValueError: it is out of range.
    """
    try:
        number = None if isinstance(value, str | bytes) or _is_bool(value) else float(value)
    except TypeError:
        number = None
    if number is None:
        raise TypeError(f"{name} must be a number, got {shown(value)}")
    if not (0.0 < number < high or (closed and number == high)):
        interval = f"in (0, {high:g}{']' if closed else ')'}"
        expected = interval if math.isfinite(high) else "above 0 and finite"
        raise ValueError(f"{name} must be {expected}, got {shown(value)}")
    return number


def native(array: np.ndarray) -> np.ndarray:
    """Return an array as torch takes it, itself if it is so already: in this machine's byte order,
    without negative strides, and writable."""
    import numpy as np

    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return np.require(array, requirements=["C", "W"])


def _is_bool(value: Any) -> bool:
    import numpy as np

    return isinstance(value, bool | np.bool_)
