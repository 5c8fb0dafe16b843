"""Every method side by side: fitted on one split, scored on another, with intervals."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, SupportsFloat, SupportsIndex

import torch
from torch import Tensor

from warpmix.ensemble._inputs import Integers, check_ranking, check_targets
from warpmix.ensemble._predictions import PredictionsLike, are_the_same, as_predictions
from warpmix.ensemble.bootstrap import bootstrap_intervals
from warpmix.ensemble.calibration import at_temperature, expected_calibration_error, fit_temperature
from warpmix.ensemble.curve import rank
from warpmix.ensemble.ensemble import Ensemble, fit_ensemble
from warpmix.ensemble.voting import VOTES, VoteResult

BEST_SINGLE = "best single model"


@dataclass(frozen=True)
class Candidate:
    """A way to make an ensemble, to be compared with others.

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
    """How a candidate did.

    Attributes:
        candidate: which.
        ensemble: what was fitted on the validation samples.
        accuracy, low, high: on the test samples, in [0, 1], and the interval's ends.
        gain_low, gain_high: interval of the accuracy less the best single model's, over the same
            bootstrap samples.
        ece, ece_after: expected calibration error on the test samples, before and after the
            temperature.
        temperature: fitted on the validation samples.
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
    """Return the rows of the usual table: votes, with equal and with fitted weights, of the best
    fractions of the models, then selection and stacking over all of them.

    Args:
        methods: of :data:`METHODS`, in any order.
        fractions: in (0, 1].
    """
    wanted = set(methods)
    candidates = [
        Candidate(f"{method}, best {100 * fraction:.3g} %", method, fraction)
        for method in (*VOTES, "weighted")
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
    validation: tuple[PredictionsLike, Integers],
    test: tuple[PredictionsLike, Integers],
    candidates: Iterable[Candidate],
    ranking: Integers | None = None,
    *,
    logits: tuple[bool | None, bool | None] = (None, None),
    replicates: SupportsIndex = 1000,
    confidence: SupportsFloat = 0.95,
    seed: SupportsIndex = 0,
    device: torch.device | str | None = None,
    on_candidate: Callable[[str], None] = lambda name: None,
) -> list[CandidateResult]:
    """Fit every candidate on validation data and score it on test data.

    Args:
        validation: (predictions [M, N, C], targets [N]) to fit on, as :func:`fit_ensemble`.
        test: the same models' on other samples. A UserWarning says so if they are the same.
        candidates: what to compare; the best single model is added, first.
        ranking: models, best first, in place of ranking them by the validation data.
        logits: of the validation and of the test predictions, where they are not stored.
        replicates, confidence, seed: as :func:`bootstrap_intervals`.
        device: as :func:`vote`.
        on_candidate: called with a candidate's name before it begins.

    Raises:
        TypeError, ValueError: as :func:`fit_ensemble`.
    """
    if are_the_same(validation[0], test[0]):
        warnings.warn(
            "ensembles are fitted on the data they are scored on, so their accuracies are too "
            "high; give compare() validation and test predictions of different samples",
            UserWarning,
            stacklevel=2,
        )
    fitted_on, scored_on = as_predictions(validation[0]), as_predictions(test[0])
    if ranking is None:
        ranking = rank(fitted_on, validation[1], logits=logits[0], device=device)
    order = check_ranking(ranking, fitted_on.shape[0], torch.device("cpu"))
    single = Candidate(BEST_SINGLE, "soft", 1.0 / len(order))
    compared = [single, *candidates]
    ensembles, results, temperatures = [], [], []
    for candidate in compared:
        on_candidate(candidate.name)
        ensemble = fit_ensemble(
            fitted_on,
            validation[1],
            candidate.method,
            fraction=candidate.fraction,
            ranking=order,
            logits=logits[0],
            device=device,
            **dict(candidate.options),
        )
        fitted = ensemble.vote(fitted_on, logits=logits[0], device=device)
        temperatures.append(fit_temperature(fitted.scores, validation[1]))
        ensembles.append(ensemble)
        results.append(ensemble.vote(scored_on, logits=logits[1], device=device))
    _, samples, classes = scored_on.shape
    targets = check_targets(test[1], samples, classes, results[0].labels.device)
    correct = torch.stack([result.labels == targets for result in results])
    intervals = bootstrap_intervals(
        correct, replicates=replicates, confidence=confidence, seed=seed
    )
    tail = (1.0 - float(confidence)) / 2.0
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
