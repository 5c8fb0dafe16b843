"""Elementary functions in PyTorch: the twin of ``kernels/fixed_math.h``.

Every function here does the same float32 operations in the same order as its namesake
in the header, so results agree bit for bit. Nothing here is fast; it is the oracle.
"""

from __future__ import annotations

import torch
from torch import Tensor


def _polynomial(x: Tensor, coefficients: tuple[float, ...]) -> Tensor:
    y = torch.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        y = y * x + coefficient
    return y


_LOG = (
    7.0376836292e-2,
    -1.1514610310e-1,
    1.1676998740e-1,
    -1.2420140846e-1,
    1.4249322787e-1,
    -1.6668057665e-1,
    2.0000714765e-1,
    -2.4999993993e-1,
    3.3333331174e-1,
)
_EXP = (
    1.9875691500e-4,
    1.3981999507e-3,
    8.3334519073e-3,
    4.1665795894e-2,
    1.6666665459e-1,
    5.0000001201e-1,
)
_COS = (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
_SIN = (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)


def fixed_log(x: Tensor) -> Tensor:
    """Return the natural logarithm of normal, positive float32 values."""
    bits = x.view(torch.int32)
    exponent = ((bits >> 23) - 126).float()
    m = ((bits & 0x007FFFFF) | 0x3F000000).view(torch.float32)
    low = m < 0.707106781186547524
    exponent = torch.where(low, exponent - 1.0, exponent)
    m = torch.where(low, m + m - 1.0, m - 1.0)
    z = m * m
    y = _polynomial(m, _LOG) * m * z
    y = y + exponent * -2.12194440e-4
    y = y - 0.5 * z
    return (m + y) + exponent * 0.693359375


def fixed_exp(x: Tensor) -> Tensor:
    """Return e^x of float32 values, x clamped to [-87, 88]."""
    x = x.clamp(-87.0, 88.0)
    n = torch.floor(x * 1.44269504088896341 + 0.5)
    x = x - n * 0.693359375
    x = x - n * -2.12194440e-4
    y = (_polynomial(x, _EXP) * (x * x) + x) + 1.0
    return y * ((n.int() + 127) << 23).view(torch.float32)


def fixed_sincos_turns(v: Tensor) -> tuple[Tensor, Tensor]:
    """Return (sin(2 pi v), cos(2 pi v)) of float32 values, |v| < 2^20."""
    quarters = v * 4.0
    nearest = torch.floor(quarters + 0.5)
    x = (quarters - nearest) * 1.57079632679489662
    z = x * x
    c = (_polynomial(z, _COS) * z * z - 0.5 * z) + 1.0
    s = _polynomial(z, _SIN) * z * x + x
    quadrant = nearest.int() & 3
    odd = (quadrant & 1) == 1
    sine, cosine = torch.where(odd, c, s), torch.where(odd, s, c)
    return (
        torch.where(quadrant >= 2, -sine, sine),
        torch.where((quadrant == 1) | (quadrant == 2), -cosine, cosine),
    )


def fixed_sin_turns(v: Tensor) -> Tensor:
    """Return sin(2 pi v) of float32 values, |v| < 2^20."""
    return fixed_sincos_turns(v)[0]


def fixed_cos_turns(v: Tensor) -> Tensor:
    """Return cos(2 pi v) of float32 values, |v| < 2^20."""
    return fixed_sincos_turns(v)[1]


def fixed_sqrt(x: Tensor) -> Tensor:
    """Return the IEEE square root of float32 values, as ``sqrtf`` does.

    Through float64, because torch's vectorised float32 sqrt is an ulp off for a fifth of all inputs
    (2.15, AVX2); 53 bits are enough for the second rounding to be harmless.
    """
    return torch.sqrt(x.double()).float()
