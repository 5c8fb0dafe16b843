"""The epochs of a run: their figures, ``history.csv``, which was best, and when to stop."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from warpmix._files import atomic_write
from warpmix._reading import quoted, reading_file

_REMEDY = "the next epoch of warpmix train --resume writes it anew"
_MAY_BE_ABSENT = ("validation_loss", "validation_accuracy")

LARGEST_LOSS = 2.0**24
"""A loss from which on a model is useless: from here float32 has no fractions, so logits of this
size no longer say how sure they are. Sound runs stay many orders of magnitude below."""


@dataclass(frozen=True)
class EpochRecord:
    """One epoch.

    Attributes:
        epoch: counted from 1.
        lr: learning rate of the epoch's last step.
        train_loss: mean loss over the augmented images, with label smoothing.
        train_accuracy: share of the label mass the model was right about: for a mixed image, the
            share of the mix that belongs to the predicted class. 0..1.
        validation_loss: cross-entropy on the validation images; None without any.
        validation_accuracy: 0..1; None without validation images.
        seconds: wall-clock time of the epoch, validation included.
        penalty: what the L1 and L2 penalties add to either loss, at the weights after the epoch.
    """

    epoch: int
    lr: float
    train_loss: float
    train_accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    seconds: float
    penalty: float = 0.0

    def divergence(self) -> str | None:
        """Return what shows that training has diverged, in words, or None.

        A validation loss that is huge and finite does not: batch norm's statistics may be a few
        epochs behind. Such an epoch is never the best one.
        """
        if not self.train_loss < LARGEST_LOSS:  # NaN too
            return f"the loss became {self.train_loss:.4g}"
        if self.validation_loss is not None and not math.isfinite(self.validation_loss):
            return f"the validation loss became {self.validation_loss:.4g}"
        if not math.isfinite(self.penalty):
            return f"the penalty of l1 and l2 became {self.penalty:.4g}"
        return None

    def score(self, monitor: str) -> float:
        """Return what early stopping follows, higher being better; without validation the epoch.

        An epoch that diverged, or whose validation loss is ``LARGEST_LOSS`` or more, has -inf.

        Args:
            monitor: ``accuracy``, ``loss`` or ``total_loss``, with the penalty.
        """
        if self.divergence() is not None or (self.validation_loss or 0.0) >= LARGEST_LOSS:
            return -math.inf
        if self.validation_accuracy is None or self.validation_loss is None:
            return float(self.epoch)
        if monitor == "accuracy":
            return self.validation_accuracy
        return -(self.validation_loss + (self.penalty if monitor == "total_loss" else 0.0))


def write_history(path: Path, records: Sequence[EpochRecord]) -> None:
    """Write the records as CSV, one row an epoch; what is absent is an empty cell."""
    with atomic_write(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(EpochRecord)])
        writer.writeheader()
        writer.writerows(asdict(record) for record in records)


def read_history(path: Path) -> list[EpochRecord]:
    """Read the file of :func:`write_history`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged: another column, a cell that is no number, an epoch that is
            missing.
    """
    with reading_file(path, _REMEDY), path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        names = [field.name for field in fields(EpochRecord)]
        if not {*names} - {"penalty"} <= {*(reader.fieldnames or ())} <= {*names}:
            found = quoted(reader.fieldnames)
            raise ValueError(f"its columns must be {', '.join(names)}, got {found}; {_REMEDY}")
        return [_record(row, epoch) for epoch, row in enumerate(reader, start=1)]


def _record(row: dict[str, str], epoch: int) -> EpochRecord:
    """Return the record of a row, which must be that of this epoch."""
    try:
        values = {name: float(cell) if cell else None for name, cell in row.items()}
    except (ValueError, TypeError):  # TypeError: of cells beyond the columns
        raise ValueError(f"epoch {epoch}: a cell is no number: {quoted(row)}; {_REMEDY}") from None
    missing = [name for name in values if values[name] is None and name not in _MAY_BE_ABSENT]
    if values["epoch"] != epoch or missing:
        raise ValueError(f"the row of epoch {epoch} is missing or not whole; {_REMEDY}")
    return EpochRecord(**{**values, "epoch": epoch})  # type: ignore[arg-type]


@dataclass
class EarlyStopping:
    """The best epoch so far by a validation figure, whose weights count, and whether to go on.

    The best epoch is that of the highest score, however small the gain. Patience counts the epochs
    since the score last rose by more than ``min_delta`` above its last such rise. That is the rule
    of Keras 3's EarlyStopping, which has ``restore`` last or improved and no ``min_epochs``.

    Attributes:
        patience: epochs without improvement before stopping; None never stops.
        min_delta: smallest rise of the score that counts as improvement.
        min_epochs: epochs that are run in any case.
        restore: the weights that count are those of the best epoch (``"best"``), of the last one
            (``"last"``), or of the last improvement (``"improved"``, Keras's
            ``restore_best_weights``).
        best_score: highest score so far; higher is better, so a loss is passed negated.
        best_epoch: the epoch (from 1) of that score; 0 before the first.
        reference: the score of the last improvement.
        waited: epochs since then.
        kept_epoch: the epoch (from 1) whose weights count; 0 before the first.
    """

    patience: int | None = None
    min_delta: float = 0.0
    min_epochs: int = 0
    restore: str = "best"
    best_score: float = -math.inf
    best_epoch: int = 0
    reference: float = -math.inf
    waited: int = 0
    kept_epoch: int = 0

    def update(self, epoch: int, score: float) -> bool:
        """Take in the score of an epoch, and return whether its weights count from now on.

        A NaN score is never the best and never an improvement. The weights of an epoch with the
        score -inf, one that diverged, never count.
        """
        has_improved = score - self.min_delta > self.reference
        if has_improved:
            self.reference, self.waited = score, 0
        else:
            self.waited += 1
        is_best = score > self.best_score
        if is_best:
            self.best_score, self.best_epoch = score, epoch
        counts = {"best": is_best, "last": score != -math.inf, "improved": has_improved}
        if counts[self.restore]:
            self.kept_epoch = epoch
        return counts[self.restore]

    def should_stop(self, epoch: int) -> bool:
        """Return whether training ends after this epoch (counted from 1)."""
        return (
            self.patience is not None and epoch >= self.min_epochs and self.waited >= self.patience
        )
