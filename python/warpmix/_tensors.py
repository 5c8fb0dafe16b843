"""Tensors as the ops take them."""

from __future__ import annotations

import math
import weakref
from collections import deque
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
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


_KEPT_BYTES = 2**25  # glibc's malloc keeps freed blocks up to these for the next call
_MOST_BYTES = 2**30
_ALIGNMENT = 64  # as torch's own
_free: deque[npt.NDArray[np.uint8]] = deque(maxlen=2)  # the batch of now and that of before


def empty_batch(
    shape: tuple[int, int, int, int], dtype: torch.dtype, device: torch.device, channels_last: bool
) -> Tensor:
    """Return an uninitialised batch [B, C, H, W]; on a CPU a large one takes up the memory of an
    earlier one that nothing refers to any more.

    A block too large for malloc to keep would come anew from the kernel in each call, and a page
    of it when it is first written: 64 normalised images of 224x224 take 20 ms so, and 2 ms in
    memory that is there already. In huge pages they take 4 ms, but where memory is in pieces two
    threads wait for them, 170 ms in place of 10 (``bench/compare.py``, AMD EPYC).
    """
    on_host = device.type == "cpu" and not torch.compiler.is_compiling()
    memory = _reused(math.prod(shape), dtype) if on_host else None
    if memory is None:
        memory_format = torch.channels_last if channels_last else torch.contiguous_format
        return torch.empty(shape, dtype=dtype, device=device, memory_format=memory_format)
    count, channels, height, width = shape
    if channels_last:
        return memory.view(count, height, width, channels).permute(0, 3, 1, 2)
    return memory.view(shape)


def _reused(count: int, dtype: torch.dtype) -> Tensor | None:
    """Return [count] in a block that is free again, or in a new one; None: malloc does it better.

    At most two blocks are kept, of at most 1 GiB each.
    """
    size = count * dtype.itemsize
    if not _KEPT_BYTES < size <= _MOST_BYTES:
        return None
    if type(torch.empty(0)) is not Tensor:  # a FakeTensorMode's, which no op may meet others with
        return None
    block = _take(size)
    start = -block.ctypes.data % _ALIGNMENT
    part = block[start : start + size]
    # The tensor's storage holds `part`, and with it every tensor and array of the same memory.
    weakref.finalize(part, _free.append, block).atexit = False
    return torch.from_numpy(part).view(dtype)


def _take(size: int) -> npt.NDArray[np.uint8]:
    """Return a block with room for a batch, but not for two. Each step is atomic: a garbage
    collection in between may give a block back, and so may another thread."""
    for _ in range(len(_free)):
        try:
            block = _free.popleft()
        except IndexError:  # another thread was faster
            break
        if size + _ALIGNMENT <= block.nbytes < 2 * size:
            return block
        _free.append(block)
    return np.empty(size + _ALIGNMENT, np.uint8)


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
