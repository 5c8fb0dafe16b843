"""Accuracies: of each model, of rankings of models, and of every size of an ensemble."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import SupportsFloat

import torch
from torch import Tensor

from warpmix import ops
from warpmix._numbers import check_real
from warpmix.ensemble._chunks import Chunked, Progress, chunked
from warpmix.ensemble._inputs import (
    Integers,
    Numbers,
    check_ranking,
    check_temperature,
    check_weights,
)
from warpmix.ensemble._predictions import PredictionsLike, are_the_same, as_predictions


def size_of(fraction: SupportsFloat, models: int) -> int:
    """Return how many models the best ``fraction`` of them are: rounded up, so at least one.

    Raises:
        TypeError, ValueError: a fraction that is no number of (0, 1].
    """
    return math.ceil(check_real("fraction", fraction, 1.0, closed=True) * models - 1e-9)


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

    def models_at(self, fraction: SupportsFloat) -> int:
        """Return the size of the best ``fraction`` of the models: rounded up, so at least one."""
        return size_of(fraction, len(self.ranking))

    def at_fraction(self, fraction: SupportsFloat) -> tuple[float, float]:
        """Return (soft, hard) accuracy of the best ``fraction`` of the models."""
        k = self.models_at(fraction)
        return float(self.soft[k - 1]), float(self.hard[k - 1])


def rank(
    predictions: PredictionsLike,
    targets: Integers,
    *,
    logits: bool | None = None,
    device: torch.device | str | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """Return [M] int64 models by accuracy, best first; ties to the lower index.

    Args:
        predictions: [M, N, C], as :func:`vote`; of validation data where the ranking is scored on
            test data.
        targets: [N] true classes, of any integer dtype.
        logits, device, progress: as :func:`vote`.

    Raises:
        TypeError, ValueError: as :func:`vote`; targets outside [0, C).
    """
    accuracies = member_accuracies(
        predictions, targets, logits=logits, device=device, progress=progress
    )
    return torch.argsort(accuracies, descending=True, stable=True)


def member_accuracies(
    predictions: PredictionsLike,
    targets: Integers,
    *,
    logits: bool | None = None,
    device: torch.device | str | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """Return [M] float64 accuracy of each model by itself; NaN without samples.

    Args:
        predictions, logits, device, progress: as :func:`vote`.
        targets: [N] true classes, of any integer dtype.

    Raises:
        TypeError, ValueError: as :func:`vote`; targets outside [0, C).
    """
    source = chunked(predictions, logits, device=device, progress=progress)
    true_classes = source.targets(targets)
    models, samples, _ = source.shape
    correct = torch.zeros(models, dtype=torch.int64, device=source.device)
    for first, chunk in source:
        expected = true_classes[first : first + chunk.shape[1]]
        correct += (source.labels(chunk, first) == expected).sum(1)
    return correct.double() / samples


def vote_curve(
    predictions: PredictionsLike,
    targets: Integers,
    ranking: Integers | None = None,
    *,
    rank_on: tuple[PredictionsLike, Integers] | None = None,
    weights: Numbers | None = None,
    logits: bool | None = None,
    temperature: SupportsFloat | Numbers | None = None,
    device: torch.device | str | None = None,
    progress: Progress | None = None,
) -> Curve:
    """Return soft and hard accuracy of the best 1, 2, …, M models, for every size, in one pass.

    Args:
        predictions: [M, N, C], as :func:`vote`, of the data to score on.
        targets: [N] true classes of that data, of any integer dtype.
        ranking: models, best first, each at most once; from :func:`rank` on other data.
        rank_on: (predictions, targets) of validation data to rank by, in place of ``ranking``.
            With neither, or with the same predictions, models are ranked on the data that they are
            scored on, so that the accuracies of small ensembles are too high: a UserWarning says
            so.
        weights: one a model (not: one a place in the ranking), at least 0; equal where left out.
        logits, temperature, device, progress: as :func:`vote`.

    Raises:
        TypeError, ValueError: as :func:`vote`; targets outside [0, C).
    """
    source = chunked(predictions, logits, device=device, progress=progress)
    models, samples, _ = source.shape
    true_classes = source.targets(targets)
    if ranking is not None and rank_on is not None:
        raise ValueError(
            "ranking and rank_on must not both be given: one of them orders the models"
        )
    if ranking is None:
        ranking = _rank_for(source, true_classes, rank_on, logits, predictions)
    order = check_ranking(ranking, models, source.device)
    inverse_temperature = check_temperature(temperature, models, source.device)
    if inverse_temperature is not None:
        inverse_temperature = inverse_temperature[order]
    joining = None if weights is None else check_weights(weights, models, source.device)[order]
    soft, hard = torch.zeros_like(order), torch.zeros_like(order)
    for first, chunk in source:
        soft_part, hard_part, invalid = ops.vote_curve(
            chunk,
            true_classes[first : first + chunk.shape[1]],
            order,
            logits=source.logits,
            weights=joining,
            inverse_temperature=inverse_temperature,
        )
        source.check(chunk, invalid, first)
        soft += soft_part
        hard += hard_part
    return Curve(soft.double() / samples, hard.double() / samples, order)


def _rank_for(
    source: Chunked,
    targets: Tensor,
    rank_on: tuple[PredictionsLike, Integers] | None,
    logits: bool | None,
    scored: PredictionsLike,
) -> Tensor:
    if rank_on is None or are_the_same(rank_on[0], scored):
        warnings.warn(
            "models are ranked on the data they are scored on, so the accuracies of small "
            "ensembles are too high; rank on validation data: "
            "vote_curve(..., rank_on=(predictions, targets))",
            UserWarning,
            stacklevel=3,
        )
        return rank(source.source, targets, logits=source.logits, device=source.device)
    predictions, true_classes = rank_on
    checked = as_predictions(predictions, "rank_on")
    if checked.shape[0] != source.shape[0]:
        raise ValueError(
            f"rank_on must hold the same {source.shape[0]} models, got {checked.shape[0]}"
        )
    return rank(checked, true_classes, logits=logits).to(source.device)
