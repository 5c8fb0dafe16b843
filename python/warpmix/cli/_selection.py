"""Which models vote, and their predictions: from a store, or from runs and files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from warpmix.cli._app import console
from warpmix.cli._flags import read_options
from warpmix.train.run_folder import PREDICTIONS_FILES

if TYPE_CHECKING:
    from torch import Tensor

    from warpmix.predictions import (
        PredictionStack,
        PredictionStore,
        ReadOptions,
        StoredPredictions,
    )

    Predicted = TypeVar("Predicted", PredictionStack, StoredPredictions)


@dataclass(frozen=True)
class Selection:
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
        """Return the labels of the ranked and of the scored samples.

        Raises:
            ValueError: they are unknown.
        """
        if self.ranked.labels is None or self.scored.labels is None:
            raise ValueError(
                f"predictions must hold labels to rank models on {self.ranked_on} and to score "
                f"them on {self.scored_on}, got none; warpmix vote decides without scoring"
            )
        return self.ranked.labels, self.scored.labels


def gather(
    paths: Sequence[Path],
    rank_on: str,
    score_on: str | None,
    typed: Mapping[str, Any] = MappingProxyType({}),
) -> Selection:
    """Open the predictions in ``paths``: a store stays on disk, anything else is read.

    Where the scored samples have no labels and there is nothing to rank on, both splits are the
    scored one.

    Args:
        score_on: None: test, or val where there are validation predictions alone.
        typed: flags of :func:`reading_flags`.

    Raises:
        FileNotFoundError: there are no predictions, or none of the split to rank on.
        ValueError: predictions that do not belong together.
    """
    with console.status("starting torch"):  # some seconds
        from warpmix.predictions import PredictionStore, is_store
    options = read_options(typed)
    score_on = score_on or _usual_split(paths)
    if len(paths) == 1 and is_store(paths[0]):
        return _of_store(PredictionStore(paths[0]), rank_on, score_on, options.classes)
    return _of_files(paths, rank_on, score_on, options)


def _usual_split(paths: Sequence[Path]) -> str:
    """Return which split votes are scored on where nobody says so."""
    from warpmix.predictions import PredictionStore, is_store

    for path in paths:
        if is_store(path):
            splits = PredictionStore(path).splits
        else:
            splits = tuple(s for s, f in PREDICTIONS_FILES.items() if any(path.rglob(f)))
        if "test" in splits or "val" not in splits:
            return "test"
    return "val"


def _of_store(
    store: PredictionStore, rank_on: str, score_on: str, classes: Sequence[str] | None
) -> Selection:
    if rank_on not in store.splits and score_on in store.splits:
        rank_on = score_on if store.samples(score_on).labels is None else rank_on
    having = [{entry.model: entry for entry in store.entries(s)} for s in (rank_on, score_on)]
    common = sorted(having[0].keys() & having[1].keys())
    if not common:
        raise FileNotFoundError(
            f"{store.path} has no model with predictions for {rank_on!r} and {score_on!r}; "
            f"splits: {', '.join(store.splits) or 'none'}"
        )
    ranked, scored = (store.open(split, common) for split in (rank_on, score_on))
    if classes is not None:
        ranked, scored = ranked.with_classes(classes), scored.with_classes(classes)
    return Selection(
        names=tuple(common),
        ranked=ranked,
        scored=scored,
        ranked_on=rank_on,
        scored_on=score_on,
        left_out=tuple(sorted(having[0].keys() ^ having[1].keys())),
        runs=tuple((m, Path(r)) for m in common if (r := having[1][m].run) is not None),
    )


def _of_files(
    paths: Sequence[Path], rank_on: str, score_on: str, options: ReadOptions
) -> Selection:
    from warpmix.predictions import load_many

    files = [file for path in paths for file in _prediction_files(path, score_on)]
    scored = ranked = load_many(files, score_on, options)
    if rank_on != score_on:
        try:
            beside = [_beside(file, rank_on) for file in files]
        except FileNotFoundError:
            if scored.labels is not None:
                raise
            rank_on = score_on
        else:
            ranked = in_class_order(load_many(beside, rank_on, options), scored.classes, rank_on)
    if ranked.models != scored.models:
        raise ValueError(
            f"{rank_on} has predictions of {', '.join(ranked.models)}, and {score_on} of "
            f"{', '.join(scored.models)}; name a store alone to leave models out"
        )
    distinct = len(set(scored.models)) == len(scored.models)
    names = scored.models if distinct else tuple(map(str, scored.paths))
    return Selection(
        names=names,
        ranked=ranked,
        scored=scored,
        ranked_on=rank_on,
        scored_on=score_on,
        runs=tuple((name, path.parent) for name, path in zip(names, scored.paths, strict=True)),
    )


def in_class_order(
    predictions: Predicted, classes: tuple[str, ...] | None, subject: str
) -> Predicted:
    """Return the predictions with the classes in this order.

    Raises:
        ValueError: other classes, or one side does not know their names.
    """
    if (classes is None) != (predictions.classes is None):
        lacking, names = "it has no names of classes", classes or predictions.classes or ()
        if classes is None:
            lacking = "no names of classes are known for it"
        raise ValueError(
            f"{subject}: {lacking}, where the other has {', '.join(names[:6])}; name them with "
            "--classes"
        )
    if classes is None:
        return predictions
    try:
        return predictions.with_classes(classes)
    except ValueError as error:
        raise ValueError(f"{subject}: {error}") from error


def _prediction_files(path: Path, split: str) -> list[Path]:
    """Return the split's files of the runs in a folder, sorted; a file or a store is returned."""
    from warpmix.predictions import is_store

    if not path.is_dir() or is_store(path):
        return [path]
    found = sorted(path.rglob(_run_file(split)))
    if not found:
        others = [s for s in PREDICTIONS_FILES if any(path.rglob(PREDICTIONS_FILES[s]))]
        has = f", but predictions of {' and '.join(others)}" if others else ""
        raise FileNotFoundError(
            f"{path} holds no run with predictions of {split}, {_run_file(split)}{has}"
        )
    return found


def _beside(file: Path, split: str) -> Path:
    """Return the file of another split in the same run folder; a store is its own."""
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
