"""Claims: of several runners on a study, one trains a run; a killed one's claim is void at once."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from warpmix._reading import parse_json, quoted


@contextmanager
def claim(path: Path) -> Iterator[bool]:
    """Claim a run until the block ends; yield whether it was free.

    The claim is a lock on the file (``flock``), which the kernel takes back when its owner dies,
    however it dies. Linux carries the lock over NFS to the server (since 2.6.12), so runners on
    several machines see each other's claims. The file says who holds it, for people; it stays
    behind, because to delete a file that another process may be about to lock lets two have it.

    Args:
        path: file of the claim; its folder is made if need be.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        owner = {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        }
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(owner).encode(), 0)
        yield True
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def owner_of(path: Path) -> str | None:
    """Return who holds a claim, in words; None if nobody does."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        try:
            owner = parse_json(os.pread(descriptor, 4096, 0))
            pid, host, started = (owner[name] for name in ("pid", "host", "started"))
        except (ValueError, TypeError, KeyError, RecursionError):  # it has just been claimed
            return "another runner"
        return f"process {quoted(pid)} on {str(host)[:100]} since {str(started)[:100]}"
    finally:
        os.close(descriptor)
    return None
