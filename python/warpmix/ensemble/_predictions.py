"""Predictions as they are given: tensors, NumPy arrays, lists of either, and stored ones."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from warpmix._tensors import check_dense
from warpmix.ensemble._inputs import Integers, as_array
from warpmix.predictions import PredictionStack, StoredPredictions

Checked: TypeAlias = Tensor | StoredPredictions | PredictionStack
"""[M, N, C]: in memory, or on disk."""

PredictionsLike: TypeAlias = Checked | np.ndarray | Sequence[Tensor | np.ndarray]
"""What every function of this package takes for predictions of M models for N samples of C classes.

A tensor [M, N, C] of float16, bfloat16, float32 or float64; a NumPy array [M, N, C] of any
floating-point dtype; a list or tuple of M such tensors or arrays [N, C]; or what a store opens.
Voting is done in float32: wider types are rounded to it, to the nearest. Lists of different dtypes
become float32.
"""

_DTYPES = (torch.float32, torch.float16, torch.bfloat16)


def as_predictions(predictions: PredictionsLike, name: str = "predictions") -> Checked:
    """Return predictions as a contiguous tensor [M, N, C], or as they are if they are stored.

    Args:
        name: what errors call them.

    Returns:
        A tensor of float32, float16 or bfloat16; it shares the caller's memory where it can.

    Raises:
        TypeError: what holds no floating-point numbers.
        ValueError: another shape, or an empty one; a list of different shapes or devices.
    """
    if isinstance(predictions, (StoredPredictions, PredictionStack)):
        return predictions
    if isinstance(predictions, (list, tuple)):
        tensor = _stacked(predictions, name)
    else:
        tensor = _as_tensor(predictions, name)
    if tensor.dim() != 3:
        raise ValueError(
            f"{name} must be [models, samples, classes], got shape {tuple(tensor.shape)}"
        )
    models, _, classes = tensor.shape
    if models == 0:
        raise ValueError(f"{name} must hold at least one model, got an empty ensemble")
    if classes == 0:
        raise ValueError(f"{name} must have at least one class, got 0")
    return tensor.contiguous()


def as_member(predictions: Tensor | np.ndarray, name: str) -> Tensor:
    """Return one model's predictions as a tensor [N, C] of float32, float16 or bfloat16.

    Raises:
        TypeError: what holds no floating-point numbers.
        ValueError: another shape.
    """
    tensor = _as_tensor(predictions, name)
    if tensor.dim() != 2:
        raise ValueError(f"{name} must be [samples, classes], got shape {tuple(tensor.shape)}")
    return tensor


def take(predictions: Checked, models: Integers) -> Checked:
    """Return the predictions of these models, in this order; what is stored is not read."""
    chosen = torch.as_tensor(models, dtype=torch.int64).tolist()
    if isinstance(predictions, StoredPredictions):
        return replace(
            predictions,
            entries=tuple(predictions.entries[i] for i in chosen),
            paths=tuple(predictions.paths[i] for i in chosen),
        )
    if isinstance(predictions, PredictionStack):
        return replace(
            predictions,
            predictions=predictions.predictions[chosen],
            models=tuple(predictions.models[i] for i in chosen),
            paths=tuple(predictions.paths[i] for i in chosen),
        )
    return predictions[chosen]


def are_the_same(first: PredictionsLike, second: PredictionsLike) -> bool:
    """Return whether two predictions are one object, or one memory."""
    if first is second:
        return True
    checked = as_predictions(first), as_predictions(second)
    tensors = [predictions for predictions in checked if isinstance(predictions, Tensor)]
    if len(tensors) < 2:
        return False
    pointers = {tensor.data_ptr() for tensor in tensors}
    return len(pointers) == 1 and tensors[0].numel() > 0 and tensors[0].shape == tensors[1].shape


def _stacked(members: Sequence[Tensor | np.ndarray], name: str) -> Tensor:
    """Return [M, N, C] of M predictions [N, C]."""
    if not members:
        raise ValueError(f"{name} must hold at least one model, got an empty ensemble")
    tensors = [as_member(member, f"{name}[{model}]") for model, member in enumerate(members)]
    first = tensors[0]
    for model, tensor in enumerate(tensors):
        for what, expected, got in (
            ("shape", list(first.shape), list(tensor.shape)),
            ("device", first.device, tensor.device),
        ):
            if got != expected:
                raise ValueError(
                    f"{name} must be of one {what}, got {expected} for model 0 and {got} for "
                    f"model {model}"
                )
    if len({tensor.dtype for tensor in tensors}) > 1:
        tensors = [tensor.float() for tensor in tensors]
    return torch.stack(tensors)


def _as_tensor(values: PredictionsLike, name: str) -> Tensor:
    """Return [...] float32, float16 or bfloat16."""
    if isinstance(values, Tensor):
        check_dense(name, values)
        if values.dtype not in (*_DTYPES, torch.float64):
            raise TypeError(
                f"{name} must be float16, bfloat16, float32 or float64, got {values.dtype}; "
                f"use {name}.float()"
            )
        return values.detach().to(torch.float32 if values.dtype == torch.float64 else values.dtype)
    array = as_array(name, values)
    if array.dtype.kind != "f":
        raise TypeError(
            f"{name} must be a tensor, a NumPy array, a list of them or a store's, of "
            f"floating-point numbers, got {type(values).__name__} of {array.dtype}"
        )
    # What is too large for float32 becomes infinite, and is refused as such later, with its place.
    with np.errstate(over="ignore"):
        kept = array.dtype in (np.float16, np.float32) and array.dtype.isnative
        array = np.ascontiguousarray(array, array.dtype if kept else np.float32)
    with warnings.catch_warnings():
        # torch warns of arrays that cannot be written, such as mapped files; nothing writes here.
        warnings.filterwarnings("ignore", "The given NumPy array is not writable", UserWarning)
        return torch.from_numpy(array)
