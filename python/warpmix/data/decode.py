"""Many image files to bytes, in parallel, block by block."""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from warpmix._memory import check_room
from warpmix.data.images import BadImageError, Fit, OtherSizeError, Pixels, read_image

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
        pixels: [n, H, W, 3] uint8, zeros where a file is left out.
        left_out: those files.
    """

    rows: range
    pixels: Pixels
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True)
class Decoder:
    """Decodes files to images of one size.

    Args:
        paths: the files.
        size: height and width.
        fit: what becomes of other sizes, see :func:`read_image`.
        first: None, or the file that ``size`` is of: no other size was asked for, so that another
            one is an error.
    """

    paths: Sequence[Path]
    size: tuple[int, int]
    fit: Fit
    first: Path | None

    @property
    def block_size(self) -> int:
        """Files that are decoded together."""
        return min(max(_BLOCK_BYTES // (3 * self.size[0] * self.size[1]), 1), _LARGEST_BLOCK)

    def blocks(self) -> list[range]:
        """Return the rows of every block."""
        count, size = len(self.paths), self.block_size
        return [range(start, min(start + size, count)) for start in range(0, count, size)]

    def decode(self, rows: Iterable[range]) -> Iterator[Block]:
        """Yield blocks in the order of ``rows``, decoded in parallel, a few ahead of the caller.

        Raises:
            ValueError: images of different sizes where none was asked for.
        """
        block_bytes = 3 * self.block_size * self.size[0] * self.size[1]
        workers = max(min(os.cpu_count() or 1, _IN_FLIGHT // (2 * block_bytes)), 1)
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
        pixels = np.zeros((len(rows), *self.size, 3), np.uint8)
        left_out = []
        for place, row in enumerate(rows):
            try:
                pixels[place] = self._read(self.paths[row])
            except BadImageError as error:
                left_out.append(LeftOut(row, _cause(error), bad=True))
            except OtherSizeError as error:
                left_out.append(LeftOut(row, str(error), bad=False))
        return Block(rows, pixels, tuple(left_out))

    def _read(self, path: Path) -> Pixels:
        if self.first is None:
            return read_image(path, self.size, self.fit)
        pixels = read_image(path)
        if pixels.shape[:2] != self.size:
            height, width = self.size
            raise ValueError(
                f"images must be of one size, got {height}x{width} ({self.first}) and "
                f"{pixels.shape[0]}x{pixels.shape[1]} ({path}); give image_size to resize all of "
                "them, with fit 'crop' to keep their proportions, or with fit 'only' to leave "
                "other sizes out"
            )
        return pixels


def make_decoder(
    paths: Sequence[Path], size: tuple[int, int] | None, fit: Fit, skip_bad_images: bool
) -> Decoder:
    """Return a decoder to ``size``, or else to the size of the first image that can be read.

    Raises:
        ValueError: none can be read, or ``fit`` without a size.
    """
    if size is not None:
        return Decoder(paths, size, fit, first=None)
    if fit != "stretch":
        raise ValueError(f"fit {fit!r} needs image_size, the size that images are to have")
    bad = []
    for row, path in enumerate(paths):
        try:
            height, width, _ = read_image(path).shape
        except BadImageError as error:
            bad.append(LeftOut(row, _cause(error), bad=True))
            continue
        return Decoder(paths, (height, width), fit, first=path)
    report(paths, bad, (0, 0), skip_bad_images)
    raise AssertionError("report() raises where nothing is left")


def _cause(error: BadImageError) -> str:
    """Return what Pillow said."""
    return f"{type(error.__cause__).__name__}: {error.__cause__}"[:_LISTED]


def read_images(
    files: ImageFiles, size: tuple[int, int] | None, fit: Fit, skip_bad_images: bool
) -> tuple[Tensor, Tensor]:
    """Decode the image files of a labelled split into memory.

    Args:
        files: at least one.
        size: height and width to come to; None: all images must be of one size.
        fit: see :func:`read_image`.
        skip_bad_images: leave out files that cannot be decoded, and name them in a warning.

    Returns:
        images [n, H, W, 3] uint8 and rows [n] int64 of the files they are of, ascending.

    Raises:
        BadImageError: files cannot be decoded; all are in its ``paths``.
        ValueError: images of different sizes, or none that could be read.
    """
    decoder = make_decoder(files.paths, size, fit, skip_bad_images)
    check_room(
        3 * len(files.paths) * decoder.size[0] * decoder.size[1],
        f"{len(files.paths)} images of {decoder.size[0]}x{decoder.size[1]}",
        "choose a smaller image_size, or read them from a cache",
    )
    images = np.empty((len(files.paths), *decoder.size, 3), np.uint8)
    left_out: list[LeftOut] = []
    for block in decoder.decode(decoder.blocks()):
        images[block.rows.start : block.rows.stop] = block.pixels
        left_out += block.left_out
    report(files.paths, left_out, decoder.size, skip_bad_images)
    rows = kept_rows(len(files.paths), left_out)
    tensor = torch.from_numpy(images)
    return (tensor if len(rows) == len(tensor) else tensor[rows]), rows


def kept_rows(count: int, left_out: Sequence[LeftOut]) -> Tensor:
    """Return the rows of ``count`` files without those left out, int64 ascending."""
    kept = torch.ones(count, dtype=torch.bool)
    kept[[each.row for each in left_out]] = False
    return kept.nonzero().flatten()


def report(
    paths: Sequence[Path],
    left_out: Sequence[LeftOut],
    size: tuple[int, int],
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
            f"{'it' if len(bad) == 1 else 'them'}, or skip such files with skip_bad_images=True"
        )
        error.paths = tuple(paths[each.row] for each in bad)
        raise error
    others = [each for each in left_out if not each.bad]
    for which, what in ((bad, "could not be read"), (others, f"are not {size[0]}x{size[1]}")):
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
