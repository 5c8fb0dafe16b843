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

from warpmix import ops
from warpmix.ensemble._checks import check_ranking, check_temperature, check_weights
from warpmix.ensemble._chunks import Chunked, Predicted, Progress, chunked
from warpmix.ensemble._labels import chunk_labels


@dataclass(frozen=True)
class VoteResult:
    """What an ensemble decides.

    Attributes:
        labels: [N] int64 winning classes.
        scores: [N, C] float32: weighted mean probability (soft), or share of the votes (hard).
    """

    labels: Tensor
    scores: Tensor


def size_of(fraction: float, models: int) -> int:
    """How many models the best ``fraction`` of them are: rounded up, so at least one."""
    if not 0.0 < fraction <= 1.0:
        raise ValueError(f"fraction must be in (0, 1], got {fraction!r}")
    return math.ceil(fraction * models - 1e-9)


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
        return size_of(fraction, len(self.ranking))

    def at_fraction(self, fraction: float) -> tuple[float, float]:
        """(soft, hard) accuracy of the best ``fraction`` of the models, as the reports' tables."""
        k = self.models_at(fraction)
        return float(self.soft[k - 1]), float(self.hard[k - 1])


def vote(
    predictions: Predicted,
    method: str = "soft",
    weights: Sequence[float] | Tensor | None = None,
    *,
    logits: bool | None = None,
    temperature: float | Sequence[float] | Tensor | None = None,
    device: torch.device | str | None = None,
    progress: Progress | None = None,
) -> VoteResult:
    """One decision a sample.

    Args:
        predictions: [M, N, C] float32, float16 or bfloat16; or a store's, which is read in chunks,
            so that it may be larger than memory.
        method: "soft" or "hard".
        weights: one a model, at least 0, not all 0; equal where left out.
        logits: a tensor holds logits, which soft voting turns into probabilities first.
        temperature: of all models or one a model: probabilities become softmax(logits / T), or
            p^(1/T) normalised; above 1 softer. No matter to hard votes.
        device: where stored predictions are voted on; the result is there, too.
        progress: called with (samples done, of all) after every chunk.

    Raises:
        TypeError, ValueError: arguments that do not fit; predictions that hold a NaN, an infinity
            or, among probabilities, a negative value or a row that does not sum to 1 within 0.01
            (named by model and sample).
    """
    source = chunked(predictions, logits, device=device, progress=progress)
    if method not in ("soft", "hard"):
        raise ValueError(f"method must be 'soft' or 'hard', got {method!r}")
    models = source.shape[0]
    checked = None if weights is None else check_weights(weights, models, source.device)
    inverse_temperature = check_temperature(temperature, models, source.device)
    parts = []
    for begin, chunk in source:
        labels, scores, invalid = ops.vote(
            chunk,
            checked,
            hard=method == "hard",
            logits=source.logits,
            inverse_temperature=inverse_temperature,
        )
        source.check(chunk, invalid, begin)
        parts.append((labels, scores))
    if len(parts) == 1:
        return VoteResult(*parts[0])
    return VoteResult(*(torch.cat(column) for column in zip(*parts, strict=True)))


def rank(
    predictions: Predicted,
    targets: Tensor,
    *,
    logits: bool | None = None,
    device: torch.device | str | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """[M] int64 models by accuracy, best first; ties to the lower index.

    Args:
        predictions: [M, N, C], of validation data where the ranking is scored on test data.
        targets: [N] int64 true classes.
        logits, device, progress: as :func:`vote`.
    """
    accuracies = member_accuracies(
        predictions, targets, logits=logits, device=device, progress=progress
    )
    return torch.argsort(accuracies, descending=True, stable=True)


def member_accuracies(
    predictions: Predicted,
    targets: Tensor,
    *,
    logits: bool | None = None,
    device: torch.device | str | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """[M] float64 accuracy of each model by itself; NaN without samples."""
    source = chunked(predictions, logits, device=device, progress=progress)
    targets = source.check_targets(targets)
    models, samples, _ = source.shape
    correct = torch.zeros(models, dtype=torch.int64, device=source.device)
    for begin, chunk in source:
        own = targets[begin : begin + chunk.shape[1]]
        correct += (chunk_labels(source, chunk, begin) == own).sum(1)
    return correct.double() / samples


def vote_curve(
    predictions: Predicted,
    targets: Tensor,
    ranking: Tensor | Sequence[int] | None = None,
    *,
    rank_on: tuple[Predicted, Tensor] | None = None,
    weights: Sequence[float] | Tensor | None = None,
    logits: bool | None = None,
    temperature: float | Sequence[float] | Tensor | None = None,
    device: torch.device | str | None = None,
    progress: Progress | None = None,
) -> Curve:
    """Soft and hard accuracy of the best 1, 2, …, M models, both, for every size, in one pass.

    Args:
        predictions: [M, N, C] of the data to score on; a tensor or a store's.
        targets: [N] int64 true classes of that data.
        ranking: models, best first, each at most once; from :func:`rank` on other data.
        rank_on: (predictions, targets) of validation data to rank by, in place of ``ranking``.
            With neither, models are ranked on the data that they are scored on, which flatters
            every ensemble of the best few: a UserWarning says so.
        weights: one a model (not: one a place in the ranking), at least 0; equal where left out.
        logits, temperature, device, progress: as :func:`vote`.

    Raises:
        TypeError, ValueError: as :func:`vote`; targets outside [0, C).
    """
    source = chunked(predictions, logits, device=device, progress=progress)
    models, samples, _ = source.shape
    targets = source.check_targets(targets)
    if ranking is not None and rank_on is not None:
        raise ValueError(
            "ranking and rank_on must not both be given: one of them orders the models"
        )
    if ranking is None:
        ranking = _rank_for(source, targets, rank_on, logits)
    ranking = check_ranking(ranking, models, source.device)
    inverse_temperature = check_temperature(temperature, models, source.device)
    joining = None if weights is None else check_weights(weights, models, source.device)[ranking]
    soft, hard = torch.zeros_like(ranking), torch.zeros_like(ranking)
    for begin, chunk in source:
        soft_part, hard_part, invalid = ops.vote_curve(
            chunk,
            targets[begin : begin + chunk.shape[1]],
            ranking,
            logits=source.logits,
            weights=joining,
            inverse_temperature=None
            if inverse_temperature is None
            else inverse_temperature[ranking],
        )
        source.check(chunk, invalid, begin)
        soft += soft_part
        hard += hard_part
    return Curve(soft.double() / samples, hard.double() / samples, ranking)


def _rank_for(
    source: Chunked,
    targets: Tensor,
    rank_on: tuple[Predicted, Tensor] | None,
    logits: bool | None,
) -> Tensor:
    models = source.shape[0]
    if rank_on is None or rank_on[0] is source.source:
        warnings.warn(
            "models are ranked on the data they are scored on, so the curve's best sizes are "
            "flattered; rank on validation data: vote_curve(..., rank_on=(predictions, targets))",
            UserWarning,
            stacklevel=3,
        )
        return rank(source.source, targets, logits=source.logits, device=source.device)
    if rank_on[0].shape[0] != models:
        raise ValueError(f"rank_on must hold the same {models} models, got {rank_on[0].shape[0]}")
    return rank(*rank_on, logits=logits).to(source.device)
