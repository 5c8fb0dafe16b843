"""Prediction files: written as safetensors, read from those, from NumPy's and from CSV.

A file holds ``predictions`` [N, C] float32, ``labels`` [N] int64 where they are known, and the
metadata ``format``, ``model``, ``dataset``, ``split``, ``classes`` (JSON) and ``accuracy``.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from warpmix._files import atomic_write
from warpmix.predictions.arrays import read_arrays
from warpmix.predictions.entry import FORMAT, TENSOR
from warpmix.predictions.model import Predictions

FILE_NAME = "predictions.safetensors"
"""Name of a run's predictions, which :func:`load_many` looks for in folders."""

_ARRAYS = (".npy", ".npz", ".csv")


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
    tensors = {TENSOR: stored.predictions}
    if stored.labels is not None:
        tensors["labels"] = stored.labels
    metadata = {
        "format": FORMAT,
        "model": model,
        "dataset": dataset,
        "split": split,
        "classes": None if classes is None else json.dumps(classes),
        "accuracy": None if stored.accuracy is None else repr(stored.accuracy),
    }
    with atomic_write(path) as temporary:
        # Not save_file: that makes files that the owner alone can read, whatever the umask.
        temporary.write_bytes(to_bytes(tensors, {k: text for k, text in metadata.items() if text}))


def load(path: str | os.PathLike[str]) -> Predictions:
    """Read one model's predictions.

    Args:
        path: a file of :func:`save`; or an ``.npy``, ``.npz`` or ``.csv`` file of one [N, C] array
            and, if known, labels (see :func:`read_arrays`); the model is then called like the file.

    Returns:
        the predictions, on the CPU.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: another kind of file, a damaged one, or contents that :class:`Predictions`
            refuses; the message begins with the path.
    """
    with reading(Path(path)) as read:
        models: list[Predictions] = read()
        if len(models) != 1:
            raise ValueError(
                "expected one [N, C] array and, if known, 'labels', got "
                f"{', '.join(model.model for model in models)}; save each model's predictions to a "
                "file of its own, or import them all into a store: warpmix ensemble import"
            )
    if Path(path).suffix in _ARRAYS:
        return replace(models[0], model=Path(path).stem)
    return models[0]


@contextmanager
def reading(path: Path) -> Iterator[Callable[..., list[Predictions]]]:
    """Yield what reads all models of a file (arguments as :func:`read_arrays`); errors inside
    begin with the path."""
    if not path.is_file():
        raise FileNotFoundError(f"no prediction file {path.absolute()}")
    try:
        if path.suffix == ".safetensors":
            yield lambda **_: [_load_safetensors(path)]
        elif path.suffix in _ARRAYS:
            yield partial(read_arrays, path)
        else:
            raise ValueError("expected the extension .safetensors, .npy, .npz or .csv")
    except (ValueError, TypeError, EOFError, SafetensorError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: {error}") from error


def _load_safetensors(path: Path) -> Predictions:
    with safe_open(path, framework="pt") as file:
        metadata: dict[str, str] = file.metadata() or {}
        if metadata.get("format") != FORMAT:
            raise ValueError("not a file of predictions, but of other tensors, such as weights")
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    classes = metadata.get("classes")
    return Predictions(
        tensors[TENSOR].float(),
        tensors.get("labels"),
        metadata["model"],
        metadata.get("dataset"),
        metadata.get("split"),
        None if classes is None else tuple(json.loads(classes)),
    )
