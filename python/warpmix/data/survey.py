"""Sizes and formats of image files, from their headers."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from warpmix.data.images import open_image, upright_size


@dataclass(frozen=True)
class Survey:
    """What was found.

    Attributes:
        sizes: how many files have each (height, width), their EXIF orientation applied.
        kinds: how many have each format and mode, such as ``"JPEG RGB"``.
        size_of: of each file that can be read, (height, width) as above.
        bad: files whose header cannot be read, and why. Others may be cut off further on.
    """

    sizes: Counter[tuple[int, int]]
    kinds: Counter[str]
    size_of: Mapping[Path, tuple[int, int]]
    bad: tuple[tuple[Path, str], ...]


def survey(paths: Sequence[Path]) -> Survey:
    """Read the headers of image files."""
    kinds: Counter[str] = Counter()
    size_of: dict[Path, tuple[int, int]] = {}
    bad = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, header in zip(paths, pool.map(_header, paths), strict=True):
            if isinstance(header, str):
                bad.append((path, header))
            else:
                size_of[path] = header[0]
                kinds[header[1]] += 1
    return Survey(Counter(size_of.values()), kinds, size_of, tuple(bad))


def _header(path: Path) -> tuple[tuple[int, int], str] | str:
    """Return ((height, width), format and mode), or what is wrong."""
    try:
        with open_image(path) as image:
            return upright_size(image), f"{image.format} {image.mode}"
    except Exception as error:  # as in read_image
        return f"{type(error).__name__}: {error}"
