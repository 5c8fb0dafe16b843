"""Counter-based random numbers in PyTorch: the same words as ``kernels/philox.h``.

For what Python draws itself, such as the order of an epoch, and for the reference of the kernels.
"""

from __future__ import annotations

from torch import Tensor

_MASK32 = 0xFFFFFFFF


def _multiply_32x32(a: int, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return the high and low words of the 64-bit product, kept in int64 without overflow."""
    low_part = a * (b & 0xFFFF)  # < 2^48
    high_part = a * (b >> 16)  # < 2^48
    middle = high_part + (low_part >> 16)
    return middle >> 16, ((middle & 0xFFFF) << 16) | (low_part & 0xFFFF)


def philox(counter: tuple[Tensor, Tensor, Tensor, Tensor], key: int | Tensor) -> tuple[Tensor, ...]:
    """Compute Philox4x32-10 (Salmon et al., SC'11).

    Args:
        counter: four int64 tensors of one shape, each holding a 32-bit word.
        key: unsigned 64-bit key; or an int64 tensor of their bits, one a row of the counter.

    Returns:
        four int64 tensors of the shape of both, each in [0, 2^32).
    """
    c0, c1, c2, c3 = counter
    key0, key1 = key & _MASK32, (key >> 32) & _MASK32
    for _ in range(10):
        high0, low0 = _multiply_32x32(0xD2511F53, c0)
        high1, low1 = _multiply_32x32(0xCD9E8D57, c2)
        c0, c1, c2, c3 = high1 ^ c1 ^ key0, low1, high0 ^ c3 ^ key1, low0
        key0 = (key0 + 0x9E3779B9) & _MASK32
        key1 = (key1 + 0xBB67AE85) & _MASK32
    return c0, c1, c2, c3


def uniform_closed_open(word: Tensor) -> Tensor:
    """Return float32 uniform on {0, 2^-24, ..., 1 - 2^-24}, from a 32-bit word in int64."""
    return (word >> 8).float() * 2.0**-24


def uniform_open_closed(word: Tensor) -> Tensor:
    """Return float32 uniform on {2^-24, ..., 1}, from a 32-bit word in int64."""
    return ((word >> 8) + 1).float() * 2.0**-24


def uniform_below(word: Tensor, n: int) -> Tensor:
    """Return int64 uniform on {0, ..., n - 1}, from a 32-bit word in int64; n < 2^31."""
    return (word * n) >> 32
