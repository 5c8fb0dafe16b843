"""Prediction files as this package writes them.

A file holds ``predictions`` [N, C] float32, ``labels`` [N] int64 and ``ids`` where they are known,
and the metadata ``format``, ``model``, ``dataset``, ``split``, ``classes`` (JSON) and ``accuracy``.
A store's member is such a file, too, but its ids and labels are the store's.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save as to_bytes
from torch import Tensor

from warpmix._files import atomic_write
from warpmix._tensor_files import read_tensor_file
from warpmix._tensors import check_dense
from warpmix.predictions.entry import FORMAT, TENSOR, Entry
from warpmix.predictions.model import Predictions
from warpmix.predictions.samples import (
    Ids,
    Samples,
    check_ids,
    ids_from_tensor,
    ids_kind,
    ids_to_tensor,
    strings_from_json,
)
from warpmix.predictions.store_folder import StoreFolder

REMEDY = "write it again with warpmix train or warpmix predict, or import it again"
"""What to do about a damaged file of predictions."""

FILE_NAME = "predictions.safetensors"
"""Name of a run's predictions, which :func:`load_many` looks for in folders."""


def save(
    path: str | os.PathLike[str],
    predictions: Tensor,
    labels: Tensor | None = None,
    *,
    model: str,
    dataset: str | None = None,
    split: str | None = None,
    classes: tuple[str, ...] | None = None,
    ids: Ids | Sequence[str | int] | None = None,
) -> None:
    """Write one model's predictions, whole or not at all.

    Args:
        path: the file, by custom ``predictions.safetensors`` in the folder of the run.
        predictions: [N, C] probabilities, floating-point, on any device.
        labels: [N] int64, on any device; None where they are unknown.
        model, dataset, split, classes, ids: as in :class:`Predictions`.

    Raises:
        TypeError, ValueError: as :class:`Predictions`, or rows that are no probabilities.
        OSError: the file cannot be written.
    """
    check_dense("predictions", predictions)
    if labels is not None:
        check_dense("labels", labels)
    if not predictions.is_floating_point():
        raise TypeError(f"predictions must be floating-point, got {predictions.dtype}")
    stored = Predictions(
        predictions.detach().to("cpu", torch.float32).contiguous(),
        None if labels is None else labels.detach().cpu().contiguous(),
        model,
        dataset,
        split,
        classes,
        None if ids is None else check_ids(ids, len(predictions)),
    )
    if not stored.are_probabilities:
        raise ValueError(
            "predictions must be probabilities, non-negative rows that sum to 1; "
            "convert logits with torch.softmax(logits, dim=1)"
        )
    tensors = {TENSOR: stored.predictions}
    if stored.labels is not None:
        tensors["labels"] = stored.labels
    if stored.ids is not None:
        tensors["ids"] = ids_to_tensor(stored.ids)
    metadata = {
        "format": FORMAT,
        "ids_kind": None if stored.ids is None else ids_kind(stored.ids),
        "model": model,
        "dataset": dataset,
        "split": split,
        "classes": None if classes is None else json.dumps(classes),
        "accuracy": None if stored.accuracy is None else repr(stored.accuracy),
    }
    with atomic_write(path) as temporary:
        # Not save_file: that makes files that the owner alone can read, whatever the umask.
        temporary.write_bytes(to_bytes(tensors, {k: text for k, text in metadata.items() if text}))


def read_safetensors(path: Path) -> Predictions:
    """Return the predictions of a file of :func:`save`, or of a store's member.

    Raises:
        ValueError: a damaged file, or one of something else.
    """
    tensors, metadata = read_tensor_file(path, REMEDY)
    if metadata.get("format") != FORMAT:
        raise ValueError("not a file of predictions, but of other tensors, such as weights")
    if TENSOR not in tensors or not tensors[TENSOR].is_floating_point():
        raise ValueError(f"it has no floating-point tensor {TENSOR!r}; {REMEDY}")
    if "model" not in metadata:
        raise ValueError(f"its header does not name the model; {REMEDY}")
    if "kind" in metadata or "ids" in metadata:
        return _read_member(path, tensors[TENSOR])
    classes = metadata.get("classes")
    return Predictions(
        tensors[TENSOR].float(),
        tensors.get("labels"),
        metadata["model"],
        metadata.get("dataset"),
        metadata.get("split"),
        None if classes is None else strings_from_json(classes),
        ids_from_tensor(tensors["ids"], metadata.get("ids_kind", "")) if "ids" in tensors else None,
        logits=False,
    )


def _read_member(path: Path, predictions: Tensor) -> Predictions:
    """Return a member by itself; what its rows are, its store says."""
    entry = Entry.of_file(path)
    folder = StoreFolder(path.parent.parent)
    about = Samples(torch.arange(entry.samples), None)
    if folder.samples(entry.split).is_file():
        about = Samples.load(folder.samples(entry.split))
    if about.digest != entry.ids:
        raise ValueError("the ids of its samples are in the store that it was taken from")
    return member_of(entry, predictions.float(), about)


def member_of(entry: Entry, predictions: Tensor, about: Samples) -> Predictions:
    """Return a store's member in memory."""
    return Predictions(
        predictions,
        about.labels,
        entry.model,
        entry.dataset,
        entry.split,
        entry.classes,
        None if entry.numbered else about.ids,
        entry.recipe,
        entry.seed,
        entry.logits,
    )
