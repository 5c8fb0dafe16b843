"""Numbers of any type that users have, and arrays of them: Python's, NumPy's and torch's.

NumPy and torch are imported where they are used: the commands' help waits for neither.
"""

from __future__ import annotations

import math
import numbers
import operator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


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


def scaled_weights(weights: Tensor | None, needed: bool = False) -> Tensor | None:
    """Return weights as float64 of at most 1, scaled by a power of two, which changes no bit of a
    vote: so no sum of them overflows or vanishes.

    Args:
        needed: one must be above 0, since scores are divided by their sum.

    Raises:
        TypeError: complex weights.
        ValueError: a weight is negative or not finite, or all are 0 where one is needed.
    """
    import torch

    if weights is None:
        return None
    if weights.is_complex():
        raise TypeError(f"weights must be real numbers, got {weights.dtype}")
    weights = weights.to(torch.float64).contiguous()
    if weights.numel() == 0 or not _knows_values(weights):
        return weights
    low, high = (float(extreme) for extreme in torch.aminmax(weights))
    if not 0 <= low <= high < math.inf or (needed and high == 0):
        raise ValueError(
            f"weights must be finite, at least 0{' and not all 0' if needed else ''}, got "
            f"{weights.tolist()}"
        )
    exponent = math.frexp(high)[1]
    half = exponent // 2  # 2^-exponent may itself be out of range
    return weights * 2.0**-half * 2.0 ** (half - exponent)


def as_inverse_temperature(inverse_temperature: Tensor | None) -> Tensor | None:
    """Return 1 / temperature as float32.

    Raises:
        ValueError: one is negative, or not finite as float32.
    """
    import torch

    if inverse_temperature is None:
        return None
    inverse = inverse_temperature.to(torch.float32).contiguous()
    if not _knows_values(inverse):
        return inverse
    if not bool((torch.isfinite(inverse) & (inverse >= 0)).all()):
        raise ValueError(
            "inverse_temperature must be at least 0 and within float32's range, up to 3.4e+38, got "
            f"{inverse_temperature.tolist()}; raise the temperature"
        )
    return inverse


def _knows_values(tensor: Tensor) -> bool:
    """Return whether values can be looked at: not while they are compiled or captured for later."""
    import torch

    if torch.compiler.is_compiling():
        return False
    return not (tensor.is_cuda and torch.cuda.is_current_stream_capturing())
