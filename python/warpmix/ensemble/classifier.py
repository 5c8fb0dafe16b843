"""Ensembles with scikit-learn's interface."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, ClassVar

import numpy as np
import sklearn
from numpy.random import RandomState
from sklearn import ensemble as peer
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import check_cv, cross_val_predict
from sklearn.utils.metadata_routing import process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from warpmix._numbers import shown
from warpmix.ensemble.ensemble import FITTED, METHODS, fit_ensemble
from warpmix.ensemble.voting import VoteResult, vote


def _has_probabilities(classifier: VotingClassifier) -> bool:
    if classifier.voting in ("hard", "rank"):
        raise AttributeError(
            f"predict_proba is not available when voting={shown(classifier.voting)}"
        )
    return True


class VotingClassifier(peer.VotingClassifier):
    """scikit-learn's VotingClassifier with more ways to combine its estimators.

    Everything but the combination is scikit-learn's: nested parameters, "drop", sample weights,
    metadata routing, ``n_jobs``, names of features. So are the decisions of "hard" and "soft", ties
    included. Probabilities are rounded to float32 before they are combined.

    Args:
        estimators: [(name, classifier or "drop"), …].
        voting: "hard", "soft", "geometric" or "rank", as :func:`warpmix.vote`; or, fitted to
            out-of-fold predictions of the estimators, "weighted" (weights by log-loss), "greedy"
            (Caruana's selection) or "stack" (logistic regression), as :func:`fit_ensemble`.
        weights: [M], one an estimator, of the votes that are not fitted; equal where left out.
        cv: folds, or a splitter of scikit-learn's, for the out-of-fold predictions; None: 5 folds.
        options: further arguments of :func:`fit_ensemble` as a dict, such as size or metric.
        n_jobs: processes that fit estimators; None: 1.
        flatten_transform: whether :meth:`transform` joins the estimators' probabilities into rows.
        verbose: whether the time that each estimator takes to fit is printed.

    Attributes:
        classes_: [C] labels.
        estimators_, named_estimators_: the fitted classifiers.
        ensemble_: an :class:`Ensemble`, of the votes that are fitted.
        n_features_in_, feature_names_in_, le_: as scikit-learn's.

    Sample weights go to the estimators. What combines them is fitted to the samples whose weight is
    not 0, with equal weights.
    """

    # "voting" is checked in fit, in this package's words.
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **{k: v for k, v in peer.VotingClassifier._parameter_constraints.items() if k != "voting"},
        "cv": ["cv_object"],
        "options": [dict, None],
    }

    def __init__(
        self,
        estimators: Sequence[tuple[str, Any]],
        *,
        voting: str = "hard",
        weights: Sequence[float] | np.ndarray | None = None,
        cv: Any = None,
        options: dict[str, Any] | None = None,
        n_jobs: int | None = None,
        flatten_transform: bool = True,
        verbose: bool = False,
    ) -> None:
        super().__init__(
            estimators,
            voting=voting,
            weights=weights,
            n_jobs=n_jobs,
            flatten_transform=flatten_transform,
            verbose=verbose,
        )
        self.cv = cv
        self.options = options

    def fit(self, X: Any, y: Any, **fit_params: Any) -> VotingClassifier:
        """Fit the estimators, and what combines them.

        Args:
            X: [N, F] samples, as the estimators take them.
            y: [N] labels.
            fit_params: sample_weight; other metadata where scikit-learn's routing is enabled.

        Returns:
            Itself.

        Raises:
            ValueError: unknown voting, weights that do not fit, no estimators; fewer than two
                classes to stack on.
        """
        if self.voting not in METHODS:
            raise ValueError(
                f"voting must be one of {', '.join(METHODS)}, got {shown(self.voting)}"
            )
        if self.voting in FITTED and self.weights is not None:
            raise ValueError(f"weights must be left out: voting={shown(self.voting)} fits its own")
        super().fit(X, y, **fit_params)
        if self.voting in FITTED:
            encoded = self.le_.transform(y)
            held_out = self._out_of_fold(X, encoded, fit_params)
            if fit_params.get("sample_weight") is not None:
                counted = np.asarray(fit_params["sample_weight"]) != 0
                encoded, held_out = encoded[counted], [rows[counted] for rows in held_out]
                if self.voting == "stack" and len(np.unique(encoded)) < 2:
                    raise ValueError(
                        "sample_weight must be above 0 for at least two classes, which voting="
                        f"'stack' tells apart, got {len(np.unique(encoded))}"
                    )
            self.ensemble_ = fit_ensemble(held_out, encoded, self.voting, **(self.options or {}))
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return [N] labels of the ensemble; ties to the first class."""
        check_is_fitted(self)
        return np.asarray(self.le_.inverse_transform(self._vote(X).labels.numpy()))

    @available_if(_has_probabilities)
    def predict_proba(self, X: Any) -> np.ndarray:
        """Return [N, C] float64 probabilities of the ensemble; not of "hard" and "rank"."""
        check_is_fitted(self)
        scores = self._vote(X).scores.double()
        # They sum to 1 in float32; callers of scikit-learn's expect it in float64.
        return (scores / scores.sum(1, keepdim=True)).numpy()

    def transform(self, X: Any) -> np.ndarray:
        """Return what the estimators predict, one by one.

        Returns:
            [N, M] encoded labels of "hard"; else probabilities, [N, M * C] or, without
            ``flatten_transform``, [M, N, C].
        """
        check_is_fitted(self)
        if self.voting == "hard":
            return np.asarray(self._predict(X))
        probabilities = self._collect_probas(X)
        return np.hstack(probabilities) if self.flatten_transform else probabilities

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns of :meth:`transform`.

        Raises:
            ValueError: without ``flatten_transform``, but for "hard", there are no columns.
        """
        check_is_fitted(self, "n_features_in_")
        if self.voting != "hard" and not self.flatten_transform:
            raise ValueError(
                f"get_feature_names_out is not supported when `voting={shown(self.voting)}` and "
                "`flatten_transform=False`"
            )
        return np.asarray(super().get_feature_names_out(input_features))

    def _vote(self, X: Any) -> VoteResult:
        if self.voting == "hard":
            one_hot = np.eye(len(self.classes_), dtype=np.float32)
            return vote(one_hot[self._predict(X).T], "hard", self._weights_not_none)
        if self.voting not in FITTED:
            return vote(self._collect_probas(X), self.voting, self._weights_not_none)
        fitted = getattr(self, "ensemble_", None)
        if fitted is None or fitted.method != self.voting:
            raise NotFittedError(f"voting={shown(self.voting)} is not fitted yet; call fit again")
        return fitted.vote(self._collect_probas(X))

    def _out_of_fold(self, X: Any, y: np.ndarray, fit_params: dict[str, Any]) -> list[np.ndarray]:
        """Return M probabilities [N, C], by clones that did not see the sample."""
        routed: Any = {name: {"fit": fit_params} for name, _ in self.estimators}
        if sklearn.get_config()["enable_metadata_routing"]:
            routed = process_routing(self, "fit", **fit_params)
        folds = check_cv(self.cv, y=y, classifier=True)
        if getattr(folds, "random_state", 0) is None:
            folds.random_state = RandomState()  # one for all: every estimator has the same folds
        held_out = Parallel(n_jobs=self.n_jobs)(
            delayed(cross_val_predict)(
                clone(estimator),
                X,
                y,
                cv=deepcopy(folds),
                method="predict_proba",
                params=routed[name]["fit"],
            )
            for name, estimator in self.estimators
            if estimator != "drop"
        )
        return list(held_out)
