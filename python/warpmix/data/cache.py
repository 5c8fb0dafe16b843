"""Decoded images in one file that is mapped into memory: decoded once, opened at once.

A cache is a folder:

| file | holds |
|---|---|
| ``images.u8`` | the pixels [N, H, W, 3], row by row; zeros where a file was left out |
| ``sizes.i32`` | of images of mixed sizes [N, 2], the height and width that each has there |
| ``cache.json`` | size, checksum of every block, what was left out; written last |
| ``journal.jsonl`` | while it is made: a line for every block that is on the disk |

Its name ends in a hash of the files' names, sizes and times and of what they are decoded to, so a
changed file makes another cache, and an interrupted one is found again and continued.
"""

from __future__ import annotations

import hashlib
import shutil
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from warpmix._files import lock, make_folder, writing
from warpmix._reading import InvalidFileError, read_json_object, reading_file
from warpmix.augment.program import MAX_PIXELS
from warpmix.data.cache_build import (
    CACHE_FILE,
    FORMAT,
    IMAGES_FILE,
    JOURNAL_FILE,
    SIZES_FILE,
    CacheRecord,
    build,
)
from warpmix.data.dataset import Dataset
from warpmix.data.decode import ImageFiles, LeftOut, kept_rows, report
from warpmix.data.images import Fit
from warpmix.data.layout import Layout
from warpmix.data.streamed import StreamedDataset

_REMEDY = "choose another folder with --cache or WARPMIX_CACHE"


@dataclass(frozen=True, eq=False)
class ImageCache:
    """An opened cache.

    Attributes:
        folder: where it lies.
        size: height and width of the images; None: each has its own.
        files: how many files were decoded, N.
        left_out: those of them that have no image.
        labels: [n] int64 of the images that are there; None where they are unknown.
        classes: names of the labels.
        name: of the source.
    """

    folder: Path
    size: tuple[int, int] | None
    files: int
    left_out: tuple[LeftOut, ...]
    labels: Tensor | None
    classes: tuple[str, ...]
    name: str
    paths: tuple[Path, ...]
    checksums: tuple[int, ...]
    block_size: int
    base: Path | None = None

    @cached_property
    def rows(self) -> Tensor:
        """[n] int64 rows of ``images.u8`` that hold an image, ascending."""
        return kept_rows(self.files, self.left_out)

    @cached_property
    def layout(self) -> Layout:
        """Where the images lie in ``images.u8``.

        Raises:
            InvalidFileError: ``sizes.i32`` is damaged.
        """
        return _layout(self.folder, self.files, self.size)

    def dataset(self) -> Dataset:
        """Return the images as a data set in memory, mapped where nothing was left out.

        Raises:
            ValueError: the labels are unknown.
        """
        if self.labels is None:
            raise ValueError(
                f"{self.name} has no labels in this split; predict it with warpmix predict "
                "--submission"
            )
        path = self.folder / IMAGES_FILE
        mapped = np.memmap(path, np.uint8, "c", shape=(self.layout.bytes,))
        images = self.layout.images(mapped, self.rows)
        return Dataset(images, self.labels, self.classes, self.name)

    def stream(self) -> StreamedDataset:
        """Return the images as a data set that is read from the disk batch by batch."""
        return StreamedDataset(
            self.folder / IMAGES_FILE, self.layout, self.rows, self.labels, self.classes, self.name
        )

    def image_paths(self) -> list[Path]:
        """Return the file of each image that is there."""
        return [self.paths[row] for row in self.rows.tolist()]

    def image_ids(self) -> list[str]:
        """Return the id of each image that is there: with ``base`` no two are equal."""
        if self.base is None:
            return [path.stem for path in self.image_paths()]
        return [path.relative_to(self.base).as_posix() for path in self.image_paths()]

    def damaged(self) -> Iterator[tuple[range, bool]]:
        """Yield every block of rows, and whether its bytes differ from those that were written."""
        with (self.folder / IMAGES_FILE).open("rb") as file:
            for number, checksum in enumerate(self.checksums):
                start = number * self.block_size
                rows = range(start, min(start + self.block_size, self.files))
                yield rows, zlib.crc32(file.read(self.layout.part(rows)[1])) != checksum


