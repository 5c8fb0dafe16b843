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

from warpmix.data.dataset import Dataset

_CHUNK_BYTES = 32 << 20  # of what chunks() yields


@dataclass(frozen=True, eq=False)
class StreamedDataset:
    """Rows of a file of raw pixels, as :class:`warpmix.data.cache.ImageCache` makes it.

    It has what :class:`Dataset` has but for the images: :class:`warpmix.data.Loader` takes either,
    and yields the same bytes.

    Attributes:
        path: the file, [N, H, W, C] uint8.
        shape: of the file.
        rows: [n] int64 rows of the file, on the CPU: these are the images.
        labels: [n] int64 on the CPU, values 0..len(classes)-1; None where they are unknown.
        classes: the name of each label.
        name: what the images are, for messages and result files.
        device: where batches are made.

    Raises:
        ValueError: no rows, or labels that are not as many.
    """

    path: Path
    shape: tuple[int, int, int, int]
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
        height, width = self.image_size
        return (
            f"StreamedDataset({self.name!r}, {len(self)} images of {height}x{width}x"
            f"{self.channels}, {len(self.classes)} classes, from {self.path})"
        )

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of every image, in pixels."""
        return self.shape[1], self.shape[2]

    @property
    def channels(self) -> int:
        """C, the number of channels."""
        return self.shape[3]

    def subset(self, indices: Tensor) -> StreamedDataset:
        """Return the images of ``indices`` [n] int64 in 0..len-1, in their order; read nothing."""
        at = indices.cpu()
        labels = None if self.labels is None else self.labels[at]
        return replace(self, rows=self.rows[at], labels=labels)

    def to(self, device: torch.device | str) -> StreamedDataset:
        """Return the same images with batches on ``device``."""
        return replace(self, device=torch.device(device))

    def read(self, indices: Tensor, out: Tensor | None = None) -> Tensor:
        """Read images [n, H, W, C] uint8 to the CPU, in the order of ``indices`` [n] int64.

        Args:
            out: a buffer for at least n images; what it held is overwritten.

        Raises:
            ValueError: the file has become shorter.
        """
        rows = self.rows[indices].numpy()
        size = (len(rows), *self.shape[1:])
        pixels = torch.empty(size, dtype=torch.uint8) if out is None else out[: len(rows)]
        buffer: Any = memoryview(pixels.numpy().reshape(-1))  # type: ignore[arg-type]
        bytes_a_row = int(np.prod(self.shape[1:]))
        ends = np.append(np.flatnonzero(np.diff(rows) != 1) + 1, len(rows)).tolist()
        start = 0
        for end in ends:  # a run of neighbours is read at once
            part = buffer[start * bytes_a_row : end * bytes_a_row]
            if os.preadv(self._file, [part], int(rows[start]) * bytes_a_row) != len(part):
                raise self._cut_off()
            start = end
        return pixels

    def chunks(self) -> Iterator[Tensor]:
        """Yield all images, in order, [n, H, W, C] uint8 at a time."""
        count = max(_CHUNK_BYTES // int(np.prod(self.shape[1:])), 1)
        for indices in torch.arange(len(self)).split(count):
            yield self.read(indices)

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
    def pool(self) -> Tensor:
        """[n, H, W, C] uint8 of which nothing is ever read: its shape says what is drawn from."""
        if self.path.stat().st_size < int(np.prod(self.shape)):
            raise self._cut_off()
        mapped = np.memmap(self.path, np.uint8, "c", shape=self.shape)
        return torch.from_numpy(mapped)[: len(self)]

    def _cut_off(self) -> ValueError:
        return ValueError(f"{self.path} is cut off; delete its folder to have it made again")

    @cached_property
    def _file(self) -> int:
        descriptor = os.open(self.path, os.O_RDONLY)
        weakref.finalize(self, os.close, descriptor)
        return descriptor
