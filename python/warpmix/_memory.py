"""How much memory there is, asked before it is taken."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

MAX_SIDE = 10_000
"""Pixels along a side of an image, at most."""

MAX_CLASSES = 100_000
"""Classes at most: where their number is counted from labels, a larger one is a mistake."""


_SYSTEM = Path("/")  # the root of Linux's own file systems, proc and sys


def free_memory() -> int:
    """Return the bytes that this process could have: of the machine's memory, and of what a
    container or a job scheduler leaves it (Linux's control groups, either version)."""
    meminfo = _numbers_of(_SYSTEM / "proc/meminfo")
    if "MemAvailable:" not in meminfo:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([meminfo["MemAvailable:"] * 1024, *_left_by_groups()])


def _left_by_groups() -> Iterator[int]:
    """Yield what the limits of this process's group, and of the groups above it, leave free. What a
    group uses includes files that the system keeps in memory and gives up when asked."""
    groups = _SYSTEM / "proc/self/cgroup"
    for line in groups.read_text().splitlines() if groups.is_file() else ():
        number, controllers, path = line.split(":", 2)
        if number == "0":
            root, limit, used = _SYSTEM / "sys/fs/cgroup", "memory.max", "memory.current"
            kept = "inactive_file"
        elif "memory" in controllers.split(","):
            root, kept = _SYSTEM / "sys/fs/cgroup/memory", "total_inactive_file"
            limit, used = "memory.limit_in_bytes", "memory.usage_in_bytes"
        else:
            continue
        own = root / path.strip("/")
        for folder in (own, *own.parents[: len(own.relative_to(root).parts)]):
            try:
                most, taken = (int((folder / name).read_text()) for name in (limit, used))
            except (OSError, ValueError):  # not seen from inside a container, or "max": no limit
                continue
            yield max(0, most - taken + _numbers_of(folder / "memory.stat").get(kept, 0))


def _numbers_of(path: Path) -> dict[str, int]:
    """Return the lines of a file of names and numbers; none if it is not there."""
    lines = path.read_text().splitlines() if path.is_file() else []
    return {line.split()[0]: int(line.split()[1]) for line in lines if len(line.split()) > 1}


def check_room(size: int, what: str, remedy: str) -> None:
    """Refuse what does not fit into the free memory, before any of it is taken.

    Args:
        size: bytes that it takes.
        what: begins the message, such as ``"the weights"``.
        remedy: ends it.

    Raises:
        ValueError: there is not so much memory.
    """
    free = free_memory()
    if size > free:
        raise ValueError(
            f"{what} would take {in_bytes(size)}, and {in_bytes(free)} of memory are free; {remedy}"
        )


def in_bytes(size: int) -> str:
    """Return a number of bytes in words: MB, or GB where it is that many."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
