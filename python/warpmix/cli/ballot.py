"""A vote over stored predictions: which files, which order, which accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from warpmix.cli._app import console
from warpmix.train.run_folder import PREDICTIONS_FILES

if TYPE_CHECKING:
    from warpmix.vote import Curve

Method = Literal["all", "soft", "hard"]
Split = Literal["val", "test"]


@dataclass(frozen=True)
class Ballot:
    """M models in the order of their ranking, and how the best 1, 2, ..., M of them vote.

    Attributes:
        names: of the models.
        ranked, scored: each model's own accuracy where it was ranked and where it was scored.
        curve: accuracy of the best k models together, for every k.
        ranked_on, scored_on: ``"val"`` or ``"test"``.
    """

    names: tuple[str, ...]
    ranked: tuple[float, ...]
    scored: tuple[float, ...]
    curve: Curve
    ranked_on: Split
    scored_on: Split

    def accuracies(self, method: Method) -> dict[str, list[float]]:
        """The curves to show, by the name of the vote; the best k models are at k - 1."""
        both = {"soft": self.curve.soft.tolist(), "hard": self.curve.hard.tolist()}
        return both if method == "all" else {method: both[method]}


def count_votes(paths: Sequence[Path], rank_on: Split, score_on: Split) -> Ballot:
    """Rank the models whose predictions lie in ``paths``, and let them vote.

    Raises:
        FileNotFoundError: there are no predictions, or none of the split to rank on.
        ValueError: predictions that do not belong together, or without labels.
    """
    with console.status("starting torch"):  # some seconds
        from warpmix.data.predictions import load_many
        from warpmix.vote import rank, vote_curve
    voters = [file for path in paths for file in _prediction_files(path, score_on)]
    scored = load_many(voters)
    ranked = scored
    if rank_on != score_on:
        ranked = load_many([_beside(file, rank_on) for file in voters])
    if ranked.labels is None or scored.labels is None:
        raise ValueError("predictions must hold labels to rank and to score models, got none")
    ranking = rank(ranked.predictions, ranked.labels, logits=not ranked.are_probabilities)
    curve = vote_curve(
        scored.predictions, scored.labels, ranking, logits=not scored.are_probabilities
    )
    alone_ranked, alone_scored = ranked.accuracies or (), scored.accuracies or ()
    names = scored.models if len(set(scored.models)) == len(voters) else tuple(map(str, voters))
    return Ballot(
        names=tuple(names[i] for i in ranking),
        ranked=tuple(alone_ranked[i] for i in ranking),
        scored=tuple(alone_scored[i] for i in ranking),
        curve=curve,
        ranked_on=rank_on,
        scored_on=score_on,
    )


def _prediction_files(path: Path, split: Split) -> list[Path]:
    """The split's prediction files of the runs in a folder, sorted; a file stands for itself."""
    if not path.is_dir():
        return [path]
    found = sorted(path.rglob(PREDICTIONS_FILES[split]))
    if not found:
        raise FileNotFoundError(f"{path} holds no run with a {PREDICTIONS_FILES[split]}")
    return found


def _beside(file: Path, split: Split) -> Path:
    """The file of another split in the same run folder."""
    other = file.with_name(PREDICTIONS_FILES[split])
    if not other.is_file():
        raise FileNotFoundError(
            f"{file} has no {other.name} beside it to rank on; use --rank-on test to rank on the "
            "predictions that are scored, too"
        )
    return other
