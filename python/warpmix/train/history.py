"""What every epoch came to, as a row of ``history.csv``."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from warpmix._files import atomic_write


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
    """

    epoch: int
    lr: float
    train_loss: float
    train_accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    seconds: float


def write_history(path: Path, records: Sequence[EpochRecord]) -> None:
    """Write the records as CSV, one row an epoch; what is absent is an empty cell."""
    with atomic_write(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(EpochRecord)])
        writer.writeheader()
        writer.writerows(asdict(record) for record in records)
