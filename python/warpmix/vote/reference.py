"""The pure-PyTorch twin of the voting kernels, vectorised: the oracle of the tests and the peer of
the benchmarks. float64 sums in the order in which the models join; ties to the lowest class."""

from __future__ import annotations

import torch
from torch import Tensor

from .. import reference_math as fixed


def probabilities(predictions: Tensor, logits: bool) -> Tensor:
    """[..., C] float32: softmax of logits, summed in the order of the classes; else as they are."""
    scores = predictions.float()
    if not logits:
        return scores
    exponentials = fixed.fixed_exp(scores - scores.amax(-1, keepdim=True))
    total = torch.zeros_like(exponentials[..., 0])
    for c in range(scores.shape[-1]):
        total = total + exponentials[..., c]
    return exponentials / total[..., None]


def running_votes(predictions: Tensor, weights: Tensor | None = None) -> Tensor:
    """[M, N, C] float64 votes after each model has joined."""
    # argmax's choice among ties is not documented; the first of the maxima is found explicitly.
    scores = predictions.float()
    is_best = scores == scores.amax(-1, keepdim=True)
    first = is_best & (is_best.cumsum(-1) == 1)
    return _weighted(first.double(), weights).cumsum(0)


def running_probabilities(
    predictions: Tensor, weights: Tensor | None = None, logits: bool = False
) -> Tensor:
    """[M, N, C] float64 sums of probabilities after each model has joined."""
    return _weighted(probabilities(predictions, logits).double(), weights).cumsum(0)


def first_leader(scores: Tensor) -> Tensor:
    """Lowest class with the highest score, of [..., C]."""
    is_best = scores == scores.amax(-1, keepdim=True)
    return (is_best & (is_best.cumsum(-1) == 1)).int().argmax(-1)


def _weighted(scores: Tensor, weights: Tensor | None) -> Tensor:
    return scores if weights is None else scores * weights[:, None, None]


def vote(
    predictions: Tensor, hard: bool, weights: Tensor | None = None, logits: bool = False
) -> tuple[Tensor, Tensor]:
    """(labels [N], scores [N, C] float32) of predictions [M, N, C]; weights [M] float64."""
    if hard:
        totals = running_votes(predictions, weights)[-1]
    else:
        totals = running_probabilities(predictions, weights, logits)[-1]
    ones = torch.ones(predictions.shape[0], dtype=torch.float64)
    total_weight = (ones if weights is None else weights).cumsum(0)[-1]
    return first_leader(totals), (totals / total_weight).float()


def vote_curve(
    predictions: Tensor, targets: Tensor, ranking: Tensor, logits: bool = False
) -> tuple[Tensor, Tensor]:
    """(soft [K], hard [K]) int64 samples that the first k models of the ranking get right."""
    ranked = predictions[ranking]
    soft = first_leader(running_probabilities(ranked, logits=logits)) == targets
    hard = first_leader(running_votes(ranked)) == targets
    return soft.sum(1), hard.sum(1)
