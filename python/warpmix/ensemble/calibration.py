"""Whether an ensemble is as often right as it is sure, and the temperature that makes it so."""

from __future__ import annotations

import math
from typing import SupportsFloat, SupportsIndex

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from warpmix._numbers import check_integer
from warpmix.ensemble._chunks import MIN_PROBABILITY, chunked
from warpmix.ensemble._inputs import Integers
from warpmix.ensemble._predictions import as_member
from warpmix.ensemble.voting import vote

_TEMPERATURES = (0.05, 20.0)


def expected_calibration_error(
    scores: Tensor | np.ndarray, targets: Integers, bins: SupportsIndex = 15
) -> float:
    """Return the ECE (Guo et al., ICML 2017): mean gap of confidence and accuracy, in [0, 1].

    Args:
        scores: [N, C] probabilities, as :attr:`VoteResult.scores`; of any floating-point dtype, N
            at least 1.
        targets: [N] true classes, of any integer dtype.
        bins: of equal width over the confidence, which is the highest score; from 1 to 1,000,000.

    Raises:
        TypeError, ValueError: arguments that do not fit, or scores that are no probabilities.
    """
    probabilities, true_classes = _checked(scores, targets)
    bins = check_integer("bins", bins, 1, 1_000_000)
    confidence, label = probabilities.double().max(1)
    correct = (label == true_classes).double()
    # Bins are open below and closed above, as in the paper.
    place = (torch.ceil(confidence * bins) - 1).clamp(0, bins - 1).long()
    gap = torch.zeros(bins, dtype=torch.float64, device=probabilities.device)
    gap.index_add_(0, place, correct - confidence)
    return float(gap.abs().sum() / len(probabilities))


def fit_temperature(scores: Tensor | np.ndarray, targets: Integers) -> float:
    """Return the temperature, from 0.05 to 20, at which the scores have the least log-loss.

    Args:
        scores: [N, C] probabilities of validation data, of any floating-point dtype; N at least 1.
        targets: [N] true classes, of any integer dtype.

    Raises:
        TypeError, ValueError: arguments that do not fit, or scores that are no probabilities.
    """
    probabilities, true_classes = _checked(scores, targets)

    def log_loss(log_temperature: float) -> float:
        scaled = at_temperature(probabilities, math.exp(log_temperature))
        of_true_class = scaled.gather(1, true_classes[:, None]).double()
        return -float(of_true_class.clamp(min=MIN_PROBABILITY).log().mean())

    bounds = [math.log(t) for t in _TEMPERATURES]
    found = minimize_scalar(log_loss, bounds=bounds, method="bounded", options={"xatol": 1e-5})
    return math.exp(found.x)


def at_temperature(scores: Tensor | np.ndarray, temperature: SupportsFloat) -> Tensor:
    """Return [N, C] float32 scores^(1/T), normalised; above 1 softer, below 1 sharper.

    Args:
        scores: [N, C] probabilities, of any floating-point dtype.

    Raises:
        TypeError, ValueError: arguments that do not fit, or scores that are no probabilities.
    """
    return vote(as_member(scores, "scores")[None], temperature=temperature).scores


def _checked(scores: Tensor | np.ndarray, targets: Integers) -> tuple[Tensor, Tensor]:
    """Return [N, C] float32 probabilities and [N] int64 true classes on their device."""
    probabilities = as_member(scores, "scores")
    if len(probabilities) == 0:
        raise ValueError("scores must hold at least one sample, got none")
    source = chunked(probabilities[None], None, name="scores")
    for first, chunk in source:
        source.labels(chunk, first)  # finds rows that are no probabilities
    return probabilities.float(), source.targets(targets)
