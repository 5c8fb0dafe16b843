"""Many image files to one tensor."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .images import BadImageError, Pixels, read_image


def read_images(
    files: list[tuple[Path, int]], size: tuple[int, int] | None, skip_bad_images: bool
) -> tuple[Tensor, Tensor]:
    """Decode image files in parallel.

    Args:
        files: (file, label), at least one.
        size: height and width to resize to; None: all images must be of one size.
        skip_bad_images: leave out files that cannot be decoded, and name them in a warning.

    Returns:
        images [n, H, W, 3] uint8 and labels [n] int64, in the order of ``files``.

    Raises:
        BadImageError: a file cannot be decoded.
        ValueError: images of different sizes, or none that could be read.
    """
    images: Pixels | None = None
    labels: list[int] = []
    for path, label, pixels in _decode(files, size, skip_bad_images):
        if images is None:
            first = path
            images = np.empty((len(files), *pixels.shape), np.uint8)
        if pixels.shape != images.shape[1:]:
            raise ValueError(
                f"images must be of one size, got {_size_text(images[0])} ({first}) and "
                f"{_size_text(pixels)} ({path}); give image_size to resize all of them"
            )
        images[len(labels)] = pixels
        labels.append(label)
    if images is None:
        raise ValueError(f"none of the {len(files)} images could be read, such as {files[0][0]}")
    return torch.from_numpy(images[: len(labels)]), torch.tensor(labels)


def _decode(
    files: list[tuple[Path, int]], size: tuple[int, int] | None, skip_bad_images: bool
) -> Iterator[tuple[Path, int, Pixels]]:
    """(file, label, pixels) in the order of ``files``; bad ones raise, or are named at the end."""

    def read(path: Path) -> Pixels | BadImageError:
        try:
            return read_image(path, size)
        except BadImageError as error:
            return error

    bad: list[str] = []
    pool = ThreadPoolExecutor(os.cpu_count())  # Pillow decodes without holding the GIL
    try:
        decoded = pool.map(read, [path for path, _ in files])
        for (path, label), result in zip(files, decoded, strict=True):
            if not isinstance(result, BadImageError):
                yield path, label, result
            elif skip_bad_images:
                bad.append(str(path))
            else:
                raise result
    finally:
        pool.shutdown(cancel_futures=True)
    if bad:
        warnings.warn(
            f"{len(bad)} of {len(files)} images could not be read and are left out: "
            f"{', '.join(bad)}",
            stacklevel=2,
        )


def _size_text(pixels: Pixels) -> str:
    return f"{pixels.shape[0]}x{pixels.shape[1]}"
