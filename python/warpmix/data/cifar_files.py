"""Where CIFAR-10 lies: its two official layouts, looked for, unpacked or downloaded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .archive import extract_archive

_URL = "https://www.cs.toronto.edu/~kriz/"
_SEARCH_DEPTH = 2  # folders below root that are looked into


@dataclass(frozen=True)
class Layout:
    """One of the two official ways to pack CIFAR-10, with the MD5 of everything in it."""

    folder: str
    archive: str
    archive_md5: str
    suffix: str
    md5: dict[str, str]  # file name without suffix → MD5

    def files(self, folder: Path, split: str) -> list[Path]:
        """The files of one split, as they would lie in ``folder``."""
        prefix = "data_batch" if split == "train" else "test_batch"
        return [folder / (name + self.suffix) for name in self.md5 if name.startswith(prefix)]


PYTHON = Layout(
    folder="cifar-10-batches-py",
    archive="cifar-10-python.tar.gz",
    archive_md5="c58f30108f718f92721af3b95e74349a",
    suffix="",
    md5={
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "test_batch": "40351d587109b95175f43aff81a1287e",
    },
)
BINARY = Layout(
    folder="cifar-10-batches-bin",
    archive="cifar-10-binary.tar.gz",
    archive_md5="c32a1d4ab5d03f1284b67883e8d87530",
    suffix=".bin",
    md5={
        "data_batch_1": "5dd7e06a14cb22eb9f671a540d1b7c25",
        "data_batch_2": "5ea93a67294ea407fff1d09f752e9692",
        "data_batch_3": "942cd6a4bcdd0dd3c604fbe906cb4421",
        "data_batch_4": "ae636b3ba5c66a11e91e8cb52e771fcb",
        "data_batch_5": "53f37980c15c3d472c316c40844f3f0d",
        "test_batch": "803d5f7f4d78ea53de84dbe85f74fb6d",
    },
)


def find_or_download(root: Path, split: str, download: bool, verify: bool) -> tuple[Layout, Path]:
    """The layout found under ``root`` and the folder of its files; see :func:`load_cifar10`."""
    return _find(root, split, verify) or _download_into(root, download)


def _find(root: Path, split: str, verify: bool) -> tuple[Layout, Path] | None:
    layouts, folders = [PYTHON, BINARY], list(_folders(root))
    if root.is_file():
        layouts = [layout for layout in layouts if layout.archive == root.name]
        folders = [root.parent, *(root.parent / layout.folder for layout in layouts)]
    for layout in layouts:
        for folder in folders:
            if all(path.is_file() for path in layout.files(folder, split)):
                return layout, folder
    for layout in layouts:
        for archive in (folder / layout.archive for folder in folders):
            if archive.is_file():
                md5 = layout.archive_md5 if verify else None
                return layout, extract_archive(archive, layout.folder, md5)
    return None


def _folders(root: Path) -> Iterator[Path]:
    for folder, children, _ in os.walk(root):
        depth = len(Path(folder).relative_to(root).parts)
        seen = [child for child in sorted(children) if not child.startswith(".")]
        children[:] = seen if depth < _SEARCH_DEPTH else []  # what os.walk goes into next
        yield Path(folder)


def _download_into(root: Path, wanted: bool) -> tuple[Layout, Path]:
    url = _URL + PYTHON.archive
    if not wanted:
        raise FileNotFoundError(
            f"no CIFAR-10 under {root.absolute()}: looked for the official files (data_batch_1 … "
            f"or data_batch_1.bin …) and for {PYTHON.archive} or {BINARY.archive}, up to "
            f"{_SEARCH_DEPTH} folders deep; put {url} there, name another root, or set "
            "download=True"
        )
    from torchvision.datasets.utils import download_url

    try:
        download_url(url, str(root), md5=PYTHON.archive_md5)
    except (OSError, RuntimeError) as error:
        raise ConnectionError(
            f"CIFAR-10 could not be downloaded ({error}); fetch {url} on a machine with a network "
            f"and put it into {root.absolute()}"
        ) from error
    return PYTHON, extract_archive(root / PYTHON.archive, PYTHON.folder, PYTHON.archive_md5)
