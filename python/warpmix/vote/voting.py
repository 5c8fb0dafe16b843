"""Votes over stored predictions, on the CPU or a GPU, to the same bits.

Conventions are scikit-learn's VotingClassifier's: ties go to the lowest class, soft voting averages
probabilities, hard voting counts each model's favourite class.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .. import ops

_DTYPES = (torch.float32, torch.float16, torch.bfloat16)


@dataclass(frozen=True)
class VoteResult:
    """What an ensemble decides.

    Attributes:
        labels: [N] int64 winning classes.
        scores: [N, C] float32: weighted mean probability (soft), or share of the votes (hard).
    """

    labels: Tensor
    scores: Tensor


@dataclass(frozen=True)
class Curve:
    """Accuracy of the best 1, 2, …, K models of a ranking.

    Attributes:
        soft, hard: [K] float64 accuracies in [0, 1]; entry k-1 is that of k models.
        ranking: [K] int64 models, best first.
    """

    soft: Tensor
    hard: Tensor
    ranking: Tensor

    def models_at(self, fraction: float) -> int:
        """Size of the best ``fraction`` of the models: rounded up, so at least one."""
        if not 0.0 < fraction <= 1.0:
            raise ValueError(f"fraction must be in (0, 1], got {fraction!r}")
        return math.ceil(fraction * len(self.ranking) - 1e-9)

    def at_fraction(self, fraction: float) -> tuple[float, float]:
        """(soft, hard) accuracy of the best ``fraction`` of the models, as the reports' tables."""
        k = self.models_at(fraction)
        return float(self.soft[k - 1]), float(self.hard[k - 1])


def vote(
    predictions: Tensor,
    method: str = "soft",
    weights: Sequence[float] | Tensor | None = None,
    *,
    logits: bool = False,
) -> VoteResult:
    """One decision a sample.

    Args:
        predictions: [M, N, C] float32, float16 or bfloat16.
        method: "soft" or "hard".
        weights: one a model, at least 0, not all 0; equal where left out.
        logits: predictions are logits, which soft voting turns into probabilities first.

    Raises:
        TypeError, ValueError: arguments that do not fit; predictions that hold a NaN or, among
            probabilities, a negative value (named by model and sample).
    """
    predictions = _check_predictions(predictions)
    if method not in ("soft", "hard"):
        raise ValueError(f"method must be 'soft' or 'hard', got {method!r}")
    checked = None if weights is None else _check_weights(weights, predictions)
    labels, scores, invalid = ops.vote(predictions, checked, hard=method == "hard", logits=logits)
    _check_valid(predictions, logits, invalid)
    return VoteResult(labels, scores)


def rank(predictions: Tensor, targets: Tensor, *, logits: bool = False) -> Tensor:
    """[M] int64 models by accuracy, best first; ties to the lower index.

    Args:
        predictions: [M, N, C], of validation data where the ranking is scored on test data.
        targets: [N] int64 true classes.
    """
    return torch.argsort(
        member_accuracies(predictions, targets, logits=logits), descending=True, stable=True
    )


def member_accuracies(predictions: Tensor, targets: Tensor, *, logits: bool = False) -> Tensor:
    """[M] float64 accuracy of each model by itself; NaN without samples."""
    predictions = _check_predictions(predictions)
    _check_targets(targets, predictions)
    correct = []
    for model in range(predictions.shape[0]):
        of_one = predictions[model : model + 1]
        labels, _, invalid = ops.vote(of_one, None, hard=True, logits=logits)
        _check_valid(of_one, logits, invalid, first_model=model)
        correct.append((labels == targets).double().mean())
    return torch.stack(correct)


def vote_curve(
    predictions: Tensor,
    targets: Tensor,
    ranking: Tensor | Sequence[int] | None = None,
    *,
    rank_on: tuple[Tensor, Tensor] | None = None,
    logits: bool = False,
) -> Curve:
    """Soft and hard accuracy of the best 1, 2, …, M models, both, for every size, in one pass.

    Args:
        predictions: [M, N, C] of the data to score on.
        targets: [N] int64 true classes of that data.
        ranking: models, best first, each at most once; from :func:`rank` on other data.
        rank_on: (predictions, targets) of validation data to rank by, in place of ``ranking``.
            With neither, models are ranked on the data that they are scored on, which flatters
            every ensemble of the best few: a UserWarning says so.
        logits: predictions are logits.

    Raises:
        TypeError, ValueError: as :func:`vote`; targets outside [0, C).
    """
    predictions = _check_predictions(predictions)
    _check_targets(targets, predictions)
    if ranking is not None and rank_on is not None:
        raise ValueError(
            "ranking and rank_on must not both be given: one of them orders the models"
        )
    if ranking is None:
        ranking = _rank_for(predictions, targets, rank_on, logits)
    ranking = _check_ranking(ranking, predictions)
    soft, hard, invalid = ops.vote_curve(predictions, targets, ranking, logits=logits)
    _check_valid(predictions, logits, invalid)
    samples = predictions.shape[1]
    return Curve(soft.double() / samples, hard.double() / samples, ranking)


