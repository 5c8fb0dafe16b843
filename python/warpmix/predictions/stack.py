"""Many models' predictions for the same images, checked to be just that."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from warpmix.predictions.alignment import (
    Axes,
    Order,
    align,
    class_order,
    column_order,
    notify,
    row_order,
    with_classes,
)
from warpmix.predictions.files import FILE_NAME, member_of
from warpmix.predictions.model import Predictions, accuracy_of
from warpmix.predictions.options import DEFAULTS, ReadOptions
from warpmix.predictions.reading import load
from warpmix.predictions.samples import Ids
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
        logits: whether the predictions are logits; else probabilities.
        ids: [N] int64 or N strings; row numbers where no file knows others.
    """

    predictions: Tensor
    models: tuple[str, ...]
    paths: tuple[Path, ...]
    labels: Tensor | None
    classes: tuple[str, ...] | None
    logits: bool
    ids: Ids

    @property
    def shape(self) -> tuple[int, int, int]:
        """(M, N, C)"""
        models, samples, classes = self.predictions.shape
        return models, samples, classes

    def with_classes(self, classes: Sequence[str]) -> PredictionStack:
        """Return the stack with these classes, as :meth:`StoredPredictions.with_classes` does."""
        order = Order(None, class_order(self.classes, classes, self.shape[2]))
        members = self.predictions
        return replace(
            self,
            predictions=members
            if order.columns is None
            else members.index_select(2, order.columns),
            labels=None if self.labels is None else order.of_labels(self.labels),
            classes=tuple(classes),
        )

    @property
    def accuracies(self) -> tuple[float, ...] | None:
        """Each model's share of right answers; None without labels."""
        if self.labels is None:
            return None
        return tuple(accuracy_of(member, self.labels) for member in self.predictions)


def load_many(
    sources: Iterable[str | os.PathLike[str]],
    split: str | None = None,
    options: ReadOptions = DEFAULTS,
) -> PredictionStack:
    """Read the predictions of many models into memory, in one order of samples and classes.

    Samples are matched by id, classes by name: the first file that has ids sets the order of
    samples; the options, or else the first file with names, that of classes. What is put in order
    is noted in the log.

    Args:
        sources: files as of :func:`load`; stores, whose members of ``split`` count, sorted; and
            other folders, of which every ``predictions.safetensors`` counts, at any depth, sorted.
            The models keep this order.
        split: of the stores; None: their only one.
        options: how files are read and matched.

    Raises:
        FileNotFoundError: a file is missing, a folder holds none, or there are no sources.
        ValueError: a file that :func:`load` refuses or that is given twice, or files that do not
            belong together: other samples, classes, labels or splits, logits among probabilities,
            or an order in doubt. The message names both files and the reason.
    """
    found = [pair for source in sources for pair in _members(Path(source), split, options)]
    if not found:
        raise FileNotFoundError("sources must name at least one file of predictions, got none")
    paths, members = (tuple(column) for column in zip(*found, strict=True))
    _refuse_repeats(paths)
    aligned = _aligned(paths, members, options.assume_same_order)
    shared = _shared_facts(paths, aligned)
    return PredictionStack(
        torch.stack([member.predictions for member in aligned]),
        tuple(member.model for member in aligned),
        paths,
        shared.get("labels"),
        aligned[0].classes,
        shared["kind of predictions"] == _LOGITS,
        next(
            (member.ids for member in aligned if member.ids is not None),
            torch.arange(len(aligned[0].predictions)),
        ),
    )


def _members(
    source: Path, split: str | None, options: ReadOptions
) -> Iterator[tuple[Path, Predictions]]:
    if not is_store(source):
        yield from ((path, load(path, options)) for path in _files(source))
        return
    store = PredictionStore(source)
    if split is None and len(store.splits) > 1:
        raise ValueError(f"{source} holds several splits, name one: {', '.join(store.splits)}")
    stored = store.open(split or next(iter(store.splits), "any"))
    for entry, path, scores in zip(stored.entries, stored.paths, stored.read(), strict=True):
        member = member_of(entry, scores.float(), stored.about)
        yield path, with_classes(member, options.classes)[0]


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

_LOGITS = "logits"


def _aligned(
    paths: Sequence[Path], members: Sequence[Predictions], assume_same_order: bool
) -> list[Predictions]:
    """Return all members in the order of samples of the first that has ids, and of classes of the
    first that has names; a member without ids must fit every member that has them."""
    axes = [Axes.of(member) for member in members]
    known = next((i for i, own in enumerate(axes) if not own.numbered), 0)
    unknown = next((i for i, own in enumerate(axes) if own.numbered), known)
    named = next((i for i, own in enumerate(axes) if own.classes is not None), 0)
    aligned = []
    for path, member, own in zip(paths, members, axes, strict=True):
        with _beside(paths[known], path):
            rows = row_order(own, axes[known], assume_same_order)
        with _beside(paths[unknown], path):
            row_order(own, axes[unknown], assume_same_order)
        with _beside(paths[named], path):
            columns = column_order(own, axes[named])
        order = Order(rows, columns)
        notify(str(path), order)
        reference = replace(axes[known], classes=axes[named].classes)
        aligned.append(align(member, order, reference))
    return aligned


@contextmanager
def _beside(first: Path, second: Path) -> Iterator[None]:
    """Have errors inside name both files."""
    try:
        yield
    except ValueError as error:
        raise ValueError(
            f"{first} and {second} do not belong together: the second: {error}"
        ) from error


def _facts(member: Predictions) -> Iterator[tuple[str, Any]]:
    """Yield what all members must agree on beside samples and classes, where they know it."""
    yield "split", member.split
    yield "kind of predictions", _LOGITS if member.holds_logits else "probabilities"
    yield "labels", member.labels


def _shared_facts(paths: Sequence[Path], members: Sequence[Predictions]) -> dict[str, Any]:
    """Return the facts that any member knows, after checking that no two disagree."""
    known: dict[str, tuple[Path, Any]] = {}
    for path, member in zip(paths, members, strict=True):
        for name, fact in _facts(member):
            if fact is None:
                continue
            first_path, first = known.setdefault(name, (path, fact))
            if difference := _difference(first, fact):
                raise ValueError(
                    f"{first_path} and {path} do not belong together: {name} {difference}; vote "
                    "over predictions for the same images"
                )
    return {name: fact for name, (_, fact) in known.items()}


def _difference(first: Any, second: Any) -> str:
    if isinstance(first, Tensor):
        differing = first != second
        count = int(differing.sum())
        where = int(differing.int().argmax())
        return f"differ for {count} of {len(first)} images, first for {where}" if count else ""
    return "" if first == second else f"{first} and {second}"
