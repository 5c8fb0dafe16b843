"""CIFAR-10 and CIFAR-100 from their official files, in the python and the binary layout.

Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009;
https://www.cs.toronto.edu/~kriz/cifar.html describes both layouts and gives the archives' MD5.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from warpmix._reading import InvalidFileError, reading_file
from warpmix.data.archive import check_md5
from warpmix.data.cifar_files import CIFAR10, CIFAR100, Layout, find_or_download
from warpmix.data.dataset import Dataset
from warpmix.data.safe_pickle import load_pickle

CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
_AGAIN = "get the file again from its official source"
_PIXELS = 3 * 32 * 32  # of one image: the red plane, the green, the blue, each row by row


def load_cifar10(
    root: str | Path, split: str = "train", download: bool = False, verify: bool = True
) -> Dataset:
    """Load CIFAR-10: 50,000 training and 10,000 test images of 32x32 RGB pixels in ten classes.

    Args:
        root: a folder that holds the official files or an official archive, itself or up to two
            folders below; or the archive itself. An archive is unpacked beside itself.
        split: ``"train"`` or ``"test"``.
        download: fetch the python archive into ``root`` (170 MB) where nothing is found.
        verify: compare archive and files with the official MD5 checksums. False is for files that
            were changed on purpose; pickles are read no less strictly then.

    Returns:
        images [N, 32, 32, 3] in the official order; the official class names.

    Raises:
        FileNotFoundError: nothing was found under ``root``.
        ConnectionError: the download failed.
        ValueError: another split; a wrong checksum; a damaged or refused file or archive.
    """
    files = _files("cifar10", root, split, download, verify)
    parts = [_read(file, "labels", 1) for file in files]
    return _dataset(parts, CLASSES, "cifar10", files)


def load_cifar100(
    root: str | Path,
    split: str = "train",
    download: bool = False,
    verify: bool = True,
    coarse: bool = False,
) -> Dataset:
    """Load CIFAR-100: 50,000 training and 10,000 test images of 32x32 RGB pixels in 100 classes.

    Args:
        root, split, download, verify: as :func:`load_cifar10`.
        coarse: the 20 superclasses instead.

    Returns:
        images [N, 32, 32, 3] in the official order; the official class names.

    Raises:
        FileNotFoundError, ConnectionError, ValueError: as :func:`load_cifar10`.
    """
    level = "coarse" if coarse else "fine"
    files = _files("cifar100", root, split, download, verify)
    # A record of the binary layout begins with the coarse label and the fine one.
    parts = [_read(file, f"{level}_labels", 2, column=0 if coarse else 1) for file in files]
    folder, pickled = files[0].path.parent, files[0].pickled
    if pickled:
        meta = folder / "meta"
        if verify:
            check_md5(meta, str(CIFAR100[0].md5["meta"]))
        names = _entries(load_pickle(meta)).get(f"{level}_label_names", [])
        if not isinstance(names, list) or not all(isinstance(n, bytes | str) for n in names):
            raise InvalidFileError(f"{meta} holds no list {level}_label_names of text; {_AGAIN}")
        classes = tuple(n.decode("latin1") if isinstance(n, bytes) else n for n in names)
    else:
        listed = folder / f"{level}_label_names.txt"
        with reading_file(listed, _AGAIN):
            lines = listed.read_text("utf-8-sig").splitlines()
        classes = tuple(line.strip() for line in lines if line.strip())
    return _dataset(parts, classes, "cifar100-coarse" if coarse else "cifar100", files)


# ---- reading ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _File:
    path: Path
    pickled: bool


def _files(name: str, root: str | Path, split: str, download: bool, verify: bool) -> list[_File]:
    """Return the files of a split, found and checked."""
    if split not in ("train", "test"):
        raise ValueError(
            f"split must be 'train' or 'test' for {name}, got {split!r}; "
            "hold rows out of 'train' with warpmix.data.stratified_split"
        )
    known: tuple[Layout, ...] = CIFAR100 if name == "cifar100" else CIFAR10
    layout, folder = find_or_download(known, Path(root), split, download, verify)
    paths = layout.files(folder, split)
    for path in paths:
        if verify and (md5 := layout.md5[path.name]) is not None:
            check_md5(path, md5)
    return [_File(path, layout.pickled) for path in paths]


def _dataset(
    parts: list[tuple[Tensor, Tensor]], classes: tuple[str, ...], name: str, files: list[_File]
) -> Dataset:
    for (_, labels), file in zip(parts, files, strict=True):
        with reading_file(file.path, _AGAIN):
            if len(labels) == 0 or not 0 <= int(labels.min()) <= int(labels.max()) < len(classes):
                raise ValueError(f"its labels must be in 0..{len(classes) - 1}; {_AGAIN}")
    planes, labels = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
    images = planes.view(-1, 3, 32, 32).permute(0, 2, 3, 1).contiguous()
    with reading_file(files[0].path.parent, _AGAIN):
        return Dataset(images, labels, classes, name)


def _read(file: _File, key: str, label_bytes: int, column: int = 0) -> tuple[Tensor, Tensor]:
    """Read the planes [n, 3072] uint8 and the labels [n] int64 of a file.

    Args:
        key: of the labels in the python layout.
        label_bytes, column: how many labels a binary record begins with, and which one counts.
    """
    if file.pickled:
        return _read_pickled(file.path, key)
    return _read_binary(file.path, label_bytes, column)


def _entries(batch: Any) -> dict[str, Any]:
    """Return a pickled dict with str as keys: they are bytes in the official files."""
    if not isinstance(batch, dict):
        return {}
    return {k.decode("latin1") if isinstance(k, bytes) else k: v for k, v in batch.items()}


def _read_pickled(path: Path, key: str) -> tuple[Tensor, Tensor]:
    entries = _entries(load_pickle(path))
    pixels, labels = entries.get("data"), entries.get(key)
    if (
        not isinstance(pixels, np.ndarray)
        or pixels.dtype != np.uint8
        or pixels.shape[1:] != (_PIXELS,)
        or not isinstance(labels, list)
        or not all(isinstance(label, int) for label in labels)
    ):
        kind = "CIFAR-10" if key == "labels" else "CIFAR-100"
        raise ValueError(
            f"{path} is not a {kind} batch: a dict with 'data' [n, {_PIXELS}] uint8 and {key!r} "
            f"[n] was expected; {_AGAIN}"
        )
    with reading_file(path, _AGAIN):
        if len(pixels) != len(labels):
            raise ValueError(f"it has {len(pixels)} images and {len(labels)} labels; {_AGAIN}")
        return torch.from_numpy(np.array(pixels)), torch.tensor(labels, dtype=torch.int64)


def _read_binary(path: Path, label_bytes: int, column: int) -> tuple[Tensor, Tensor]:
    """Return records of the label bytes and the pixels."""
    raw = np.fromfile(path, np.uint8)
    size = label_bytes + _PIXELS
    if raw.size == 0 or raw.size % size:
        raise ValueError(
            f"{path} is cut off: its size must be a multiple of {size} bytes, got "
            f"{raw.size}; {_AGAIN}"
        )
    records = torch.from_numpy(raw).view(-1, size)
    return records[:, label_bytes:], records[:, column].long()
