"""Weights of a soft vote, fitted by log-loss on validation data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from warpmix.ensemble._chunks import Predicted, chunked
from warpmix.ensemble._planes import LEAST_PROBABILITY, own_probabilities

_RESTARTS = 5


def fit_weights(
    predictions: Predicted,
    targets: Tensor,
    *,
    logits: bool | None = None,
    temperature: float | Sequence[float] | Tensor | None = None,
    device: torch.device | str | None = None,
    tolerance: float = 1e-6,
) -> Tensor:
    """[M] float64 weights, at least 0, that sum to 1 and minimise the soft vote's log-loss.

    The problem is convex: min over w ≥ 0 of Σ w - mean(log Σ_m w_m p_m), whose minimum lies where
    the weights sum to 1, so only bounds remain, and SciPy's L-BFGS-B solves it. The duality gap,
    max_m mean(p_m / Σ w p) - 1, bounds how far the log-loss found is above the least.

    Args:
        predictions: [M, N, C] of validation data.
        targets: [N] int64 true classes, N at least 1.
        logits, temperature, device: as :func:`vote`.
        tolerance: largest duality gap, in nats.

    Raises:
        TypeError, ValueError: as :func:`vote`.
        RuntimeError: the gap stays above the tolerance.
    """
    source = chunked(predictions, logits, device=device)
    models, samples, _ = source.shape
    if samples == 0:
        raise ValueError("predictions must hold at least one sample to fit weights on, got none")
    targets = source.check_targets(targets)
    own = own_probabilities(source, targets, temperature).double().clamp_(min=LEAST_PROBABILITY)

    def gradient_of(weights: Tensor) -> tuple[Tensor, Tensor]:
        mixed = (weights @ own).clamp_(min=1e-300)
        return mixed.log().mean(), own @ (1.0 / mixed) / samples

    def objective(values: np.ndarray) -> tuple[float, np.ndarray]:
        log_likelihood, slope = gradient_of(torch.as_tensor(values, device=own.device))
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
        weights = torch.as_tensor(found, device=own.device)
        gap = float(gradient_of(weights)[1].max()) - 1.0
        if gap <= tolerance:
            return weights
    raise RuntimeError(
        f"fit_weights did not converge: the log-loss may be {gap:.2g} nats above the least, the "
        f"tolerance is {tolerance:.2g}"
    )
