"""Voting against scikit-learn's VotingClassifier and against plain NumPy, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import VotingClassifier
from sklearn.preprocessing import LabelEncoder
from test_vote import sixteenths
from torch import Tensor

from warpmix.ensemble import vote, vote_curve

DTYPES = (torch.float32, torch.float16, torch.bfloat16)


class Stored:
    """An estimator whose probabilities are given, for scikit-learn's VotingClassifier."""

    def __init__(self, probabilities: np.ndarray) -> None:
        self.probabilities = probabilities

    def predict_proba(self, samples: np.ndarray) -> np.ndarray:
        return self.probabilities[samples]

    def predict(self, samples: np.ndarray) -> np.ndarray:
        return self.probabilities[samples].argmax(1)


def scikit_learn(predictions: np.ndarray, method: str, weights: list[float] | None) -> np.ndarray:
    _, samples, classes = predictions.shape
    peer = VotingClassifier([("a", None)], voting=method, weights=weights)
    peer.estimators_ = [Stored(p) for p in predictions]
    peer.estimators = [(str(i), e) for i, e in enumerate(peer.estimators_)]
    peer.le_ = LabelEncoder().fit(range(classes))
    peer.classes_ = peer.le_.classes_
    return np.asarray(peer.predict(np.arange(samples)))


def plain_numpy(predictions: np.ndarray, method: str, weights: list[float] | None) -> np.ndarray:
    scores = predictions
    if method == "hard":
        scores = np.eye(predictions.shape[2])[predictions.argmax(2)]
    factors = np.ones(len(predictions)) if weights is None else np.asarray(weights)
    return np.argmax((scores * factors[:, None, None]).cumsum(0)[-1], axis=1)


@st.composite
def any_ensembles(draw: Any) -> tuple[Tensor, list[float] | None]:
    """Probabilities in sixteenths, so that equal means are equal in any arithmetic."""
    models = draw(st.one_of(st.integers(1, 12), st.integers(1, 500)))
    classes = draw(st.one_of(st.integers(2, 20), st.integers(2, 1000)))
    samples = draw(st.integers(0, min(200, 4_000_000 // (models * classes))))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    predictions = sixteenths(models, samples, classes, generator)
    weights = None
    if draw(st.booleans()):
        weights = [float(w) / 2 for w in torch.randint(0, 5, (models,), generator=generator)]
        weights[0] += 1.0
    return predictions.to(draw(st.sampled_from(DTYPES))), weights


@settings(max_examples=60)
@given(any_ensembles(), st.sampled_from(["soft", "hard"]))
def test_equal_to_scikit_learn_and_to_numpy(
    case: tuple[Tensor, list[float] | None], method: str
) -> None:
    predictions, weights = case
    wide = predictions.double().numpy()
    got = vote(predictions, method, weights).labels.numpy()
    assert (got == plain_numpy(wide, method, weights)).all()
    if predictions.shape[1]:  # scikit-learn takes no empty arrays
        assert (got == scikit_learn(wide, method, weights)).all()


@settings(max_examples=30)
@given(any_ensembles())
def test_every_size_of_a_curve_is_a_vote(case: tuple[Tensor, list[float] | None]) -> None:
    predictions, weights = case
    models, samples, classes = predictions.shape
    if samples == 0:
        return
    targets = torch.arange(samples) % classes
    ranking = torch.randperm(models, generator=torch.Generator().manual_seed(0))
    factors = torch.ones(models) if weights is None else torch.tensor(weights)
    curve = vote_curve(predictions, targets, ranking, weights=weights)
    for k in {1, 2, models // 2, models} & set(range(1, models + 1)):
        first = ranking[:k]
        if float(factors[first].sum()) == 0:
            continue
        for method, accuracies in (("soft", curve.soft), ("hard", curve.hard)):
            labels = vote(predictions[first], method, factors[first]).labels
            assert float(accuracies[k - 1]) == float((labels == targets).double().mean())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_real_valued_scores_equal_float64_numpy(dtype: torch.dtype, classes: int) -> None:
    generator = torch.Generator().manual_seed(classes)
    predictions = torch.randn(50, 100, classes, generator=generator).softmax(-1).to(dtype)
    weights = torch.rand(50, generator=generator, dtype=torch.float64)
    for method in ("soft", "hard"):
        want = plain_numpy(predictions.double().numpy(), method, weights.tolist())
        assert (vote(predictions, method, weights).labels.numpy() == want).all()


def test_temperature_is_that_of_the_softmax() -> None:
    logits = torch.randn(4, 50, 10, generator=torch.Generator().manual_seed(0))
    temperature = [0.5, 1.0, 2.0, 10.0]
    scaled = (logits / torch.tensor(temperature)[:, None, None]).double().softmax(-1)
    of_logits = vote(logits, logits=True, temperature=temperature).scores
    of_probabilities = vote(logits.softmax(-1), temperature=temperature).scores
    torch.testing.assert_close(of_logits, scaled.mean(0).float(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(of_probabilities, scaled.mean(0).float(), rtol=1e-5, atol=1e-6)
