"""One model's predictions in memory."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from warpmix.predictions.samples import Ids, check_ids

SUM_TOLERANCE = 0.01  # of ten probabilities that were each rounded to bfloat16


@dataclass(frozen=True, eq=False)
class Predictions:
    """One model's predictions for one set of images.

    Attributes:
        predictions: [N, C] float32, finite, C at least 2; probabilities or logits.
        labels: [N] int64 in 0..C-1, or None where they are unknown.
        model: the model's name.
        dataset, split: what was predicted, where that is known.
        classes: C distinct names, where they are known.
        ids: [N] int64 or N strings, distinct, that name the samples; None: row numbers alone.
        recipe, seed: how the model was trained, where that is known.
        logits: whether the predictions are logits; None: their values tell, see
            :attr:`holds_logits`.

    Raises:
        TypeError: a tensor of another dtype.
        ValueError: a shape, length, label or prediction that does not fit the above.
    """

    predictions: Tensor
    labels: Tensor | None
    model: str
    dataset: str | None = None
    split: str | None = None
    classes: tuple[str, ...] | None = None
    ids: Ids | None = None
    recipe: str | None = None
    seed: int | None = None
    logits: bool | None = None

    def __post_init__(self) -> None:
        shape = tuple(self.predictions.shape)
        if self.predictions.dtype != torch.float32:
            raise TypeError(f"predictions must be torch.float32, got {self.predictions.dtype}")
        if len(shape) != 2 or shape[0] < 1 or shape[1] < 2:
            raise ValueError(f"predictions must be [N, C] with C at least 2, got the shape {shape}")
        wrong = ~torch.isfinite(self.predictions).all(1)
        if wrong.any():
            raise ValueError(
                f"predictions must be finite, got NaN or infinity for {int(wrong.sum())} of "
                f"{shape[0]} samples, the first is {int(wrong.int().argmax())}; "
                "the model has diverged: leave it out"
            )
        if self.classes is not None and len(self.classes) != shape[1]:
            raise ValueError(
                f"classes must be as many as predictions has columns, got {len(self.classes)} "
                f"classes and {shape[1]} columns"
            )
        if self.classes is not None and len(set(self.classes)) < shape[1]:
            raise ValueError(f"classes must be distinct, got {', '.join(self.classes)}")
        if self.ids is not None:
            check_ids(self.ids, shape[0])
        if self.labels is not None:
            _check_labels(self.labels, *shape)

    @property
    def accuracy(self) -> float | None:
        """Share of right answers, see :func:`accuracy_of`; None without labels."""
        return None if self.labels is None else accuracy_of(self.predictions, self.labels)

    @property
    def are_probabilities(self) -> bool:
        """Whether every row is non-negative and sums to 1."""
        return self.first_improbable is None

    @property
    def holds_logits(self) -> bool:
        """Whether the predictions are logits, as was said, or else as the values tell.

        Raises:
            ValueError: neither probabilities, whose rows sum to 1, nor negative anywhere.
        """
        if self.logits is not None:
            return self.logits
        row = self.first_improbable
        if row is not None and bool((self.predictions >= 0).all()):
            raise ValueError(
                "predictions must be probabilities, whose rows sum to 1, or logits, of which some "
                f"are negative; got {self.predictions[row].tolist()[:6]} for sample {row}; say "
                "which with kind='logits' (--kind)"
            )
        return row is not None

    @property
    def first_improbable(self) -> int | None:
        """The first row that is no distribution: negative somewhere, or of another sum than 1."""
        sums = self.predictions.sum(1)
        fine = (self.predictions >= 0).all(1) & ((sums - 1).abs() <= SUM_TOLERANCE)
        return None if bool(fine.all()) else int((~fine).int().argmax())


def accuracy_of(predictions: Tensor, labels: Tensor) -> float:
    """Return the fraction of samples whose label is predicted, ties to the lowest class."""
    return float((predictions.argmax(1) == labels).double().mean())


def _check_labels(labels: Tensor, samples: int, columns: int) -> None:
    if labels.dtype != torch.int64:
        raise TypeError(f"labels must be torch.int64, got {labels.dtype}")
    if tuple(labels.shape) != (samples,):
        raise ValueError(
            f"labels must be [{samples}], one a row of predictions, got {tuple(labels.shape)}"
        )
    low, high = (int(extreme) for extreme in torch.aminmax(labels))
    if low < 0 or high >= columns:
        raise ValueError(f"labels must be in 0..{columns - 1}, got values from {low} to {high}")
