"""Stacking, diversity, calibration and intervals, against scikit-learn, torchmetrics and SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from test_select import noisy
from torch import Tensor
from torchmetrics.functional.classification import multiclass_calibration_error

from warpmix.ensemble import (
    Stacking,
    at_temperature,
    bootstrap_intervals,
    compare,
    diversity,
    expected_calibration_error,
    fit_temperature,
    join_folds,
    reference,
    standard_candidates,
    vote,
)

# ---- stacking -----------------------------------------------------------------------------------


def flat(predictions: Tensor, features: str) -> np.ndarray:
    if features == "labels":
        predictions = torch.nn.functional.one_hot(predictions.argmax(2), predictions.shape[2])
    if features == "log_probabilities":
        # These bits: the regression stops far from its minimum, where an ulp is seen in the scores.
        predictions = reference.log_probabilities(predictions, logits=False).clamp(min=np.log(1e-7))
    return predictions.permute(1, 0, 2).flatten(1).float().numpy()


@pytest.mark.parametrize("features", ["probabilities", "log_probabilities", "labels"])
def test_stacking_is_scikit_learns_regression(features: str) -> None:
    predictions, targets = noisy(6, 900)
    peer = LogisticRegression(max_iter=1000).fit(
        flat(predictions[:, :600], features), targets[:600]
    )
    stack = Stacking(features, folds=5).fit(predictions[:, :600], targets[:600])
    got = stack.vote(predictions[:, 600:])
    want = peer.predict_proba(flat(predictions[:, 600:], features))
    np.testing.assert_allclose(got.scores.numpy(), want, atol=1e-6)
    assert (got.labels.numpy() == want.argmax(1)).all()
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    x = flat(predictions[:, :600], features)
    assert stack.cross_validated == cross_val_score(peer, x, targets[:600], cv=folds).mean()


def test_stacking_of_two_of_three_classes() -> None:
    generator = torch.Generator().manual_seed(0)
    predictions = torch.rand(3, 80, 3, generator=generator).softmax(-1)
    targets = torch.arange(80) % 2 * 2
    stack = Stacking().fit(predictions, targets)
    peer = LogisticRegression(max_iter=1000).fit(flat(predictions, "probabilities"), targets)
    got = stack.vote(predictions)
    assert (got.labels.numpy() == peer.predict(flat(predictions, "probabilities"))).all()
    assert got.scores[:, 1].eq(0).all()


def test_stacking_refuses() -> None:
    predictions, targets = noisy(3, 60)
    with pytest.raises(RuntimeError, match="not fitted yet"):
        Stacking().vote(predictions)
    with pytest.raises(ValueError, match=r"at least two classes to fit on, got \[1\]"):
        Stacking().fit(predictions, torch.ones_like(targets))
    with pytest.raises(ValueError, match=r"of the 3 models and 5 classes.*got 2 models and 5"):
        Stacking().fit(predictions, targets).vote(predictions[:2])
    for arguments in ({"features": "pixels"}, {"C": 0.0}, {"folds": 1}):
        with pytest.raises(ValueError, match=next(iter(arguments))):
            Stacking(**arguments)


def test_folds_are_joined_in_the_order_of_the_samples() -> None:
    whole = torch.rand(10, 3)
    order = torch.randperm(10)
    folds = [(rows, whole[rows]) for rows in order.split(4)]
    assert join_folds(folds, 10).equal(whole)
    with pytest.raises(ValueError, match="hold out each of 11 rows once, got row 10 0 times"):
        join_folds(folds, 11)
    with pytest.raises(ValueError, match=r"once, got row . 2 times"):
        join_folds([*folds, folds[0]], 10)


# ---- diversity ----------------------------------------------------------------------------------


def test_diversity_equals_its_definitions() -> None:
    predictions, targets = noisy(5, 300)
    labels = predictions.argmax(2)
    wrong = (labels != targets).double().numpy()
    got = diversity(predictions, targets)
    np.testing.assert_allclose(got.accuracy.numpy(), 1 - wrong.mean(1), atol=1e-12)
    np.testing.assert_allclose(got.error_correlation.numpy(), np.corrcoef(wrong), atol=1e-12)
    differ = (labels[:, None] != labels[None]).double()
    torch.testing.assert_close(got.disagreement, differ.mean(2), rtol=0, atol=1e-12)
    pairs = np.triu_indices(5, 1)
    for c in range(5):
        of_class = targets == c
        accuracy = (labels[:, of_class] == c).double().mean(1)
        torch.testing.assert_close(got.class_accuracy[:, c], accuracy, rtol=0, atol=1e-12)
        mean = differ[:, :, of_class].mean(2).numpy()[pairs].mean()
        assert float(got.class_disagreement[c]) == pytest.approx(mean, abs=1e-12)
        mean = np.corrcoef(wrong[:, of_class.numpy()])[pairs].mean()
        assert float(got.class_error_correlation[c]) == pytest.approx(mean, abs=1e-9)
    assert got.mean_pair(got.disagreement) == pytest.approx(differ.mean(2).numpy()[pairs].mean())


def test_diversity_of_models_that_never_err() -> None:
    right = torch.eye(3)[[0, 1, 2, 0]].expand(2, 4, 3)
    got = diversity(right, torch.tensor([0, 1, 2, 0]))
    assert got.disagreement.abs().max() == 0 and got.error_correlation.isnan().all()
    with pytest.raises(ValueError, match="at least one sample"):
        diversity(right[:, :0], torch.zeros(0, dtype=torch.int64))


# ---- calibration --------------------------------------------------------------------------------


@pytest.mark.parametrize("bins", [1, 10, 15])
def test_ece_equals_torchmetrics(bins: int) -> None:
    predictions, targets = noisy(1, 2000)
    want = multiclass_calibration_error(predictions[0], targets, num_classes=5, n_bins=bins)
    got = expected_calibration_error(predictions[0], targets, bins)
    assert got == pytest.approx(float(want), abs=1e-6)


def test_ece_of_known_scores() -> None:
    sure = torch.eye(4)[[0, 1, 2, 3]]
    assert expected_calibration_error(sure, torch.tensor([0, 1, 2, 3])) == 0.0
    assert expected_calibration_error(sure, torch.tensor([1, 2, 3, 0])) == 1.0
    with pytest.raises(ValueError, match="bins must be from 1 to 1000000"):
        expected_calibration_error(sure, torch.arange(4), 0)
    with pytest.raises(ValueError, match=r"targets must have shape \[4\]"):
        expected_calibration_error(sure, torch.arange(3))


def test_temperature_is_found_again() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(20000, 10, generator=generator) * 2
    targets = torch.multinomial(logits.softmax(1), 1, generator=generator).flatten()
    for temperature in (0.4, 1.0, 3.0):
        scores = (logits * temperature).softmax(1)
        found = fit_temperature(scores, targets)
        assert found == pytest.approx(temperature, rel=0.03)
        before = expected_calibration_error(scores, targets)
        after = expected_calibration_error(at_temperature(scores, found), targets)
        assert after < 0.012 and (temperature == 1.0 or after < before / 5)


# ---- intervals ----------------------------------------------------------------------------------


def test_intervals_are_the_binomials() -> None:
    generator = torch.Generator().manual_seed(0)
    right = torch.rand(70, 3000, generator=generator) < torch.linspace(0.05, 0.95, 70)[:, None]
    got = bootstrap_intervals(right, replicates=4000, seed=3)
    accuracy = right.double().mean(1)
    assert torch.equal(got.accuracy, accuracy) and got.replicates.shape == (4000, 70)
    for r in range(70):
        binomial = stats.binom(3000, float(accuracy[r]))
        # 4,000 replicates know a percentile to about a tenth of the deviation; 4 of those.
        tolerance = 0.4 * binomial.std() / 3000
        assert float(got.low[r]) == pytest.approx(binomial.ppf(0.025) / 3000, abs=tolerance)
        assert float(got.high[r]) == pytest.approx(binomial.ppf(0.975) / 3000, abs=tolerance)


def test_replicates_are_paired() -> None:
    right = torch.rand(1, 500) < 0.7
    same = bootstrap_intervals(right.expand(66, 500), replicates=50).replicates  # two launches
    assert same.eq(same[:, :1]).all() and same[:, 0].unique().numel() > 10


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: bootstrap_intervals(torch.zeros(2, 3)), TypeError, "correct must be bool, got"),
        (lambda: bootstrap_intervals(torch.zeros(2, 0).bool()), ValueError, "N at least 1"),
        (lambda: bootstrap_intervals(RIGHT, replicates=0), ValueError, "from 1 to 65535, got 0"),
        (lambda: bootstrap_intervals(RIGHT, confidence=1.0), ValueError, r"in \(0, 1\), got 1.0"),
        (lambda: fit_temperature(torch.rand(3), RIGHT), ValueError, r"\[samples, classes\], got"),
        (lambda: fit_temperature(torch.rand(2, 3) * 9, [0, 1]), ValueError, "scores must be prob"),
        (lambda: bootstrap_intervals(RIGHT, seed=2**63), ValueError, "seed must be from 0"),
        (lambda: join_folds([([0, 1], torch.rand(3, 2))], 2), ValueError, "a prediction a row"),
        (lambda: join_folds([([0, -1], torch.rand(2, 2))], 2), ValueError, r"\[0, 2\), got -1"),
    ],
)
def test_errors_name_the_argument(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()


RIGHT = torch.ones(2, 3, dtype=torch.bool)


def test_voted_scores_can_be_calibrated() -> None:
    predictions, targets = noisy(8, 1000)
    scores = vote(predictions).scores
    temperature = fit_temperature(scores[:500], targets[:500])
    before = expected_calibration_error(scores[500:], targets[500:])
    after = expected_calibration_error(at_temperature(scores[500:], temperature), targets[500:])
    assert after < before


def test_gains_are_over_the_best_single_model() -> None:
    predictions, targets = noisy(6, 600)
    halves = [(predictions[:, rows], targets[rows]) for rows in (slice(300), slice(300, 600))]
    candidates = standard_candidates(["stack", "greedy", "soft"], [0.5])
    results = compare(*halves, candidates, replicates=200, confidence=0.8, seed=4)
    assert [result.candidate.name for result in results] == [
        "best single model",
        "soft, best 50 %",
        "greedy by accuracy",
        "greedy by log-loss",
        "stacked probabilities",
        "stacked labels",
    ]
    tested, truth = halves[1]
    correct = torch.stack([result.ensemble.vote(tested).labels == truth for result in results])
    assert [result.accuracy for result in results] == correct.double().mean(1).tolist()
    drawn = bootstrap_intervals(correct, replicates=200, seed=4).replicates.numpy()
    low, high = np.quantile(drawn - drawn[:, :1], [0.1, 0.9], axis=0)
    np.testing.assert_allclose([result.gain_low for result in results], low, rtol=0, atol=1e-12)
    np.testing.assert_allclose([result.gain_high for result in results], high, rtol=0, atol=1e-12)
