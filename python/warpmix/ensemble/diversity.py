"""How differently models err: what an ensemble can gain (Kuncheva and Whitaker, 2003)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from warpmix.ensemble._chunks import Progress, chunked
from warpmix.ensemble._inputs import Integers
from warpmix.ensemble._predictions import PredictionsLike


@dataclass(frozen=True)
class Diversity:
    """Measures over M models, N samples and C classes; all float64.

    Attributes:
        accuracy: [M] of each model.
        class_accuracy: [M, C] of each model among the samples of each class; NaN without any.
        disagreement: [M, M] share of samples for which two models predict different classes.
        error_correlation: [M, M] Pearson's correlation of two models' being wrong, in [-1, 1]; NaN
            for a model that is never, or always, wrong.
        class_disagreement: [C] mean disagreement of pairs among the samples of each class.
        class_error_correlation: [C] mean error correlation of pairs, likewise, of those that have
            one.
    """

    accuracy: Tensor
    class_accuracy: Tensor
    disagreement: Tensor
    error_correlation: Tensor
    class_disagreement: Tensor
    class_error_correlation: Tensor

    def mean_pair(self, matrix: Tensor) -> float:
        """Return the mean of a measure over pairs of two models, of those that have it."""
        return float(_mean_pair(matrix))


def diversity(
    predictions: PredictionsLike,
    targets: Integers,
    *,
    logits: bool | None = None,
    device: torch.device | str | None = None,
    progress: Progress | None = None,
) -> Diversity:
    """Measure how models differ, pair by pair and class by class.

    Args:
        predictions: [M, N, C], as :func:`vote`.
        targets: [N] true classes, of any integer dtype; N at least 1.
        logits, device, progress: as :func:`vote`.

    Raises:
        TypeError, ValueError: as :func:`vote`; targets outside [0, C), or none.
    """
    source = chunked(predictions, logits, device=device, progress=progress)
    true_classes = source.targets(targets)
    models, samples, classes = source.shape
    if samples == 0:
        raise ValueError("predictions must hold at least one sample, got none")
    # Counts by the true class: [C, M, M] pairs that agree, that are both wrong; [C, M] wrong.
    agree = torch.zeros(classes, models, models, dtype=torch.float64, device=source.device)
    both_wrong = torch.zeros_like(agree)
    wrong_count = torch.zeros(classes, models, dtype=torch.float64, device=source.device)
    for first, chunk in source:
        labels = source.labels(chunk, first)
        expected = true_classes[first : first + chunk.shape[1]]
        for true_class in expected.unique().tolist():
            of_class = labels[:, expected == true_class]
            wrong = (of_class != true_class).double()
            both_wrong[true_class] += wrong @ wrong.T
            wrong_count[true_class] += wrong.sum(1)
            for predicted in of_class.unique().tolist():
                votes = (of_class == predicted).double()
                agree[true_class] += votes @ votes.T
    count = torch.bincount(true_classes, minlength=classes).double()
    correlation = torch.stack(
        [_correlation(b, a, n) for b, a, n in zip(both_wrong, wrong_count, count, strict=True)]
    )
    disagreement = 1.0 - agree / count[:, None, None]
    return Diversity(
        accuracy=1.0 - wrong_count.sum(0) / samples,
        class_accuracy=(1.0 - wrong_count / count[:, None]).T,
        disagreement=1.0 - agree.sum(0) / samples,
        error_correlation=_correlation(both_wrong.sum(0), wrong_count.sum(0), count.sum()),
        class_disagreement=torch.stack([_mean_pair(matrix) for matrix in disagreement]),
        class_error_correlation=torch.stack([_mean_pair(matrix) for matrix in correlation]),
    )


def _correlation(both_wrong: Tensor, wrong_count: Tensor, count: Tensor) -> Tensor:
    """Return the [M, M] correlation of the indicators of being wrong: phi, from counts."""
    rate = wrong_count / count
    spread = (rate * (1.0 - rate)).sqrt()
    return (both_wrong / count - rate[:, None] * rate) / (spread[:, None] * spread)


def _mean_pair(matrix: Tensor) -> Tensor:
    above = torch.triu(torch.ones_like(matrix), 1).bool()
    return matrix[above].nanmean()
