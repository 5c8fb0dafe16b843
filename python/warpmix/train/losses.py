"""What a model's outputs say about it: figures of a training batch, and whether they are finite."""

from __future__ import annotations

import math

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from warpmix.augment import Targets, mixed_cross_entropy


def label_mass(logits: Tensor, targets: Targets) -> Tensor:
    """Return the share of each image's label that the predicted class holds, f32 [B]."""
    predicted = logits.argmax(dim=1)
    return targets.lam * (predicted == targets.y_a) + (1 - targets.lam) * (predicted == targets.y_b)


def finite_loss(logits: Tensor, loss: Tensor) -> float:
    """Return the loss of some logits; NaN where any of these is infinite or NaN."""
    return float(loss) if bool(logits.isfinite().all()) else math.nan


@torch.no_grad()
def probe_loss(model: nn.Module, batch: Tensor, targets: Targets, fabric: Fabric) -> float:
    """Return the loss of a model on a training batch in evaluation mode, the sum over all ranks.

    Without validation images, nothing else shows what an epoch's last step did to the weights.

    Args:
        model: what counts of the run's models; left in evaluation mode.
        batch: of this rank, which may be longer than its targets.
        targets: B of them, B at least 0.
    """
    own = len(targets.lam)
    loss = 0.0
    if own > 0:
        with fabric.autocast():
            logits = model.eval()(batch)[:own].float()
        loss = finite_loss(logits, mixed_cross_entropy(logits, targets))
    if fabric.world_size == 1:
        return loss
    total = torch.tensor(loss, device=fabric.device)
    return float(fabric.all_reduce(total, reduce_op="sum"))  # type: ignore[arg-type]
