"""What a store refuses, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from warpmix.predictions.alignment import Axes, Order, few, order_of, same_ids
from warpmix.predictions.entry import TENSOR, Entry
from warpmix.predictions.model import Predictions
from warpmix.predictions.samples import Ids, Samples

_DTYPES = (torch.float32, torch.float16, torch.bfloat16)


def as_stored(predictions: Tensor, dtype: torch.dtype | None) -> Tensor:
    """Return the tensor to write: on the CPU, contiguous, of a type that is voted on."""
    if not isinstance(predictions, Tensor) or not predictions.is_floating_point():
        got = getattr(predictions, "dtype", type(predictions).__name__)
        raise TypeError(f"predictions must be a floating-point tensor, got {got}")
    if dtype is None:
        dtype = predictions.dtype if predictions.dtype in _DTYPES else torch.float32
    if dtype not in _DTYPES:
        raise ValueError(f"dtype must be float32, float16 or bfloat16, got {dtype}")
    return predictions.detach().to("cpu", dtype).contiguous()


def check_kind(checked: Predictions, logits: bool) -> None:
    """Refuse rows that are no probabilities, unless they are logits."""
    row = None if logits else checked.first_improbable
    if row is not None:
        raise ValueError(
            "predictions must be probabilities, non-negative rows that sum to 1, got "
            f"{few(checked.predictions[row].tolist())} for sample {row}; "
            "say logits=True if these are logits"
        )


def check_name(what: str, name: str) -> str:
    if not isinstance(name, str) or not name:
        raise ValueError(f"{what} must be a name, got {name!r}")
    return name


def check_joins(entry: Entry, others: Iterable[Entry], where: str) -> None:
    """Refuse a member of another kind than its split's."""
    for other in others:
        if other.split == entry.split and other.logits != entry.logits:
            kinds = ("probabilities", "logits")
            raise ValueError(
                f"{where}: it holds {kinds[entry.logits]}, the others {kinds[other.logits]}; turn "
                "logits into probabilities with torch.softmax(logits, 1)"
            )


def joining_order(
    entry: Entry,
    ids: Ids,
    others: Sequence[Entry],
    stored: Samples | None,
    assume_same_order: bool,
) -> tuple[Order, Axes]:
    """Return the order that brings a new member into the store's, and the store's rows and columns.

    Args:
        entry, ids: of the new member.
        others: all members of the store.
        stored: the samples of the new member's split, where it has members.
        assume_same_order: as in :class:`ReadOptions`.

    Raises:
        ValueError: other samples or classes, or an order in doubt.
    """
    own = Axes(ids, entry.numbered, entry.num_classes, entry.classes)
    classes = [(other.num_classes, other.classes) for other in others]
    num_classes, names = classes[0] if classes else (own.num_classes, own.classes)
    if stored is None:
        reference = Axes(ids, own.numbered, num_classes, names)
        return order_of(own, reference), reference
    numbered = [other.numbered for other in others if other.split == entry.split]
    settled = assume_same_order or own.numbered
    reference = Axes(stored.ids, all(numbered) if settled else any(numbered), num_classes, names)
    if assume_same_order and all(numbered) and not own.numbered and not same_ids(ids, stored.ids):
        raise ValueError(
            "it has ids, and no member there has; add predictions with ids first, then the others "
            "in their order (--assume-same-order)"
        )
    return order_of(own, reference, assume_same_order=assume_same_order), reference


def joined_samples(about: Samples, stored: Samples | None, where: str) -> Samples:
    """Return a split's samples, with labels where the new member or the stored ones know them.

    Raises:
        ValueError: both do, and they differ.
    """
    if stored is None:
        return about
    if difference := about.label_difference(stored):
        raise ValueError(f"{where}: {difference}")
    return stored if about.labels is None or stored.labels is not None else about


def holds(path: Path, entry: Entry, tensor: Tensor) -> bool:
    """Return whether a member's file is of these predictions; late labels make no other ones."""
    there = Entry.of_file(path)
    return replace(there, accuracy=entry.accuracy) == entry and load_file(path)[TENSOR].equal(
        tensor
    )


def check_member(entry: Entry, first: Entry, about: Samples, where: str) -> None:
    """Refuse a file of a split that is not of the split's samples, or unlike the first."""
    check_joins(entry, (first,), where)
    if entry.num_classes != first.num_classes or entry.classes != first.classes:
        own, wanted = (e.classes or (f"{e.num_classes} without names",) for e in (entry, first))
        raise ValueError(
            f"{where}: its classes are {few(own)}, not {few(wanted)}; was it copied from another "
            "store?"
        )
    if entry.ids != about.digest:
        raise ValueError(
            f"{where}: it was predicted for other samples, or the same in another order, than "
            f"{first.split}'s; was it copied from another store?"
        )


def check_labels(about: Samples, classes: int) -> None:
    """Refuse labels that are no classes of the members."""
    if about.labels is not None and len(about.labels) > 0:
        low, high = (int(extreme) for extreme in torch.aminmax(about.labels))
        if low < 0 or high >= classes:
            raise ValueError(
                f"labels must be in 0..{classes - 1}, got values from {low} to {high}; import the "
                "split into a new store"
            )
