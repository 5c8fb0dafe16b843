"""The accuracies of a study's ensembles, counted once and kept in its folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from torch import Tensor

from warpmix._files import make_folder, write_json
from warpmix._reading import read_json_object, reading_file
from warpmix.ensemble import fit_ensemble, member_accuracies, rank, vote_curve
from warpmix.ensemble.curve import size_of
from warpmix.predictions import PredictionStack, load_many
from warpmix.statistics import compare_runs
from warpmix.study.recipe import Ensemble
from warpmix.study.report.selecting import Study, runs_of, select
from warpmix.study.results import RunResult
from warpmix.train.run_folder import PREDICTIONS_FILES

CACHE_FOLDER = "ensembles"
_VERSION = 1  # of what is kept; another number counts all anew
_FILES = {"validation": PREDICTIONS_FILES["val"], "test": PREDICTIONS_FILES["test"]}
_FITTED = {"soft": "soft", "hard": "hard", "weighted": "weighted", "stacked": "stack"}


@dataclass(frozen=True)
class Vote:
    """The best share of a pool, voting.

    Attributes:
        share: of the pool, 0..1.
        models: how many these are.
        method: as in :class:`warpmix.study.recipe.Ensemble`.
        accuracy: 0..1.
        difference, low, high: against the model that is ranked first, with the interval over the
            images; None where the vote is that model's own.
        p: corrected for all votes of the ensemble.
        real: whether the difference is beyond chance.
    """

    share: float
    models: int
    method: str
    accuracy: float
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    real: bool | None = None


@dataclass(frozen=True)
class Votes:
    """An ensemble's figures.

    Attributes:
        planned: runs of the pool, finished or not.
        images: that were voted on.
        members: each model's own accuracy, in the order of the ranking.
        soft, hard: accuracy of the best 1, 2, … models.
        votes: of every share and method.
    """

    planned: int
    images: int
    members: tuple[float, ...]
    soft: tuple[float, ...]
    hard: tuple[float, ...]
    votes: tuple[Vote, ...]

    @property
    def curves(self) -> dict[str, tuple[float, ...]]:
        return {"soft": self.soft, "hard": self.hard}


def pool_of(study: Study, name: str) -> list[RunResult]:
    """Return the runs of a pool, each once, finished or not.

    Raises:
        ValueError: the recipe has no such pool.
    """
    pools = study.recipe.pools
    if name not in pools:
        raise ValueError(f"pool must be one of {', '.join(pools) or 'none'}, got {name!r}")
    return runs_of(select(study, pools[name]))


def count(study: Study, ensemble: Ensemble) -> Votes | None:
    """Return the figures of an ensemble over the finished runs; None without any.

    They are kept in the study's folder under a name made from the ensemble and from the bytes of
    the predictions, and read from there the next time.

    Raises:
        ValueError: an unknown pool, or predictions that do not belong together.
    """
    pool = pool_of(study, ensemble.pool)
    fits = any(method in ("weighted", "stacked") for method in ensemble.methods)
    splits = {ensemble.split, ensemble.rank_by, *(["validation"] if fits else [])}
    folders = [
        run.folder
        for run in pool
        if run.status == "done" and all((run.folder / _FILES[s]).is_file() for s in splits)
    ]
    if not folders:
        return None
    name = _digest(ensemble, [f / _FILES[s] for f in folders for s in sorted(splits)], len(pool))
    path = study.folder / CACHE_FOLDER / f"{name}.json"
    if path.is_file():
        remedy = f"delete {path.parent}: the votes are counted again"
        values = read_json_object(path, remedy)
        with reading_file(path, remedy):
            return _stored_votes.validate_python(values)
    stacks = {s: load_many([folder / _FILES[s] for folder in folders]) for s in sorted(splits)}
    found = _count(ensemble, stacks, len(pool))
    make_folder(path.parent)
    write_json(path, asdict(found))
    return found


def _digest(ensemble: Ensemble, files: Sequence[Path], planned: int) -> str:
    how = ensemble.model_dump(exclude={"title", "about", "published"})
    digest = hashlib.blake2b(json.dumps([_VERSION, how, planned]).encode(), digest_size=12)
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


_stored_votes = TypeAdapter(Votes)


def _labels(stack: PredictionStack) -> Tensor:
    if stack.labels is None:
        raise ValueError("the predictions of the runs must have labels to be ranked and scored")
    return stack.labels


def _count(ensemble: Ensemble, stacks: dict[str, PredictionStack], planned: int) -> Votes:
    ranked, scored = stacks[ensemble.rank_by], stacks[ensemble.split]
    truth = _labels(scored)
    ranking = rank(ranked.predictions, _labels(ranked))
    members = member_accuracies(scored.predictions, truth)[ranking]
    curve = vote_curve(scored.predictions, truth, ranking)
    # Weights and regressions are fitted on validation images, whatever ranks the models.
    fitted_on = stacks.get("validation", ranked)
    right: dict[str, Tensor] = {"": scored.predictions[ranking[0]].argmax(1) == truth}
    votes = []
    for share in ensemble.shares:
        for method in ensemble.methods:
            made = fit_ensemble(
                fitted_on.predictions,
                _labels(fitted_on),
                _FITTED[method],
                fraction=share,
                ranking=ranking,
            )
            labels = made.vote(scored.predictions).labels
            right[f"{share} {method}"] = labels == truth
            votes.append((share, method, float((labels == truth).double().mean())))
    found = {c.a: c for c in compare_runs({k: r.numpy() for k, r in right.items()}, reference="")}
    return Votes(
        planned,
        len(truth),
        tuple(members.tolist()),
        tuple(curve.soft.tolist()),
        tuple(curve.hard.tolist()),
        tuple(
            Vote(
                share,
                size_of(share, len(ranking)),
                method,
                accuracy,
                *_against_first(found.get(f"{share} {method}"), right, f"{share} {method}"),
            )
            for share, method, accuracy in votes
        ),
    )


def _against_first(comparison: Any, right: dict[str, Tensor], name: str) -> tuple[Any, ...]:
    if comparison is None or torch.equal(right[""], right[name]):
        return ()
    c = comparison
    return (c.difference, c.low, c.high, c.p_corrected, c.significant)
