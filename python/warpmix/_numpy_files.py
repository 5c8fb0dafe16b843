"""NumPy's files, whose headers are checked before any memory is taken.

``numpy.load`` believes a header: it takes the memory of 10^12 elements, and raises a dozen types.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

import numpy as np

from warpmix._memory import check_room
from warpmix._reading import quoted, reading_file

_REMEDY = "write it again with numpy.save or numpy.savez"
_RATIO = 1100  # bytes that one compressed byte may become; deflate's limit is 1032
_VERSIONS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_npy(path: Path) -> np.ndarray:
    """Return the array of an ``.npy`` file.

    Raises:
        OSError: the file cannot be read.
        InvalidFileError: it is damaged, shorter than its header says, or holds objects or records.
    """
    with reading_file(path, _REMEDY), path.open("rb") as file:
        return _read_array(file, path.stat().st_size, "it")


def read_npz(
    path: Path, choose: Callable[[frozenset[str]], Iterable[str]] = sorted
) -> dict[str, np.ndarray]:
    """Return arrays of an ``.npz`` file.

    Args:
        choose: of the names of all arrays those to read, in this order; default: all.

    Raises:
        OSError: the file cannot be read.
        InvalidFileError: it is no whole zip archive, an array in it is as :func:`read_npy` refuses,
            or the arrays need more memory than is free.
    """
    with reading_file(path, _REMEDY), zipfile.ZipFile(path) as archive:
        members: dict[str, zipfile.ZipInfo] = {}
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy")
            if name in members:
                raise ValueError(f"{path} holds the array {quoted(name)} twice; {_REMEDY}")
            members[name] = info
        chosen = list(choose(frozenset(members)))
        _check_sizes(path, [members[name] for name in chosen])
        arrays = {}
        for name in chosen:
            with archive.open(members[name]) as file:
                arrays[name] = _read_array(file, members[name].file_size, f"its array {name!r}")
                while file.read(1 << 20):
                    pass  # to the very end, where the checksum is compared
        return arrays


def _check_sizes(path: Path, members: list[zipfile.ZipInfo]) -> None:
    """Refuse members whose sizes contradict the file's, and those larger than the free memory."""
    if sum(info.compress_size for info in members) > path.stat().st_size:
        raise ValueError(f"{path} says that its arrays are longer than the file; {_REMEDY}")
    for info in members:
        if info.file_size > _RATIO * info.compress_size + _RATIO:
            raise ValueError(
                f"{path}: {quoted(info.filename)} says that {info.compress_size} bytes become "
                f"{info.file_size}; {_REMEDY}"
            )
    check_room(
        sum(info.file_size for info in members), f"{path}: its arrays", "store them in parts"
    )


def _read_array(file: IO[bytes], size: int, what: str) -> np.ndarray:
    """Return the array at the beginning of ``size`` bytes."""
    version = np.lib.format.read_magic(file)
    if version not in _VERSIONS:
        raise ValueError(f"{what} is of version {version} of the format; {_REMEDY}")
    shape, fortran_order, dtype = _VERSIONS[version](file)
    if dtype.kind not in "biufcSU" or (dtype.itemsize == 0 and math.prod(shape) > 0):
        raise ValueError(
            f"{what} holds {quoted(dtype)}, and not numbers or text; objects and records are not "
            f"read; {_REMEDY}"
        )
    if any(isinstance(side, bool) or not 0 <= side < 2**62 for side in shape):
        raise ValueError(f"{what} has the shape {quoted(shape)}; {_REMEDY}")
    needed, found = math.prod(shape) * dtype.itemsize, size - file.tell()
    if needed > found:
        raise ValueError(
            f"{what} must have {needed} bytes, for the shape {quoted(shape)} of {dtype}, and has "
            f"{found}: it is cut off; {_REMEDY}"
        )
    content = np.empty(needed, np.uint8)
    if file.readinto(content) < needed:  # type: ignore[attr-defined]
        raise EOFError
    return np.ndarray(shape, dtype, content, order="F" if fortran_order else "C")
