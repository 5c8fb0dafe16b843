"""The pure-PyTorch twin of the voting kernels, vectorised: the oracle of the tests and the peer of
the benchmarks. float64 sums in the order in which the models join; ties to the lowest class."""

from __future__ import annotations

import torch
from torch import Tensor

from warpmix import _fixed_math as fixed
from warpmix._philox import philox, uniform_below


def probabilities(
    predictions: Tensor, logits: bool, inverse_temperature: Tensor | None = None
) -> Tensor:
    """Return [..., C] float32: softmax of logits, summed in the order of the classes; else as they
    are, or, with ``inverse_temperature`` [M] (1 / temperature), their powers, normalised."""
    scores = predictions.float()
    inverse = torch.ones(len(scores)) if inverse_temperature is None else inverse_temperature
    inverse = inverse.reshape(-1, *[1] * (scores.dim() - 1))
    highest = scores.amax(-1, keepdim=True)
    if logits:
        exponentials = fixed.fixed_exp((scores - highest) * inverse)
    else:
        least = torch.finfo(torch.float32).tiny
        ratio = fixed.fixed_log(scores.clamp(min=least)) - fixed.fixed_log(highest.clamp(min=least))
        exponentials = torch.where(scores > 0, fixed.fixed_exp(ratio * inverse), 0.0)
    total = torch.zeros_like(exponentials[..., 0])
    for c in range(scores.shape[-1]):
        total = total + exponentials[..., c]
    normalised = exponentials / total[..., None]
    return normalised if logits else torch.where(inverse == 1, scores, normalised)


def log_probabilities(
    predictions: Tensor, logits: bool, inverse_temperature: Tensor | None = None
) -> Tensor:
    """Return [..., C] float32: logarithms of :func:`probabilities`, of at least 1e-15."""
    least = torch.tensor(1e-15, dtype=torch.float32)
    found = probabilities(predictions, logits, inverse_temperature)
    return fixed.fixed_log(torch.maximum(found, least))


def running_votes(predictions: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return [M, N, C] float64 votes after each model has joined."""
    # argmax's choice among ties is not documented; the first of the maxima is found explicitly.
    scores = predictions.float()
    is_best = scores == scores.amax(-1, keepdim=True)
    first = is_best & (is_best.cumsum(-1) == 1)
    return _weighted(first.double(), weights).cumsum(0)


def running_probabilities(
    predictions: Tensor,
    weights: Tensor | None = None,
    logits: bool = False,
    inverse_temperature: Tensor | None = None,
) -> Tensor:
    """Return [M, N, C] float64 sums of probabilities after each model has joined."""
    return _weighted(
        probabilities(predictions, logits, inverse_temperature).double(), weights
    ).cumsum(0)


def first_leader(scores: Tensor) -> Tensor:
    """Return the lowest class with the highest score, of [..., C]."""
    is_best = scores == scores.amax(-1, keepdim=True)
    return (is_best & (is_best.cumsum(-1) == 1)).int().argmax(-1)


def _weighted(scores: Tensor, weights: Tensor | None) -> Tensor:
    return scores if weights is None else scores * weights[:, None, None]


def borda_points(predictions: Tensor) -> Tensor:
    """Return [..., C] float64: how many classes each class beats, plus half of its ties."""
    scores = predictions.float()
    wins = (scores[..., :, None] > scores[..., None, :]).double().sum(-1)
    ties = (scores[..., :, None] == scores[..., None, :]).double().sum(-1) - 1.0
    return wins + ties / 2.0


def vote(
    predictions: Tensor,
    method: str,
    weights: Tensor | None = None,
    logits: bool = False,
    inverse_temperature: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return (labels [N], scores [N, C] float32) of predictions [M, N, C]; weights [M] float64."""
    classes = predictions.shape[2]
    ones = torch.ones(predictions.shape[0], dtype=torch.float64)
    total_weight = (ones if weights is None else weights).cumsum(0)[-1]
    if method == "hard":
        totals = running_votes(predictions, weights)[-1]
    elif method == "soft":
        totals = running_probabilities(predictions, weights, logits, inverse_temperature)[-1]
    elif method == "rank":
        totals = _weighted(borda_points(predictions), weights).cumsum(0)[-1]
        if classes == 1:
            return first_leader(totals), torch.ones_like(totals, dtype=torch.float32)
        total_weight = total_weight * (classes * (classes - 1) / 2)
    else:
        logs = log_probabilities(predictions, logits, inverse_temperature).double()
        totals = _weighted(logs, weights).cumsum(0)[-1]
        mean = totals / total_weight
        below = (mean - mean.amax(-1, keepdim=True)).float()
        return first_leader(totals), probabilities(below[None], True)[0]
    return first_leader(totals), (totals / total_weight).float()


def vote_curve(
    predictions: Tensor,
    targets: Tensor,
    ranking: Tensor,
    logits: bool = False,
    weights: Tensor | None = None,
    inverse_temperature: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return (soft [K], hard [K]) int64 samples that the first k models of the ranking get right;
    weights and inverse_temperature [K] in the ranking's order."""
    ranked = predictions[ranking]
    soft = (
        first_leader(running_probabilities(ranked, weights, logits, inverse_temperature)) == targets
    )
    hard = first_leader(running_votes(ranked, weights)) == targets
    return soft.sum(1), hard.sum(1)


def bootstrap(correct: Tensor, seed: int, replicates: int, rules: int) -> Tensor:
    """Return [replicates, rules] int64: how many of N samples drawn with replacement each rule gets
    right; bit r of correct [N] says whether rule r does."""
    samples = len(correct)
    counts = torch.zeros(replicates, rules, dtype=torch.int64)
    blocks = torch.arange(-(-samples // 4))
    for replicate in range(replicates):
        counter = (blocks, torch.full_like(blocks, replicate), blocks * 0, blocks * 0)
        words = torch.stack(philox(counter, seed), 1).flatten()[:samples]
        drawn = correct[uniform_below(words, samples)]
        for rule in range(rules):
            counts[replicate, rule] = ((drawn >> rule) & 1).sum()
    return counts
