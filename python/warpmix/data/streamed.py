"""Images that stay on the disk: a data set larger than memory, read batch by batch."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from warpmix.augment import RaggedImages
from warpmix.augment.ragged import Images
from warpmix.data.dataset import Dataset, as_source, size_in_words
from warpmix.data.layout import Layout

_CHUNK_BYTES = 32 << 20  # of what chunks() yields


@dataclass(frozen=True, eq=False)
class StreamedDataset:
    """Rows of a file of raw pixels, as :class:`warpmix.data.cache.ImageCache` makes it.

    It has what :class:`Dataset` has but for the images: :class:`warpmix.data.Loader` takes either,
    and yields the same bytes.

    Attributes:
        path: the file, of pixels uint8.
        shape: of the file, [N, H, W, C]; or where its images lie in it, if they are of mixed sizes.
        rows: [n] int64 rows of the file, on the CPU: these are the images.
        labels: [n] int64 on the CPU, values 0..len(classes)-1; None where they are unknown.
        classes: the name of each label.
        name: what the images are, for messages and result files.
        device: where batches are made.

    Raises:
        ValueError: no rows, or labels that are not as many.
    """

    path: Path
    shape: tuple[int, int, int, int] | Layout
    rows: Tensor
    labels: Tensor | None
    classes: tuple[str, ...]
    name: str
    device: torch.device = field(default=torch.device("cpu"))

    def __post_init__(self) -> None:
        if len(self.rows) == 0:
            raise ValueError("rows must name at least one image, got none")
        if self.labels is not None and len(self.labels) != len(self.rows):
            raise ValueError(
                f"labels must be as many as rows, got {len(self.labels)} and {len(self.rows)}"
            )

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return (
            f"StreamedDataset({self.name!r}, {len(self)} images of {size_in_words(self)}, "
            f"{len(self.classes)} classes, from {self.path})"
        )

    @cached_property
    def layout(self) -> Layout:
        """Where the images lie in the file."""
        if isinstance(self.shape, Layout):
            return self.shape
        count, height, width, channels = self.shape
        return Layout.of_one_size(count, (height, width), channels)

    @property
    def image_size(self) -> tuple[int, int] | None:
        """Height and width of every image, in pixels; None: each has its own."""
        return self.layout.size

    @property
    def channels(self) -> int:
        """C, the number of channels."""
        return self.layout.channels

    def subset(self, indices: Tensor) -> StreamedDataset:
        """Return the images of ``indices`` [n] int64 in 0..len-1, in their order; read nothing."""
        at = indices.cpu()
        labels = None if self.labels is None else self.labels[at]
        return replace(self, rows=self.rows[at], labels=labels)

    def to(self, device: torch.device | str) -> StreamedDataset:
        """Return the same images with batches on ``device``."""
        return replace(self, device=torch.device(device))

    def read(self, indices: Tensor) -> Images:
        """Read images [n, H, W, C] uint8 to the CPU, in the order of ``indices`` [n] int64; images
        of mixed sizes as RaggedImages.

        Raises:
            ValueError: the file has become shorter.
        """
        rows = self.rows[indices]
        offsets, sizes = self.layout.of_rows(rows)
        areas = sizes.long().prod(1)
        ends = areas.cumsum(0)
        pixels = torch.empty(int(ends[-1]) if len(ends) else 0, self.channels, dtype=torch.uint8)
        self._read_runs(offsets, areas, pixels)
        if self.layout.size is None:
            return RaggedImages(pixels, ends - areas, sizes)
        return pixels.view(len(rows), *self.layout.size, self.channels)

    def _read_runs(self, offsets: Tensor, areas: Tensor, pixels: Tensor) -> None:
        """Read images into a buffer; those that follow each other in the file at once."""
        buffer: Any = memoryview(pixels.numpy().reshape(-1))  # type: ignore[arg-type]
        breaks = (offsets[1:] != (offsets + areas)[:-1]).nonzero().flatten() + 1
        done = 0
        for run in torch.arange(len(offsets)).tensor_split(breaks):
            count = self.channels * int(areas[run].sum())
            part = buffer[done : done + count]
            if (
                count
                and os.preadv(self._file, [part], self.channels * int(offsets[run[0]])) != count
            ):
                raise self._cut_off()
            done += count

    def chunks(self) -> Iterator[Tensor]:
        """Yield all images, in order, [n, H, W, C] uint8 at a time; or pixels [p, C] of images of
        mixed sizes."""
        mean = max(self.layout.bytes // max(len(self.layout.sizes), 1), 1)
        for indices in torch.arange(len(self)).split(max(_CHUNK_BYTES // mean, 1)):
            read = self.read(indices)
            yield read.pixels if isinstance(read, RaggedImages) else read

    def resident(self) -> Dataset:
        """Read all images into memory.

        Raises:
            ValueError: the labels are unknown.
        """
        if self.labels is None:
            raise ValueError(f"{self.name} has no labels, and a data set in memory needs them")
        images = self.read(torch.arange(len(self)))
        return Dataset(images, self.labels, self.classes, self.name).to(self.device)

    @cached_property
    def pool(self) -> Images:
        """The images as a pipeline takes them, of which no pixel is ever read: their sizes and
        their number say what is drawn."""
        if self.path.stat().st_size < self.layout.bytes:
            raise self._cut_off()
        mapped = np.memmap(self.path, np.uint8, "c", shape=(self.layout.bytes,))
        return as_source(self.layout.shapes(mapped, self.rows))

    def _cut_off(self) -> ValueError:
        return ValueError(f"{self.path} is cut off; delete its folder to have it made again")

    @cached_property
    def _file(self) -> int:
        descriptor = os.open(self.path, os.O_RDONLY)
        weakref.finalize(self, os.close, descriptor)
        return descriptor
