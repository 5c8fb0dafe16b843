"""A vote over stored predictions: which order, which accuracy."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rich.markup import escape

from warpmix.cli._app import console
from warpmix.cli._selection import Selection

if TYPE_CHECKING:
    from warpmix.ensemble import CandidateResult, Curve, VoteResult

Method = Literal["all", "soft", "hard", "geometric", "rank", "weighted", "greedy", "stack"]
# By shares of the best models; the others are fitted over all.
VOTES = ("soft", "hard", "weighted", "geometric", "rank")
FITTED = ("weighted", "greedy", "stack")
EVERY_SIZE_UP_TO = 10  # models; above that, the report's shares
REPORT_SHARES = (10.0, 20.0, 30.0, 40.0, 50.0, 100.0)


@dataclass(frozen=True)
class VoteReport:
    """M models in the order of their ranking, and how the best 1, 2, ..., M of them vote.

    Attributes:
        names: of the models.
        ranked, scored: each model's own accuracy where it was ranked and where it was scored.
        curve: accuracy of the best k models together, for every k.
        ranked_on, scored_on: names of splits.
        results: every method asked for, fitted where the models were ranked; the first is the
            best single model.
        sizes: label and number of models of each ensemble to show.
    """

    names: tuple[str, ...]
    ranked: tuple[float, ...]
    scored: tuple[float, ...]
    curve: Curve
    ranked_on: str
    scored_on: str
    results: tuple[CandidateResult, ...]
    sizes: tuple[tuple[str, int], ...]

    def accuracies(self, method: Method) -> dict[str, list[float]]:
        """Return the curves to show, by the name of the vote; the best k models are at k - 1."""
        both = {"soft": self.curve.soft.tolist(), "hard": self.curve.hard.tolist()}
        return {method: both[method]} if method in both else both


def count_votes(
    selection: Selection,
    method: Method = "all",
    shares: Sequence[float] | None = None,
    *,
    device: str | None = None,
    replicates: int = 1000,
    seed: int = 0,
) -> VoteReport:
    """Rank the selected models, and let them vote.

    Args:
        shares: percentages of the best models; None: every size of few models, else the Warsaw
            report's.
        device: where to count; None: the CPU.
        replicates, seed: of the bootstrap.

    Raises:
        ValueError: predictions without labels; a fitted method without a split of its own to fit
            on.
    """
    rank_on, score_on = selection.ranked_on, selection.scored_on
    ranked_labels, scored_labels = selection.labels()
    methods: tuple[str, ...] = (*VOTES, "greedy", "stack") if method == "all" else (method,)
    if selection.flattered:
        if method in FITTED:
            raise ValueError(
                f"--method {method} is fitted: it must be ranked and scored on different splits, "
                f"got {rank_on} for both"
            )
        methods = tuple(m for m in methods if m not in FITTED)
    with console.status("counting") as status, warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*data they are scored on", UserWarning)  # tables say so
        from warpmix.ensemble import compare, member_accuracies, standard_candidates, vote_curve

        def shown(what: str) -> Callable[[int, int], None]:
            return lambda done, of: status.update(f"{escape(what)}: {done:,} of {of:,} samples")

        alone = [
            member_accuracies(
                predictions, labels, device=device, progress=shown(f"{split} accuracy")
            ).cpu()
            for predictions, labels, split in (
                (selection.ranked, ranked_labels, rank_on),
                (selection.scored, scored_labels, score_on),
            )
        ]
        ranking = alone[0].argsort(descending=True, stable=True)
        curve = vote_curve(
            selection.scored, scored_labels, ranking, device=device, progress=shown("every size")
        )
        sizes = _sizes(len(selection.names), shares)
        results = compare(
            (selection.ranked, ranked_labels),
            (selection.scored, scored_labels),
            standard_candidates(methods, [size / len(ranking) for _, size in sizes]),
            ranking,
            replicates=replicates,
            seed=seed,
            device=device,
            on_candidate=lambda name: status.update(f"fitting: {name}"),
        )
    return VoteReport(
        names=tuple(selection.names[i] for i in ranking),
        ranked=tuple(alone[0][ranking].tolist()),
        scored=tuple(alone[1][ranking].tolist()),
        curve=curve,
        ranked_on=rank_on,
        scored_on=score_on,
        results=tuple(results),
        sizes=tuple(sizes),
    )


def decide_unscored(
    selection: Selection, method: Method, percentage: float, device: str | None
) -> VoteResult:
    """Let the selected models decide about samples without labels.

    Args:
        method: "all" is "soft".
        percentage: of the best models, which vote.

    Raises:
        ValueError: the split to rank and to fit on has no labels, and they are needed.
    """
    chosen = "soft" if method == "all" else method
    with console.status("counting"):
        from warpmix.ensemble import fit_ensemble, vote

        labels = selection.ranked.labels
        if labels is not None:
            fitted = fit_ensemble(
                selection.ranked, labels, chosen, fraction=percentage / 100, device=device
            )
            return fitted.vote(selection.scored, device=device)
        if chosen in FITTED or percentage < 100:
            asked = f"--method {chosen}" if chosen in FITTED else "--top"
            raise ValueError(
                f"{asked} needs labels to rank and to fit on, got none for {selection.ranked_on}; "
                "name a split that has some (--rank-on), or let all models vote (--method soft)"
            )
        return vote(selection.scored, chosen, device=device)


def _sizes(models: int, shares: Sequence[float] | None) -> list[tuple[str, int]]:
    """Return the label and the number of models of each ensemble to show."""
    from warpmix.ensemble.curve import size_of

    if shares is None and models <= EVERY_SIZE_UP_TO:
        return [(f"{k} of {models}", k) for k in range(1, models + 1)]
    labels: dict[int, list[str]] = {}  # shares of few models are often the same ones
    for share in dict.fromkeys(shares or REPORT_SHARES):
        labels.setdefault(size_of(share / 100, models), []).append(f"{share:g} %")
    return [(", ".join(same), size) for size, same in labels.items()]
