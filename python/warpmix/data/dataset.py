"""The one form in which every source hands over its images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from warpmix import ops
from warpmix._numbers import shown
from warpmix.augment import Pipeline, RaggedImages
from warpmix.augment.ragged import Images

_CHUNK = 1024  # images of chunks()


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled images that lie in one tensor, on one device.

    Attributes:
        images: [N, H, W, C] uint8, values 0..255, N at least 1; or RaggedImages of mixed sizes.
        labels: [N] int64, values 0..len(classes)-1, on the device of ``images``.
        classes: the name of each label, distinct.
        name: what the images are, for messages and result files.

    Raises:
        TypeError: ``images`` or ``labels`` is not a tensor, or has another dtype.
        ValueError: a shape, a length, a device or a label does not fit the above.
    """

    images: Images
    labels: Tensor
    classes: tuple[str, ...]
    name: str

    def __post_init__(self) -> None:
        _check_images(self.images)
        _check_tensor(self.labels, "labels", torch.int64, ("N",))
        if len(self.images) != len(self.labels):
            raise ValueError(
                "images and labels must be equally many, "
                f"got {len(self.images)} images and {len(self.labels)} labels"
            )
        if self.images.device != self.labels.device:
            raise ValueError(
                f"images and labels must be on one device, got {self.images.device} and "
                f"{self.labels.device}; make the dataset on the CPU and move it with .to(device)"
            )
        self._check_classes()

    def _check_classes(self) -> None:
        if not isinstance(self.classes, tuple) or not all(isinstance(c, str) for c in self.classes):
            raise TypeError(f"classes must be a tuple of str, got {shown(self.classes)}")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError(f"classes must be distinct, got {shown(self.classes)}")
        low, high = (int(extreme) for extreme in torch.aminmax(self.labels))
        if low < 0 or high >= len(self.classes):
            raise ValueError(
                f"labels must be in 0..{len(self.classes) - 1}, because there are "
                f"{len(self.classes)} classes, got values from {low} to {high}"
            )

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        return (
            f"Dataset({self.name!r}, {len(self)} images of {size_in_words(self)}, "
            f"{len(self.classes)} classes, {self.device})"
        )

    @property
    def image_size(self) -> tuple[int, int] | None:
        """Height and width of every image, in pixels; None: each has its own."""
        if isinstance(self.images, RaggedImages):
            return None
        return self.images.shape[1], self.images.shape[2]

    @property
    def channels(self) -> int:
        """C, the number of channels."""
        if isinstance(self.images, RaggedImages):
            return self.images.channels
        return self.images.shape[3]

    @property
    def source(self) -> Images:
        """The images as a pipeline takes them: [N, C, H, W], or RaggedImages."""
        return as_source(self.images)

    @property
    def bytes(self) -> int:
        """Of the images."""
        images = self.images
        return images.pixels.numel() if isinstance(images, RaggedImages) else images.numel()

    def picture(self, row: int) -> Tensor:
        """Return one image as a view [H, W, C]."""
        if isinstance(self.images, RaggedImages):
            return self.images[row].permute(1, 2, 0)
        return self.images[row]

    @property
    def device(self) -> torch.device:
        """Where images and labels lie."""
        return self.images.device

    @cached_property
    def channel_sums(self) -> Tensor:
        """[N, C] int64 of :func:`warpmix.ops.channel_sums`, which contrast needs; computed once."""
        return ops.channel_sums(self.source)

    def chunks(self) -> Iterator[Tensor]:
        """Yield all images, in order, [n, H, W, C] uint8 at a time; or pixels [p, C] of images of
        mixed sizes."""
        if isinstance(self.images, Tensor):
            yield from self.images.split(_CHUNK)
            return
        for rows in torch.arange(len(self)).split(_CHUNK):
            yield self.images.select(rows).contiguous().pixels

    def subset(self, indices: Tensor) -> Dataset:
        """Return the images and labels of some rows, copied, in the order of ``indices``.

        Args:
            indices: [n] int64 in 0..N-1, n at least 1, on any device.

        Raises:
            TypeError: ``indices`` is not an int64 tensor.
            ValueError: it is empty, not one-dimensional, or out of range.
        """
        _check_tensor(indices, "indices", torch.int64, ("n",))
        if len(indices) == 0:
            raise ValueError("indices must name at least one row, got none")
        low, high = (int(extreme) for extreme in torch.aminmax(indices))
        if low < 0 or high >= len(self):
            raise ValueError(
                f"indices must be in 0..{len(self) - 1}, got values from {low} to {high}"
            )
        rows = indices.to(self.device)
        if isinstance(self.images, RaggedImages):
            chosen: Images = self.images.select(rows).contiguous()
        else:
            chosen = self.images[rows]
        return replace(self, images=chosen, labels=self.labels[rows])

    def to(self, device: torch.device | str) -> Dataset:
        """Return the same dataset on ``device``; itself if it is there already."""
        images, labels = self.images.to(device), self.labels.to(device)
        if images is self.images and labels is self.labels:
            return self
        return replace(self, images=images, labels=labels)


