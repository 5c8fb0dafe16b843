"""How good predictions are, beyond their accuracy: by class, by confidence, at their worst."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import nll_loss, one_hot
from torchmetrics.functional.classification import (
    multiclass_calibration_error,
    multiclass_confusion_matrix,
)

CALIBRATION_BINS = 15  # Guo et al., arXiv:1706.04599

_TINY = 1e-12  # a probability of 0 for the truth counts as this in the loss


@dataclass(frozen=True)
class Evaluation:
    """Figures of one model's predictions for N labelled images of C classes.

    Attributes:
        accuracy: 0..1.
        class_accuracy: [C] share of each class's images that are recognised; NaN without images.
        confusion: [C, C] int64, images of the row's class that were taken for the column's.
        loss: mean negative log-likelihood.
        brier: mean squared distance of the probabilities from the one-hot truth, 0..2.
        calibration_error: expected calibration error, 15 equal bins (arXiv:1706.04599), 0..1.
        bins: [15, 3] of each bin of confidence: images, mean confidence, accuracy; NaN where empty.
        errors: [n] int64 rows of wrong predictions, the most confident first.
        predicted, confidence: [N] of every row.
    """

    accuracy: float
    class_accuracy: Tensor
    confusion: Tensor
    loss: float
    brier: float
    calibration_error: float
    bins: Tensor
    errors: Tensor
    predicted: Tensor
    confidence: Tensor

    def summary(self, classes: tuple[str, ...]) -> dict[str, Any]:
        """The figures as plain values for JSON."""
        return {
            "images": len(self.predicted),
            "accuracy": self.accuracy,
            "loss": self.loss,
            "brier": self.brier,
            "calibration_error": self.calibration_error,
            "class_accuracy": dict(zip(classes, self.class_accuracy.tolist(), strict=True)),
        }


def evaluate_predictions(probabilities: Tensor, labels: Tensor) -> Evaluation:
    """Compare predictions with the truth.

    Args:
        probabilities: [N, C] float, rows that sum to 1; N at least 1.
        labels: [N] int64 in 0..C-1.

    Raises:
        ValueError: shapes that do not fit, or no rows.
    """
    if probabilities.dim() != 2 or probabilities.shape[:1] != labels.shape or len(labels) == 0:
        raise ValueError(
            f"probabilities must be [N, C] and labels [N], N at least 1, got "
            f"{tuple(probabilities.shape)} and {tuple(labels.shape)}"
        )
    probabilities, labels = probabilities.double().cpu(), labels.cpu()
    classes = probabilities.shape[1]
    confidence, predicted = probabilities.max(dim=1)
    right = predicted == labels
    confusion = multiclass_confusion_matrix(predicted, labels, classes)
    wrong = (~right).nonzero().flatten()
    return Evaluation(
        accuracy=float(right.double().mean()),
        class_accuracy=confusion.diagonal() / confusion.sum(1),
        confusion=confusion,
        loss=float(nll_loss(probabilities.clamp(min=_TINY).log(), labels)),
        brier=float((probabilities - one_hot(labels, classes)).square().sum(1).mean()),
        calibration_error=float(
            multiclass_calibration_error(probabilities, labels, classes, CALIBRATION_BINS)
        ),
        bins=_bins(confidence, right),
        errors=wrong[confidence[wrong].argsort(descending=True, stable=True)],
        predicted=predicted,
        confidence=confidence,
    )


def _bins(confidence: Tensor, right: Tensor) -> Tensor:
    place = (confidence * CALIBRATION_BINS).long().clamp(max=CALIBRATION_BINS - 1)
    sums = [
        torch.zeros(CALIBRATION_BINS, dtype=torch.float64).index_add_(0, place, values.double())
        for values in (torch.ones_like(confidence), confidence, right)
    ]
    return torch.stack([sums[0], sums[1] / sums[0], sums[2] / sums[0]], dim=1)
