"""Writing files so that a reader never meets half of one."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path in the folder of ``path``; on success it becomes ``path``.

    The file is flushed to disk and renamed over ``path`` in one step, so a crash, a kill or a full
    disk leaves the old file, or none, but never half of the new one. The temporary name is hidden
    and keeps the suffix of ``path``, because writers such as ``numpy.savez`` and Matplotlib read
    the format from it.

    Args:
        path: the file to write or replace; its folder must exist.

    Raises:
        FileNotFoundError: the folder does not exist, or the body wrote nothing.
        OSError: whatever the body meets (``ENOSPC``: the disk is full), after the temporary file
            was removed.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: the folder {path.parent} does not exist")
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")
    try:
        yield temporary
        _flush(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    _flush(path.parent)  # the rename itself lasts only once the folder is on the disk


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold a file against other processes; a process that is killed lets go of it."""
    import fcntl

    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write a mapping as indented JSON, in one step."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(values, indent=2) + "\n", "utf-8")


def default_cache() -> Path:
    """Return the folder of decoded images: the variable ``WARPMIX_CACHE``, else in ``~/.cache``."""
    named = os.environ.get("WARPMIX_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "warpmix" / "decoded"


def feature_cache() -> Path:
    """Return the folder of features that runs share: beside the decoded images, or in their
    variable's folder."""
    named = os.environ.get("WARPMIX_CACHE")
    return (Path(named) if named else Path.home() / ".cache" / "warpmix") / "features"


def _flush(path: Path) -> None:
    """Have the operating system put a file or a folder on the disk before going on."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
