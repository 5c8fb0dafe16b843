"""Many models' predictions for the same images, checked to be just that."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from warpmix.predictions.files import FILE_NAME, load
from warpmix.predictions.model import Predictions, accuracy_of
from warpmix.predictions.store import PredictionStore, is_store


@dataclass(frozen=True, eq=False)
class PredictionStack:
    """Predictions of M models for the same N images of the same C classes.

    Attributes:
        predictions: [M, N, C] float32.
        models: M names.
        paths: M files.
        labels: [N] int64, or None where no file knows them.
        classes: C names, or None where no file knows them.
        are_probabilities: False: logits.
    """

    predictions: Tensor
    models: tuple[str, ...]
    paths: tuple[Path, ...]
    labels: Tensor | None
    classes: tuple[str, ...] | None
    are_probabilities: bool

    @property
    def shape(self) -> tuple[int, int, int]:
        """(M, N, C)"""
        models, samples, classes = self.predictions.shape
        return models, samples, classes

    @property
    def logits(self) -> bool:
        """Whether the predictions are logits; else probabilities."""
        return not self.are_probabilities

    @property
    def accuracies(self) -> tuple[float, ...] | None:
        """Each model's share of right answers; None without labels."""
        if self.labels is None:
            return None
        return tuple(accuracy_of(member, self.labels) for member in self.predictions)


def load_many(
    sources: Iterable[str | os.PathLike[str]], split: str | None = None
) -> PredictionStack:
    """Read the predictions of many models into memory.

    Args:
        sources: files as of :func:`load`; stores, whose members of ``split`` count, sorted; and
            other folders, of which every ``predictions.safetensors`` counts, at any depth, sorted.
            The models keep this order.
        split: of the stores; None: their only one.

    Raises:
        FileNotFoundError: a file is missing, a folder holds none, or there are no sources.
        ValueError: a file that :func:`load` refuses or that is given twice, or files that do not
            belong together: other numbers of images or classes, other labels, class names or
            splits, or logits among probabilities. The message names both files and the reason.
    """
    found = [pair for source in sources for pair in _members(Path(source), split)]
    if not found:
        raise FileNotFoundError("sources must name at least one file of predictions, got none")
    paths, members = (tuple(column) for column in zip(*found, strict=True))
    _refuse_repeats(paths)
    shared = _shared_facts(paths, members)
    return PredictionStack(
        torch.stack([member.predictions for member in members]),
        tuple(member.model for member in members),
        paths,
        shared.get("labels"),
        shared.get("classes"),
        shared["kind of predictions"] == _PROBABILITIES,
    )


def _members(source: Path, split: str | None) -> Iterator[tuple[Path, Predictions]]:
    if not is_store(source):
        yield from ((path, load(path)) for path in _files(source))
        return
    store = PredictionStore(source)
    if split is None and len(store.splits) > 1:
        raise ValueError(f"{source} holds several splits, name one: {', '.join(store.splits)}")
    stored = store.open(split or next(iter(store.splits), "any"))
    for entry, path, scores in zip(stored.entries, stored.paths, stored.read(), strict=True):
        yield (
            path,
            Predictions(
                scores.float(),
                stored.labels,
                entry.model,
                entry.dataset,
                entry.split,
                entry.classes,
                stored.ids,
                entry.recipe,
                entry.seed,
            ),
        )


def _files(source: Path) -> list[Path]:
    if not source.is_dir():
        return [source]
    found = sorted(source.rglob(FILE_NAME))
    if not found:
        raise FileNotFoundError(
            f"{source.absolute()} holds no {FILE_NAME}; name files with other names one by one"
        )
    return found


def _refuse_repeats(paths: Sequence[Path]) -> None:
    seen: dict[Path, Path] = {}
    for path in paths:
        first = seen.setdefault(path.resolve(), path)
        if first is not path:
            raise ValueError(f"{path} is given twice (first as {first}); each model votes once")


# ---- do they belong together? -------------------------------------------------------------------

_PROBABILITIES = "probabilities"


def _facts(member: Predictions) -> Iterator[tuple[str, Any]]:
    """What all members must agree on, where they know it; sizes come before what has a size."""
    yield "number of images", member.predictions.shape[0]
    yield "number of classes", member.predictions.shape[1]
    yield "classes", member.classes
    yield "split", member.split
    yield "kind of predictions", _PROBABILITIES if member.are_probabilities else "logits"
    yield "sample ids", member.ids
    yield "labels", member.labels


def _shared_facts(paths: Sequence[Path], members: Sequence[Predictions]) -> dict[str, Any]:
    """The facts that any member knows, after checking that no two disagree."""
    known: dict[str, tuple[Path, Any]] = {}
    for path, member in zip(paths, members, strict=True):
        for name, fact in _facts(member):
            if fact is None:
                continue
            first_path, first = known.setdefault(name, (path, fact))
            if difference := _difference(first, fact):
                raise ValueError(
                    f"{first_path} and {path} do not belong together: {name} {difference}; "
                    "vote over predictions for the same images"
                )
    return {name: fact for name, (_, fact) in known.items()}


def _difference(first: Any, second: Any) -> str:
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        differing = first != second
        count = int(differing.sum())
        where = int(differing.int().argmax())
        return f"differ for {count} of {len(first)} images, first for {where}" if count else ""
    if isinstance(first, Tensor) or isinstance(second, Tensor):
        return "are numbers and names"
    return "" if first == second else f"{first} and {second}"
