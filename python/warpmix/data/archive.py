"""Unpacking an archive from a stranger."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
from pathlib import Path, PurePosixPath

from warpmix._files import temporary_folder
from warpmix._memory import in_bytes
from warpmix._reading import quoted, reading_file


def check_md5(path: Path, expected: str) -> None:
    """Compare a file with its published MD5.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file differs.
    """
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    found = digest.hexdigest()
    if found != expected:
        raise ValueError(
            f"{path} has the wrong checksum: MD5 {expected} was expected, got {found}; it is "
            "incomplete or changed: delete it and get it again from its official source"
        )


def download(url: str, root: Path, md5: str, name: str) -> Path:
    """Fetch an archive into a folder, if it is not there already.

    Args:
        url: its address; the last part is its name.
        root: the folder, made if need be.
        md5: published MD5 of the archive.
        name: of the data set, for the error.

    Raises:
        ConnectionError: no network, or the wrong checksum.
    """
    from torchvision.datasets.utils import download_url

    try:
        download_url(url, str(root), md5=md5)
    except (OSError, RuntimeError) as error:
        raise ConnectionError(
            f"{name} could not be downloaded ({error}); fetch {url} on a machine with a network "
            f"and put it into {root.absolute()}"
        ) from error
    return root / url.rpartition("/")[2]


def extract_archive(archive: Path, folder: str, md5: str | None, flat: bool = False) -> Path:
    """Unpack a tar file into a new folder beside the file, whole or not at all.

    Args:
        archive: the .tar, .tar.gz, .tar.bz2 or .tar.xz file.
        folder: the one folder at the archive's top.
        md5: published MD5 of the archive; None to skip that check.
        flat: the archive has no such folder; all of it goes into a new one of this name.

    Returns:
        the unpacked folder, ``archive.parent / folder``.

    Raises:
        ValueError: a wrong checksum; a file that is not a whole archive; a member with an absolute
            or ``..`` path, a link or a device; a member outside ``folder``.
        FileExistsError: the folder is there already; nothing of it is touched.
        OSError: the place is not writable, or the disk is full.
    """
    target = archive.parent / folder
    if target.exists():
        raise FileExistsError(
            f"cannot unpack {archive}: {target} is there already; if it is incomplete, delete it"
        )
    if md5 is not None:
        check_md5(archive, md5)
    with temporary_folder(target) as temporary:
        with reading_file(archive, "delete it and get it again"), tarfile.open(archive) as tar:
            members = tar.getmembers()
            for member in members:
                _check_member(archive, member, None if flat else folder)
            _check_room(archive, sum(member.size for member in members))
            tar.extractall(temporary, filter="data")
            while tar.fileobj and tar.fileobj.read(1 << 20):
                pass  # to the very end, where the compressed stream has its checksum
        unpacked = temporary if flat else temporary / folder
        if not unpacked.is_dir():
            raise ValueError(f"{archive} has no folder {folder}; it is another archive")
        unpacked.rename(target)
    return target


def _check_room(archive: Path, size: int) -> None:
    free = shutil.disk_usage(archive.parent).free
    if size > free:
        raise ValueError(
            f"{archive} needs {in_bytes(size)} to be unpacked, and {in_bytes(free)} of the disk "
            "are free; make room, or move it to another disk"
        )


def _check_member(archive: Path, member: tarfile.TarInfo, folder: str | None) -> None:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts:
        reason = "a path that leaves the folder it is unpacked in"
    elif not (member.isfile() or member.isdir()):
        reason = "a link or a device instead of a file"
    elif folder is not None and path.parts[:1] != (folder,):
        reason = f"a path outside the folder {folder}"
    else:
        return
    raise ValueError(
        f"{archive} is refused: its member {quoted(member.name)} is {reason}; "
        "get the archive from its official source"
    )
