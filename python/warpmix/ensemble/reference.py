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
    """[..., C] float32: softmax of logits, summed in the order of the classes; else as they are,
    or, with ``inverse_temperature`` [M] (1 / temperature), their powers, normalised."""
    scores = predictions.float()
    hot = torch.ones(len(scores)) if inverse_temperature is None else inverse_temperature
    hot = hot.reshape(-1, *[1] * (scores.dim() - 1))
    highest = scores.amax(-1, keepdim=True)
    if logits:
        exponentials = fixed.fixed_exp((scores - highest) * hot)
    else:
        least = torch.finfo(torch.float32).tiny
        ratio = fixed.fixed_log(scores.clamp(min=least)) - fixed.fixed_log(highest.clamp(min=least))
        exponentials = torch.where(scores > 0, fixed.fixed_exp(ratio * hot), 0.0)
    total = torch.zeros_like(exponentials[..., 0])
    for c in range(scores.shape[-1]):
        total = total + exponentials[..., c]
    normalised = exponentials / total[..., None]
    return normalised if logits else torch.where(hot == 1, scores, normalised)


def running_votes(predictions: Tensor, weights: Tensor | None = None) -> Tensor:
    """[M, N, C] float64 votes after each model has joined."""
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
    """[M, N, C] float64 sums of probabilities after each model has joined."""
    return _weighted(
        probabilities(predictions, logits, inverse_temperature).double(), weights
    ).cumsum(0)


def first_leader(scores: Tensor) -> Tensor:
    """Lowest class with the highest score, of [..., C]."""
    is_best = scores == scores.amax(-1, keepdim=True)
    return (is_best & (is_best.cumsum(-1) == 1)).int().argmax(-1)


def _weighted(scores: Tensor, weights: Tensor | None) -> Tensor:
    return scores if weights is None else scores * weights[:, None, None]


def vote(
    predictions: Tensor,
    hard: bool,
    weights: Tensor | None = None,
    logits: bool = False,
    inverse_temperature: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """(labels [N], scores [N, C] float32) of predictions [M, N, C]; weights [M] float64."""
    if hard:
        totals = running_votes(predictions, weights)[-1]
    else:
        totals = running_probabilities(predictions, weights, logits, inverse_temperature)[-1]
    ones = torch.ones(predictions.shape[0], dtype=torch.float64)
    total_weight = (ones if weights is None else weights).cumsum(0)[-1]
    return first_leader(totals), (totals / total_weight).float()


def vote_curve(
    predictions: Tensor,
    targets: Tensor,
    ranking: Tensor,
    logits: bool = False,
    weights: Tensor | None = None,
    inverse_temperature: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """(soft [K], hard [K]) int64 samples that the first k models of the ranking get right; weights
    and inverse_temperature [K] in the ranking's order."""
    ranked = predictions[ranking]
    soft = (
        first_leader(running_probabilities(ranked, weights, logits, inverse_temperature)) == targets
    )
    hard = first_leader(running_votes(ranked, weights)) == targets
    return soft.sum(1), hard.sum(1)


def bootstrap(right: Tensor, seed: int, replicates: int, rules: int) -> Tensor:
    """[replicates, rules] int64: how many of N samples drawn with replacement each rule gets right;
    bit r of right [N] says whether rule r does."""
    samples = len(right)
    counts = torch.zeros(replicates, rules, dtype=torch.int64)
    blocks = torch.arange(-(-samples // 4))
    for replicate in range(replicates):
        counter = (blocks, torch.full_like(blocks, replicate), blocks * 0, blocks * 0)
        words = torch.stack(philox(counter, seed), 1).flatten()[:samples]
        drawn = right[uniform_below(words, samples)]
        for rule in range(rules):
            counts[replicate, rule] = ((drawn >> rule) & 1).sum()
    return counts
