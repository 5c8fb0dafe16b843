"""Stacking: a logistic regression over the models' predictions decides (Wolpert, 1992)."""

from __future__ import annotations

import torch
from torch import Tensor

from warpmix import ops
from warpmix.ensemble._chunks import Chunked, Predicted, Progress, chunked
from warpmix.ensemble._labels import chunk_labels
from warpmix.ensemble.voting import VoteResult

_FEATURES = ("probabilities", "log_probabilities", "labels")
_LEAST = 1e-7  # smaller probabilities count as this one before the logarithm


class Stacking:
    """scikit-learn's multinomial LogisticRegression over predictions of M models.

    Fit it on out-of-fold predictions: of samples that no member was trained on (a validation
    split, or the folds of a cross-validation joined by :func:`join_folds`). On the members' own
    training data it would learn to trust whichever overfitted most.

    Args:
        features: what it sees of each model: "probabilities" [C], "log_probabilities" [C], or
            "labels", the favourite class alone, as 0 and 1 [C].
        C: inverse strength of the L2 penalty, above 0, as scikit-learn's.
        max_iterations: of the solver (L-BFGS).
        folds: 2 or more: :attr:`cross_validated` is estimated by that many stratified folds of the
            data fitted on; 0: it is not.

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
        C: float = 1.0,
        max_iterations: int = 1000,
        folds: int = 0,
    ) -> None:
        if features not in _FEATURES:
            raise ValueError(f"features must be one of {', '.join(_FEATURES)}, got {features!r}")
        if not C > 0:
            raise ValueError(f"C must be above 0, got {C}")
        if folds < 0 or folds == 1:
            raise ValueError(f"folds must be 0, or at least 2, got {folds}")
        self.features = features
        self.C = C
        self.max_iterations = max_iterations
        self.folds = folds
        self.cross_validated: float | None = None

    def fit(
        self,
        predictions: Predicted,
        targets: Tensor,
        *,
        logits: bool | None = None,
        device: torch.device | str | None = None,
    ) -> Stacking:
        """Fit to out-of-fold predictions [M, N, C] and targets [N] int64 of at least two classes.

        Raises:
            TypeError, ValueError: as :func:`vote`; fewer than two classes among the targets.
        """
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import StratifiedKFold, cross_val_score

        source = chunked(predictions, logits, device=device)
        targets = source.check_targets(targets)
        if len(targets.unique()) < 2:
            raise ValueError(
                "targets must be of at least two classes to fit on, got "
                f"{targets.unique().tolist()}"
            )
        seen = torch.cat([self._features(source, begin, chunk) for begin, chunk in source])
        x, y = seen.cpu().numpy(), targets.cpu().numpy()
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
        predictions: Predicted,
        *,
        logits: bool | None = None,
        device: torch.device | str | None = None,
        progress: Progress | None = None,
    ) -> VoteResult:
        """Decisions over predictions of the models it was fitted on, in the same order.

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
        for begin, chunk in source:
            seen = self._features(source, begin, chunk).double()
            parts.append(torch.softmax(seen @ coefficients.T + intercepts, 1))
        scores = torch.cat(parts)
        return VoteResult(scores.argmax(1), scores.float())

    def _features(self, source: Chunked, begin: int, chunk: Tensor) -> Tensor:
        """[n, M * C] float32"""
        models, samples, classes = chunk.shape
        if self.features == "labels":
            labels = chunk_labels(source, chunk, begin)
            planes = torch.nn.functional.one_hot(labels, classes).float()
            return planes.permute(1, 0, 2).reshape(samples, models * classes)
        planes, invalid = ops.class_planes(chunk, logits=source.logits)
        source.check(chunk, invalid, begin)
        if self.features == "log_probabilities":
            planes = planes.clamp_(min=_LEAST).log_()
        return planes.permute(2, 0, 1).reshape(samples, models * classes)


def join_folds(folds: list[tuple[Tensor, Tensor]], count: int) -> Tensor:
    """Out-of-fold predictions of one model from its folds' networks.

    Args:
        folds: for each fold, the rows [n] int64 it held out, and its predictions for them [n, C].
        count: N, how many samples there are.

    Returns:
        [N, C], a row a sample.

    Raises:
        ValueError: a row that no fold held out, or more than one.
    """
    rows = torch.cat([held_out for held_out, _ in folds])
    times = torch.bincount(rows, minlength=count)
    if len(times) > count or bool((times != 1).any()):
        wrong = int((times != 1).int().argmax())
        raise ValueError(
            f"folds must hold out each of {count} rows once, got row {wrong} {int(times[wrong])} "
            "times"
        )
    return torch.cat([predicted for _, predicted in folds])[torch.argsort(rows)]
