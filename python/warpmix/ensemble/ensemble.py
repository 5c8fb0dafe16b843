"""An ensemble as a thing to keep: which models decide, how, and with which weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from warpmix.ensemble._chunks import Predicted, Progress
from warpmix.ensemble._members import take
from warpmix.ensemble.selection import select_greedy
from warpmix.ensemble.stacking import Stacking
from warpmix.ensemble.voting import VoteResult, rank, size_of, vote
from warpmix.ensemble.weights import fit_weights

METHODS = ("soft", "hard", "weighted", "greedy", "stack")
"""How an ensemble can be made, see :func:`fit_ensemble`."""


@dataclass(frozen=True)
class Ensemble:
    """K models that decide together.

    Attributes:
        method: one of :data:`METHODS`.
        members: [K] int64, which of the models it was fitted on decide, best or heaviest first.
        weights: [K] float64 that sum to 1, or None: all alike.
        stacking: decides in place of a vote; or None.
    """

    method: str
    members: Tensor
    weights: Tensor | None = None
    stacking: Stacking | None = None

    def vote(
        self,
        predictions: Predicted,
        *,
        logits: bool | None = None,
        device: torch.device | str | None = None,
        progress: Progress | None = None,
    ) -> VoteResult:
        """Decide over predictions [M, N, C] of all models it was fitted on, in the same order.

        Raises:
            TypeError, ValueError: as :func:`vote`; fewer models than it was fitted on.
        """
        needed = int(self.members.max()) + 1
        if predictions.shape[0] < needed:
            raise ValueError(
                f"predictions must be of the models the ensemble was fitted on, at least {needed}, "
                f"got {predictions.shape[0]}"
            )
        return self.vote_members(
            take(predictions, self.members), logits=logits, device=device, progress=progress
        )

    def vote_members(
        self,
        predictions: Predicted,
        *,
        logits: bool | None = None,
        device: torch.device | str | None = None,
        progress: Progress | None = None,
    ) -> VoteResult:
        """The same over predictions [K, N, C] of its members alone, in their order."""
        if self.stacking is not None:
            return self.stacking.vote(predictions, logits=logits, device=device, progress=progress)
        return vote(
            predictions,
            "hard" if self.method == "hard" else "soft",
            self.weights,
            logits=logits,
            device=device,
            progress=progress,
        )


def fit_ensemble(
    predictions: Predicted,
    targets: Tensor,
    method: str = "greedy",
    *,
    fraction: float = 1.0,
    ranking: Sequence[int] | Tensor | None = None,
    size: int = 50,
    metric: str = "accuracy",
    initial: int = 0,
    bags: int = 1,
    seed: int = 0,
    features: str = "probabilities",
    C: float = 1.0,
    logits: bool | None = None,
    device: torch.device | str | None = None,
) -> Ensemble:
    """Make an ensemble of the best models on validation data.

    Args:
        predictions: [M, N, C] of data that the models were not trained on.
        targets: [N] int64 true classes.
        method: "soft" and "hard" let the best ``fraction`` vote alike; "weighted" fits their
            weights (:func:`fit_weights`); "greedy" selects among them (:func:`select_greedy`, with
            ``size``, ``metric``, ``initial``, ``bags``, ``seed``); "stack" fits
            :class:`Stacking` (with ``features``, ``C``).
        fraction: in (0, 1], of the models by accuracy, rounded up.
        ranking: models, best first, in place of ranking them here.
        logits, device: as :func:`vote`.

    Raises:
        TypeError, ValueError: as the function of the method.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    if ranking is None:
        ranking = rank(predictions, targets, logits=logits, device=device)
    order = torch.as_tensor(ranking, dtype=torch.int64).cpu()
    best = order[: size_of(fraction, len(order))]
    chosen = take(predictions, best)
    if method in ("soft", "hard"):
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
            initial=min(initial, len(best)),
            bags=bags,
            seed=seed,
            logits=logits,
            device=device,
        ).weights
    heaviest = torch.argsort(weights, descending=True, stable=True)
    heaviest = heaviest[weights[heaviest] > 0]
    return Ensemble(method, best[heaviest], weights[heaviest])
