"""Ensembles with scikit-learn's interface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.model_selection import cross_val_predict
from sklearn.preprocessing import LabelEncoder
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from warpmix.ensemble.ensemble import METHODS, Ensemble, fit_ensemble


def _has_probabilities(classifier: VotingClassifier) -> bool:
    if classifier.voting == "hard":
        raise AttributeError("predict_proba is not available when voting='hard'")
    return True


class VotingClassifier(ClassifierMixin, BaseEstimator):
    """A vote of classifiers, or of predictions that are there already.

    As scikit-learn's VotingClassifier, whose decisions "hard" and "soft" are, ties included
    (probabilities here are float32); and with three more ways to vote, which are fitted.

    Args:
        estimators: [(name, classifier), …] to fit, as scikit-learn's; or None: X holds predictions
            [N, M, C], probabilities of M models for N samples, with the columns in the order of
            the sorted labels.
        voting: "hard", "soft", "weighted" (weights by log-loss), "greedy" (Caruana's selection) or
            "stack" (logistic regression). The last three are fitted to the X of predictions, or to
            out-of-fold predictions of the estimators.
        weights: [M] of a hard or soft vote; equal where left out.
        cv: folds, or a splitter of scikit-learn's, for the out-of-fold predictions.
        options: further arguments of :func:`fit_ensemble` as a dict, such as size or metric.

    Attributes:
        classes_: [C] labels.
        estimators_, named_estimators_: the fitted classifiers, where there are some.
        ensemble_: what was fitted, an :class:`Ensemble`.
    """

    def __init__(
        self,
        estimators: Sequence[tuple[str, Any]] | None = None,
        *,
        voting: str = "hard",
        weights: Sequence[float] | None = None,
        cv: Any = 5,
        options: dict[str, Any] | None = None,
    ) -> None:
        self.estimators = estimators
        self.voting = voting
        self.weights = weights
        self.cv = cv
        self.options = options

    def fit(self, X: Any, y: Any) -> VotingClassifier:
        """Fit the classifiers, where there are some, and what the vote needs.

        Raises:
            ValueError: unknown voting, weights that do not fit, no estimators, or predictions that
                are not [N, M, C] with as many columns as there are labels.
        """
        if self.voting not in METHODS:
            raise ValueError(f"voting must be one of {', '.join(METHODS)}, got {self.voting!r}")
        is_fitted = self.voting not in ("hard", "soft")
        if is_fitted and self.weights is not None:
            raise ValueError(f"weights must be left out: voting={self.voting!r} fits its own")
        self.le_ = LabelEncoder().fit(y)
        self.classes_ = self.le_.classes_
        targets = torch.from_numpy(self.le_.transform(y)).long()
        if self.estimators is None:
            predictions = self._given(X)
        else:
            predictions = self._fit_estimators(X, y, is_fitted)
        if is_fitted:
            self.ensemble_ = fit_ensemble(predictions, targets, self.voting, **(self.options or {}))
            return self
        weights = None
        if self.weights is not None:
            weights = torch.as_tensor(self.weights, dtype=torch.float64)
            if tuple(weights.shape) != predictions.shape[:1]:
                raise ValueError(
                    f"weights must be one a model, [{predictions.shape[0]}], got "
                    f"{list(weights.shape)}"
                )
        self.ensemble_ = Ensemble(self.voting, torch.arange(predictions.shape[0]), weights)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """[N] labels of the ensemble; ties to the first class."""
        check_is_fitted(self)
        labels = self.ensemble_.vote(self._predictions(X)).labels
        return np.asarray(self.le_.inverse_transform(labels.numpy()))

    @available_if(_has_probabilities)
    def predict_proba(self, X: Any) -> np.ndarray:
        """[N, C] float32 probabilities of the ensemble; not of a hard vote."""
        check_is_fitted(self)
        return self.ensemble_.vote(self._predictions(X)).scores.numpy()

    def transform(self, X: Any) -> np.ndarray:
        """[N, M] labels of each model (hard), or [N, M * C] probabilities."""
        check_is_fitted(self)
        predictions = self._predictions(X)
        if self.voting == "hard":
            return np.asarray(predictions.argmax(2).T.numpy())
        return np.asarray(predictions.permute(1, 0, 2).flatten(1).numpy())

    # ---- predictions [M, N, C] --------------------------------------------------------------

    def _predictions(self, X: Any) -> Tensor:
        if self.estimators is None:
            return self._given(X)
        return torch.stack([self._ask(estimator, X) for estimator in self.estimators_])

    def _given(self, X: Any) -> Tensor:
        array = np.asarray(X, np.float32)
        count = len(self.classes_)
        if array.ndim != 3 or array.shape[2] != count:
            raise ValueError(
                f"X must be predictions [samples, models, {count} classes] where there are no "
                f"estimators, got shape {array.shape}"
            )
        return torch.from_numpy(np.ascontiguousarray(array.transpose(1, 0, 2)))

    def _fit_estimators(self, X: Any, y: Any, is_fitted: bool) -> Tensor:
        """Fit clones on all samples; out-of-fold predictions where the vote is to be fitted."""
        if not self.estimators:
            raise ValueError("estimators must hold at least one classifier, got none")
        names = [name for name, _ in self.estimators]
        if len(set(names)) != len(names):
            raise ValueError(f"estimators must have distinct names, got {', '.join(names)}")
        encoded = self.le_.transform(y)
        self.estimators_ = [clone(e).fit(X, encoded) for _, e in self.estimators]
        self.named_estimators_ = dict(zip(names, self.estimators_, strict=True))
        if not is_fitted:
            return torch.empty(len(names), 0, len(self.classes_))
        held_out = [
            cross_val_predict(clone(e), X, encoded, cv=self.cv, method="predict_proba")
            for _, e in self.estimators
        ]
        return torch.from_numpy(np.stack(held_out).astype(np.float32))

    def _ask(self, estimator: Any, X: Any) -> Tensor:
        """[N, C] of one classifier: its probabilities, or for a hard vote its decisions."""
        if self.voting == "hard":
            decided = np.asarray(estimator.predict(X), np.int64)
            return torch.eye(len(self.classes_))[torch.from_numpy(decided)]
        return torch.from_numpy(np.asarray(estimator.predict_proba(X), np.float32))
