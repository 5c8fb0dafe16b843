"""NumPy's files: one model's predictions, or many models' and what is known of the samples."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate
from pathlib import Path

import numpy as np
import torch

from warpmix._numpy_files import read_npy as read_array
from warpmix._numpy_files import read_npz as read_arrays
from warpmix.predictions.columns import ID_NAMES, LABEL_NAMES
from warpmix.predictions.labels import ids_of, label_numbers, votes_as_predictions
from warpmix.predictions.model import Predictions
from warpmix.predictions.options import DEFAULTS, ReadOptions

_CLASS_NAMES = frozenset(("classes", "class_names"))


def read_npy(path: Path, options: ReadOptions = DEFAULTS) -> list[Predictions]:
    """Read all models of an ``.npy`` file: [N, C] of one, or [M, N, C]; [N] integers are votes.

    Raises:
        ValueError: another kind of file, or an array that holds no predictions.
    """
    return _models(path.stem, read_array(path), {}, options)


def read_npz(path: Path, options: ReadOptions = DEFAULTS) -> list[Predictions]:
    """Read all models of an ``.npz`` file, an array a model, called like it.

    The samples' ids, their true labels and the classes' names are arrays of one dimension with
    such a name (``ids``, ``labels``, ``classes``, …), or with the one that the options give.

    Raises:
        ValueError: another kind of file, no array that ``options.arrays`` means, two arrays that
            may both be the labels, or an array that holds no predictions.
    """
    arrays = read_arrays(path)
    for name in options.ignore:
        _take(arrays, name, "ignore")
    about = {
        "ids": _known(arrays, options.ids, ID_NAMES, "ids"),
        "labels": _known(arrays, options.labels, LABEL_NAMES, "labels"),
        "classes": _known(arrays, None, _CLASS_NAMES, "classes"),
    }
    pattern = re.compile(translate(options.arrays).replace(".*", "(.*)", 1))
    models = []
    for key, array in arrays.items():
        if match := pattern.match(key):
            name = match[1] if match.groups() and match[1] and options.arrays != "*" else key
            models += _models(name, array, about, options)
    if not models:
        raise ValueError(
            f"no array matches {options.arrays!r}; it holds {', '.join(arrays) or 'none'}"
        )
    return models


def _take(arrays: dict[str, np.ndarray], name: str, option: str) -> np.ndarray:
    if name not in arrays:
        raise ValueError(
            f"no array {name!r} for {option}=… (--{option}); arrays: {', '.join(arrays) or 'none'}"
        )
    return arrays.pop(name)


def _known(
    arrays: dict[str, np.ndarray], named: str | None, usual: Iterable[str], option: str
) -> np.ndarray | None:
    """Take out the array that the user named, or else the only one of a usual name."""
    found = [key for key, array in arrays.items() if key.casefold() in usual and array.ndim == 1]
    if named is None and len(found) > 1:
        raise ValueError(
            f"the arrays {' and '.join(found)} may both be {option}; say which with {option}=… "
            f"(--{option}), or leave one out with ignore=… (--ignore)"
        )
    taken = None if named is None else _take(arrays, named, option)
    others = [_take(arrays, key, option) for key in found if key != named]
    return others[0] if named is None and others else taken


def _models(
    name: str, array: np.ndarray, about: dict[str, np.ndarray | None], options: ReadOptions
) -> list[Predictions]:
    ids, labels, classes = about.get("ids"), about.get("labels"), about.get("classes")
    names = options.classes if classes is None else tuple(map(str, classes.tolist()))
    if array.ndim == 1 and array.dtype.kind in "iuU":
        array = votes_as_predictions(array, names, options.num_classes)
    if array.size == 0:
        raise ValueError(f"expected predictions, got an empty array {name!r} {list(array.shape)}")
    if array.dtype.kind != "f":
        raise ValueError(
            f"expected floating-point predictions, got an array {name!r} of {array.dtype}; leave "
            "it out with ignore=… (--ignore)"
        )
    members = [(name, array)]
    if array.ndim == 3:
        members = [(f"{name}-{i}", member) for i, member in enumerate(array)]
    return [
        Predictions(
            torch.from_numpy(member.astype(np.float32)),
            None if labels is None else label_numbers(labels, names),
            called,
            classes=names,
            ids=None if ids is None else ids_of(ids),
        )
        for called, member in members
    ]
