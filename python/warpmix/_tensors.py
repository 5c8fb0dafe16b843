"""Tensors as the ops take them."""

from __future__ import annotations

import math
import mmap
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor


@runtime_checkable
class MixedSizes(Protocol):
    """Images of sizes of their own in one buffer: :class:`warpmix.RaggedImages`."""

    @property
    def pixels(self) -> Tensor:
        """[P, C] uint8."""

    @property
    def offsets(self) -> Tensor:
        """[N] int64, the first pixel of each image."""

    @property
    def sizes(self) -> Tensor:
        """[N, 2] int32, its height and width."""


Source = Tensor | MixedSizes
"""Images [N, H, W, C] as :func:`warpmix.ops.as_nhwc` gives them, or of sizes of their own."""


def split_source(images: Source) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Return the ops' arguments images, offsets and sizes."""
    if isinstance(images, Tensor):
        return images, None, None
    return images.pixels, images.offsets, images.sizes


_HUGE_PAGE = 2**21
_KEPT_BYTES = 2**25  # glibc's malloc keeps freed blocks up to these for the next call


def empty_batch(
    shape: tuple[int, int, int, int], dtype: torch.dtype, device: torch.device, channels_last: bool
) -> Tensor:
    """Return an uninitialised batch [B, C, H, W]; a large one in Linux's huge pages, on a CPU.

    A block too large for malloc to keep comes anew in each call, and a page of it when it is first
    written. 64 normalised images of 224x224 take 20 ms so, 4 ms in huge pages, and 2 ms in memory
    that is there already (one thread of an AMD EPYC, ``bench/compare.py``'s flip chain).
    """
    in_huge_pages = device.type == "cpu" and not torch.compiler.is_compiling()
    memory = _huge_pages(math.prod(shape), dtype) if in_huge_pages else None
    if memory is None:
        memory_format = torch.channels_last if channels_last else torch.contiguous_format
        return torch.empty(shape, dtype=dtype, device=device, memory_format=memory_format)
    count, channels, height, width = shape
    if channels_last:
        return memory.view(count, height, width, channels).permute(0, 3, 1, 2)
    return memory.view(shape)


def _huge_pages(count: int, dtype: torch.dtype) -> Tensor | None:
    """Return [count] in huge pages of its own; None: too small for them, or there are none."""
    size = count * dtype.itemsize
    if size <= _KEPT_BYTES or not hasattr(mmap, "MADV_HUGEPAGE"):
        return None
    if type(torch.empty(0)) is not Tensor:  # a FakeTensorMode's, which no op may meet others with
        return None
    try:
        pages = mmap.mmap(-1, size + 2 * _HUGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        pages.madvise(mmap.MADV_HUGEPAGE)
    except OSError:  # a kernel without them, or no memory, which torch then reports
        return None
    start = -torch.frombuffer(pages, dtype=torch.uint8).data_ptr() % _HUGE_PAGE
    return torch.frombuffer(pages, dtype=dtype, count=count, offset=start)


def check_dense(name: str, value: Any) -> None:
    """Check that a value is a tensor of plain numbers with memory behind it.

    Raises:
        TypeError: it is no tensor, or a sparse, nested or quantised one.
        ValueError: it is on the meta device, which has no memory.
    """
    if not isinstance(value, Tensor):
        raise TypeError(
            f"{name} must be a torch.Tensor, got {type(value).__name__}; use torch.as_tensor"
        )
    if value.is_nested:
        raise TypeError(f"{name} must be one dense tensor, got a nested one; use torch.stack")
    if value.layout != torch.strided:
        raise TypeError(f"{name} must be dense, got {value.layout}; use {name}.to_dense()")
    if value.is_quantized:
        raise TypeError(f"{name} must not be quantised, got {value.dtype}; use {name}.dequantize()")
    if value.is_meta:
        raise ValueError(f"{name} must be on a CPU or a CUDA device, got meta, which has no memory")


def scaled_weights(weights: Tensor | None, needed: bool = False) -> Tensor | None:
    """Return weights as float64 of at most 1, scaled by a power of two, which changes no bit of a
    vote: so no sum of them overflows or vanishes.

    Args:
        needed: one must be above 0, since scores are divided by their sum.

    Raises:
        TypeError: complex weights.
        ValueError: a weight is negative or not finite, or all are 0 where one is needed.
    """
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
    if torch.compiler.is_compiling():
        return False
    return not (tensor.is_cuda and torch.cuda.is_current_stream_capturing())
