"""Stacking: a logistic regression over the models' predictions (Wolpert, 1992)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import SupportsFloat, SupportsIndex

import numpy as np
import torch
from torch import Tensor

from warpmix._numbers import check_integer, check_real, shown
from warpmix.ensemble._chunks import Chunked, Progress, chunked
from warpmix.ensemble._inputs import Integers, as_integers
from warpmix.ensemble._predictions import PredictionsLike, as_member
from warpmix.ensemble.voting import VoteResult

_FEATURES = ("probabilities", "log_probabilities", "labels")
_MIN_LOG = math.log(1e-7)  # of smaller probabilities, too


class Stacking:
    """scikit-learn's multinomial LogisticRegression over predictions of M models.

    Fit it on out-of-fold predictions: of samples that no member was trained on (a validation
    split, or the folds of a cross-validation joined by :func:`join_folds`). On the members' own
    training data it would learn to trust whichever overfitted most.

    Args:
        features: of each model: its "probabilities" [C], its "log_probabilities" [C], or "labels",
            its predicted class alone, one-hot [C].
        C: inverse strength of the L2 penalty, above 0, as scikit-learn's.
        max_iterations: of the solver (L-BFGS), at least 1.
        folds: 2 or more: :attr:`cross_validated` is estimated by that many stratified folds of the
            data fitted on; 0: it is not.

    Raises:
        TypeError, ValueError: of the constructor: arguments that do not fit.

    Attributes:
        coefficients: [classes, models * classes] float64, once fitted.
        intercepts: [classes] float64; -inf of a class that was not among the targets.
        cross_validated: accuracy on held-out folds, in [0, 1]; None without folds.
    """

    coefficients: Tensor
    intercepts: Tensor

    def __init__(
        self,
        features: str = "probabilities",
        *,
        C: SupportsFloat = 1.0,
        max_iterations: SupportsIndex = 1000,
        folds: SupportsIndex = 0,
    ) -> None:
        if features not in _FEATURES:
            raise ValueError(
                f"features must be one of {', '.join(_FEATURES)}, got {shown(features)}"
            )
        self.features = features
        self.C = check_real("C", C)
        self.max_iterations = check_integer("max_iterations", max_iterations, 1)
        self.folds = check_integer("folds", folds, 0)
        if self.folds == 1:
            raise ValueError("folds must be 0, or at least 2, got 1")
        self.cross_validated: float | None = None

    def fit(
        self,
        predictions: PredictionsLike,
        targets: Integers,
        *,
        logits: bool | None = None,
        device: torch.device | str | None = None,
    ) -> Stacking:
        """Fit to out-of-fold predictions.

        Args:
            predictions: [M, N, C], as :func:`vote`.
            targets: [N] true classes, of any integer dtype, at least two of them.
            logits, device: as :func:`vote`.

        Returns:
            Itself.

        Raises:
            TypeError, ValueError: as :func:`vote`; fewer than two classes among the targets.
        """
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import StratifiedKFold, cross_val_score

        source = chunked(predictions, logits, device=device)
        true_classes = source.targets(targets)
        if len(true_classes.unique()) < 2:
            raise ValueError(
                "targets must be of at least two classes to fit on, got "
                f"{true_classes.unique().tolist()}"
            )
        features = torch.cat([self._features(source, chunk, first) for first, chunk in source])
        x, y = features.cpu().numpy(), true_classes.cpu().numpy()
        regression = LogisticRegression(C=self.C, max_iter=self.max_iterations)
        if self.folds:
            folds = StratifiedKFold(self.folds, shuffle=True, random_state=0)
            self.cross_validated = float(cross_val_score(regression, x, y, cv=folds).mean())
        regression.fit(x, y)
        models, _, classes = source.shape
        weights = torch.from_numpy(regression.coef_).double()
        biases = torch.from_numpy(regression.intercept_).double()
        if len(regression.classes_) == 2:  # one row: the second class against the first
            weights = torch.cat([torch.zeros_like(weights), weights])
            biases = torch.cat([torch.zeros_like(biases), biases])
        self.coefficients = torch.zeros(classes, models * classes, dtype=torch.float64)
        self.intercepts = torch.full((classes,), -torch.inf, dtype=torch.float64)
        self.coefficients[regression.classes_] = weights
        self.intercepts[regression.classes_] = biases
        return self

    def vote(
        self,
        predictions: PredictionsLike,
        *,
        logits: bool | None = None,
        device: torch.device | str | None = None,
        progress: Progress | None = None,
    ) -> VoteResult:
        """Combine predictions of the models it was fitted on, in the same order.

        Args:
            predictions: [M, N, C], as :func:`vote`.
            logits, device, progress: as :func:`vote`.

        Returns:
            The most probable classes, ties to the lowest, and the regression's probabilities.

        Raises:
            RuntimeError: it was not fitted.
            TypeError, ValueError: as :func:`vote`; other numbers of models or classes.
        """
        if not hasattr(self, "coefficients"):
            raise RuntimeError("this Stacking is not fitted yet; call fit first")
        source = chunked(predictions, logits, device=device, progress=progress)
        models, _, classes = source.shape
        width = self.coefficients.shape[1]
        if (classes, models * classes) != tuple(self.coefficients.shape):
            fitted = len(self.intercepts)
            raise ValueError(
                f"predictions must be of the {width // fitted} models and {fitted} classes it was "
                f"fitted on, got {models} models and {classes} classes"
            )
        coefficients = self.coefficients.to(source.device)
        intercepts = self.intercepts.to(source.device)
        parts = []
        for first, chunk in source:
            features = self._features(source, chunk, first).double()
            parts.append(torch.softmax(features @ coefficients.T + intercepts, 1))
        scores = torch.cat(parts)
        return VoteResult(scores.argmax(1), scores.float())

    def _features(self, source: Chunked, chunk: Tensor, first: int) -> Tensor:
        """Return [n, M * C] float32."""
        models, samples, classes = chunk.shape
        if self.features == "labels":
            one_hot = torch.nn.functional.one_hot(source.labels(chunk, first), classes).float()
            return one_hot.permute(1, 0, 2).reshape(samples, models * classes)
        planes = source.probabilities(chunk, first, log=self.features == "log_probabilities")
        if self.features == "log_probabilities":
            planes = planes.clamp_(min=_MIN_LOG)
        return planes.permute(2, 0, 1).reshape(samples, models * classes)


def join_folds(
    folds: Sequence[tuple[Integers, Tensor | np.ndarray]], count: SupportsIndex
) -> Tensor:
    """Join the out-of-fold predictions of one model from its folds' networks.

    Args:
        folds: for each fold, the rows [n] it held out, of any integer dtype, and its predictions
            for them [n, C], of any floating-point dtype.
        count: N, how many samples there are.

    Returns:
        [N, C], a row a sample.

    Raises:
        TypeError: rows that are no integers, predictions that are no floating-point numbers.
        ValueError: a row that no fold held out, or more than one; shapes that do not fit.
    """
    count = check_integer("count", count, 1)
    held_out, predictions = [], []
    for fold, (rows, predicted) in enumerate(folds):
        held_out.append(as_integers("folds", rows).cpu())
        predictions.append(as_member(predicted, "folds"))
        if held_out[-1].shape != predictions[-1].shape[:1]:
            raise ValueError(
                f"folds must hold a prediction a row, got {list(held_out[-1].shape)} rows and "
                f"{list(predictions[-1].shape)} predictions in fold {fold}"
            )
    rows = torch.cat(held_out)
    if bool((rows < 0).any()):
        raise ValueError(f"folds must hold out rows of [0, {count}), got {int(rows.min())}")
    times = torch.bincount(rows, minlength=count)
    if len(times) > count or bool((times != 1).any()):
        wrong = int((times != 1).int().argmax())
        raise ValueError(
            f"folds must hold out each of {count} rows once, got row {wrong} {int(times[wrong])} "
            "times"
        )
    joined = torch.cat(predictions)
    return joined[torch.argsort(rows).to(joined.device)]
