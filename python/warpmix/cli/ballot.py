"""A vote over stored predictions: which files, which order, which accuracy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from warpmix.cli._app import console
from warpmix.train.run_folder import PREDICTIONS_FILES

if TYPE_CHECKING:
    from torch import Tensor

    from warpmix.vote import Curve, Standing

Method = Literal["all", "soft", "hard", "weighted", "greedy", "stack"]
VOTES = ("soft", "hard", "weighted")  # by shares of the best models; the others are fitted over all
FITTED = ("weighted", "greedy", "stack")
EVERY_SIZE_UP_TO = 10  # models; above that, the report's shares
REPORT_SHARES = (10.0, 20.0, 30.0, 40.0, 50.0, 100.0)


@dataclass(frozen=True)
class Electorate:
    """M models' predictions for two splits, in one order.

    Attributes:
        names: of the models.
        ranked, scored: their predictions, in memory or in a store.
        ranked_on, scored_on: the splits' names.
        left_out: models of a store that have no predictions for one of the two.
        runs: folders in which models were trained, by their names, as far as they are known.
    """

    names: tuple[str, ...]
    ranked: Any
    scored: Any
    ranked_on: str
    scored_on: str
    left_out: tuple[str, ...] = ()
    runs: tuple[tuple[str, Path], ...] = ()

    @property
    def flattered(self) -> bool:
        """Whether models are ranked on the very samples that score them."""
        return self.ranked_on == self.scored_on

    def labels(self) -> tuple[Tensor, Tensor]:
        """Of the ranked and of the scored samples.

        Raises:
            ValueError: they are unknown.
        """
        if self.ranked.labels is None or self.scored.labels is None:
            raise ValueError("predictions must hold labels to rank and to score models, got none")
        return self.ranked.labels, self.scored.labels


@dataclass(frozen=True)
class Ballot:
    """M models in the order of their ranking, and how the best 1, 2, ..., M of them vote.

    Attributes:
        names: of the models.
        ranked, scored: each model's own accuracy where it was ranked and where it was scored.
        curve: accuracy of the best k models together, for every k.
        ranked_on, scored_on: names of splits.
        standings: every method asked for, fitted where the models were ranked; the first is the
            best single model.
        sizes: label and number of models of each ensemble to show.
    """

    names: tuple[str, ...]
    ranked: tuple[float, ...]
    scored: tuple[float, ...]
    curve: Curve
    ranked_on: str
    scored_on: str
    standings: tuple[Standing, ...]
    sizes: tuple[tuple[str, int], ...]

    def accuracies(self, method: Method) -> dict[str, list[float]]:
        """The curves to show, by the name of the vote; the best k models are at k - 1."""
        both = {"soft": self.curve.soft.tolist(), "hard": self.curve.hard.tolist()}
        return {method: both[method]} if method in both else both


def gather(paths: Sequence[Path], rank_on: str, score_on: str) -> Electorate:
    """Open the predictions in ``paths``: a store stays on disk, anything else is read.

    Raises:
        FileNotFoundError: there are no predictions, or none of the split to rank on.
        ValueError: predictions that do not belong together.
    """
    with console.status("starting torch"):  # some seconds
        from warpmix.data.predictions import PredictionStore, is_store, load_many
    if len(paths) == 1 and is_store(paths[0]):
        store = PredictionStore(paths[0])
        having = [{entry.model: entry for entry in store.entries(s)} for s in (rank_on, score_on)]
        common = sorted(having[0].keys() & having[1].keys())
        if not common:
            raise FileNotFoundError(
                f"{store.path} has no model with predictions for {rank_on!r} and {score_on!r}; "
                f"splits: {', '.join(store.splits) or 'none'}"
            )
        return Electorate(
            names=tuple(common),
            ranked=store.open(rank_on, common),
            scored=store.open(score_on, common),
            ranked_on=rank_on,
            scored_on=score_on,
            left_out=tuple(sorted(having[0].keys() ^ having[1].keys())),
            runs=tuple((m, Path(r)) for m in common if (r := having[1][m].run) is not None),
        )
    voters = [file for path in paths for file in _prediction_files(path, score_on)]
    scored = load_many(voters, score_on)
    ranked = scored
    if rank_on != score_on:
        ranked = load_many([_beside(file, rank_on) for file in voters], rank_on)
    if len(ranked.models) != len(scored.models):
        raise ValueError(
            f"there are {len(ranked.models)} models with predictions for {rank_on} and "
            f"{len(scored.models)} for {score_on}; name a store alone to leave models out"
        )
    distinct = len(set(scored.models)) == len(scored.models)
    names = scored.models if distinct else tuple(map(str, scored.paths))
    return Electorate(
        names=names,
        ranked=ranked,
        scored=scored,
        ranked_on=rank_on,
        scored_on=score_on,
        runs=tuple((name, path.parent) for name, path in zip(names, scored.paths, strict=True)),
    )


def count_votes(
    paths: Sequence[Path],
    rank_on: str,
    score_on: str,
    method: Method = "all",
    shares: Sequence[float] | None = None,
    *,
    device: str | None = None,
    replicates: int = 1000,
    seed: int = 0,
) -> Ballot:
    """Rank the models whose predictions lie in ``paths``, and let them vote.

    Args:
        shares: percentages of the best models; None: every size of few models, else the Warsaw
            report's.
        device: where to count; None: the CPU.
        replicates, seed: of the bootstrap.

    Raises:
        FileNotFoundError: there are no predictions, or none of the split to rank on.
        ValueError: predictions that do not belong together, or without labels; a fitted method
            without a split of its own to fit on.
    """
    electorate = gather(paths, rank_on, score_on)
    ranked_labels, scored_labels = electorate.labels()
    methods: tuple[str, ...] = (*VOTES, "greedy", "stack") if method == "all" else (method,)
    if electorate.flattered:
        if method in FITTED:
            raise ValueError(
                f"--method {method} is fitted: it must be ranked and scored on different splits, "
                f"got {rank_on} for both"
            )
        methods = tuple(m for m in methods if m not in FITTED)
    with console.status("counting") as status:
        from warpmix.vote import compare, member_accuracies, standard_contests, vote_curve

        def shown(what: str) -> Callable[[int, int], None]:
            return lambda done, of: status.update(f"{what}: {done:,} of {of:,} samples")

        alone = [
            member_accuracies(
                predictions, labels, device=device, progress=shown(f"{split} accuracy")
            ).cpu()
            for predictions, labels, split in (
                (electorate.ranked, ranked_labels, rank_on),
                (electorate.scored, scored_labels, score_on),
            )
        ]
        ranking = alone[0].argsort(descending=True, stable=True)
        curve = vote_curve(
            electorate.scored, scored_labels, ranking, device=device, progress=shown("every size")
        )
        sizes = _sizes(len(electorate.names), shares)
        standings = compare(
            (electorate.ranked, ranked_labels),
            (electorate.scored, scored_labels),
            standard_contests(methods, [size / len(ranking) for _, size in sizes]),
            ranking,
            replicates=replicates,
            seed=seed,
            device=device,
            on_contest=lambda name: status.update(f"fitting: {name}"),
        )
    return Ballot(
        names=tuple(electorate.names[i] for i in ranking),
        ranked=tuple(alone[0][ranking].tolist()),
        scored=tuple(alone[1][ranking].tolist()),
        curve=curve,
        ranked_on=rank_on,
        scored_on=score_on,
        standings=tuple(standings),
        sizes=tuple(sizes),
    )


def _prediction_files(path: Path, split: str) -> list[Path]:
    """The split's prediction files of the runs in a folder, sorted; a file or a store stands for
    itself."""
    from warpmix.data.predictions import is_store

    if not path.is_dir() or is_store(path):
        return [path]
    found = sorted(path.rglob(_run_file(split)))
    if not found:
        raise FileNotFoundError(f"{path} holds no run with a {_run_file(split)}")
    return found


def _beside(file: Path, split: str) -> Path:
    """The file of another split in the same run folder; a store is its own."""
    if file.is_dir():
        return file
    other = file.with_name(_run_file(split))
    if not other.is_file():
        raise FileNotFoundError(
            f"{file} has no {other.name} beside it to rank on; use --rank-on test to rank on the "
            "predictions that are scored, too"
        )
    return other


def _run_file(split: str) -> str:
    if split not in PREDICTIONS_FILES:
        raise ValueError(
            f"runs have the splits {', '.join(PREDICTIONS_FILES)}, got {split!r}; stores may have "
            "others"
        )
    return PREDICTIONS_FILES[split]


def _sizes(models: int, shares: Sequence[float] | None) -> list[tuple[str, int]]:
    """Label and number of models of each ensemble to show."""
    from warpmix.vote.voting import size_of

    if shares is None and models <= EVERY_SIZE_UP_TO:
        return [(f"{k} of {models}", k) for k in range(1, models + 1)]
    return [(f"{share:g} %", size_of(share / 100, models)) for share in shares or REPORT_SHARES]
