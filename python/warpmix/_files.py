"""Writing files and folders so that a reader never meets half of one, and a full disk is named."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import secrets
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

# Names of what is not finished: hidden, with eight hexadecimal digits before the suffix. Eight
# decimal ones may be the date in a name of the user's, and are never taken.
_UNFINISHED = re.compile(r"\.(?P<stem>.+)\.(?!\d{8})[0-9a-f]{8}(?P<suffix>\.[^.]+)?")

_ELSEWHERE = "choose another folder"
_FIRST = {
    errno.ENOSPC: "free some space there and run the same command again, or ",
    errno.EDQUOT: "free some of your quota and run the same command again, or ",
    errno.EFBIG: "raise the limit on the size of a file (ulimit -f), or ",
}
_OF_THE_DISK = {*_FIRST, errno.EROFS}  # never of a file that is read


def as_typed(path: Path) -> str:
    """Return a path as it is typed into a command: in quotes where it has a space, say."""
    return shlex.quote(str(path))


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path in the folder of ``path``; on success it becomes ``path``.

    The file is flushed to disk and renamed over ``path`` in one step, so a crash, a kill or a full
    disk leaves the old file, or none, but never half of the new one. The temporary name is hidden
    and keeps the suffix of ``path``, because writers such as ``numpy.savez`` and Matplotlib read
    the format from it. What a killed writer of ``path`` left beside it is removed first.

    Args:
        path: the file to write or replace; its folder must exist.

    Raises:
        FileNotFoundError: the folder does not exist, or the body wrote nothing.
        FileExistsError, NotADirectoryError: a folder or a device is where the file is to be, or a
            file where the folder.
        OSError: as :func:`writing`, after the temporary file was removed.
    """
    path = Path(path)
    with writing(path):
        if path.is_symlink():  # the link stays
            path = path.resolve()
        _check_place(path)
        with _temporary(path, _new_file) as temporary:
            yield temporary
            if not temporary.stat().st_size:
                raise FileNotFoundError(f"cannot write {path}: nothing was written to it")
            flush(temporary)
            os.replace(temporary, path)
        flush(path.parent)  # the rename itself lasts only once the folder is on the disk


@contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """Yield a new hidden folder beside ``path``, to be filled and renamed; else it is removed.

    What a killed process left of such folders is removed first.

    Args:
        path: what the folder will be called; the folder that holds it must exist.

    Raises:
        OSError: as :func:`writing`.
    """
    with writing(path), _temporary(path, _new_folder) as temporary:
        yield temporary


@contextmanager
def writing(path: Path, remedy: str = _ELSEWHERE) -> Iterator[None]:
    """Name the file in the errors of writing it, and what to do.

    The system's errors do not, where a file is open already: a full disk is met by a number alone.

    Args:
        path: the file or folder that the block writes.
        remedy: what to do, beside freeing space.

    Raises:
        OSError: of the same class and ``errno``, if it is of ``path`` or of no file that is known.
    """
    try:
        yield
    except OSError as error:
        of_another = error.filename is not None and not _is_of(str(error.filename), path)
        if error.errno is None or (of_another and error.errno not in _OF_THE_DISK):
            raise
        kind = type(error) if type(error).__module__ == "builtins" else OSError
        reason, first = os.strerror(error.errno), _FIRST.get(error.errno, "")
        described = kind(f"cannot write {path}: {reason}; {first}{remedy}")
        described.errno = error.errno
        raise described from error


def make_folder(path: Path, remedy: str = _ELSEWHERE) -> None:
    """Make a folder and those above it, unless it is there.

    Raises:
        OSError: a file is in its place, or as :func:`writing`.
    """
    with writing(path, remedy):
        for place in (path, *path.parents):
            if place.is_dir():
                break
            if os.path.lexists(place):
                raise FileExistsError(
                    f"cannot make the folder {path}: {place} is there and is no folder; {remedy}"
                )
        path.mkdir(parents=True, exist_ok=True)


def remove_unfinished(folder: Path, of: Callable[[str], bool]) -> None:
    """Delete what killed writers left in a folder; what a living process is writing stays.

    Args:
        of: whether a file or folder of that name is meant.
    """
    try:
        names = os.listdir(folder)
    except PermissionError:  # one may write into a folder that one may not list
        return
    for name in names:
        target = target_of(name)
        if target is not None and of(target):
            _remove_if_abandoned(folder / name)


def target_of(name: str) -> str | None:
    """Return what an unfinished file or folder was to be called; None: it is not one."""
    match = _UNFINISHED.fullmatch(name)
    return match and match["stem"] + (match["suffix"] or "")


