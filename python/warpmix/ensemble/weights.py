"""Weights of a soft vote, fitted by log-loss on validation data."""

from __future__ import annotations

from typing import SupportsFloat

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from warpmix._numbers import check_real
from warpmix.ensemble._chunks import MIN_PROBABILITY, chunked
from warpmix.ensemble._inputs import Integers, Numbers, check_temperature
from warpmix.ensemble._predictions import PredictionsLike

_RESTARTS = 5


def fit_weights(
    predictions: PredictionsLike,
    targets: Integers,
    *,
    logits: bool | None = None,
    temperature: SupportsFloat | Numbers | None = None,
    device: torch.device | str | None = None,
    tolerance: float = 1e-6,
) -> Tensor:
    """Return [M] float64 weights, at least 0, that sum to 1 and minimise the soft vote's log-loss.

    The problem is convex: min over w ≥ 0 of Σ w - mean(log Σ_m w_m p_m), whose minimum lies where
    the weights sum to 1, so only bounds remain, and SciPy's L-BFGS-B solves it. The duality gap,
    max_m mean(p_m / Σ w p) - 1, bounds how far the log-loss found is above the least.

    Args:
        predictions: [M, N, C], as :func:`vote`, of validation data.
        targets: [N] true classes, of any integer dtype; N at least 1.
        logits, temperature, device: as :func:`vote`.
        tolerance: largest duality gap, in nats; above 0.

    Raises:
        TypeError, ValueError: as :func:`vote`.
        RuntimeError: the gap stays above the tolerance.
    """
    tolerance = check_real("tolerance", tolerance)
    source = chunked(predictions, logits, device=device)
    models, samples, _ = source.shape
    if samples == 0:
        raise ValueError("predictions must hold at least one sample to fit weights on, got none")
    given = source.true_class_probabilities(
        source.targets(targets), check_temperature(temperature, models, source.device)
    )
    true_class = given.double().clamp_(min=MIN_PROBABILITY)

    def gradient_of(weights: Tensor) -> tuple[Tensor, Tensor]:
        mixed = (weights @ true_class).clamp_(min=1e-300)
        return mixed.log().mean(), true_class @ (1.0 / mixed) / samples

    def objective(values: np.ndarray) -> tuple[float, np.ndarray]:
        log_likelihood, slope = gradient_of(torch.as_tensor(values, device=true_class.device))
        return float(values.sum() - log_likelihood), 1.0 - slope.cpu().numpy()

    found = np.full(models, 1.0 / models)
    gap = np.inf
    for _ in range(_RESTARTS):  # L-BFGS forgets a bad curvature when it starts again
        solution = minimize(
            objective,
            found,
            jac=True,
            method="L-BFGS-B",
            bounds=[(0.0, None)] * models,
            options={"maxiter": 5000, "maxfun": 10000, "ftol": 0.0, "gtol": tolerance / 10},
        )
        found = solution.x / solution.x.sum()
        weights = torch.as_tensor(found, device=true_class.device)
        gap = float(gradient_of(weights)[1].max()) - 1.0
        if gap <= tolerance:
            return weights
    raise RuntimeError(
        f"fit_weights did not converge: the log-loss may be {gap:.2g} nats above the least, the "
        f"tolerance is {tolerance:.2g}"
    )
