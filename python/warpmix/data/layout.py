"""Where images lie in a file of raw pixels: one after the other, of one size or each of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from warpmix.augment import RaggedImages
from warpmix.augment.ragged import Images


@dataclass(frozen=True, eq=False)
class Layout:
    """The images of a file of pixels [P, C] uint8.

    Attributes:
        sizes: [N, 2] int32, the height and width of each; 0 x 0 where a file has no image.
        size: height and width of all that there are; None where each has its own.
        channels: C.
    """

    sizes: npt.NDArray[np.int32]
    size: tuple[int, int] | None
    channels: int = 3

    @classmethod
    def of_one_size(cls, count: int, size: tuple[int, int], channels: int = 3) -> Layout:
        """Return a layout of ``count`` images of one size."""
        return cls(np.broadcast_to(np.array(size, np.int32), (count, 2)), size, channels)

    @cached_property
    def starts(self) -> npt.NDArray[np.int64]:
        """[N + 1] the first pixel of each image, and the number of pixels in all."""
        areas = self.sizes.astype(np.int64).prod(1)
        return np.concatenate([np.zeros(1, np.int64), areas.cumsum()])

    @property
    def bytes(self) -> int:
        """Of the whole file."""
        return self.channels * int(self.starts[-1])

    def part(self, rows: range) -> tuple[int, int]:
        """Return the first byte of some neighbours, and how many bytes they have."""
        first, end = int(self.starts[rows.start]), int(self.starts[rows.stop])
        return self.channels * first, self.channels * (end - first)

    def of_rows(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return offsets [n] int64 in pixels and sizes [n, 2] int32 of the images of some rows."""
        at = rows.numpy()
        return torch.from_numpy(self.starts[at]), torch.from_numpy(self.sizes[at])

    def without(self, rows: Sequence[int]) -> Layout:
        """Return the same places, where the images of some rows are left out."""
        if self.size is not None:
            return self
        kept = np.delete(self.sizes, rows, axis=0)
        return replace(self, size=common_size(list(map(tuple, kept.tolist()))))

    def images(self, content: npt.NDArray[np.uint8], rows: Tensor) -> Images:
        """Return images of a file's bytes: those of some rows [n], views where they can be.

        Returns:
            [n, H, W, C] uint8, or RaggedImages where sizes are mixed.
        """
        count = len(self.sizes)
        if self.size is not None and self.bytes == count * self._bytes_of_one:
            all_of_them = torch.from_numpy(content).view(count, *self.size, self.channels)
            return all_of_them if len(rows) == count else all_of_them[rows]
        pixels = torch.from_numpy(content).view(-1, self.channels)
        images = RaggedImages(pixels, *self.of_rows(rows))
        if self.size is None:
            return images
        return images.contiguous().pixels.view(len(rows), *self.size, self.channels)

    def shapes(self, content: npt.NDArray[np.uint8], rows: Tensor) -> Images:
        """Return what :meth:`images` does, but for the pixels: of none that is read."""
        if self.size is None:
            return self.images(content, rows)
        pixels = torch.from_numpy(content)[: len(rows) * self._bytes_of_one]
        return pixels.view(len(rows), *self.size, self.channels)

    @property
    def _bytes_of_one(self) -> int:
        return 0 if self.size is None else self.size[0] * self.size[1] * self.channels


def capped(size: tuple[int, int], shorter: int | None) -> tuple[int, int]:
    """Return the (height, width) of an image whose shorter side is to be at most so long; the
    longer one is rounded down, as torchvision's ``Resize`` does."""
    height, width = size
    least = min(height, width)
    if shorter is None or least <= shorter:
        return size
    return max(height * shorter // least, 1), max(width * shorter // least, 1)


def common_size(sizes: Sequence[tuple[int, int]]) -> tuple[int, int] | None:
    """Return the one size of all images that there are, or None."""
    found = {size for size in sizes if size != (0, 0)}
    return next(iter(found)) if len(found) == 1 else None
