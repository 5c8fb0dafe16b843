"""Many image files to bytes, in parallel, block by block."""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from warpmix._memory import check_room
from warpmix.augment.program import MAX_PIXELS as MAX_AUGMENTED
from warpmix.augment.ragged import Images
from warpmix.data.images import (
    BadImageError,
    Fit,
    OtherSizeError,
    Pixels,
    header_size,
    read_image,
)
from warpmix.data.layout import Layout, capped, common_size

_BLOCK_BYTES = 4 << 20  # of the pixels that one task decodes
_LARGEST_BLOCK = 1024  # images
_IN_FLIGHT = 512 << 20  # bytes of the blocks that are decoded and wait
_LISTED = 1400  # characters of files in a message; all are in the cache's record


@dataclass(frozen=True)
class ImageFiles:
    """The files of one split of a source.

    Attributes:
        paths: the files, in the order of the rows they become.
        labels: of each, in 0..len(classes)-1; None where they are unknown.
        classes: names of the labels; none where images to be predicted lie alone.
        name: of the source.
        base: the folder from which a file's path is its id in a submission; None: its id is its
            name without the extension, as Kaggle's is.
    """

    paths: tuple[Path, ...]
    labels: tuple[int, ...] | None
    classes: tuple[str, ...]
    name: str
    base: Path | None = None


@dataclass(frozen=True)
class LeftOut:
    """A file without a place among the images.

    Attributes:
        row: its number among the files.
        reason: why, in words.
        bad: whether the file is broken; otherwise its image has another size than is wanted.
    """

    row: int
    reason: str
    bad: bool


