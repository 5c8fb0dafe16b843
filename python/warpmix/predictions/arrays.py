"""Predictions that other programs wrote: NumPy's files and CSV."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from fnmatch import translate
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from warpmix.predictions.model import Predictions

_ID_COLUMNS = ("id", "sample", "filename", "file", "image")
_LABEL_COLUMNS = ("label", "target")


def read_arrays(
    path: Path,
    *,
    arrays: str = "*",
    labels: str = "labels",
    classes: Sequence[str] | None = None,
    num_classes: int | None = None,
) -> list[Predictions]:
    """All models of one file.

    Args:
        path: ``.npy``: [N, C] of one model, or [M, N, C]. ``.npz``: such arrays, each called like
            its model, and if known ``labels`` [N] and ``ids`` [N]. ``.csv``: a row a sample, a
            column a class; a first row of names is optional, and makes columns called ``id`` (or
            sample, filename, file, image) and ``label`` (or target) possible. In place of [N, C]
            floats, [N] integer labels, or a CSV of ids and labels, are votes for one class.
        arrays: which of an ``.npz`` file's, with ``*`` and ``?``; a model's name is then what the
            first ``*`` stands for.
        labels: the name of an ``.npz`` file's true labels.
        classes, num_classes: for labels in place of predictions: names, or their number.

    Raises:
        ValueError: another kind of file, or contents that are no predictions.
    """
    if path.suffix == ".csv":
        return [_read_csv(path, classes)]
    loaded: Any = np.load(path, allow_pickle=False)
    if path.suffix == ".npy":
        return _models(path.stem, loaded, {}, classes, num_classes)
    with loaded:
        facts = {key: loaded[key] for key in (labels, "ids") if key in loaded.files}
        chosen = {key: loaded[key] for key in loaded.files if key not in facts}
    pattern = re.compile(translate(arrays).replace(".*", "(.*)", 1))
    shared = {"labels": facts.get(labels), "ids": facts.get("ids")}
    models = []
    for key, array in chosen.items():
        if match := pattern.match(key):
            name = match[1] if match.groups() and match[1] and arrays != "*" else key
            models += _models(name, array, shared, classes, num_classes)
    if not models:
        raise ValueError(f"no array matches {arrays!r}; it holds {', '.join(chosen) or 'none'}")
    return models


def _models(
    name: str,
    array: np.ndarray,
    facts: Mapping[str, np.ndarray | None],
    classes: Sequence[str] | None,
    num_classes: int | None,
) -> list[Predictions]:
    if array.dtype.kind in "iu" and array.ndim == 1:
        array = _one_hot(array, len(classes) if classes else num_classes, name)
    if array.dtype.kind != "f":
        raise ValueError(f"expected floating-point predictions, got an array of {array.dtype}")
    members = [(name, array)]
    if array.ndim == 3:
        members = [(f"{name}-{i}", member) for i, member in enumerate(array)]
    labels, ids = facts.get("labels"), facts.get("ids")
    return [
        Predictions(
            torch.from_numpy(member.astype(np.float32)),
            None if labels is None else torch.from_numpy(labels.astype(np.int64)),
            called,
            classes=None if classes is None else tuple(classes),
            ids=None if ids is None else _ids_of(ids),
        )
        for called, member in members
    ]


def _ids_of(ids: np.ndarray) -> Tensor | tuple[str, ...]:
    return (
        torch.from_numpy(ids.astype(np.int64)) if ids.dtype.kind in "iu" else tuple(map(str, ids))
    )


def _one_hot(labels: np.ndarray, count: int | None, name: str) -> np.ndarray:
    """[N, C] float32 of [N] predicted labels."""
    if count is None:
        raise ValueError(
            f"expected floating-point predictions, got an array of {labels.dtype}; predicted "
            "labels need the number of classes too (num_classes=…, --num-classes)"
        )
    if labels.size and (labels.min() < 0 or labels.max() >= count):
        raise ValueError(
            f"{name}: predicted labels must be in 0..{count - 1}, got values from "
            f"{labels.min()} to {labels.max()}"
        )
    return np.eye(count, dtype=np.float32)[labels]


# ---- CSV ----------------------------------------------------------------------------------------


def _read_csv(path: Path, classes: Sequence[str] | None) -> Predictions:
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file) if row]
    if not rows:
        raise ValueError("expected a row a sample, got an empty file")
    names = [str(i) for i in range(len(rows[0]))]
    has_header = not all(map(_is_number, rows[0]))
    if has_header:
        names, rows = [name.strip() for name in rows[0]], rows[1:]
    for number, row in enumerate(rows, start=1 + has_header):
        if len(row) != len(names):
            raise ValueError(f"row {number} must have {len(names)} columns, got {len(row)}")
    columns = dict(zip(names, zip(*rows, strict=True), strict=False))
    ids = _take(columns, _ID_COLUMNS) if has_header else None
    labels = _take(columns, _LABEL_COLUMNS) if has_header else None
    if not columns and labels is not None:  # ids and labels, as Kaggle's: the labels are votes
        if classes is None:
            raise ValueError("a CSV of predicted labels needs the classes' names (--classes)")
        array, labels = _one_hot(_numbers(labels, classes), len(classes), path.stem), None
    else:
        array = np.array([_floats(name, column) for name, column in columns.items()]).T
        classes = classes or (tuple(columns) if has_header else None)
    return Predictions(
        torch.from_numpy(np.ascontiguousarray(array, np.float32)),
        None if labels is None else torch.from_numpy(_numbers(labels, classes)),
        path.stem,
        classes=None if classes is None else tuple(classes),
        ids=None if ids is None else _csv_ids(ids),
    )


def _take(columns: dict[str, Any], wanted: Sequence[str]) -> tuple[str, ...] | None:
    name = next((name for name in columns if name.lower() in wanted), None)
    return None if name is None else columns.pop(name)


def _numbers(labels: Sequence[str], classes: Sequence[str] | None) -> np.ndarray:
    """Labels as numbers; they may be classes' names."""
    number_of = {name: i for i, name in enumerate(classes or ())}
    try:
        return np.array([number_of[v] if v in number_of else int(v) for v in labels], np.int64)
    except ValueError:
        unknown = next(v for v in labels if v not in number_of and not v.lstrip("-").isdigit())
        raise ValueError(f"labels must be numbers or names of classes, got {unknown!r}") from None


def _floats(name: str, column: Sequence[str]) -> np.ndarray:
    try:
        return np.array(column, np.float64)
    except ValueError:
        wrong = next(value for value in column if not _is_number(value))
        raise ValueError(f"column {name!r} must hold numbers, got {wrong!r}") from None


def _csv_ids(ids: Sequence[str]) -> Tensor | tuple[str, ...]:
    whole = all(value.isdigit() for value in ids)
    return torch.tensor([int(value) for value in ids]) if whole else tuple(ids)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
