"""CIFAR's relatives that come as image files: CINIC-10, and Kaggle's CIFAR-10."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from warpmix._reading import quoted, reading_file
from warpmix.data.archive import download, extract_archive
from warpmix.data.cifar import CLASSES
from warpmix.data.decode import ImageFiles
from warpmix.data.folder import list_folder
from warpmix.data.walk import is_shown

_CINIC10_URL = "https://datashare.ed.ac.uk/bitstream/handle/10283/3192/CINIC-10.tar.gz"
_CINIC10_MD5 = "6ee4d0c996905fe93221de577967a372"
_CINIC10_FOLDER = "CINIC-10"
_KAGGLE_URL = "https://www.kaggle.com/c/cifar-10/data"


def list_cinic10(
    root: str | Path, split: str = "train", download_it: bool = False, verify: bool = True
) -> ImageFiles:
    """Return the files of CINIC-10: 90,000 PNGs of 32x32 in each of train, valid and test.

    Darlow et al., arXiv:1810.03505.

    Args:
        root: the folder with ``train``, ``valid`` and ``test``, or one that has it as ``CINIC-10``;
            or one with ``CINIC-10.tar.gz``, which is unpacked beside itself.
        split: ``"train"``, ``"val"`` or ``"test"``.
        download_it: fetch the archive (688 MB) into ``root`` where nothing is found.
        verify: compare the archive with its MD5.

    Raises:
        FileNotFoundError: nothing was found.
        ConnectionError: the download failed.
        ValueError: another split; a wrong checksum; a damaged archive.
    """
    root = Path(root)
    places = (root, root / _CINIC10_FOLDER)
    folder = next((place for place in places if (place / "train").is_dir()), None)
    if folder is None:
        archive = root / f"{_CINIC10_FOLDER}.tar.gz"
        if not archive.is_file():
            if not download_it:
                raise FileNotFoundError(
                    f"no CINIC-10 under {root.absolute()}: looked for its folders train, valid and "
                    f"test and for {archive.name}; put {_CINIC10_URL} there, name another root, or "
                    "set download=True"
                )
            archive = download(_CINIC10_URL, root, _CINIC10_MD5, "CINIC-10")
        md5 = _CINIC10_MD5 if verify else None
        folder = extract_archive(archive, _CINIC10_FOLDER, md5, flat=True)
    files = list_folder(folder, split)
    return ImageFiles(files.paths, files.labels, files.classes, "cinic10", files.base)


def list_kaggle_cifar10(root: str | Path, split: str = "train") -> ImageFiles:
    """Return the files of Kaggle's CIFAR-10: 50,000 PNGs with labels, 300,000 without.

    Args:
        root: a folder with ``train`` and ``trainLabels.csv``, and ``test``, as unpacked from the
            competition's archives.
        split: ``"train"``; or ``"test"``, whose labels nobody has.

    Returns:
        the files in the order of their numbers.

    Raises:
        FileNotFoundError: a folder, a file or an image is missing.
        ValueError: another split; a file name that is no number; a class that CIFAR-10 lacks.
    """
    if split not in ("train", "test"):
        raise ValueError(
            f"split must be 'train' or 'test' for kaggle-cifar10, got {split!r}; "
            "hold rows out of 'train' with warpmix.data.stratified_split"
        )
    folder = Path(root) / split
    labelled = Path(root) / "trainLabels.csv"
    if not folder.is_dir() or (split == "train" and not labelled.is_file()):
        raise FileNotFoundError(
            f"no Kaggle CIFAR-10 under {Path(root).absolute()}: looked for {folder.name}"
            f"{' and trainLabels.csv' if split == 'train' else ''}; get both archives and "
            f"trainLabels.csv from {_KAGGLE_URL} and unpack them there"
        )
    paths = [
        path for path in folder.iterdir() if path.suffix.lower() == ".png" and is_shown(path.name)
    ]
    if not paths:
        raise FileNotFoundError(f"{folder.absolute()} holds no .png files")
    if strange := next((path for path in paths if not re.fullmatch("[0-9]+", path.stem)), None):
        raise ValueError(f"{strange} must have a number for its name, as Kaggle's images have")
    paths.sort(key=lambda path: int(path.stem))
    if split == "test":
        return ImageFiles(tuple(paths), None, CLASSES, "kaggle-cifar10-test")
    names = _read_labels(labelled)
    if missing := [path.name for path in paths if path.stem not in names]:
        raise ValueError(f"{labelled} has no label for {len(missing)} images, such as {missing[0]}")
    labels = tuple(CLASSES.index(names[path.stem]) for path in paths)
    return ImageFiles(tuple(paths), labels, CLASSES, "kaggle-cifar10")


def _read_labels(path: Path) -> dict[str, str]:
    """Return the class name of each id."""
    remedy = f"get it again from {_KAGGLE_URL}"
    with reading_file(path, remedy), path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames is None or not {"id", "label"} <= set(reader.fieldnames):
            found = quoted(reader.fieldnames)
            raise ValueError(f"{path} must have the columns id and label, got {found}; {remedy}")
        names = {row["id"]: row["label"] or "" for row in reader}
        if strange := sorted(set(names.values()) - set(CLASSES)):
            raise ValueError(f"{path} has classes that CIFAR-10 lacks: {quoted(strange)}; {remedy}")
        return names
