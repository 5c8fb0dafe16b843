"""What a pipeline refuses before any op is reached."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from warpmix.augment.program import MAX_CHANNELS, MAX_PIXELS
from warpmix.augment.transforms import Listed, Normalize, RandomChoice, Transform


def check_transforms(
    transforms: Sequence[Listed | Normalize],
    mean: Sequence[float] | float | None,
    std: Sequence[float] | float | None,
    dtype: torch.dtype,
) -> tuple[tuple[Listed, ...], Normalize | None]:
    """The transforms without Normalize, and the Normalize of the list or of mean and std."""
    listed = list(transforms)
    for i, transform in enumerate(listed):
        if not isinstance(transform, Transform | RandomChoice | Normalize):
            raise TypeError(
                f"transforms[{i}] must be a warpmix transform, got {type(transform).__name__}"
            )
        if isinstance(transform, Normalize) and i < len(listed) - 1:
            raise ValueError(
                f"transforms: Normalize must be the last one, found at {i} of {len(listed)}"
            )
    normalize = None
    if listed and isinstance(listed[-1], Normalize):
        normalize = listed.pop()
    if (mean is None) != (std is None):
        raise ValueError("mean and std must be given together, got one of them")
    if mean is not None and std is not None:
        if normalize is not None:
            raise ValueError("mean and std must be left out where the list ends in Normalize")
        normalize = Normalize(mean, std)
    if normalize is not None and dtype == torch.uint8:
        raise ValueError(
            "dtype torch.uint8 holds unnormalised pixels: leave mean, std and Normalize out, "
            "or use a float dtype"
        )
    mixing = [t for t in listed if _mixes(t)]  # type: ignore[arg-type]
    if len(mixing) > 1:
        names = ", ".join(type(t).__name__ for t in mixing)
        raise ValueError(
            f"transforms must hold at most one mixing stage, got {len(mixing)} ({names}); "
            "choose between them per sample with RandomChoice([CutMix(), MixUp()])"
        )
    return tuple(listed), normalize  # type: ignore[arg-type, return-value]


def _mixes(transform: Listed) -> bool:
    if isinstance(transform, RandomChoice):
        return any(_mixes(child) for child in transform.transforms)
    return transform.mixes


def check_batch(
    images: Tensor,
    layout: str,
    labels: Tensor | None,
    ids: Tensor | None,
    index: Tensor | None,
    epoch: int,
    active: Tensor | None,
    sums: Tensor | None,
) -> Tensor:
    """Checks the arguments of one call; returns the images as [N, H, W, C], dense."""
    if not isinstance(images, Tensor):
        raise TypeError(f"images must be a torch.Tensor, got {type(images).__name__}")
    if images.dtype != torch.uint8:
        raise TypeError(
            f"images must be uint8 on [0, 255], got {images.dtype}; convert with "
            "(images * 255).round().to(torch.uint8) if they are floats on [0, 1]"
        )
    if images.dim() != 4:
        raise ValueError(
            f"images must be 4-dimensional {list(layout)}, got shape {tuple(images.shape)}; "
            "one image needs images[None]"
        )
    images = _as_nhwc(images, layout)
    count, height, width, channels = images.shape
    if height < 1 or width < 1 or height * width > MAX_PIXELS:
        raise ValueError(f"images must have 1 to {MAX_PIXELS} pixels each, got {height} x {width}")
    samples = count
    if index is not None:
        _check_vector("index", index, torch.int64, None, images)
        samples = index.shape[0]
        _check_range("index", index, count)
    if index is not None and count == 0 and samples > 0:
        raise ValueError("images must hold at least one image to index, got 0")
    if ids is not None:
        _check_vector("ids", ids, torch.int64, samples, images)
        _check_range("ids", ids, None)
    if active is not None:
        _check_vector("active", active, torch.bool, samples, images)
    if labels is not None:
        _check_vector("labels", labels, torch.int64, count, images)
    if sums is not None:
        if sums.dtype != torch.int64 or tuple(sums.shape) != (count, channels):
            raise ValueError(
                f"sums must be warpmix.ops.channel_sums(images), [{count}, {channels}] int64; "
                f"got {tuple(sums.shape)} {sums.dtype}"
            )
        _check_device("sums", sums, images)
    if isinstance(epoch, bool) or not isinstance(epoch, int):
        raise TypeError(f"epoch must be an int, got {type(epoch).__name__}")
    if not 0 <= epoch < 2**32:
        raise ValueError(f"epoch must be in [0, 2^32), got {epoch}")
    return images


def _as_nhwc(images: Tensor, layout: str) -> Tensor:
    nhwc = images if layout == "NHWC" else images.permute(0, 2, 3, 1)
    channels = nhwc.shape[3]
    if not 1 <= channels <= MAX_CHANNELS:
        other = "NCHW" if layout == "NHWC" else "NHWC"
        raise ValueError(
            f"images must have 1 to {MAX_CHANNELS} channels in layout {layout}, got {channels} "
            f"from shape {tuple(images.shape)}; is their layout {other}? Pass layout='{other}'"
        )
    dense = nhwc.is_contiguous() or nhwc.permute(0, 3, 1, 2).is_contiguous()
    return nhwc if dense else nhwc.contiguous()


def _check_vector(
    name: str, tensor: Tensor, dtype: torch.dtype, size: int | None, images: Tensor
) -> None:
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{name} must be a torch.Tensor, got {type(tensor).__name__}")
    if tensor.dtype != dtype:
        raise TypeError(f"{name} must be {dtype}, got {tensor.dtype}; use {name}.to({dtype})")
    if tensor.dim() != 1 or (size is not None and tensor.shape[0] != size):
        shape = "[B]" if size is None else f"[{size}]"
        raise ValueError(f"{name} must have shape {shape}, got {list(tensor.shape)}")
    _check_device(name, tensor, images)


def _check_device(name: str, tensor: Tensor, images: Tensor) -> None:
    if tensor.device != images.device:
        raise ValueError(
            f"{name} must be on the images' device {images.device}, got {tensor.device}; "
            f"use {name}.to('{images.device}')"
        )


def _check_range(name: str, tensor: Tensor, limit: int | None) -> None:
    """On the CPU, where looking costs microseconds; on a GPU it would wait for the device."""
    if tensor.device.type != "cpu" or torch.compiler.is_compiling() or tensor.numel() == 0:
        return
    low, high = (int(v) for v in torch.aminmax(tensor))
    if low < 0 or (limit is not None and high >= limit):
        allowed = "at least 0" if limit is None else f"in [0, {limit})"
        raise ValueError(f"{name} must be {allowed}, got {low if low < 0 else high}")