@contextmanager
def lock(path: Path, remedy: str = _ELSEWHERE) -> Iterator[None]:
    """Hold a file against other processes; a process that is killed lets go of it.

    Raises:
        OSError: as :func:`writing`, of the file itself.
    """
    with writing(path, remedy):
        file = path.open("a")
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write a mapping as indented JSON, in one step."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(values, indent=2) + "\n", "utf-8")


def default_cache() -> Path:
    """Return the folder of decoded images: the variable ``WARPMIX_CACHE``, else in ``~/.cache``.

    Raises:
        FileNotFoundError: no variable, and nobody knows the user's home folder.
    """
    named = os.environ.get("WARPMIX_CACHE")
    return Path(named) if named else home_cache("WARPMIX_CACHE or --cache") / "decoded"


def feature_cache() -> Path:
    """Return the folder of features that runs share: beside the decoded images, or in their
    variable's folder.

    Raises:
        FileNotFoundError: as :func:`default_cache`.
    """
    named = os.environ.get("WARPMIX_CACHE")
    return (Path(named) if named else home_cache("WARPMIX_CACHE or --feature-cache")) / "features"


def home_cache(instead: str) -> Path:
    """Return ``~/.cache/warpmix``; arguments and errors as :func:`home_folder`."""
    return home_folder(instead) / ".cache" / "warpmix"


def home_folder(instead: str) -> Path:
    """Return the user's home folder.

    Args:
        instead: the variable, or the option, that names a folder to use instead.

    Raises:
        FileNotFoundError: nobody knows it, as in some containers.
    """
    try:
        return Path.home()
    except RuntimeError:
        raise FileNotFoundError(
            f"the home folder is unknown: HOME is not set, and user {os.getuid()} has no entry in "
            f"the list of users; name a folder that may be written to in {instead}"
        ) from None


def flush(path: Path) -> None:
    """Have the operating system put a file or a folder on the disk before going on."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_place(path: Path) -> None:
    """Refuse a place that a file cannot be renamed to, or must not: a device would be gone."""
    if path.exists() and not path.is_file():
        what = "a folder" if path.is_dir() else "a device"
        raise FileExistsError(f"cannot write {path}: it is {what}; choose another name")
    if not path.parent.is_dir():
        if path.parent.exists():
            raise NotADirectoryError(
                f"cannot write {path}: {path.parent} is no folder; {_ELSEWHERE}"
            )
        raise FileNotFoundError(f"cannot write {path}: the folder {path.parent} does not exist")


@contextmanager
def _temporary(path: Path, make: Callable[[Path], int]) -> Iterator[Path]:
    """Yield a new hidden file or folder beside ``path``, and remove it if it is still there.

    It is locked as long as this process lives, which tells it from what a killed one left.
    """
    remove_unfinished(path.parent, path.name.__eq__)
    temporary, descriptor = _reserve(path, make)
    try:
        yield temporary
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        else:
            temporary.unlink(missing_ok=True)
        os.close(descriptor)


def _reserve(path: Path, make: Callable[[Path], int]) -> tuple[Path, int]:
    """Return a new temporary file or folder, and the descriptor that holds its lock."""
    while True:
        token = secrets.token_hex(4)
        if token.isdecimal():
            continue
        temporary = path.with_name(f".{path.stem}.{token}{path.suffix}")
        descriptor = make(temporary)
        with suppress(OSError):  # some network file systems have no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if temporary.exists():
            return temporary, descriptor
        os.close(descriptor)  # another process took it for a killed one's before it was locked


def _new_file(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)


def _new_folder(path: Path) -> int:
    path.mkdir()
    return os.open(path, os.O_RDONLY)


def _remove_if_abandoned(path: Path) -> None:
    """Delete an unfinished file or folder whose lock nobody holds; what cannot be deleted stays."""
    is_folder = path.is_dir() and not path.is_symlink()
    with suppress(OSError):
        # Over NFS only what is open for writing can be locked; a folder cannot be.
        flags = (os.O_RDONLY if is_folder else os.O_RDWR) | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(path, flags)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if is_folder:
                shutil.rmtree(path)
            else:
                path.unlink()
        finally:
            os.close(descriptor)


def _is_of(name: str, path: Path) -> bool:
    """Return whether a file is ``path``, what is unfinished of it, or in or above one of these."""
    named = Path(name)
    return named in path.parents or any(
        place == path or (place.parent == path.parent and target_of(place.name) == path.name)
        for place in (named, *named.parents)
    )
