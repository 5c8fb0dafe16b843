"""Images that are arrays already: a user's own, and the .npy files of CIFAR-10.1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from warpmix._memory import MAX_CLASSES
from warpmix._numpy_files import read_npy, read_npz
from warpmix._reading import reading_file
from warpmix.data.cifar import CLASSES
from warpmix.data.dataset import Dataset
from warpmix.data.split import train_or_test

CIFAR101_VERSIONS = ("v4", "v6")
_REMEDY = "save images [N, H, W, C] uint8 and labels [N] integers"
_URL = "https://github.com/modestyachts/CIFAR-10.1/tree/master/datasets"


def from_arrays(
    images: Any,
    labels: Any,
    classes: tuple[str, ...] | None = None,
    name: str = "arrays",
    layout: str = "NHWC",
) -> Dataset:
    """Return a data set of arrays in memory.

    Args:
        images: [N, H, W, C], [N, C, H, W] (see ``layout``) or [N, H, W] (grey) uint8, NumPy or
            torch.
        labels: [N] integers.
        classes: names of the labels; None: their numbers.
        name: for messages and result files.
        layout: ``"NHWC"`` or ``"NCHW"``.

    Raises:
        TypeError: images that are not uint8, or labels that are no integers.
        ValueError: shapes, lengths or labels that do not fit.
    """
    pixels, numbers = torch.as_tensor(images), torch.as_tensor(labels)
    if layout not in ("NHWC", "NCHW"):
        raise ValueError(f"layout must be 'NHWC' or 'NCHW', got {layout!r}")
    if pixels.dim() == 3:
        pixels = pixels.unsqueeze(-1)
    elif layout == "NCHW":
        pixels = pixels.permute(0, 2, 3, 1)
    if numbers.is_floating_point() or numbers.is_complex() or numbers.dtype == torch.bool:
        raise TypeError(f"labels must be integers, got {numbers.dtype}")
    numbers = numbers.long().flatten() if numbers.dim() == 2 else numbers.long()
    if classes is None:
        highest = int(numbers.max()) if numbers.numel() else 0
        if highest >= MAX_CLASSES:
            raise ValueError(
                f"labels must be below {MAX_CLASSES:,}, because they count the classes, got "
                f"{highest}; number the classes from 0 on, or name them with classes"
            )
        classes = tuple(str(label) for label in range(highest + 1))
    return Dataset(pixels.contiguous(), numbers, classes, name)


def load_arrays(path: str | Path, split: str = "train") -> Dataset:
    """Read images from a ``.npz`` file, or from a pair of ``.npy`` files.

    A ``.npz`` file holds ``images`` and ``labels``, ``x`` and ``y``, or ``x_train``, ``y_train``,
    ``x_test`` and ``y_test`` as Keras's do. Of a pair of ``.npy`` files, the name of the images'
    holds ``data`` or ``images``, and that of the labels' ``labels`` in its place. Without parts of
    its own, one fifth, stratified and always the same, is ``"test"``.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: no such arrays; objects instead of numbers; another split.
        TypeError: images that are not uint8.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path.absolute()} does not exist")
    has_parts = False
    if path.suffix == ".npy":
        images, labels = read_npy(path), read_npy(_labels_beside(path))
    else:
        arrays = read_npz(path, lambda names: _of_split(path, names, split))
        has_parts = f"x_{split}" in arrays
        images, labels = arrays.values()
    with reading_file(path, _REMEDY):
        dataset = from_arrays(images, labels, name=path.stem)
        return dataset if has_parts else dataset.subset(train_or_test(dataset.labels, split))


def _of_split(path: Path, names: frozenset[str], split: str) -> tuple[str, str]:
    """Return the names of the images' and the labels' arrays."""
    for pair in ((f"x_{split}", f"y_{split}"), ("images", "labels"), ("x", "y")):
        if names.issuperset(pair):
            return pair
    raise ValueError(
        f"{path} must hold 'images' and 'labels', 'x' and 'y', or 'x_{split}' and "
        f"'y_{split}', got {', '.join(sorted(names)) or 'nothing'}"
    )


def load_cifar101(root: str | Path, version: str = "v6") -> Dataset:
    """Load CIFAR-10.1: new test images for CIFAR-10 (Recht et al., arXiv:1806.00451).

    Args:
        root: a folder with ``cifar10.1_VERSION_data.npy`` and ``cifar10.1_VERSION_labels.npy``, or
            with a folder ``datasets`` or ``CIFAR-10.1/datasets`` that has them.
        version: ``"v6"`` (2,000 images) or ``"v4"`` (2,021).

    Raises:
        FileNotFoundError: the files are not there.
        ValueError: another version; other arrays than these.
    """
    if version not in CIFAR101_VERSIONS:
        raise ValueError(f"version must be one of {', '.join(CIFAR101_VERSIONS)}, got {version!r}")
    file = f"cifar10.1_{version}_data.npy"
    places = [Path(root, *parts) for parts in ((), ("datasets",), ("CIFAR-10.1", "datasets"))]
    path = next((place / file for place in places if (place / file).is_file()), None)
    if path is None:
        raise FileNotFoundError(
            f"no CIFAR-10.1 under {Path(root).absolute()}: looked for {file}; get it and "
            f"{file.replace('data', 'labels')} from {_URL}"
        )
    images, labels = read_npy(path), read_npy(_labels_beside(path))
    if images.shape[1:] != (32, 32, 3):
        raise ValueError(f"{path} must be [N, 32, 32, 3], got {list(images.shape)}")
    with reading_file(path, _REMEDY):
        return from_arrays(images, labels, CLASSES, f"cifar10.1-{version}")


def _labels_beside(path: Path) -> Path:
    for word in ("data", "images"):
        if word in path.name:
            beside = path.with_name(path.name.replace(word, "labels"))
            if beside.is_file():
                return beside
            raise FileNotFoundError(f"{path} has no labels beside it: expected {beside.name}")
    raise ValueError(
        f"{path} must have 'data' or 'images' in its name, so that its labels are found"
    )
