"""How much memory there is, asked before it is taken."""

from __future__ import annotations

import os
from pathlib import Path

MAX_SIDE = 10_000
"""Pixels along a side of an image, at most."""

MAX_CLASSES = 100_000
"""Classes at most: where their number is counted from labels, a larger one is a mistake."""


def free_memory() -> int:
    """Return the bytes that could be had in the machine's memory."""
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


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
