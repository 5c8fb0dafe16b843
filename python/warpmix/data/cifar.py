"""CIFAR-10 from its official files, in the python and the binary layout.

Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009;
https://www.cs.toronto.edu/~kriz/cifar.html describes both layouts and gives the archives' MD5.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .archive import check_md5
from .cifar_files import PYTHON, find_or_download
from .dataset import Dataset
from .safe_pickle import load_pickle

CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
_PIXELS = 3 * 32 * 32  # of one image: the red plane, the green, the blue, each row by row


def load_cifar10(
    root: str | Path, split: str = "train", download: bool = False, verify: bool = True
) -> Dataset:
    """CIFAR-10: 50,000 training and 10,000 test images of 32x32 RGB pixels in ten classes.

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
    if split not in ("train", "test"):
        raise ValueError(
            f"split must be 'train' or 'test' for cifar10, got {split!r}; "
            "hold rows out of 'train' with warpmix.data.stratified_split"
        )
    layout, folder = find_or_download(Path(root), split, download, verify)
    parts = []
    for path in layout.files(folder, split):
        if verify:
            check_md5(path, layout.md5[path.name.removesuffix(layout.suffix)])
        parts.append((_read_pickled if layout is PYTHON else _read_binary)(path))
    planes, labels = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
    images = planes.view(-1, 3, 32, 32).permute(0, 2, 3, 1).contiguous()
    return Dataset(images, labels, CLASSES, "cifar10")


def _read_pickled(path: Path) -> tuple[Tensor, Tensor]:
    """Planes [n, 3072] uint8 and labels [n] int64 of a batch of the python layout."""
    batch = load_pickle(path)
    entries = {}
    if isinstance(batch, dict):  # keys are bytes in the official files, str in ones saved again
        entries = {k.decode("latin1") if isinstance(k, bytes) else k: v for k, v in batch.items()}
    pixels, labels = entries.get("data"), entries.get("labels")
    if (
        not isinstance(pixels, np.ndarray)
        or pixels.dtype != np.uint8
        or pixels.shape[1:] != (_PIXELS,)
        or not isinstance(labels, list)
        or not all(isinstance(label, int) for label in labels)
    ):
        raise ValueError(
            f"{path} is not a CIFAR-10 batch: a dict with 'data' [n, {_PIXELS}] uint8 and 'labels' "
            "[n] was expected; get the file again from its official source"
        )
    return torch.from_numpy(np.array(pixels)), torch.tensor(labels, dtype=torch.int64)


def _read_binary(path: Path) -> tuple[Tensor, Tensor]:
    """The same of a batch of the binary layout: records of one label byte and the pixels."""
    raw = np.fromfile(path, np.uint8)
    if raw.size == 0 or raw.size % (1 + _PIXELS):
        raise ValueError(
            f"{path} is cut off: its size must be a multiple of {1 + _PIXELS} bytes, got "
            f"{raw.size}; get the file again from its official source"
        )
    records = torch.from_numpy(raw).view(-1, 1 + _PIXELS)
    return records[:, 1:], records[:, 0].long()