@dataclass(frozen=True)
class Block:
    """Consecutive files, decoded.

    Attributes:
        rows: their numbers.
        pixels: [n] uint8, the bytes of their images one after the other, zeros where a file is
            left out.
        left_out: those files.
    """

    rows: range
    pixels: Pixels
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True)
class Decoder:
    """Decodes files to images of one size, or each of its own.

    Args:
        paths: the files.
        layout: what is to come of them.
        fit: what becomes of other sizes, see :func:`read_image`; None: each image has its own.
        unread: files whose header could not be read, by their numbers.
    """

    paths: Sequence[Path]
    layout: Layout
    fit: Fit | None
    unread: Mapping[int, LeftOut] = field(default_factory=dict)

    @property
    def block_size(self) -> int:
        """Files that are decoded together."""
        mean = max(self.layout.bytes // max(len(self.paths), 1), 1)
        return min(max(_BLOCK_BYTES // mean, 1), _LARGEST_BLOCK)

    def blocks(self) -> list[range]:
        """Return the rows of every block."""
        count, size = len(self.paths), self.block_size
        return [range(start, min(start + size, count)) for start in range(0, count, size)]

    def decode(self, rows: Iterable[range]) -> Iterator[Block]:
        """Yield blocks in the order of ``rows``, decoded in parallel, a few ahead of the caller."""
        block_bytes = max((self.layout.part(block)[1] for block in self.blocks()), default=1)
        workers = max(min(os.cpu_count() or 1, _IN_FLIGHT // (2 * max(block_bytes, 1))), 1)
        pool = ThreadPoolExecutor(workers)  # Pillow decodes without holding the GIL
        waiting: deque[Future[Block]] = deque()
        try:
            for block in rows:
                waiting.append(pool.submit(self._decode_block, block))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _decode_block(self, rows: range) -> Block:
        first, count = self.layout.part(rows)
        pixels = np.zeros(count, np.uint8)
        left_out = []
        for row in rows:
            start, size = self.layout.part(range(row, row + 1))
            try:
                if row in self.unread:
                    left_out.append(self.unread[row])
                else:
                    pixels[start - first :][:size] = self._read(row).reshape(-1)
            except BadImageError as error:
                left_out.append(LeftOut(row, cause(error), bad=True))
            except OtherSizeError as error:
                left_out.append(LeftOut(row, str(error), bad=False))
        return Block(rows, pixels, tuple(left_out))

    def _read(self, row: int) -> Pixels:
        if self.layout.size is not None and self.fit is not None:
            return read_image(self.paths[row], self.layout.size, self.fit)
        height, width = self.layout.sizes[row].tolist()
        return read_image(self.paths[row], (height, width), "stretch")


def make_decoder(
    paths: Sequence[Path],
    size: tuple[int, int] | None,
    fit: Fit,
    skip_bad_images: bool,
    store_size: int | None = None,
) -> Decoder:
    """Return a decoder to ``size``, or else to each image's own size by its file's header.

    Args:
        store_size: of images of their own sizes, the most pixels of the shorter side.

    Raises:
        ValueError: none can be read, ``fit`` without a size, or both sizes.
    """
    if size is not None:
        if store_size is not None:
            raise ValueError("store_size must be left out with image_size, the size of all images")
        return Decoder(paths, Layout.of_one_size(len(paths), size), fit)
    if fit != "stretch":
        raise ValueError(f"fit {fit!r} needs image_size, the size that images are to have")
    sizes, unread = [], {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for row, header in enumerate(pool.map(header_size, paths)):
            if isinstance(header, BadImageError):
                unread[row] = LeftOut(row, cause(header), bad=True)
            sizes.append(
                (0, 0) if isinstance(header, BadImageError) else capped(header, store_size)
            )
    if len(unread) == len(paths):
        report(paths, list(unread.values()), (0, 0), skip_bad_images)
    for path, (height, width) in zip(paths, sizes, strict=True):
        if height * width > MAX_AUGMENTED:
            raise ValueError(
                f"{path} has {height} x {width} pixels, and images of up to {MAX_AUGMENTED:,} are "
                "augmented; cap the shorter side with store_size, or give image_size"
            )
    common = common_size(sizes)
    if common is not None:
        return Decoder(paths, Layout.of_one_size(len(paths), common), None, unread)
    return Decoder(paths, Layout(np.array(sizes, np.int32), None), None, unread)


def cause(error: BadImageError) -> str:
    """Return what Pillow said."""
    return f"{type(error.__cause__).__name__}: {error.__cause__}"[:_LISTED]


def read_images(
    files: ImageFiles,
    size: tuple[int, int] | None,
    fit: Fit,
    skip_bad_images: bool,
    store_size: int | None = None,
) -> tuple[Images, Tensor]:
    """Decode the image files of a labelled split into memory.

    Args:
        files: at least one.
        size: height and width to come to; None: each image's own.
        fit: see :func:`read_image`.
        skip_bad_images: leave out files that cannot be decoded, and name them in a warning.
        store_size: of images of their own sizes, the most pixels of the shorter side.

    Returns:
        images [n, H, W, 3] uint8, or of mixed sizes, and rows [n] int64 of the files they are of,
        ascending.

    Raises:
        BadImageError: files cannot be decoded; all are in its ``paths``.
        ValueError: none that could be read.
    """
    decoder = make_decoder(files.paths, size, fit, skip_bad_images, store_size)
    layout = decoder.layout
    check_room(
        layout.bytes,
        f"{len(files.paths)} images of {in_words(layout.size)}",
        "choose a smaller image_size or store_size, or read them from a cache",
    )
    pixels = np.empty(layout.bytes, np.uint8)
    left_out: list[LeftOut] = []
    for block in decoder.decode(decoder.blocks()):
        start, count = layout.part(block.rows)
        pixels[start : start + count] = block.pixels
        left_out += block.left_out
    report(files.paths, left_out, layout.size, skip_bad_images)
    rows = kept_rows(len(files.paths), left_out)
    return layout.without([each.row for each in left_out]).images(pixels, rows), rows


def in_words(size: tuple[int, int] | None) -> str:
    """Return a size of images as a user reads it."""
    return "mixed sizes" if size is None else f"{size[0]}x{size[1]}"


def kept_rows(count: int, left_out: Sequence[LeftOut]) -> Tensor:
    """Return the rows of ``count`` files without those left out, int64 ascending."""
    kept = torch.ones(count, dtype=torch.bool)
    kept[[each.row for each in left_out]] = False
    return kept.nonzero().flatten()


def report(
    paths: Sequence[Path],
    left_out: Sequence[LeftOut],
    size: tuple[int, int] | None,
    skip_bad_images: bool,
) -> None:
    """Warn of what is left out, with as many names as fit; raise where it must not be.

    Raises:
        BadImageError: bad files, unless they are to be skipped.
        ValueError: nothing is left.
    """
    bad = [each for each in left_out if each.bad]
    if bad and not skip_bad_images:
        named = [f"{paths[each.row]} is no whole image ({each.reason})" for each in bad]
        count = "" if len(bad) == 1 else f"{len(bad)} of {len(paths)} images could not be read: "
        error = BadImageError(
            f"{count}{'; '.join(_listed(named))}; replace or remove "
            f"{'it' if len(bad) == 1 else 'them'}, or leave such files out with skip_bad_images "
            "(--skip-bad-images)"
        )
        error.paths = tuple(paths[each.row] for each in bad)
        raise error
    others = [each for each in left_out if not each.bad]
    for which, what in ((bad, "could not be read"), (others, f"are not {in_words(size)}")):
        if which:
            named = [f"{paths[each.row]} ({each.reason})" for each in which]
            warnings.warn(
                f"{len(which)} of {len(paths)} images {what} and are left out: "
                f"{', '.join(_listed(named))}",
                stacklevel=3,
            )
    if len(left_out) == len(paths):
        raise ValueError(f"none of the {len(paths)} images could be read, such as {paths[0]}")


def _listed(named: Sequence[str]) -> list[str]:
    """Return the first texts, as many as fit into a message, and how many more there are."""
    length = 0
    for kept, text in enumerate(named):
        length += len(text)
        if kept and length > _LISTED:
            return [*named[:kept], f"and {len(named) - kept} more"]
    return list(named)
