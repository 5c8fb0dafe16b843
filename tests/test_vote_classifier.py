"""The front end with scikit-learn's interface, against scikit-learn's own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import VotingClassifier as Peer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from warpmix.ensemble import FITTED, METHODS, VotingClassifier, fit_ensemble, vote

ESTIMATORS: list[tuple[str, Any]] = [
    ("lr", LogisticRegression(max_iter=500)),
    ("nb", GaussianNB()),
    ("tree", DecisionTreeClassifier(max_depth=3, random_state=0)),
]


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    x, y = make_classification(300, 8, n_informative=5, n_classes=3, random_state=0)
    return x, np.array(["ant", "bee", "cat"])[y]


@pytest.mark.parametrize("weights", [None, [2.0, 1.0, 1.0], np.array([1, 0, 5])])
@pytest.mark.parametrize("voting", ["hard", "soft"])
def test_equal_to_scikit_learn(data: Any, voting: str, weights: Any) -> None:
    x, y = data
    own = VotingClassifier(ESTIMATORS, voting=voting, weights=weights).fit(x[:200], y[:200])
    peer = Peer(ESTIMATORS, voting=voting, weights=weights).fit(x[:200], y[:200])
    assert isinstance(own, Peer)
    assert (own.predict(x) == peer.predict(x)).all()
    assert own.score(x, y) == peer.score(x, y)
    np.testing.assert_array_equal(own.transform(x), peer.transform(x))
    assert (own.get_feature_names_out() == peer.get_feature_names_out()).all()
    if voting == "soft":
        np.testing.assert_allclose(own.predict_proba(x), peer.predict_proba(x), rtol=1e-6)
    else:
        assert not hasattr(own, "predict_proba") and not hasattr(peer, "predict_proba")


@pytest.mark.parametrize("voting", ["geometric", "rank"])
def test_votes_of_probabilities(data: Any, voting: str) -> None:
    x, y = data
    estimators = [*ESTIMATORS[:2], ("left out", "drop"), ESTIMATORS[2]]
    own = VotingClassifier(estimators, voting=voting, weights=[1, 2, 9, 3]).fit(x, y)
    want = vote([e.predict_proba(x) for e in own.estimators_], voting, [1, 2, 3])
    assert (own.predict(x) == own.classes_[want.labels.numpy()]).all()
    assert own.transform(x).shape == (300, 9) == (300, len(own.get_feature_names_out()))
    assert hasattr(own, "predict_proba") == (voting == "geometric")
    own.set_params(flatten_transform=False)
    assert own.transform(x).shape == (3, 300, 3)
    with pytest.raises(ValueError, match=f"voting='{voting}'` and `flatten_transform=False`"):
        own.get_feature_names_out()


@pytest.mark.parametrize("voting", FITTED)
def test_fitted_votes_are_of_out_of_fold_predictions(data: Any, voting: str) -> None:
    x, y = data
    overfitted = DecisionTreeClassifier(random_state=0)  # without a depth: 100 % on its own data
    estimators = [*ESTIMATORS, ("left out", "drop"), ("deep", overfitted)]
    own = VotingClassifier(estimators, voting=voting, cv=4).fit(x[:200], y[:200])
    codes = own.le_.transform(y[:200])
    held_out = [
        cross_val_predict(clone(e), x[:200], codes, cv=4, method="predict_proba")
        for _, e in estimators
        if e != "drop"
    ]
    want = fit_ensemble(held_out, codes, voting).vote([e.predict_proba(x) for e in own.estimators_])
    assert (own.predict(x) == own.classes_[want.labels.numpy()]).all()
    probabilities = own.predict_proba(x)
    np.testing.assert_allclose(probabilities, want.scores.numpy(), rtol=1e-6)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-12)
    assert own.score(x[200:], y[200:]) > 0.6
    if voting != "stack":
        shares = dict(zip(own.ensemble_.members.tolist(), own.ensemble_.weights, strict=True))
        assert shares.get(3, 0.0) < 0.5  # in-fold it would have taken all


def test_shuffled_folds_are_the_same_for_every_estimator(data: Any) -> None:
    x, y = data
    twins = [("a", GaussianNB()), ("b", GaussianNB())]
    own = VotingClassifier(twins, voting="stack", cv=KFold(3, shuffle=True)).fit(x, y)
    first, second = np.split(own.ensemble_.stacking.coefficients.numpy(), 2, axis=1)
    np.testing.assert_allclose(first, second, rtol=1e-9)


@pytest.mark.parametrize("voting", METHODS)
def test_samples_without_weight_do_not_count(data: Any, voting: str) -> None:
    x, y = data
    wrong = np.where(y[:100] == "ant", "cat", "ant")
    even, odd = np.arange(0, 300, 2), np.arange(1, 300, 2)
    folds = [(even, odd), (odd, even)]  # stratified ones would depend on the labels
    weight = np.r_[np.zeros(100), np.ones(200)]
    own = VotingClassifier(ESTIMATORS, voting=voting, cv=folds)
    with_wrong = own.fit(x, np.r_[wrong, y[100:]], sample_weight=weight).predict(x)
    with_right = clone(own).fit(x, y, sample_weight=weight).predict(x)
    assert (with_wrong == with_right).all()


def test_stacking_needs_two_classes_with_weight(data: Any) -> None:
    x, y = data
    tree = [ESTIMATORS[2]]
    with pytest.raises(ValueError, match=r"sample_weight must be .* two classes.*'stack'.*got 1"):
        VotingClassifier(tree, voting="stack").fit(x, y, sample_weight=(y == "ant").astype(float))


def test_is_an_estimator_of_scikit_learns(data: Any) -> None:
    x, y = data
    search = GridSearchCV(
        VotingClassifier(ESTIMATORS, voting="greedy", cv=2),
        {"options": [{"size": 2}, {"size": 10}], "tree__max_depth": [1, 3], "nb": ["drop"]},
        cv=2,
    ).fit(x, y)
    assert search.best_params_["options"]["size"] in (2, 10)
    assert len(search.best_estimator_.estimators_) == 2
    own = VotingClassifier(ESTIMATORS, voting="soft", weights=[1.0, 2.0, 3.0])
    assert clone(own).get_params()["weights"] == [1.0, 2.0, 3.0]
    assert own.get_params()["tree__max_depth"] == 3


def test_a_changed_vote_must_be_fitted(data: Any) -> None:
    x, y = data
    own = VotingClassifier(ESTIMATORS, voting="greedy")
    with pytest.raises(NotFittedError):
        own.predict(x)
    own.fit(x, y).set_params(voting="weighted")
    with pytest.raises(NotFittedError, match="voting='weighted' is not fitted yet; call fit again"):
        own.predict(x)
    soft = own.set_params(voting="soft").predict(x)  # needs nothing but the estimators
    assert (soft == Peer(ESTIMATORS, voting="soft").fit(x, y).predict(x)).all()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"voting": "median"}, ValueError, f"one of {', '.join(METHODS)}, got 'median'"),
        ({"voting": "greedy", "weights": [1.0] * 3}, ValueError, "weights must be left out"),
        ({"weights": [1.0]}, ValueError, "Number of `estimators` and weights must be equal"),
        ({"estimators": []}, ValueError, "non-empty list"),
        ({"estimators": [ESTIMATORS[0]] * 2}, ValueError, "Names provided are not unique"),
        ({"voting": "stack", "cv": "many"}, ValueError, "The 'cv' parameter of VotingClassifier"),
        ({"options": 3}, ValueError, "The 'options' parameter of VotingClassifier"),
        ({"voting": "greedy", "options": {"depth": 3}}, TypeError, "depth"),
    ],
)
def test_errors_name_the_argument(
    data: Any, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        VotingClassifier(**{"estimators": ESTIMATORS, **options}).fit(*data)


@pytest.mark.parametrize("voting", FITTED)
def test_sample_weights_that_an_estimator_does_not_take(data: Any, voting: str) -> None:
    x, y = data
    own = VotingClassifier([("knn", KNeighborsClassifier())], voting=voting)
    with pytest.raises(TypeError, match="KNeighborsClassifier does not support sample weights"):
        own.fit(x, y, sample_weight=np.ones(300))


def test_the_documentation_is_right(data: Any) -> None:
    text = (Path(__file__).parents[1] / "docs" / "ensembling.md").read_text()
    (example,) = re.findall(r"```python\n([^`]*VotingClassifier[^`]*)```", text)
    names: dict[str, Any] = {}
    exec(example, names)
    assert names["classifier"].fit(*data).score(*data) > 0.6
