"""Images that are arrays already: a user's own, and the .npy files of CIFAR-10.1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from warpmix._memory import MAX_CLASSES
from warpmix._numbers import native, shown
from warpmix._numpy_files import read_npy, read_npz
from warpmix._reading import reading_file
from warpmix._tensors import check_dense
from warpmix.data.cifar import CLASSES
from warpmix.data.dataset import Dataset
from warpmix.data.split import train_or_test

CIFAR101_VERSIONS = ("v4", "v6")
_SPLITS = {"train": ("train", "training"), "val": ("val", "valid", "validation"), "test": ("test",)}
"""Of each split, its names in a ``.npz`` file, in lower case."""
_REMEDY = "save images [N, H, W, C] uint8 and labels [N] integers"
_URL = "https://github.com/modestyachts/CIFAR-10.1/tree/master/datasets"


def from_arrays(
    images: Any,
    labels: Any,
    classes: tuple[str, ...] | None = None,
    name: str = "arrays",
    layout: str | None = None,
) -> Dataset:
    """Return a data set of arrays in memory.

    Args:
        images: [N, H, W, C], [N, C, H, W] (see ``layout``) or [N, H, W] (grey) uint8, NumPy or
            torch, with any strides.
        labels: [N] or [N, 1] integers, of any width and byte order.
        classes: names of the labels; None: their numbers.
        name: for messages and result files.
        layout: ``"NHWC"`` or ``"NCHW"``; None: the channels are the axis, the second or the last,
            of length 1 or 3, or else of 2 or 4; it must be one alone.

    Raises:
        TypeError: images that are not uint8, or labels that are no integers.
        ValueError: shapes, lengths or labels that do not fit; a layout that the shape leaves open.
    """
    if layout not in (None, "NHWC", "NCHW"):
        raise ValueError(f"layout must be 'NHWC' or 'NCHW', or left out, got {shown(layout)}")
    pixels, numbers = _tensor("images", images), _tensor("labels", labels)
    if pixels.dim() == 3:
        pixels = pixels.unsqueeze(-1)
    elif pixels.dim() != 4:
        raise ValueError(
            "images must be [N, H, W, C], [N, C, H, W] or [N, H, W], got the shape "
            f"{list(pixels.shape)}; bring rows of pixels to it with images.reshape"
        )
    elif (layout or _layout(list(pixels.shape))) == "NCHW":
        pixels = pixels.permute(0, 2, 3, 1)
    if numbers.is_floating_point() or numbers.is_complex() or numbers.dtype == torch.bool:
        raise TypeError(
            f"labels must be integers, got {numbers.dtype}; use labels.long() if they are whole"
        )
    if numbers.dim() == 2 and numbers.shape[1] != 1:
        raise ValueError(
            f"labels must be [N] or [N, 1], one of each image, got {list(numbers.shape)}; of "
            "one-hot rows take labels.argmax(1)"
        )
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


def load_arrays(path: str | Path, split: str = "train", layout: str | None = None) -> Dataset:
    """Read images from a ``.npz`` file, or from a pair of ``.npy`` files.

    A ``.npz`` file holds the arrays of each split, such as ``x_train`` and ``y_train`` (Keras),
    ``train_images`` and ``train_labels`` (MedMNIST), in upper or lower case, with ``train``,
    ``val`` or ``valid``, and ``test``; or those of one part, ``images`` and ``labels`` or ``x`` and
    ``y``. Of a pair of ``.npy`` files, the name of the images' holds ``data`` or ``images``, and
    that of the labels' ``labels`` in its place. Without parts of its own, one fifth, stratified and
    always the same, is ``"test"``.

    Args:
        path: the file.
        split: ``"train"``, ``"test"`` or, where the file has it, ``"val"``.
        layout: as :func:`from_arrays`.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: no such arrays; objects instead of numbers; another split; see ``layout``.
        TypeError: images that are not uint8.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path.absolute()} does not exist")
    whole = True
    if path.suffix == ".npy":
        images, labels = read_npy(path), read_npy(_labels_beside(path))
    else:
        found: dict[str | None, tuple[str, str]] = {}

        def of_split(names: frozenset[str]) -> tuple[str, str]:
            found.update(_parts(path, sorted(names)))
            part = None if not found.keys() - {None} else split
            if part not in found:
                raise ValueError(
                    f"{path} must hold 'images' and 'labels', 'x' and 'y', 'x_{split}' and "
                    f"'y_{split}', or '{split}_images' and '{split}_labels', got "
                    f"{', '.join(sorted(names)) or 'nothing'}"
                )
            return found[part]

        images, labels = read_npz(path, of_split).values()
        whole = not found.keys() - {None}
    with reading_file(path, _REMEDY):
        dataset = from_arrays(images, labels, name=path.stem, layout=layout)
        return dataset.subset(train_or_test(dataset.labels, split)) if whole else dataset


def splits_of_arrays(path: Path) -> tuple[str, ...]:
    """Return the names of the splits of a file that :func:`load_arrays` reads."""
    if path.suffix == ".npy":
        return ("train", "test")
    parts: dict[str | None, tuple[str, str]] = {}

    def look(names: frozenset[str]) -> tuple[str, ...]:
        parts.update(_parts(path, sorted(names)))
        return ()

    read_npz(path, look)
    return tuple(split for split in _SPLITS if split in parts) or ("train", "test")


def _parts(path: Path, names: list[str]) -> dict[str | None, tuple[str, str]]:
    """Return the names of images and labels of each split; those of None are not split."""
    by_lower = {name.lower(): name for name in names}
    if len(by_lower) < len(names):
        raise ValueError(
            f"{path} has arrays whose names differ in case alone: {', '.join(sorted(names))}; "
            "rename one of them"
        )
    forms = [(split, alias) for split, aliases in _SPLITS.items() for alias in aliases]
    pairs: list[tuple[str | None, str, str]] = []
    for split, alias in forms:
        pairs += [
            (split, f"x_{alias}", f"y_{alias}"),
            (split, f"{alias}_images", f"{alias}_labels"),
            (split, f"images_{alias}", f"labels_{alias}"),
            (split, f"{alias}_x", f"{alias}_y"),
        ]
    pairs += [(None, "images", "labels"), (None, "x", "y"), (None, "data", "labels")]
    found: dict[str | None, tuple[str, str]] = {}
    for part, x, y in pairs:
        if x in by_lower and y in by_lower:
            found.setdefault(part, (by_lower[x], by_lower[y]))
    return found


def _tensor(name: str, values: Any) -> torch.Tensor:
    """Return numbers in a tensor, whatever their strides and byte order."""
    if isinstance(values, torch.Tensor):
        check_dense(name, values)
        return values
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} must all be of one shape ({error})") from error
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be an array of numbers, got one of {array.dtype}")
    return torch.from_numpy(native(array))


def _layout(shape: list[int]) -> str:
    """Return where the channels are."""
    for lengths in ((1, 3), (2, 4)):
        channels_first, channels_last = shape[1] in lengths, shape[3] in lengths
        if channels_first != channels_last:
            return "NCHW" if channels_first else "NHWC"
        if channels_first:
            break
    raise ValueError(
        f"images of the shape {shape} may be [N, H, W, C] or [N, C, H, W]: say which with "
        "layout='NHWC' or layout='NCHW'"
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
        return from_arrays(images, labels, CLASSES, f"cifar10.1-{version}", "NHWC")


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
