"""Checks of what voting is given: what was expected, what was got, the remedy."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from warpmix.predictions.model import SUM_TOLERANCE

DTYPES = (torch.float32, torch.float16, torch.bfloat16)


def check_predictions(predictions: Tensor) -> Tensor:
    """[M, N, C], contiguous."""
    if not isinstance(predictions, Tensor):
        raise TypeError(f"predictions must be a torch.Tensor, got {type(predictions).__name__}")
    if predictions.dtype not in DTYPES:
        raise TypeError(
            f"predictions must be float32, float16 or bfloat16, got {predictions.dtype}; "
            "use predictions.float()"
        )
    if predictions.dim() != 3:
        raise ValueError(
            f"predictions must be [models, samples, classes], got shape {tuple(predictions.shape)}"
        )
    models, _, classes = predictions.shape
    if models == 0:
        raise ValueError("predictions must hold at least one model, got an empty ensemble")
    if classes == 0:
        raise ValueError("predictions must have at least one class, got 0")
    return predictions.contiguous()


def check_targets(targets: Tensor, samples: int, classes: int, device: torch.device) -> None:
    """[N] int64 in [0, C), where the predictions are."""
    if not isinstance(targets, Tensor) or targets.dtype != torch.int64:
        raise TypeError(
            f"targets must be an int64 tensor, got {getattr(targets, 'dtype', targets)}"
        )
    if tuple(targets.shape) != (samples,):
        raise ValueError(f"targets must have shape [{samples}], got {list(targets.shape)}")
    if targets.device != device:
        raise ValueError(
            f"targets must be on the predictions' device {device}, got {targets.device}"
        )
    if samples:
        low, high = (int(v) for v in torch.aminmax(targets))
        if low < 0 or high >= classes:
            raise ValueError(f"targets must be in [0, {classes}), got {low if low < 0 else high}")


def check_weights(weights: Sequence[float] | Tensor, models: int, device: torch.device) -> Tensor:
    """[M] float64, finite, at least 0, not all 0."""
    tensor = torch.as_tensor(weights, dtype=torch.float64, device=device)
    if tuple(tensor.shape) != (models,):
        raise ValueError(f"weights must be one a model, [{models}], got {list(tensor.shape)}")
    usable = bool(torch.isfinite(tensor).all()) and bool((tensor >= 0).all())
    if not usable or not bool((tensor > 0).any()):
        raise ValueError(f"weights must be finite, at least 0 and not all 0, got {tensor.tolist()}")
    return tensor.contiguous()


def check_temperature(
    temperature: float | Sequence[float] | Tensor | None, models: int, device: torch.device
) -> Tensor | None:
    """[M] float32 1 / temperature, or None where it is 1."""
    if temperature is None:
        return None
    tensor = torch.as_tensor(temperature, dtype=torch.float64, device=device)
    if tensor.dim() == 0:
        tensor = tensor.expand(models)
    if tuple(tensor.shape) != (models,):
        raise ValueError(
            f"temperature must be one number, or one a model, [{models}], got {list(tensor.shape)}"
        )
    if not bool((torch.isfinite(tensor) & (tensor > 0)).all()):
        raise ValueError(f"temperature must be finite and above 0, got {tensor.tolist()}")
    return (1.0 / tensor).float().contiguous()


def check_ranking(ranking: Tensor | Sequence[int], models: int, device: torch.device) -> Tensor:
    """[K] int64 models, each at most once."""
    tensor = torch.as_tensor(ranking, dtype=torch.int64, device=device)
    values = tensor.tolist()
    distinct = tensor.dim() == 1 and len(set(values)) == len(values)
    if not distinct or not values or min(values) < 0 or max(values) >= models:
        raise ValueError(
            f"ranking must list models of [0, {models}), each at most once, at least one; "
            f"got {values}"
        )
    return tensor.contiguous()


def check_valid(
    predictions: Tensor, logits: bool, invalid: Tensor, model_names: Sequence[object], first: int
) -> None:
    """The ops count invalid rows as they go; only where there are some is it asked which.

    Args:
        predictions: [M, n, C], the samples from ``first`` on.
    """
    if int(invalid) == 0:
        return
    scores = predictions.float()
    if logits:
        violation = (~torch.isfinite(scores)).any(-1).float()
    else:
        off = (scores.sum(-1) - 1).abs() - SUM_TOLERANCE
        negative = (-scores).amax(-1)
        violation = torch.nan_to_num(torch.maximum(off, negative), nan=torch.inf)
    worst = violation > 0
    at = worst if bool(worst.any()) else violation == violation.max()
    model, sample = (int(v) for v in at.nonzero()[0])
    values = [round(value, 6) for value in predictions[model, sample].tolist()[:12]]
    row = f"{str(values)[:-1]}, …]" if predictions.shape[-1] > 12 else str(values)
    expected = "finite numbers" if logits else "probabilities that sum to 1"
    remedy = "" if logits else "; pass logits=True if these are logits"
    raise ValueError(
        f"predictions must be {expected}, got {row} for model {model_names[model]}, "
        f"sample {first + sample} ({int(invalid)} such rows){remedy}"
    )
