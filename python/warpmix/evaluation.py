"""How good predictions are beyond their accuracy, and where in an image a network saw its class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, nll_loss, one_hot
from torchmetrics.functional.classification import (
    multiclass_calibration_error,
    multiclass_confusion_matrix,
)

from warpmix.models import Network

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
        """Return the figures as plain values for JSON."""
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
        ValueError: shapes that do not fit, no rows, or probabilities that are not finite.
    """
    if probabilities.dim() != 2 or probabilities.shape[:1] != labels.shape or len(labels) == 0:
        raise ValueError(
            f"probabilities must be [N, C] and labels [N], N at least 1, got "
            f"{tuple(probabilities.shape)} and {tuple(labels.shape)}"
        )
    count = int((~probabilities.isfinite().all(1)).sum())
    if count > 0:
        raise ValueError(
            f"probabilities must be finite, got NaN or infinity in {count} of {len(labels)} rows; "
            "the model has diverged: train it again with a lower lr"
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
    """Return :attr:`Evaluation.bins` of samples' confidence and whether each is right."""
    place = (confidence * CALIBRATION_BINS).long().clamp(max=CALIBRATION_BINS - 1)
    sums = [
        torch.zeros(CALIBRATION_BINS, dtype=torch.float64).index_add_(0, place, values.double())
        for values in (torch.ones_like(confidence), confidence, right)
    ]
    return torch.stack([sums[0], sums[1] / sums[0], sums[2] / sums[0]], dim=1)


def activation_maps(network: Network, images: Tensor, classes: Tensor) -> Tensor:
    """Return how much each place of an image speaks for a class: Grad-CAM.

    Selvaraju et al., arXiv:1610.02391. For networks that end in global average pooling and one
    linear layer these are the class activation maps of Zhou et al. (CVPR 2016), up to a factor.

    Args:
        network: in evaluation mode, with convolutions.
        images: [B, C, H, W] float, normalised, on the network's device.
        classes: [B] int64, the class to explain for each image.

    Returns:
        [B, H, W] float32, 0 to 1 in each image; all 0 where nothing speaks for the class.

    Raises:
        ValueError: the network has no convolutions whose maps have more than one place.
    """
    maps: list[Tensor] = []

    def keep(module: nn.Module, inputs: Any, output: Tensor) -> None:
        if output.dim() == 4 and min(output.shape[2:]) > 1:
            maps[:] = [output]  # the last one stays

    layers = [m for m in network.backbone.modules() if isinstance(m, nn.Conv2d)]
    handles = [layer.register_forward_hook(keep) for layer in layers]
    try:
        # Beginning with the images, gradients reach the layers of a frozen backbone too.
        with torch.enable_grad():
            logits = network.head(network.backbone(images.detach().requires_grad_()))
    finally:
        for handle in handles:
            handle.remove()
    if not maps or len(layers) == 1:
        raise ValueError(
            "the network must have convolutions that keep places apart to show where it looks; "
            "an MLP or a vision transformer has none"
        )
    chosen = logits.gather(1, classes[:, None]).sum()
    (gradient,) = torch.autograd.grad(chosen, maps[0])
    weighted = (gradient.mean((2, 3), keepdim=True) * maps[0]).sum(1, keepdim=True).relu()
    enlarged = interpolate(
        weighted.detach().float(), images.shape[2:], mode="bilinear", align_corners=False
    )
    highest = enlarged.amax((1, 2, 3), keepdim=True)
    return (enlarged / highest.clamp(min=torch.finfo(torch.float32).tiny)).squeeze(1)
