"""How files of other programs are read, where their contents leave that open."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Literal

Kind = Literal["auto", "probabilities", "logits"]


@dataclass(frozen=True)
class ReadOptions:
    """What settles a doubt about a file; each field's flag of the command has its name.

    Attributes:
        classes: C class names. Columns that have no names get these, in this order; columns that
            have names must have the same ones, and are put into this order.
        num_classes: number of classes, for files of predicted labels and of whole numbers.
        ids: name of the CSV column or ``.npz`` array with the samples' ids. In a CSV without a
            header, the column's number, counted from 1.
        labels: name of the column or array with the true labels, likewise.
        ignore: names of columns or arrays to leave out, likewise.
        header: whether a CSV's first row holds the columns' names; None: its contents tell.
        arrays: which arrays of an ``.npz`` file are models, with ``*`` and ``?``; a model's name is
            then what the first ``*`` stands for.
        kind: what the predictions are; "auto": probabilities where all rows are, logits where a
            value is negative.
        assume_same_order: files without ids have the samples in the order of the first file that
            has ids.

    Raises:
        ValueError: another kind, fewer than two classes, or names that are not distinct or not
            ``num_classes`` many.
    """

    classes: tuple[str, ...] | None = None
    num_classes: int | None = None
    ids: str | None = None
    labels: str | None = None
    ignore: tuple[str, ...] = ()
    header: bool | None = None
    arrays: str = "*"
    kind: Kind = "auto"
    assume_same_order: bool = False

    def __post_init__(self) -> None:
        if self.kind not in ("auto", "probabilities", "logits"):
            raise ValueError(f"kind must be 'auto', 'probabilities' or 'logits', got {self.kind!r}")
        if self.num_classes is not None and self.num_classes < 2:
            raise ValueError(f"num_classes must be at least 2, got {self.num_classes}")
        if self.classes is None:
            return
        if len(set(self.classes)) != len(self.classes) or len(self.classes) < 2:
            raise ValueError(
                f"classes must be two or more distinct names, got {', '.join(self.classes)}"
            )
        if self.num_classes not in (None, len(self.classes)):
            raise ValueError(
                f"num_classes must be the number of classes, {len(self.classes)}, or be left out; "
                f"got {self.num_classes}"
            )

    @property
    def class_count(self) -> int | None:
        """C, where an option says it."""
        return self.num_classes if self.classes is None else len(self.classes)


DEFAULTS = ReadOptions()


def same_name(name: str) -> str:
    """Return the one spelling of a name whose accents are letters of their own, or parts of some:
    Unicode holds both to be the same text, and macOS writes the other one."""
    return unicodedata.normalize("NFC", name)
