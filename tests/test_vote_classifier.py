"""The front end with scikit-learn's interface, against scikit-learn's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import VotingClassifier as Peer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier
from test_select import noisy

from warpmix.ensemble import METHODS, VotingClassifier, fit_ensemble

ESTIMATORS = [
    ("lr", LogisticRegression(max_iter=500)),
    ("nb", GaussianNB()),
    ("tree", DecisionTreeClassifier(max_depth=3, random_state=0)),
]


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    x, y = make_classification(300, 8, n_informative=5, n_classes=3, random_state=0)
    return x, np.array(["ant", "bee", "cat"])[y]


@pytest.mark.parametrize("weights", [None, [2.0, 1.0, 1.0], [1.0, 1.0, 5.0]])
@pytest.mark.parametrize("voting", ["hard", "soft"])
def test_equal_to_scikit_learn(data: Any, voting: str, weights: list[float] | None) -> None:
    x, y = data
    own = VotingClassifier(ESTIMATORS, voting=voting, weights=weights).fit(x[:200], y[:200])
    peer = Peer(ESTIMATORS, voting=voting, weights=weights).fit(x[:200], y[:200])
    assert (own.predict(x) == peer.predict(x)).all()
    assert (own.classes_ == peer.classes_).all()
    assert own.score(x, y) == peer.score(x, y)
    assert list(own.named_estimators_) == ["lr", "nb", "tree"]
    np.testing.assert_allclose(own.transform(x), peer.transform(x), rtol=1e-6)
    if voting == "soft":
        np.testing.assert_allclose(own.predict_proba(x), peer.predict_proba(x), rtol=1e-5)
    else:
        assert not hasattr(own, "predict_proba") and not hasattr(peer, "predict_proba")


@pytest.mark.parametrize("voting", ["weighted", "greedy", "stack"])
def test_fitted_votes_are_of_out_of_fold_predictions(data: Any, voting: str) -> None:
    x, y = data
    overfitted = DecisionTreeClassifier(random_state=0)  # without a depth: 100 % on its own data
    own = VotingClassifier([*ESTIMATORS, ("deep", overfitted)], voting=voting).fit(x[:200], y[:200])
    assert own.score(x[200:], y[200:]) > 0.6
    if own.ensemble_.weights is not None:
        shares = dict(zip(own.ensemble_.members.tolist(), own.ensemble_.weights, strict=True))
        assert shares.get(3, 0.0) < 0.5  # in-fold it would have taken all
    proba = own.predict_proba(x)
    np.testing.assert_allclose(proba.sum(1), 1, rtol=1e-5)
    assert (own.classes_[proba.argmax(1)] == own.predict(x)).all()


@pytest.mark.parametrize("voting", METHODS)
def test_over_predictions(voting: str) -> None:
    scores, labels = noisy(6, 400)
    x, y = scores.permute(1, 0, 2).numpy(), labels.numpy()
    own = VotingClassifier(voting=voting).fit(x[:200], y[:200])
    want = fit_ensemble(scores[:, :200], labels[:200], voting).vote(scores[:, 200:])
    assert (own.predict(x[200:]) == want.labels.numpy()).all()
    assert len(cross_val_score(own, x, y, cv=3)) == 3


def test_is_an_estimator_of_scikit_learns(data: Any) -> None:
    x, y = data
    search = GridSearchCV(
        VotingClassifier(ESTIMATORS, voting="greedy"),
        {"options": [{"size": 2}, {"size": 10}]},
        cv=2,
    ).fit(x, y)
    assert search.best_params_["options"]["size"] in (2, 10)
    own = VotingClassifier(ESTIMATORS, voting="soft", weights=[1.0, 2.0, 3.0])
    assert clone(own).get_params()["weights"] == [1.0, 2.0, 3.0]
    with pytest.raises(NotFittedError):
        own.predict(x)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"voting": "median"}, "voting must be one of soft, hard, weighted, greedy, stack"),
        ({"voting": "greedy", "weights": [1.0] * 3}, "weights must be left out"),
        ({"weights": [1.0]}, r"weights must be one a model, \[3\], got \[1\]"),
        ({"estimators": []}, "at least one classifier"),
        ({"estimators": [ESTIMATORS[0]] * 2}, "distinct names, got lr, lr"),
        ({"estimators": None}, r"X must be predictions \[samples, models, 3 classes\].*\(300, 8\)"),
    ],
)
def test_errors_name_the_argument(data: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        VotingClassifier(**{"estimators": ESTIMATORS, **options}).fit(*data)
