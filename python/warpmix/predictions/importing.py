"""Files of predictions into a store, whatever program trained the models."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from warpmix.predictions.entry import Entry
from warpmix.predictions.files import reading
from warpmix.predictions.model import Predictions
from warpmix.predictions.samples import Ids
from warpmix.predictions.store import PredictionStore


def import_files(
    store: PredictionStore,
    paths: Iterable[str | os.PathLike[str]],
    *,
    split: str,
    arrays: str = "*",
    labels: str = "labels",
    kind: str = "auto",
    classes: Sequence[str] | None = None,
    num_classes: int | None = None,
    rows: tuple[int, int] | None = None,
    dtype: torch.dtype | None = None,
    overwrite: bool = False,
) -> list[Entry]:
    """Add the models of files to a store; each model as it is read, whole.

    Args:
        paths: ``.safetensors`` (of ``warpmix train`` or ``predict``), ``.npy``, ``.npz``, ``.csv``.
        split: the split they are of.
        arrays, labels, classes, num_classes: as :func:`read_arrays` takes them.
        kind: "probabilities", "logits", or "auto": logits where a value is negative.
        rows: (begin, end) of the samples to take, to make several splits of one file; their
            row numbers in the file are the ids where it has none.
        dtype: to store; None: float32.

    Returns:
        what was added.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: as :func:`read_arrays` and :meth:`PredictionStore.add`, naming the file.
    """
    if kind not in ("auto", "probabilities", "logits"):
        raise ValueError(f"kind must be 'auto', 'probabilities' or 'logits', got {kind!r}")
    added = []
    for path in map(Path, paths):
        with reading(path) as read:
            models = read(arrays=arrays, labels=labels, classes=classes, num_classes=num_classes)
            for model in models:
                chosen = slice(*_check_rows(rows, len(model.predictions)))
                is_logits = kind == "logits" or (
                    kind == "auto" and bool((model.predictions < 0).any())
                )
                added.append(
                    store.add(
                        model.predictions[chosen],
                        model=model.model,
                        split=split,
                        labels=None if model.labels is None else model.labels[chosen],
                        ids=_ids(model)[chosen],
                        classes=model.classes,
                        logits=is_logits,
                        dtype=dtype,
                        recipe=model.recipe,
                        seed=model.seed,
                        dataset=model.dataset,
                        overwrite=overwrite,
                    )
                )
    return added


def _ids(model: Predictions) -> Ids:
    return torch.arange(len(model.predictions)) if model.ids is None else model.ids


def _check_rows(rows: tuple[int, int] | None, count: int) -> tuple[int, int]:
    begin, end = (0, count) if rows is None else rows
    if not 0 <= begin < end <= count:
        raise ValueError(f"rows must be within 0:{count} and not empty, got {begin}:{end}")
    return begin, end
