"""Prediction files: written as safetensors, read from those and from NumPy's.

A file holds ``predictions`` [N, C] float32, ``labels`` [N] int64 where they are known, and the
metadata ``format``, ``model``, ``dataset``, ``split``, ``classes`` (JSON) and ``accuracy``.
"""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..._files import atomic_write
from .model import Predictions

FILE_NAME = "predictions.safetensors"
"""Name of a run's predictions, which :func:`load_many` looks for in folders."""

_FORMAT = "warpmix.predictions"


def save(
    path: str | os.PathLike[str],
    predictions: Tensor,
    labels: Tensor | None = None,
    *,
    model: str,
    dataset: str | None = None,
    split: str | None = None,
    classes: tuple[str, ...] | None = None,
) -> None:
    """Write one model's predictions, whole or not at all.

    Args:
        path: the file, by custom ``predictions.safetensors`` in the folder of the run.
        predictions: [N, C] probabilities, floating-point, on any device.
        labels: [N] int64, on any device; None where they are unknown.
        model, dataset, split, classes: as in :class:`Predictions`.

    Raises:
        TypeError, ValueError: as :class:`Predictions`, or rows that are no probabilities.
        OSError: the file cannot be written.
    """
    if not predictions.is_floating_point():
        raise TypeError(f"predictions must be floating-point, got {predictions.dtype}")
    stored = Predictions(
        predictions.detach().to("cpu", torch.float32).contiguous(),
        None if labels is None else labels.detach().cpu().contiguous(),
        model,
        dataset,
        split,
        classes,
    )
    if not stored.are_probabilities:
        raise ValueError(
            "predictions must be probabilities, non-negative rows that sum to 1; "
            "convert logits with torch.softmax(logits, dim=1)"
        )
    tensors = {"predictions": stored.predictions}
    if stored.labels is not None:
        tensors["labels"] = stored.labels
    metadata = {
        "format": _FORMAT,
        "model": model,
        "dataset": dataset,
        "split": split,
        "classes": None if classes is None else json.dumps(classes),
        "accuracy": None if stored.accuracy is None else repr(stored.accuracy),
    }
    with atomic_write(path) as temporary:
        save_file(tensors, temporary, {key: text for key, text in metadata.items() if text})


def load(path: str | os.PathLike[str]) -> Predictions:
    """Read one model's predictions.

    Args:
        path: a file of :func:`save`; or a ``.npy`` file of one [N, C] array, or a ``.npz`` file of
            one such array and, if known, ``labels`` [N]; the model is then called like the file.

    Returns:
        the predictions, on the CPU.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: another kind of file, a damaged one, or contents that :class:`Predictions`
            refuses; the message begins with the path.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no prediction file {path.absolute()}")
    try:
        if path.suffix == ".safetensors":
            return _load_safetensors(path)
        if path.suffix in (".npy", ".npz"):
            return _load_numpy(path)
        raise ValueError("expected the extension .safetensors, .npy or .npz")
    except (ValueError, TypeError, EOFError, SafetensorError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: {error}") from error


def _load_safetensors(path: Path) -> Predictions:
    with safe_open(path, framework="pt") as file:
        metadata: dict[str, str] = file.metadata() or {}
        if metadata.get("format") != _FORMAT:
            raise ValueError("not a file of predictions, but of other tensors, such as weights")
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    classes = metadata.get("classes")
    return Predictions(
        tensors["predictions"],
        tensors.get("labels"),
        metadata["model"],
        metadata.get("dataset"),
        metadata.get("split"),
        None if classes is None else tuple(json.loads(classes)),
    )


def _load_numpy(path: Path) -> Predictions:
    loaded: Any = np.load(path, allow_pickle=False)
    arrays = {"": loaded}
    if path.suffix == ".npz":
        with loaded:
            arrays = {name: loaded[name] for name in loaded.files}
    labels = arrays.pop("labels", None)
    if len(arrays) != 1:
        raise ValueError(
            "expected one [N, C] array and, if known, 'labels', got "
            f"{', '.join(arrays) or 'no array'}; save each model's predictions to a file of its own"
        )
    (array,) = arrays.values()
    if array.dtype.kind != "f":
        raise ValueError(f"expected floating-point predictions, got an array of {array.dtype}")
    return Predictions(
        torch.from_numpy(array.astype(np.float32)),
        None if labels is None else torch.from_numpy(labels.astype(np.int64)),
        path.stem,
    )
