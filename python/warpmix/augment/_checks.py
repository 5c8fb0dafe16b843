"""The arguments of one call, checked before any op is reached."""

from __future__ import annotations

import numbers
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from warpmix import ops
from warpmix._numbers import as_int, check_integer
from warpmix._tensors import check_dense
from warpmix.augment.program import MAX_PIXELS
from warpmix.augment.ragged import Images, RaggedImages
from warpmix.augment.stages import MAX_CHANNELS, MIXED

_FEW = 64  # numbers that Python compares sooner than an operator of torch begins
_FLOATS = (torch.float32, torch.float16, torch.bfloat16)
_USUAL_CHANNELS = (1, 3, 4)  # grey, RGB, RGBA: what the last dimension of an NHWC array is


Side = int | None
"""Pixels along an axis; None: each image has its own."""


@dataclass  # not frozen, which would take ten times as long to make
class Call:
    """The arguments of one call as the ops take them; one image is a batch of one.

    Attributes:
        images: [N, H, W, C] uint8 or floats, a view wherever the images are dense; or of mixed
            sizes.
        labels: [N] int64 or [N, K] floating point.
        ids, index: [B] int64.
        active: [B] bool.
        sums: [N, C] int64.
        step: [1] int64.
        epoch: in [0, 2^32).
        is_single: the images were one image, and so is to be the result.
    """

    images: Images
    labels: Tensor | None
    ids: Tensor | None
    index: Tensor | None
    active: Tensor | None
    sums: Tensor | None
    step: Tensor | None
    epoch: int
    is_single: bool

    @property
    def size(self) -> tuple[int, int, int]:
        """(height, width, channels) of the images; MIXED where each has its own."""
        if isinstance(self.images, RaggedImages):
            return *MIXED, self.images.channels
        _, height, width, channels = self.images.shape
        return height, width, channels

    @property
    def floats(self) -> bool:
        """Whether the images are floats of any range, not bytes."""
        return self.images.dtype != torch.uint8

    @property
    def count(self) -> int:
        """B, the number of samples to make."""
        return len(self.images) if self.index is None else self.index.shape[0]


def check_call(
    images: Images,
    *,
    labels: Tensor | int | None = None,
    ids: Tensor | int | None = None,
    index: Tensor | None = None,
    active: Tensor | bool | None = None,
    sums: Tensor | None = None,
    step: Tensor | None = None,
    epoch: int = 0,
) -> Call:
    """Check the arguments of a call on a batch, or on one image; see ``Pipeline.forward``."""
    is_single = _check_images(images)
    if isinstance(images, Tensor) and is_single:
        if index is not None:
            raise ValueError(
                "index must be left out with one image [C, H, W]: it takes rows of [N, C, H, W]"
            )
        images = images[None]
        labels, ids, active, sums = (
            _row_of_one(value, images.device) for value in (labels, ids, active, sums)
        )
    source = images if isinstance(images, RaggedImages) else ops.as_nhwc(images)
    count = samples = len(source)
    channels = images.channels if isinstance(images, RaggedImages) else images.shape[1]
    if index is not None:
        _check_vector("index", index, torch.int64, None, images)
        samples = index.shape[0]
        if count == 0 and samples > 0:
            raise ValueError("images must hold at least one image to index, got 0")
        _check_range("index", index, count)
    if sums is not None:
        check_dense("sums", sums)
        if sums.dtype != torch.int64 or tuple(sums.shape) != (count, channels):
            raise ValueError(
                f"sums must be warpmix.ops.channel_sums(images), [{count}, {channels}] int64; "
                f"got {tuple(sums.shape)} {sums.dtype}"
            )
        _check_device("sums", sums, images)
    if step is not None:
        _check_vector("step", step, torch.int64, 1, images)
    return Call(
        images=source,
        labels=_as_labels(labels, images),
        ids=_as_ids(ids, samples, images),
        index=index,
        active=_as_active(active, samples, images),
        sums=sums,
        step=step,
        epoch=_as_epoch(epoch),
        is_single=is_single,
    )


def check_size(height: Side, width: Side, channels: int) -> tuple[int, int, int]:
    """Return the size of images as ints, each in its range; None and None are MIXED.

    Raises:
        TypeError, ValueError: it is none of an image that the kernels take.
    """
    if height is None or width is None:
        if height is not width:
            raise TypeError(f"height and width must both be given, got {height} and {width}")
        return *MIXED, check_integer("channels", channels, 1, MAX_CHANNELS)
    height = check_integer("height", height, 1, MAX_PIXELS)
    width = check_integer("width", width, 1, MAX_PIXELS)
    if height * width > MAX_PIXELS:
        raise ValueError(f"images must have 1 to {MAX_PIXELS} pixels, got {height} x {width}")
    return height, width, check_integer("channels", channels, 1, MAX_CHANNELS)


def _row_of_one(value: Any, device: torch.device) -> Tensor | None:
    """Return what belongs to one image, a number or a tensor, with the dimension N before it."""
    if value is None:
        return None
    if isinstance(value, Tensor):
        return value[None]
    is_number = isinstance(value, numbers.Number)  # else torch says in its own words what it is
    return torch.as_tensor([value], device=device) if is_number else value


# ---- images -----------------------------------------------------------------------------------


