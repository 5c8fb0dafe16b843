"""Files of predictions into a store, whatever program trained the models."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import torch

from warpmix.predictions.entry import Entry
from warpmix.predictions.options import DEFAULTS, ReadOptions
from warpmix.predictions.reading import reading
from warpmix.predictions.store import PredictionStore


def import_files(
    store: PredictionStore,
    paths: Iterable[str | os.PathLike[str]],
    *,
    split: str,
    options: ReadOptions = DEFAULTS,
    rows: tuple[int, int] | None = None,
    dtype: torch.dtype | None = None,
    overwrite: bool = False,
) -> list[Entry]:
    """Add the models of files to a store; each model as it is read, whole.

    A call that was killed can be repeated: what it had added already stays as it is.

    Args:
        paths: ``.safetensors`` (of ``warpmix train`` or ``predict``), ``.npy``, ``.npz``, ``.csv``.
        split: the split they are of.
        options: how they are read and matched.
        rows: (begin, end) of the samples to take, to make several splits of one file.
        dtype: to store; None: float32.

    Returns:
        what was added.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: as :func:`load` and :meth:`PredictionStore.add`, naming the file.
    """
    added = []
    for path in map(Path, paths):
        with reading(path) as read:
            for model in read(options):
                begin, end = _check_rows(rows, len(model.predictions))
                added.append(
                    store.add(
                        model.predictions[begin:end],
                        model=model.model,
                        split=split,
                        labels=None if model.labels is None else model.labels[begin:end],
                        ids=None if model.ids is None else model.ids[begin:end],
                        classes=model.classes,
                        logits=model.holds_logits,
                        dtype=dtype,
                        recipe=model.recipe,
                        seed=model.seed,
                        dataset=model.dataset,
                        overwrite=overwrite,
                        first_row=begin,
                        assume_same_order=options.assume_same_order,
                        repeat=True,
                    )
                )
    return added


def _check_rows(rows: tuple[int, int] | None, count: int) -> tuple[int, int]:
    begin, end = (0, count) if rows is None else rows
    if not 0 <= begin < end <= count:
        raise ValueError(f"rows must be within 0:{count} and not empty, got {begin}:{end}")
    return begin, end