def as_source(images: Images) -> Images:
    """Return images [N, H, W, C] as [N, C, H, W], a view; RaggedImages as they are."""
    return images if isinstance(images, RaggedImages) else images.permute(0, 3, 1, 2)


def output_size(pipeline: Pipeline, dataset: Any) -> tuple[int, int]:
    """Return (height, width) of what a pipeline makes of a data set's images.

    Raises:
        ValueError: mixed sizes that the pipeline's list does not bring to one.
    """
    height, width = dataset.image_size or (None, None)
    return pipeline.output_size(height, width, dataset.channels)


def size_in_words(dataset: Any) -> str:
    """Return the height, width and channels of a data set's images."""
    size = dataset.image_size
    if size is None:
        return f"mixed sizes and {dataset.channels} channels"
    return f"{size[0]}x{size[1]}x{dataset.channels}"


def _check_images(images: Any) -> None:
    if isinstance(images, RaggedImages):
        if len(images) == 0:
            raise ValueError("images must hold at least one image, got none")
        return
    _check_tensor(images, "images", torch.uint8, ("N", "H", "W", "C"))
    if 0 in images.shape:
        raise ValueError(
            "images must hold at least one image of at least one pixel, "
            f"got the shape {tuple(images.shape)}"
        )


def _check_tensor(value: Tensor, name: str, dtype: torch.dtype, axes: tuple[str, ...]) -> None:
    expected = f"{name} must be a {dtype} tensor of shape [{', '.join(axes)}]"
    if not isinstance(value, Tensor):
        raise TypeError(f"{expected}, got {type(value).__name__}; use torch.as_tensor")
    if value.dtype != dtype:
        raise TypeError(f"{expected}, got {value.dtype}; {_remedy(value, name, dtype)}")
    if value.dim() != len(axes):
        raise ValueError(f"{expected}, got the shape {tuple(value.shape)}")


def _remedy(value: Tensor, name: str, dtype: torch.dtype) -> str:
    """Say how a tensor comes to the dtype without its values being lost: pixels are scaled."""
    plain = f"convert it with {name}.to({dtype})"
    readable = value.layout == torch.strided and not value.is_meta and not value.is_complex()
    if dtype != torch.uint8 or not readable or value.numel() == 0:
        return plain
    if value.dtype == torch.bool:
        return f"convert it with {name}.to({dtype}) * 255"
    low, high = (float(extreme) for extreme in torch.aminmax(value.to(torch.float32)))
    if not value.is_floating_point():
        ways = {255.0: plain, 65535.0: f"convert it with ({name} / 257).round().to({dtype})"}
    else:
        ways = {
            1.0: f"convert its values in [0, 1] with ({name} * 255).round().to({dtype})",
            255.0: f"convert it with {name}.round().to({dtype})",
        }
        if -1 <= low < 0 and high <= 1:
            return f"convert its values in [-1, 1] with (({name} + 1) * 127.5).round().to({dtype})"
    fitting = (way for most, way in ways.items() if low >= 0 and high <= most)
    return next(
        fitting,
        f"bring its values, from {low:g} to {high:g}, to 0..255, and then convert it with "
        f"{name}.round().to({dtype})",
    )