def _rank_for(
    predictions: Tensor,
    targets: Tensor,
    rank_on: tuple[Tensor, Tensor] | None,
    logits: bool,
) -> Tensor:
    if rank_on is None or rank_on[0] is predictions:
        warnings.warn(
            "models are ranked on the data they are scored on, so the curve's best sizes are "
            "flattered; rank on validation data: vote_curve(..., rank_on=(predictions, targets))",
            UserWarning,
            stacklevel=3,
        )
        return rank(predictions, targets, logits=logits)
    if rank_on[0].shape[0] != predictions.shape[0]:
        raise ValueError(
            f"rank_on must hold the same {predictions.shape[0]} models, got {rank_on[0].shape[0]}"
        )
    return rank(*rank_on, logits=logits).to(predictions.device)


# ---- checks -----------------------------------------------------------------------------------


def _check_predictions(predictions: Tensor) -> Tensor:
    if not isinstance(predictions, Tensor):
        raise TypeError(f"predictions must be a torch.Tensor, got {type(predictions).__name__}")
    if predictions.dtype not in _DTYPES:
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


def _check_targets(targets: Tensor, predictions: Tensor) -> None:
    samples, classes = predictions.shape[1:]
    if not isinstance(targets, Tensor) or targets.dtype != torch.int64:
        raise TypeError(
            f"targets must be an int64 tensor, got {getattr(targets, 'dtype', targets)}"
        )
    if tuple(targets.shape) != (samples,):
        raise ValueError(f"targets must have shape [{samples}], got {list(targets.shape)}")
    if targets.device != predictions.device:
        raise ValueError(
            f"targets must be on the predictions' device {predictions.device}, got {targets.device}"
        )
    if samples:
        low, high = (int(v) for v in torch.aminmax(targets))
        if low < 0 or high >= classes:
            raise ValueError(f"targets must be in [0, {classes}), got {low if low < 0 else high}")


def _check_weights(weights: Sequence[float] | Tensor, predictions: Tensor) -> Tensor:
    models = predictions.shape[0]
    tensor = torch.as_tensor(weights, dtype=torch.float64, device=predictions.device)
    if tuple(tensor.shape) != (models,):
        raise ValueError(f"weights must be one a model, [{models}], got {list(tensor.shape)}")
    usable = bool(torch.isfinite(tensor).all()) and bool((tensor >= 0).all())
    if not usable or not bool((tensor > 0).any()):
        raise ValueError(f"weights must be finite, at least 0 and not all 0, got {tensor.tolist()}")
    return tensor.contiguous()


def _check_ranking(ranking: Tensor | Sequence[int], predictions: Tensor) -> Tensor:
    models = predictions.shape[0]
    tensor = torch.as_tensor(ranking, dtype=torch.int64, device=predictions.device)
    values = tensor.tolist()
    distinct = tensor.dim() == 1 and len(set(values)) == len(values)
    if not distinct or not values or min(values) < 0 or max(values) >= models:
        raise ValueError(
            f"ranking must list models of [0, {models}), each at most once, at least one; "
            f"got {values}"
        )
    return tensor.contiguous()


def _check_valid(predictions: Tensor, logits: bool, invalid: Tensor, first_model: int = 0) -> None:
    """The ops count invalid rows as they go; only where there are some is it asked which."""
    if int(invalid) == 0:
        return
    bad = torch.isnan(predictions) if logits else ~(predictions >= 0)
    model, sample, _ = (int(v) for v in bad.nonzero()[0])
    value = predictions[model, sample].tolist()
    remedy = "" if logits else "; pass logits=True if these are logits"
    raise ValueError(
        f"predictions must be {'numbers' if logits else 'probabilities'}, got {value} for model "
        f"{first_model + model}, sample {sample} ({int(invalid)} such rows){remedy}"
    )