def open_cache(
    files: ImageFiles,
    root: str | Path,
    size: tuple[int, int] | None = None,
    skip_bad_images: bool = False,
    fit: Fit = "stretch",
    store_size: int | None = None,
) -> ImageCache:
    """Decode files into a cache, or open the one that is there.

    Several processes may ask for the same cache at once: one makes it, the others wait.

    Args:
        files: of one split.
        root: folder of all caches, made if need be.
        size, fit, store_size: what the images are to have, see :func:`warpmix.data.load_folder`.
        skip_bad_images: leave out files that cannot be decoded, and name them in a warning.

    Raises:
        BadImageError: files cannot be decoded; all are in its ``paths``. What could be is kept, so
            that asking again with ``skip_bad_images`` decodes nothing anew.
        ValueError: none that could be read; a damaged cache.
        OSError: the disk is full; a later call goes on where this one stopped.
    """
    folder = Path(root) / f"{files.name}-{_key(files, size, fit, store_size)}"
    if not (folder / CACHE_FILE).exists():
        make_folder(folder, _REMEDY)
        with writing(folder, _REMEDY), lock(folder / ".lock"):
            if not (folder / CACHE_FILE).exists():
                try:
                    build(folder, files, size, fit, skip_bad_images, store_size)
                except ValueError:  # no images can come of this
                    shutil.rmtree(folder)
                    raise
    if (folder / JOURNAL_FILE).exists():  # killed between the cache's last two steps
        with suppress(OSError):  # a cache that cannot be written to is as good without
            (folder / JOURNAL_FILE).unlink()
    cache = _open(folder, files, size)
    report(files.paths, cache.left_out, cache.size, skip_bad_images)
    return cache


def _open(folder: Path, files: ImageFiles, size: tuple[int, int] | None) -> ImageCache:
    path, remedy = folder / CACHE_FILE, f"delete {folder}, and it is made again"
    values = read_json_object(path, remedy)
    with reading_file(path, remedy):
        record = CacheRecord.model_validate(values)
        record.check(len(files.paths), size)
    labels = None if files.labels is None else torch.tensor(files.labels, dtype=torch.int64)
    left_out = tuple(LeftOut(*each) for each in record.left_out)
    cache = ImageCache(
        folder=folder,
        size=record.size,
        files=len(files.paths),
        left_out=left_out,
        labels=None if labels is None else labels[kept_rows(len(labels), left_out)],
        classes=files.classes,
        name=files.name,
        paths=files.paths,
        checksums=record.checksums,
        block_size=record.block_size,
        base=files.base,
    )
    expected, found = cache.layout.bytes, (folder / IMAGES_FILE).stat().st_size
    if found != expected:
        raise InvalidFileError(
            f"{folder / IMAGES_FILE} is damaged: {expected} bytes were expected, got {found}; "
            f"delete {folder}"
        )
    return cache


def _layout(folder: Path, count: int, size: tuple[int, int] | None) -> Layout:
    path, remedy = folder / SIZES_FILE, f"delete {folder}, and it is made again"
    if size is not None and not path.exists():
        return Layout.of_one_size(count, size)
    with reading_file(path, remedy):
        content = path.read_bytes()
        if len(content) != 8 * count:
            raise ValueError(f"expected {8 * count} bytes, got {len(content)}; {remedy}")
        sizes = np.frombuffer(content, np.int32).reshape(count, 2)
        areas = sizes.astype(np.int64).prod(1)
        if sizes.size and (sizes.min() < 0 or areas.max() > MAX_PIXELS):
            raise ValueError(f"expected sizes of images of up to {MAX_PIXELS} pixels; {remedy}")
    return Layout(sizes, size)


def _key(files: ImageFiles, size: tuple[int, int] | None, fit: Fit, store_size: int | None) -> str:
    """Return a hash of what the cache would hold."""
    wanted = (FORMAT, size, fit, files.classes, *([] if store_size is None else [store_size]))
    digest = hashlib.sha256(repr(wanted).encode())
    labels: Sequence[Any] = files.labels or [None] * len(files.paths)
    for path, label in zip(files.paths, labels, strict=True):
        status = path.stat()
        digest.update(repr((str(path), label, status.st_size, status.st_mtime_ns)).encode())
    return digest.hexdigest()[:16]
