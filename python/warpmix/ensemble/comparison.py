"""Every method side by side: fitted on one split, scored on another, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from warpmix.ensemble._chunks import Predicted
from warpmix.ensemble.bootstrap import bootstrap_intervals
from warpmix.ensemble.calibration import at_temperature, expected_calibration_error, fit_temperature
from warpmix.ensemble.ensemble import Ensemble, fit_ensemble
from warpmix.ensemble.voting import VoteResult

BEST_SINGLE = "best single model"


@dataclass(frozen=True)
class Candidate:
    """A way to decide, to be compared with others.

    Attributes:
        name: of its row.
        method: as :func:`fit_ensemble` takes it.
        fraction: of the best models, in (0, 1].
        options: further arguments of :func:`fit_ensemble`.
    """

    name: str
    method: str
    fraction: float = 1.0
    options: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class CandidateResult:
    """How a way to decide did.

    Attributes:
        candidate: which; None: the best single model.
        ensemble: what was fitted.
        accuracy, low, high: on the scored samples, in [0, 1], and the interval's ends.
        gain_low, gain_high: interval of the accuracy less the best single model's, over the same
            bootstrap samples.
        ece, ece_after: expected calibration error on the scored samples, before and after the
            temperature.
        temperature: fitted on the ranked samples.
    """

    candidate: Candidate
    ensemble: Ensemble
    accuracy: float
    low: float
    high: float
    gain_low: float
    gain_high: float
    ece: float
    ece_after: float
    temperature: float


def standard_candidates(methods: Iterable[str], fractions: Sequence[float]) -> list[Candidate]:
    """The rows of the usual table: soft, hard and weighted votes of the best fractions, then what
    is fitted over all models."""
    wanted = set(methods)
    candidates = [
        Candidate(f"{method}, best {100 * fraction:.3g} %", method, fraction)
        for method in ("soft", "hard", "weighted")
        if method in wanted
        for fraction in fractions
    ]
    if "greedy" in wanted:
        candidates += [
            Candidate("greedy by accuracy", "greedy", options=(("metric", "accuracy"),)),
            Candidate("greedy by log-loss", "greedy", options=(("metric", "log_loss"),)),
        ]
    if "stack" in wanted:
        candidates += [
            Candidate("stacked probabilities", "stack"),
            Candidate("stacked labels", "stack", options=(("features", "labels"),)),
        ]
    return candidates


def compare(
    ranked: tuple[Predicted, Tensor],
    scored: tuple[Predicted, Tensor],
    candidates: Iterable[Candidate],
    ranking: Tensor,
    *,
    logits: tuple[bool | None, bool | None] = (None, None),
    replicates: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    device: torch.device | str | None = None,
    on_candidate: Callable[[str], None] = lambda name: None,
) -> list[CandidateResult]:
    """Fit every candidate on the ranked samples and score it on the others.

    Args:
        ranked: (predictions [M, N, C], targets [N]) to fit on.
        scored: the same models' on other samples.
        candidates: what to compare; the best single model is added, first.
        ranking: [M] models, best first, from :func:`rank` on the ranked samples.
        logits: of the ranked and of the scored predictions, where they are tensors.
        replicates, confidence, seed: as :func:`bootstrap_intervals`.
        device: as :func:`vote`.
        on_candidate: called with a candidate's name before it begins.

    Raises:
        TypeError, ValueError: as :func:`fit_ensemble`.
    """
    single = Candidate(BEST_SINGLE, "soft", 1.0 / len(ranking))
    compared = [single, *candidates]
    ensembles, results, temperatures = [], [], []
    for candidate in compared:
        on_candidate(candidate.name)
        ensemble = fit_ensemble(
            *ranked,
            candidate.method,
            fraction=candidate.fraction,
            ranking=ranking,
            logits=logits[0],
            device=device,
            **dict(candidate.options),
        )
        fitted = ensemble.vote(ranked[0], logits=logits[0], device=device)
        temperatures.append(fit_temperature(fitted.scores, ranked[1].to(fitted.scores.device)))
        ensembles.append(ensemble)
        results.append(ensemble.vote(scored[0], logits=logits[1], device=device))
    targets = scored[1].to(results[0].labels.device)
    right = torch.stack([result.labels == targets for result in results])
    intervals = bootstrap_intervals(right, replicates=replicates, confidence=confidence, seed=seed)
    tail = (1.0 - confidence) / 2.0
    gains = intervals.replicates - intervals.replicates[:, :1]
    ends = torch.tensor([tail, 1.0 - tail], dtype=torch.float64, device=gains.device)
    gain_low, gain_high = torch.quantile(gains, ends, dim=0)
    return [
        CandidateResult(
            candidate,
            ensembles[i],
            float(intervals.accuracy[i]),
            float(intervals.low[i]),
            float(intervals.high[i]),
            float(gain_low[i]),
            float(gain_high[i]),
            *_calibration(results[i], targets, temperatures[i]),
            temperatures[i],
        )
        for i, candidate in enumerate(compared)
    ]


def _calibration(result: VoteResult, targets: Tensor, temperature: float) -> tuple[float, float]:
    after = at_temperature(result.scores, temperature)
    return (
        expected_calibration_error(result.scores, targets),
        expected_calibration_error(after, targets),
    )
