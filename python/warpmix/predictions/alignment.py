"""One order of samples and classes for predictions that vote together.

Samples are matched by id, classes by name. Where one side does not know them, the order is in
doubt, and refused unless the user says that it is the same.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from warpmix.predictions.model import Predictions
from warpmix.predictions.options import same_name
from warpmix.predictions.samples import Ids, list_ids

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Axes:
    """What rows and columns of predictions stand for.

    Attributes:
        ids: of the N rows.
        numbered: whether the ids are row numbers, because nobody knows others.
        num_classes: C.
        classes: C names, where they are known.
    """

    ids: Ids
    numbered: bool
    num_classes: int
    classes: tuple[str, ...] | None

    @property
    def are_row_numbers(self) -> bool:
        """Whether the ids say no more than the rows' places do."""
        return self.numbered or same_ids(self.ids, torch.arange(len(self.ids)))

    @classmethod
    def of(cls, member: Predictions) -> Axes:
        samples, num_classes = member.predictions.shape
        ids = torch.arange(samples) if member.ids is None else member.ids
        return cls(ids, member.ids is None, num_classes, member.classes)


@dataclass(frozen=True, eq=False)
class Order:
    """Where the rows and columns of a reference are among one's own; None: in their places.

    Attributes:
        rows: [N] int64.
        columns: [C] int64.
    """

    rows: Tensor | None = None
    columns: Tensor | None = None

    @property
    def notices(self) -> tuple[str, ...]:
        """What is put in order, in words."""
        moved = (
            (self.rows, "rows were in another order, aligned by id"),
            (self.columns, "classes were in another order, aligned by name"),
        )
        return tuple(words for places, words in moved if places is not None)

    def of_predictions(self, predictions: Tensor) -> Tensor:
        """Return [N, C] in the reference's order."""
        if self.rows is not None:
            predictions = predictions.index_select(0, self.rows)
        if self.columns is not None:
            predictions = predictions.index_select(1, self.columns)
        return predictions

    def of_labels(self, labels: Tensor) -> Tensor:
        """Return [N] in the reference's order and numbers."""
        if self.rows is not None:
            labels = labels[self.rows]
        return labels if self.columns is None else self.columns.argsort()[labels]


def order_of(own: Axes, reference: Axes, *, assume_same_order: bool = False) -> Order:
    """Find the order that brings predictions into that of a reference.

    Args:
        assume_same_order: where one side has row numbers alone, the other's rows are the same.

    Raises:
        ValueError: other samples or classes, or one side that does not know them; without a
            subject: "it has …".
    """
    return Order(
        row_order(own, reference, assume_same_order),
        column_order(own, reference),
    )


def align(member: Predictions, order: Order, reference: Axes) -> Predictions:
    """Return predictions in an order of :func:`order_of`."""
    return replace(
        member,
        predictions=order.of_predictions(member.predictions),
        labels=None if member.labels is None else order.of_labels(member.labels),
        classes=reference.classes,
        ids=member.ids if order.rows is None else reference.ids,
    )


def with_classes(member: Predictions, classes: Sequence[str] | None) -> tuple[Predictions, Order]:
    """Return predictions whose columns are the user's classes: named, where they had no names, or
    put into this order.

    Raises:
        ValueError: another number of classes, or other names.
    """
    if classes is None:
        return member, Order()
    columns = class_order(member.classes, classes, member.predictions.shape[1])
    order = Order(None, columns)
    reference = replace(Axes.of(member), classes=tuple(classes))
    return align(member, order, reference), order


def class_order(
    own: tuple[str, ...] | None, wanted: Sequence[str], num_classes: int
) -> Tensor | None:
    """Return [C] places of the wanted classes among one's own, or None: in their places, as are
    columns without names.

    Raises:
        ValueError: another number of classes, or other names.
    """
    names = tuple(wanted)
    columns = Axes(torch.empty(0), True, num_classes, names if own is None else own)
    return column_order(columns, replace(columns, num_classes=len(names), classes=names))


def notify(subject: str, order: Order) -> None:
    """Log what was put in order, as a warning, which Python shows where nobody hides it."""
    for words in order.notices:
        _log.warning("%s: %s", subject, words)


def same_ids(first: Ids, second: Ids) -> bool:
    """Return whether two lists of ids are equal, order included."""
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        return torch.equal(first, second)
    return not isinstance(first, Tensor) and not isinstance(second, Tensor) and first == second


def row_order(own: Axes, reference: Axes, assume_same_order: bool) -> Tensor | None:
    """Return the rows of :func:`order_of`."""
    if len(own.ids) != len(reference.ids):
        raise ValueError(f"it has {len(own.ids)} samples, not {len(reference.ids)}")
    if same_ids(own.ids, reference.ids):
        return None
    ids, wanted = list_ids(own.ids), list_ids(reference.ids)
    known = not own.numbered and not reference.numbered
    if known and set(wanted) == set(ids):
        place = {value: i for i, value in enumerate(ids)}
        return torch.tensor([place[value] for value in wanted])
    if own.are_row_numbers != reference.are_row_numbers:
        if assume_same_order:
            return None
        who, other, first = "it has", "the other has", wanted[0]
        if reference.are_row_numbers:
            who, other, first = other, who, ids[0]
        raise ValueError(
            f"{who} no ids but row numbers, and {other} ids, from {first!r} on; if their samples "
            "are in the same order, say so with assume_same_order=True (--assume-same-order)"
        )
    row = next(i for i, pair in enumerate(zip(ids, wanted, strict=True)) if len({*pair}) > 1)
    raise ValueError(f"it has other samples: sample {row} is {ids[row]!r}, not {wanted[row]!r}")


def column_order(own: Axes, reference: Axes) -> Tensor | None:
    """Return the columns of :func:`order_of`."""
    if own.num_classes != reference.num_classes:
        raise ValueError(f"it has {own.num_classes} classes, not {reference.num_classes}")
    if own.classes == reference.classes:
        return None
    if own.classes is None or reference.classes is None:
        lacking, having = ("it has", "the other has")
        if own.classes is not None:
            lacking, having = having, lacking
        names = own.classes or reference.classes or ()
        raise ValueError(
            f"{lacking} no names of classes and {having}: {few(names)}; name the columns without "
            "names with classes=… (--classes)"
        )
    place = {same_name(name): i for i, name in enumerate(own.classes)}
    wanted = [same_name(name) for name in reference.classes]
    if place.keys() != set(wanted):
        raise ValueError(f"its classes are {few(own.classes)}, not {few(reference.classes)}")
    order = [place[name] for name in wanted]
    return None if order == list(range(len(order))) else torch.tensor(order)


def few(values: Sequence[object]) -> str:
    """List six values at most, in words."""
    return ", ".join(map(str, values[:6])) + (", …" if len(values) > 6 else "")