def _check_images(images: Images) -> bool:
    """Check images; return whether they are one image [C, H, W]."""
    if isinstance(images, RaggedImages):
        return False
    check_dense("images", images)
    if images.dtype not in (torch.uint8, *_FLOATS):
        raise TypeError(
            f"images must be uint8 on [0, 255], or float32, float16 or bfloat16, got "
            f"{images.dtype}; convert with images.to(torch.uint8) if they are pixels on [0, 255], "
            "images.float() if they are normalised"
        )
    if images.requires_grad and torch.is_grad_enabled():
        raise ValueError(
            "images must not require a gradient: no gradient flows here; use images.detach()"
        )
    shape = tuple(images.shape)
    expected = "images must be [N, C, H, W], or one image [C, H, W]"
    if len(shape) not in (3, 4):
        raise ValueError(f"{expected}; got shape {shape}")
    channels, width = shape[-3], shape[-1]
    remedy = "images.permute(0, 3, 1, 2)" if len(shape) == 4 else "images.permute(2, 0, 1)"
    looks_nhwc = width in _USUAL_CHANNELS and channels not in _USUAL_CHANNELS
    if looks_nhwc and not _is_channels_last(images):
        raise ValueError(
            f"{expected}; shape {shape} looks like channels in the last dimension: use {remedy}, "
            f"which copies nothing. If these are images of {channels} channels and {width} pixels "
            "of width, say so by the strides: images.contiguous(memory_format=torch.channels_last)"
        )
    if not 1 <= channels <= MAX_CHANNELS:
        raise ValueError(
            f"{expected}, of 1 to {MAX_CHANNELS} channels, got {channels} from shape {shape}; use "
            f"{remedy} where the channels are last, images.unsqueeze(1) for grey images [N, H, W]"
        )
    height = shape[-2]
    if height < 1 or width < 1 or height * width > MAX_PIXELS:
        raise ValueError(f"images must have 1 to {MAX_PIXELS} pixels each, got {height} x {width}")
    return len(shape) == 3


def _is_channels_last(images: Tensor) -> bool:
    """Return whether the strides alone tell that dimension -3 holds the channels."""
    return images.shape[-3] > 1 and images.stride(-3) == 1


# ---- what belongs to the images ---------------------------------------------------------------


def _as_labels(labels: Any, images: Images) -> Tensor | None:
    """Return labels [N] int64 or [N, K] floating point."""
    if labels is None:
        return None
    check_dense("labels", labels)
    count = len(images)
    soft = labels.is_floating_point() and labels.dim() == 2
    if not soft:
        if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
            raise TypeError(
                f"labels must be class numbers [{count}] of an integer dtype, or soft labels "
                f"[{count}, classes] of a floating one; got {list(labels.shape)} {labels.dtype}; "
                "use labels.long() if they are class numbers"
            )
        labels = labels if labels.dtype == torch.int64 else labels.to(torch.int64)
    if labels.dim() != 1 + soft or labels.shape[0] != count:
        expected = f"[{count}, classes]" if soft else f"[{count}]"
        raise ValueError(f"labels must have shape {expected}, got {list(labels.shape)}")
    _check_device("labels", labels, images)
    return labels


def _as_ids(ids: Any, samples: int, images: Images) -> Tensor | None:
    if ids is not None:
        _check_vector("ids", ids, torch.int64, samples, images)
        _check_range("ids", ids, None)
    return ids


def _as_active(active: Any, samples: int, images: Images) -> Tensor | None:
    if active is not None:
        _check_vector("active", active, torch.bool, samples, images)
    return active


def _as_epoch(epoch: int) -> int:
    if not isinstance(epoch, int) or isinstance(epoch, bool):
        epoch = as_int("epoch", epoch)
    if not 0 <= epoch < 2**32:
        raise ValueError(f"epoch must be in [0, 2^32), got {epoch}")
    return epoch


def _check_vector(
    name: str,
    tensor: Any,
    dtype: torch.dtype,
    size: int | None,
    images: Images,
) -> None:
    check_dense(name, tensor)
    if tensor.dtype != dtype:
        raise TypeError(f"{name} must be {dtype}, got {tensor.dtype}; use {name}.to({dtype})")
    if tensor.dim() != 1 or (size is not None and tensor.shape[0] != size):
        shape = "[B]" if size is None else f"[{size}]"
        raise ValueError(f"{name} must have shape {shape}, got {list(tensor.shape)}")
    _check_device(name, tensor, images)


def _check_device(name: str, tensor: Tensor, images: Images) -> None:
    if tensor.device != images.device:
        raise ValueError(
            f"{name} must be on the images' device {images.device}, got {tensor.device}; "
            f"use {name}.to('{images.device}')"
        )


def _check_range(name: str, tensor: Tensor, limit: int | None) -> None:
    """Check values on the CPU, in microseconds; on a GPU it would wait for the device."""
    if tensor.device.type != "cpu" or torch.compiler.is_compiling() or tensor.numel() == 0:
        return
    if tensor.numel() <= _FEW:
        values = tensor.tolist()
        low, high = min(values), max(values)
    else:
        low, high = (int(v) for v in torch.aminmax(tensor))
    if low < 0 or (limit is not None and high >= limit):
        allowed = "at least 0" if limit is None else f"in [0, {limit})"
        raise ValueError(f"{name} must be {allowed}, got {low if low < 0 else high}")
