"""Votes over stored predictions, on the CPU or a GPU, to the same bits.

Conventions are scikit-learn's VotingClassifier's: ties go to the lowest class, soft voting averages
probabilities, hard voting counts the classes that the models predict.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import SupportsFloat, TypeAlias

import torch
from torch import Tensor

from warpmix import ops
from warpmix._numbers import shown
from warpmix.ensemble._chunks import Chunked, Progress, chunked
from warpmix.ensemble._inputs import Numbers, check_temperature, check_weights
from warpmix.ensemble._predictions import PredictionsLike


@dataclass(frozen=True)
class VoteResult:
    """What an ensemble predicts.

    Attributes:
        labels: [N] int64 winning classes.
        scores: [N, C] float32 that sum to 1: weighted mean probability (soft), share of the votes
            (hard), normalised geometric mean of the probabilities (geometric), or share of the
            Borda points (rank).
    """

    labels: Tensor
    scores: Tensor


def vote(
    predictions: PredictionsLike,
    method: str = "soft",
    weights: Numbers | None = None,
    *,
    logits: bool | None = None,
    temperature: SupportsFloat | Numbers | None = None,
    device: torch.device | str | None = None,
    progress: Progress | None = None,
) -> VoteResult:
    """Combine the predictions of M models into one a sample.

    The methods:

    - "soft": the mean of the probabilities.
    - "hard": majority (plurality) vote of the predicted classes.
    - "geometric": the mean of the log-probabilities, which is the normalised geometric mean of
      the probabilities, or logarithmic opinion pool (Genest and Zidek, 1986). Probabilities
      below 1e-15 count as 1e-15, so that a zero of one model does not rule a class out alone.
    - "rank": Borda count (Ho, Hull and Srihari, 1994): a model gives a class a point for each
      class that it scores lower, and half a point for each that it scores equally, so that
      ties share the average of their ranks.

    Sums run in float64 over the models in their order.

    Args:
        predictions: [M, N, C]: a tensor, a NumPy array, a list of M arrays or tensors [N, C], all
            of floating-point numbers; or a store's, which is read in chunks, so that it may be
            larger than memory. float64 is rounded to float32.
        method: "soft", "hard", "geometric" or "rank".
        weights: one a model, at least 0, not all 0; equal where left out.
        logits: whether the predictions are logits, which become probabilities by a softmax; what
            is stored knows.
        temperature: of all models or one a model: probabilities become softmax(logits / T), or
            p^(1/T) normalised; above 1 softer. No matter to "hard" and "rank".
        device: where stored predictions and NumPy arrays are voted on; default the CPU. A tensor
            stays where it is, and the result is there, too.
        progress: called with (samples done, of all) after every chunk.

    Raises:
        TypeError, ValueError: arguments that do not fit; predictions that hold a NaN, an infinity
            or, among probabilities, a negative value or a row that does not sum to 1 within 0.01
            (named by model and sample).
    """
    source = chunked(predictions, logits, device=device, progress=progress)
    if method not in VOTES:
        raise ValueError(f"method must be one of {', '.join(VOTES)}, got {shown(method)}")
    models = source.shape[0]
    checked = None if weights is None else check_weights(weights, models, source.device)
    inverse_temperature = check_temperature(temperature, models, source.device)
    parts = [
        VOTES[method](source, chunk, first, checked, inverse_temperature) for first, chunk in source
    ]
    if len(parts) == 1:
        return VoteResult(*parts[0])
    return VoteResult(*(torch.cat(column) for column in zip(*parts, strict=True)))


# ---- a chunk [M, n, C] to labels [n] and scores [n, C] ------------------------------------------

_Combine: TypeAlias = Callable[
    [Chunked, Tensor, int, Tensor | None, Tensor | None], tuple[Tensor, Tensor]
]


def _by_op(hard: bool) -> _Combine:
    def combine(
        source: Chunked,
        chunk: Tensor,
        first: int,
        weights: Tensor | None,
        inverse_temperature: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        labels, scores, invalid = ops.vote(
            chunk,
            weights,
            hard=hard,
            logits=source.logits,
            inverse_temperature=inverse_temperature,
        )
        source.check(chunk, invalid, first)
        return labels, scores

    return combine


def _geometric(
    source: Chunked,
    chunk: Tensor,
    first: int,
    weights: Tensor | None,
    inverse_temperature: Tensor | None,
) -> tuple[Tensor, Tensor]:
    models, samples, classes = chunk.shape
    total = torch.zeros(classes, samples, dtype=torch.float64, device=chunk.device)
    for model, weight in enumerate(_per_model(weights, models)):  # a model's planes at a time
        one = slice(model, model + 1)
        logs = source.probabilities(
            chunk[one],
            first,
            None if inverse_temperature is None else inverse_temperature[one],
            log=True,
            first_model=model,
        )
        total += logs[0].double() * weight
    mean = total / sum(_per_model(weights, models))
    # Less the highest in float64, so that rounding to float32 costs the leaders nothing.
    below = (mean - mean.amax(0)).float().T.contiguous()
    _, scores, _ = ops.vote(below[None], None, hard=False, logits=True)
    return total.argmax(0), scores  # argmax takes the first of equals, by its documentation


def _rank(
    source: Chunked,
    chunk: Tensor,
    first: int,
    weights: Tensor | None,
    inverse_temperature: Tensor | None,
) -> tuple[Tensor, Tensor]:
    _, _, invalid = ops.vote(chunk, None, hard=True, logits=source.logits)
    source.check(chunk, invalid, first)
    models, samples, classes = chunk.shape
    total = torch.zeros(samples, classes, dtype=torch.float64, device=chunk.device)
    for scores, weight in zip(chunk, _per_model(weights, models), strict=True):
        total += _borda_points(scores.float()) * weight
    points = classes * (classes - 1) / 2
    shares = total / (points * sum(_per_model(weights, models))) if points else total + 1.0
    return total.argmax(1), shares.float()


def _borda_points(scores: Tensor) -> Tensor:
    """Return [n, C] float64 in [0, C - 1]: the mean rank of each class, counted from below."""
    ascending, order = scores.sort(1)
    lower = _first_of_equals(ascending)
    higher = _first_of_equals(ascending.flip(1)).flip(1)
    points = (lower + (scores.shape[1] - 1) - higher).double() / 2.0
    return torch.empty_like(points).scatter_(1, order, points)


def _first_of_equals(in_order: Tensor) -> Tensor:
    """Return [n, C] int64: for each place of sorted rows, the first place with the same value."""
    places = torch.arange(in_order.shape[1], device=in_order.device)
    is_first = torch.ones_like(in_order, dtype=torch.bool)
    is_first[:, 1:] = in_order[:, 1:] != in_order[:, :-1]
    return torch.where(is_first, places, 0).cummax(1).values


def _per_model(weights: Tensor | None, models: int) -> list[float]:
    return [1.0] * models if weights is None else weights.tolist()


VOTES: dict[str, _Combine] = {
    "soft": _by_op(hard=False),
    "hard": _by_op(hard=True),
    "geometric": _geometric,
    "rank": _rank,
}
"""How predictions can be combined, see :func:`vote`."""
