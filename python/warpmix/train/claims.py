"""Claims: of several processes, one works on a run; a killed one's claim is void at once."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from warpmix._files import make_folder, writing
from warpmix._reading import parse_json

_ATTEMPTS = 100  # to claim in a folder that others delete; each is a race lost


@contextmanager
def claim(path: Path) -> Iterator[bool]:
    """Claim a run until the block ends; yield whether it was free.

    The claim is a lock on the file (``flock``), which the kernel takes back when its owner dies,
    however it dies. Linux carries the lock over NFS to the server (since 2.6.12), so processes on
    several machines see each other's claims. The file says who holds it, for people. Its owner
    deletes it at the end; that of a killed owner stays, and is free.

    Args:
        path: file of the claim; its folder is made if need be.

    Raises:
        OSError: the file cannot be written, or its file system has no locks.
    """
    descriptor = _lock(path)
    if descriptor is None:
        yield False
        return
    try:
        _sign(descriptor, path)
        yield True
    finally:
        path.unlink(missing_ok=True)  # while it is locked: see _is_current
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
            pid, host, started = (str(owner[name])[:100] for name in ("pid", "host", "started"))
            return f"process {pid} on {host} since {started}"
        except (ValueError, TypeError, KeyError, RecursionError):  # it has just been claimed
            return "another process"
    finally:
        os.close(descriptor)
    return None


def _lock(path: Path) -> int | None:
    """Return the open and locked file of a claim, or None if another process has it."""
    attempt = 0
    while True:
        attempt += 1
        try:
            make_folder(path.parent)
            with writing(path):
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except FileNotFoundError:  # another process has just deleted the empty folder
            if path.is_symlink() or attempt == _ATTEMPTS:  # or it leads to one that is not there
                raise
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_current(descriptor, path):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError as error:
            os.close(descriptor)
            words = f"{error.strerror} (the file system must have locks: flock)"
            raise OSError(error.errno, words, str(path)) from None
        os.close(descriptor)


def _sign(descriptor: int, path: Path) -> None:
    """Write into a locked file who has it."""
    owner = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }
    with writing(path):  # a full disk, say: the descriptor alone does not tell which file
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(owner).encode(), 0)


def _is_current(descriptor: int, path: Path) -> bool:
    """Return whether an open file still has its name; its last owner may have deleted it since.

    Without this, a process that opened the file before could lock it while another one locks the
    new file of the same name.
    """
    opened = os.fstat(descriptor)
    try:
        return opened.st_nlink > 0 and os.path.samestat(opened, path.stat())
    except FileNotFoundError:
        return False
