"""What a store refuses, and why."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from warpmix.predictions.entry import Entry
from warpmix.predictions.model import Predictions
from warpmix.predictions.samples import Samples

_DTYPES = (torch.float32, torch.float16, torch.bfloat16)


def as_stored(predictions: Tensor, dtype: torch.dtype | None) -> Tensor:
    """The tensor to write: on the CPU, contiguous, of a type that is voted on."""
    if not isinstance(predictions, Tensor) or not predictions.is_floating_point():
        got = getattr(predictions, "dtype", type(predictions).__name__)
        raise TypeError(f"predictions must be a floating-point tensor, got {got}")
    if dtype is None:
        dtype = predictions.dtype if predictions.dtype in _DTYPES else torch.float32
    if dtype not in _DTYPES:
        raise ValueError(f"dtype must be float32, float16 or bfloat16, got {dtype}")
    return predictions.detach().to("cpu", dtype).contiguous()


def check_kind(checked: Predictions, logits: bool) -> None:
    """Probabilities must be some; logits may be anything finite."""
    row = None if logits else checked.first_improbable
    if row is not None:
        raise ValueError(
            "predictions must be probabilities, non-negative rows that sum to 1, got "
            f"{_few(checked.predictions[row].tolist())} for sample {row}; "
            "say logits=True if these are logits"
        )


def check_name(what: str, name: str) -> str:
    if not isinstance(name, str) or not name:
        raise ValueError(f"{what} must be a name, got {name!r}")
    return name


def check_joins(entry: Entry, others: Iterable[Entry], where: str) -> None:
    """A new member must fit the store's classes, and its split's kind."""
    for other in others:
        if other.num_classes != entry.num_classes:
            raise ValueError(
                f"{where}: it has {entry.num_classes} classes, not {other.num_classes}"
            )
        if entry.classes and other.classes and entry.classes != other.classes:
            raise ValueError(
                f"{where}: its classes are {_few(entry.classes)}, not {_few(other.classes)}"
            )
        if other.split == entry.split and other.logits != entry.logits:
            kinds = ("probabilities", "logits")
            raise ValueError(
                f"{where}: it holds {kinds[entry.logits]}, the others {kinds[other.logits]}; turn "
                "logits into probabilities with torch.softmax(logits, 1)"
            )


def check_member(entry: Entry, first: Entry, about: Samples, where: str) -> None:
    """A file of a split must be of the split's samples, and like the first."""
    check_joins(entry, (first,), where)
    if entry.ids != about.digest:
        raise ValueError(
            f"{where}: it was predicted for other samples, or the same in another order, than "
            f"{first.split}'s; was it copied from another store?"
        )


def _few(values: Iterable[object]) -> str:
    listed = list(values)
    return ", ".join(map(str, listed[:6])) + (", …" if len(listed) > 6 else "")
