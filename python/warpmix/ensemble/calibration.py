"""Whether an ensemble is as often right as it is sure, and the temperature that makes it so."""

from __future__ import annotations

import math

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from warpmix.ensemble._planes import LEAST_PROBABILITY
from warpmix.ensemble.voting import vote

_TEMPERATURES = (0.05, 20.0)


def expected_calibration_error(scores: Tensor, targets: Tensor, bins: int = 15) -> float:
    """ECE (Guo et al., ICML 2017): mean gap between confidence and accuracy, in [0, 1].

    Args:
        scores: [N, C] probabilities, as :attr:`VoteResult.scores`; N at least 1.
        targets: [N] int64 true classes.
        bins: of equal width over the confidence, which is the highest score.

    Raises:
        ValueError: shapes that do not fit, or scores that are no probabilities.
    """
    _check(scores, targets)
    if bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins}")
    confidence, label = scores.double().max(1)
    right = (label == targets).double()
    # Bins are open below and closed above, as in the paper.
    place = (torch.ceil(confidence * bins) - 1).clamp(0, bins - 1).long()
    gap = torch.zeros(bins, dtype=torch.float64, device=scores.device)
    gap.index_add_(0, place, right - confidence)
    return float(gap.abs().sum() / len(scores))


def fit_temperature(scores: Tensor, targets: Tensor) -> float:
    """The temperature, from 0.05 to 20, at which scores^(1/T), normalised, have the least log-loss.

    Args:
        scores: [N, C] probabilities of validation data; N at least 1.
        targets: [N] int64 true classes.

    Raises:
        ValueError: shapes that do not fit, or scores that are no probabilities.
    """
    _check(scores, targets)

    def log_loss(log_temperature: float) -> float:
        own = at_temperature(scores, math.exp(log_temperature)).gather(1, targets[:, None])
        return -float(own.double().clamp(min=LEAST_PROBABILITY).log().mean())

    bounds = [math.log(t) for t in _TEMPERATURES]
    found = minimize_scalar(log_loss, bounds=bounds, method="bounded", options={"xatol": 1e-5})
    return math.exp(found.x)


def at_temperature(scores: Tensor, temperature: float) -> Tensor:
    """[N, C] float32: scores^(1/T), normalised; above 1 softer, below 1 sharper."""
    return vote(scores[None], temperature=temperature).scores


def _check(scores: Tensor, targets: Tensor) -> None:
    if scores.dim() != 2 or len(scores) == 0:
        raise ValueError(f"scores must be [N, C] with N at least 1, got {list(scores.shape)}")
    if tuple(targets.shape) != (len(scores),) or targets.dtype != torch.int64:
        raise ValueError(
            f"targets must be [{len(scores)}] int64, got {list(targets.shape)} {targets.dtype}"
        )
