"""Where a CIFAR lies: its two official layouts, looked for, unpacked or downloaded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from warpmix.data.archive import download, extract_archive

_URL = "https://www.cs.toronto.edu/~kriz/"
_SEARCH_DEPTH = 2  # folders below root that are looked into


@dataclass(frozen=True)
class Layout:
    """One of the two official ways to pack a CIFAR, with the MD5 of what is in it.

    Attributes:
        folder: at the archive's top.
        splits: file names of each split.
        md5: of files; None where no published one is known.
        names: the file of the class names; None: they are known without it.
        pickled: the python layout; otherwise the binary one.
    """

    folder: str
    archive: str
    archive_md5: str
    splits: dict[str, tuple[str, ...]]
    md5: dict[str, str | None]
    pickled: bool
    names: str | None = None

    def files(self, folder: Path, split: str) -> list[Path]:
        """Return the files of one split, as they would lie in ``folder``."""
        return [folder / name for name in self.splits[split]]

    def is_in(self, folder: Path, split: str) -> bool:
        """Return whether all that a split needs lies in ``folder``."""
        needed = [*self.files(folder, split), *([folder / self.names] if self.names else [])]
        return all(path.is_file() for path in needed)


CIFAR10 = (
    Layout(
        folder="cifar-10-batches-py",
        archive="cifar-10-python.tar.gz",
        archive_md5="c58f30108f718f92721af3b95e74349a",
        splits={
            "train": tuple(f"data_batch_{number}" for number in range(1, 6)),
            "test": ("test_batch",),
        },
        md5={
            "data_batch_1": "c99cafc152244af753f735de768cd75f",
            "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
            "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
            "data_batch_4": "634d18415352ddfa80567beed471001a",
            "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
            "test_batch": "40351d587109b95175f43aff81a1287e",
        },
        pickled=True,
    ),
    Layout(
        folder="cifar-10-batches-bin",
        archive="cifar-10-binary.tar.gz",
        archive_md5="c32a1d4ab5d03f1284b67883e8d87530",
        splits={
            "train": tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
            "test": ("test_batch.bin",),
        },
        md5={
            "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
            "data_batch_2.bin": "5ea93a67294ea407fff1d09f752e9692",
            "data_batch_3.bin": "942cd6a4bcdd0dd3c604fbe906cb4421",
            "data_batch_4.bin": "ae636b3ba5c66a11e91e8cb52e771fcb",
            "data_batch_5.bin": "53f37980c15c3d472c316c40844f3f0d",
            "test_batch.bin": "803d5f7f4d78ea53de84dbe85f74fb6d",
        },
        pickled=False,
    ),
)
CIFAR100 = (
    Layout(
        folder="cifar-100-python",
        archive="cifar-100-python.tar.gz",
        archive_md5="eb9058c3a382ffc7106e4002c42a8d85",
        splits={"train": ("train",), "test": ("test",)},
        md5={
            "train": "16019d7e3df5f24257cddd939b257f8d",
            "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
            "meta": "7973b15100ade9c7d40fb424638fde48",
        },
        pickled=True,
        names="meta",
    ),
    Layout(
        folder="cifar-100-binary",
        archive="cifar-100-binary.tar.gz",
        archive_md5="03b5dce01913d631647c71ecec9e9cb8",
        splits={"train": ("train.bin",), "test": ("test.bin",)},
        md5={"train.bin": None, "test.bin": None},
        pickled=False,
        names="fine_label_names.txt",
    ),
)


def find_or_download(
    known: tuple[Layout, ...], root: Path, split: str, download: bool, verify: bool
) -> tuple[Layout, Path]:
    """Find the layout under ``root`` and the folder of its files; see :func:`load_cifar10`."""
    return _find(known, root, split, verify) or _download_into(known, root, split, download)


def _find(
    known: tuple[Layout, ...], root: Path, split: str, verify: bool
) -> tuple[Layout, Path] | None:
    layouts, folders = list(known), list(_folders(root))
    if root.is_file():
        layouts = [layout for layout in layouts if layout.archive == root.name]
        folders = [root.parent, *(root.parent / layout.folder for layout in layouts)]
    for layout in layouts:
        for folder in folders:
            if layout.is_in(folder, split):
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


def _download_into(
    known: tuple[Layout, ...], root: Path, split: str, wanted: bool
) -> tuple[Layout, Path]:
    python, binary = known
    url = _URL + python.archive
    name = "CIFAR-100" if known is CIFAR100 else "CIFAR-10"
    if not wanted:
        files = " and ".join(f"{layout.splits[split][0]} …" for layout in known)
        raise FileNotFoundError(
            f"no {name} under {root.absolute()}: looked for the official files ({files}) and for "
            f"{python.archive} or {binary.archive}, up to {_SEARCH_DEPTH} folders deep; put {url} "
            "there, name another root, or set download=True"
        )
    archive = download(url, root, python.archive_md5, name)
    return python, extract_archive(archive, python.folder, python.archive_md5)
