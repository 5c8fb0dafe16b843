"""Images of mixed sizes in one buffer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree

from warpmix._numbers import as_int, shown
from warpmix._tensors import check_dense
from warpmix.augment.pictures import as_pixels
from warpmix.augment.program import MAX_PIXELS
from warpmix.augment.stages import MAX_CHANNELS

__all__ = ["RaggedImages"]


@dataclass(frozen=True, eq=False)
class RaggedImages:
    """Images of mixed sizes, which a :class:`warpmix.Pipeline` takes where it takes a batch.

    The pixels of all lie in one tensor, row by row, image after image in any order; gaps, and
    images that share pixels, are allowed. The pipeline's list must bring them to one size.

    Args:
        pixels: [P, C] uint8, contiguous, 1 to 16 channels.
        offsets: [N] int64, the first pixel of each image.
        sizes: [N, 2] int32, its height and width, each at least 1.

    Raises:
        TypeError: another type or dtype.
        ValueError: other shapes or devices, or an image that is not wholly in ``pixels``. Values
            in a GPU's memory are copied to be looked at, which waits for it; :meth:`to` knows them.
    """

    pixels: Tensor
    offsets: Tensor
    sizes: Tensor

    def __post_init__(self) -> None:
        if torch.compiler.is_compiling():
            return
        for name, dtype, dims in (
            ("pixels", torch.uint8, 2),
            ("offsets", torch.int64, 1),
            ("sizes", torch.int32, 2),
        ):
            self._check_tensor(name, dtype, dims)
        if not 1 <= self.channels <= MAX_CHANNELS:
            raise ValueError(
                f"pixels must be [P, C] of 1 to {MAX_CHANNELS} channels, got {self.channels}"
            )
        count = len(self.offsets)
        if tuple(self.sizes.shape) != (count, 2):
            raise ValueError(f"sizes must be [{count}, 2], got {list(self.sizes.shape)}")
        self._check_places()

    def _check_tensor(self, name: str, dtype: torch.dtype, dims: int) -> None:
        tensor = getattr(self, name)
        check_dense(name, tensor)
        if tensor.dtype != dtype:
            raise TypeError(f"{name} must be {dtype}, got {tensor.dtype}")
        if tensor.dim() != dims or not tensor.is_contiguous():
            raise ValueError(
                f"{name} must be contiguous, of {dims} dimensions, got {list(tensor.shape)} with "
                f"strides {tuple(tensor.stride())}"
            )
        if tensor.device != self.pixels.device:
            raise ValueError(
                f"{name} must be on the pixels' device {self.device}, got {tensor.device}"
            )

    def _check_places(self) -> None:
        """Check that each image is wholly in the buffer."""
        offsets, sizes = self.host
        height, width = sizes.long().unbind(1)
        area = height * width
        wrong = (height < 1) | (width < 1) | (area > MAX_PIXELS)
        wrong |= (offsets < 0) | (offsets + area > len(self.pixels))
        if bool(wrong.any()):
            row = int(wrong.nonzero()[0])
            raise ValueError(
                f"image {row} must have 1 to {MAX_PIXELS} pixels within the {len(self.pixels)} "
                f"there are, got {height[row]} x {width[row]} from pixel {offsets[row]}"
            )

    @classmethod
    def from_list(cls, images: Sequence[Any]) -> RaggedImages:
        """Return images copied into one buffer.

        Args:
            images: as :func:`collate` takes them: PIL images, uint8 arrays [H, W, C] or tensors
                [C, H, W], of any sizes and one number of channels, on one device; at least one.

        Raises:
            TypeError, ValueError: as :func:`collate`.
        """
        if not isinstance(images, Sequence) or isinstance(images, str | bytes):
            raise TypeError(f"images must be a list of images, got {type(images).__name__}")
        if len(images) == 0:
            raise ValueError("images must hold at least one image, got none")
        return cls.of_pixels([as_pixels(image) for image in images])

    @classmethod
    def of_pixels(cls, images: Sequence[Tensor]) -> RaggedImages:
        """Return images [H, W, C] uint8 copied into one buffer; as :meth:`from_list`."""
        channels = sorted({image.shape[2] for image in images})
        if len(channels) > 1:
            raise ValueError(
                f"images must have one number of channels, got {channels}: "
                'convert("RGB") where only some are grey'
            )
        device = images[0].device
        sizes = torch.tensor([image.shape[:2] for image in images], dtype=torch.int32)
        area = sizes.long().prod(1)
        offsets = area.cumsum(0) - area
        pixels = torch.cat([image.reshape(-1, channels[0]) for image in images])
        return (
            cls(pixels, offsets, sizes)
            if device.type == "cpu"
            else cls(pixels, offsets.to(device), sizes.to(device))
        )

    def __len__(self) -> int:
        return len(self.offsets)

    def __getitem__(self, row: int) -> Tensor:
        """Return image ``row`` as a view [C, H, W]."""
        row = as_int("row", row)
        if not -len(self) <= row < len(self):
            raise IndexError(f"row must be in [0, {len(self)}), got {row}")
        offsets, sizes = self.host
        first, (height, width) = int(offsets[row]), sizes[row].tolist()
        image = self.pixels[first : first + height * width]
        return image.view(height, width, self.channels).permute(2, 0, 1)

    def __repr__(self) -> str:
        return f"RaggedImages({len(self)} images of {self.channels} channels, {self.device})"

    @property
    def channels(self) -> int:
        """C, the number of channels."""
        return self.pixels.shape[1]

    @property
    def dtype(self) -> torch.dtype:
        """That of the pixels, uint8."""
        return self.pixels.dtype

    @property
    def device(self) -> torch.device:
        """Where the images lie."""
        return self.pixels.device

    @cached_property
    def host(self) -> tuple[Tensor, Tensor]:
        """Offsets and sizes in the CPU's memory."""
        return self.offsets.cpu(), self.sizes.cpu()

    @property
    def knows_sizes(self) -> bool:
        """Whether sizes can be looked at: not while they are compiled or captured for later."""
        if torch.compiler.is_compiling():
            return False
        on_gpu = self.pixels.is_cuda and "host" not in self.__dict__
        return not (on_gpu and torch.cuda.is_current_stream_capturing())

    @cached_property
    def smallest(self) -> tuple[int, int]:
        """The lowest height and the least width among the images."""
        height, width = self.host[1].amin(0).tolist() if len(self) > 0 else (1, 1)
        return height, width

    @cached_property
    def longest(self) -> int:
        """The longest side of all images."""
        return int(self.host[1].max()) if len(self) > 0 else 1

    def to(self, device: torch.device | str, non_blocking: bool = False) -> RaggedImages:
        """Return the images on a device; themselves if they are there."""
        device = torch.device(device)
        pixels, offsets, sizes = (t.to(device, non_blocking=non_blocking) for t in self._tensors)
        if pixels is self.pixels:
            return self
        return self._like((pixels, offsets, sizes), self.host)

    def pin_memory(self) -> RaggedImages:
        """Return the images in page-locked memory, from which copies to a GPU need not wait."""
        pixels, offsets, sizes = (tensor.pin_memory() for tensor in self._tensors)
        return self._like((pixels, offsets, sizes), self.host)

    def select(self, rows: Tensor) -> RaggedImages:
        """Return some of the images, in the order of ``rows`` [n] int64, in the same buffer.

        Raises:
            TypeError: rows are no int64 tensor.
            ValueError: one is none of the images'.
        """
        check_dense("rows", rows)
        if rows.dtype != torch.int64 or rows.dim() != 1:
            raise TypeError(f"rows must be [n] int64, got {list(rows.shape)} {rows.dtype}")
        offsets, sizes = self.host
        at = rows.to("cpu")
        if len(at) > 0 and not 0 <= int(at.min()) <= int(at.max()) < len(self):
            raise ValueError(f"rows must be in [0, {len(self)}), got {shown(at.tolist())}")
        host = offsets[at], sizes[at]
        if self.device.type == "cpu":
            return self._like((self.pixels, *host), host)
        there = rows.to(self.device)
        return self._like((self.pixels, self.offsets[there], self.sizes[there]), host)

    def contiguous(self) -> RaggedImages:
        """Return the images one after the other in a buffer that holds nothing else."""
        offsets, sizes = self.host
        area = sizes.long().prod(1)
        places = area.cumsum(0) - area
        if torch.equal(places, offsets) and int(area.sum()) == len(self.pixels):
            return self
        parts = zip(offsets.tolist(), area.tolist(), strict=True)
        pixels = torch.cat([self.pixels[:0], *(self.pixels[o : o + n] for o, n in parts)])
        return self._like((pixels, places.to(self.device), self.sizes), (places, sizes))

    @property
    def _tensors(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.pixels, self.offsets, self.sizes

    def _like(
        self, tensors: tuple[Tensor, Tensor, Tensor], host: tuple[Tensor, Tensor]
    ) -> RaggedImages:
        """Return images whose offsets and sizes are known, and checked."""
        made = _unchecked(tensors)
        made.__dict__["host"] = host
        return made


def _unchecked(tensors: Iterable[Any]) -> RaggedImages:
    made = object.__new__(RaggedImages)
    made.__dict__.update(zip(("pixels", "offsets", "sizes"), tensors, strict=True))
    return made


Images = Tensor | RaggedImages
"""A batch [N, C, H, W] or [N, H, W, C], or images of mixed sizes."""

_pytree.register_pytree_node(
    RaggedImages,
    lambda images: (list(images._tensors), None),
    lambda leaves, _: _unchecked(leaves),
    serialized_type_name="warpmix.RaggedImages",
)
