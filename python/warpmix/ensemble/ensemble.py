"""An ensemble as a thing to keep: its members, how they are combined, and with which weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import SupportsFloat, SupportsIndex

import torch
from torch import Tensor

from warpmix._numbers import check_integer, shown
from warpmix.ensemble._chunks import Progress
from warpmix.ensemble._inputs import Integers, as_integers, check_ranking, check_weights
from warpmix.ensemble._predictions import PredictionsLike, as_predictions, take
from warpmix.ensemble.curve import rank, size_of
from warpmix.ensemble.selection import select_greedy
from warpmix.ensemble.stacking import Stacking
from warpmix.ensemble.voting import VOTES, VoteResult, vote
from warpmix.ensemble.weights import fit_weights

FITTED = ("weighted", "greedy", "stack")
"""Methods whose weights or coefficients are fitted on validation data."""

METHODS = (*VOTES, *FITTED)
"""How an ensemble can be made, see :func:`fit_ensemble`."""


@dataclass(frozen=True)
class Ensemble:
    """K models whose predictions are combined.

    Attributes:
        method: one of :data:`METHODS`.
        members: [K] int64, K at least 1: which of the models it was fitted on, best or of the
            largest weight first.
        weights: [K] float64, at least 0, or None: equal.
        stacking: the regression that combines them in place of a vote; or None.

    Raises:
        TypeError, ValueError: attributes that do not fit.
    """

    method: str
    members: Tensor
    weights: Tensor | None = None
    stacking: Stacking | None = None

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(
                f"method must be one of {', '.join(METHODS)}, got {shown(self.method)}"
            )
        members = as_integers("members", self.members).cpu()
        if members.dim() != 1 or len(members) == 0 or len(members.unique()) != len(members):
            raise ValueError(
                "members must list at least one model, each once, got an empty ensemble or a "
                f"repetition: {members.tolist()}"
            )
        if int(members.min()) < 0:
            raise ValueError(f"members must be at least 0, got {members.tolist()}")
        object.__setattr__(self, "members", members)
        if self.weights is not None:
            weights = check_weights(self.weights, len(members), torch.device("cpu"))
            object.__setattr__(self, "weights", weights)
        if (self.method == "stack") != (self.stacking is not None):
            raise ValueError("stacking must be given with the method 'stack', and with no other")

    def vote(
        self,
        predictions: PredictionsLike,
        *,
        logits: bool | None = None,
        device: torch.device | str | None = None,
        progress: Progress | None = None,
    ) -> VoteResult:
        """Combine predictions of all models it was fitted on.

        Args:
            predictions: [M, N, C], as :func:`vote`, the models in the order of the fit.
            logits, device, progress: as :func:`vote`.

        Raises:
            TypeError, ValueError: as :func:`vote`; fewer models than it was fitted on.
        """
        checked = as_predictions(predictions)
        needed = int(self.members.max()) + 1
        if checked.shape[0] < needed:
            raise ValueError(
                f"predictions must be of the models the ensemble was fitted on, at least {needed}, "
                f"got {checked.shape[0]}"
            )
        return self.vote_members(
            take(checked, self.members), logits=logits, device=device, progress=progress
        )

    def vote_members(
        self,
        predictions: PredictionsLike,
        *,
        logits: bool | None = None,
        device: torch.device | str | None = None,
        progress: Progress | None = None,
    ) -> VoteResult:
        """Combine predictions [K, N, C] of its members alone, in their order; else as vote()."""
        if self.stacking is not None:
            return self.stacking.vote(predictions, logits=logits, device=device, progress=progress)
        return vote(
            predictions,
            self.method if self.method in VOTES else "soft",
            self.weights,
            logits=logits,
            device=device,
            progress=progress,
        )


def fit_ensemble(
    predictions: PredictionsLike,
    targets: Integers,
    method: str = "greedy",
    *,
    fraction: SupportsFloat = 1.0,
    ranking: Integers | None = None,
    size: SupportsIndex = 50,
    metric: str = "accuracy",
    initial: SupportsIndex = 0,
    bags: SupportsIndex = 1,
    seed: SupportsIndex = 0,
    features: str = "probabilities",
    C: SupportsFloat = 1.0,
    logits: bool | None = None,
    device: torch.device | str | None = None,
) -> Ensemble:
    """Make an ensemble of the best models on validation data.

    Args:
        predictions: [M, N, C], as :func:`vote`, of data that the models were not trained on.
        targets: [N] true classes, of any integer dtype.
        method: "soft", "hard", "geometric" and "rank" combine the best ``fraction`` with equal
            weights (:func:`vote`); "weighted" fits their weights (:func:`fit_weights`); "greedy"
            selects among them (:func:`select_greedy`, with ``size``, ``metric``, ``initial``,
            ``bags``, ``seed``); "stack" fits :class:`Stacking` (with ``features``, ``C``).
        fraction: in (0, 1], of the models by accuracy, rounded up.
        ranking: models, best first, in place of ranking them here.
        logits, device: as :func:`vote`.

    Raises:
        TypeError, ValueError: as the function of the method.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {shown(method)}")
    checked = as_predictions(predictions)
    if ranking is None:
        ranking = rank(checked, targets, logits=logits, device=device)
    order = check_ranking(ranking, checked.shape[0], torch.device("cpu"))
    best = order[: size_of(fraction, len(order))]
    chosen = take(checked, best)
    if method in VOTES:
        return Ensemble(method, best)
    if method == "stack":
        stacking = Stacking(features, C=C).fit(chosen, targets, logits=logits, device=device)
        return Ensemble(method, best, stacking=stacking)
    if method == "weighted":
        weights = fit_weights(chosen, targets, logits=logits, device=device).cpu()
    else:
        weights = select_greedy(
            chosen,
            targets,
            size,
            metric=metric,
            initial=min(check_integer("initial", initial, 0), len(best)),
            bags=bags,
            seed=seed,
            logits=logits,
            device=device,
        ).weights
    by_weight = torch.argsort(weights, descending=True, stable=True)
    by_weight = by_weight[weights[by_weight] > 0]
    return Ensemble(method, best[by_weight], weights[by_weight])
