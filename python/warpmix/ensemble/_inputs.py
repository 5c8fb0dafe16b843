"""Checks of the numbers that voting is given: what was expected, what was got, the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import SupportsFloat, TypeAlias

import numpy as np
import torch
from torch import Tensor

from warpmix._numbers import shown
from warpmix._tensors import check_dense

Integers: TypeAlias = Tensor | np.ndarray | Sequence[int]
"""Of any integer dtype."""

Numbers: TypeAlias = Tensor | np.ndarray | Sequence[float]
"""Of any integer or floating-point dtype."""

_FLOAT32 = torch.finfo(torch.float32)


def check_targets(targets: Integers, samples: int, classes: int, device: torch.device) -> Tensor:
    """Return true classes as [N] int64 of [0, C), contiguous, on the device.

    Raises:
        TypeError: they are no integers.
        ValueError: another shape, or a class out of range.
    """
    checked = as_integers("targets", targets)
    if tuple(checked.shape) != (samples,):
        raise ValueError(
            f"targets must have shape [{samples}], a class a sample, got {list(checked.shape)}"
        )
    checked = checked.to(device).contiguous()
    if samples:
        low, high = (int(v) for v in torch.aminmax(checked))
        if low < 0 or high >= classes:
            raise ValueError(f"targets must be in [0, {classes}), got {low if low < 0 else high}")
    return checked


def check_weights(weights: Numbers, models: int, device: torch.device) -> Tensor:
    """Return the models' weights as [M] float64: finite, at least 0, not all 0.

    Raises:
        TypeError: they are no numbers.
        ValueError: another shape, or values out of range.
    """
    checked = _floats("weights", weights, device)
    if tuple(checked.shape) != (models,):
        raise ValueError(f"weights must be one a model, [{models}], got {list(checked.shape)}")
    if not bool((torch.isfinite(checked) & (checked >= 0)).all()) or not bool((checked > 0).any()):
        raise ValueError(
            f"weights must be finite, at least 0 and not all 0, got {shown(checked.tolist())}"
        )
    # Weighted sums are float64: within float32's range none can overflow, or round to 0.
    if not _FLOAT32.tiny <= float(checked.max()) <= _FLOAT32.max:
        raise ValueError(
            "weights must have their largest in float32's range, 1.2e-38 to 3.4e+38, got "
            f"{checked.tolist()}; scale them all, since only their ratios count"
        )
    return checked.contiguous()


def check_temperature(
    temperature: SupportsFloat | Numbers | None, models: int, device: torch.device
) -> Tensor | None:
    """Return [M] float32 1 / temperature, or None where the temperature is left out.

    Args:
        temperature: of all models, or one a model.

    Raises:
        TypeError: it is no number.
        ValueError: another shape, or values out of range.
    """
    if temperature is None:
        return None
    checked = _floats("temperature", temperature, device)
    if checked.dim() == 0:
        checked = checked.expand(models)
    if tuple(checked.shape) != (models,):
        raise ValueError(
            f"temperature must be one number, or one a model, [{models}], got {list(checked.shape)}"
        )
    inverse = 1.0 / checked
    if not bool((torch.isfinite(checked) & (checked > 0)).all()):
        raise ValueError(f"temperature must be finite and above 0, got {shown(checked.tolist())}")
    if not bool(((inverse >= _FLOAT32.tiny) & (inverse <= _FLOAT32.max)).all()):
        raise ValueError(
            "temperature must have its inverse in float32's range, so be from 3e-39 to 8e+37, got "
            f"{checked.tolist()}"
        )
    return inverse.float().contiguous()


def check_ranking(ranking: Integers, models: int, device: torch.device) -> Tensor:
    """Return a ranking as [K] int64 models, each at most once, best first.

    Raises:
        TypeError: it holds no integers.
        ValueError: it is empty, repeats a model, or names one that there is not.
    """
    checked = as_integers("ranking", ranking)
    values = checked.tolist()
    distinct = checked.dim() == 1 and len(set(values)) == len(values)
    if not distinct or not values or min(values) < 0 or max(values) >= models:
        raise ValueError(
            f"ranking must list models of [0, {models}), each at most once, at least one; "
            f"got {shown(values)}"
        )
    return checked.to(device).contiguous()


def as_array(name: str, values: object) -> np.ndarray:
    """Return a NumPy array of what is array-like.

    Raises:
        ValueError: its rows have different lengths.
    """
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} must be rectangular, got rows of different shapes") from error


def as_integers(name: str, values: Integers) -> Tensor:
    """Return integers of any shape and dtype as int64, where they are.

    Raises:
        TypeError: they are no integers, or bools.
    """
    if isinstance(values, Tensor):
        check_dense(name, values)
        if values.dtype == torch.bool or values.is_floating_point() or values.is_complex():
            raise TypeError(f"{name} must be integers, got {values.dtype}; use {name}.long()")
        return values.to(torch.int64)
    array = as_array(name, values)
    if array.size and array.dtype.kind not in "iu":  # an empty list has NumPy's default, float64
        raise TypeError(f"{name} must be integers, got {array.dtype}")
    return torch.from_numpy(array.astype(np.int64))


def _floats(name: str, values: SupportsFloat | Numbers, device: torch.device) -> Tensor:
    """Return [...] float64 on the device."""
    if isinstance(values, Tensor):
        check_dense(name, values)
        if values.dtype == torch.bool or values.is_complex():
            raise TypeError(f"{name} must be real numbers, got {values.dtype}")
        return values.detach().to(device, torch.float64)
    array = as_array(name, values)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be real numbers, got {array.dtype}")
    return torch.from_numpy(array.astype(np.float64)).to(device)
