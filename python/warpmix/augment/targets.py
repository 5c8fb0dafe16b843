"""Labels of mixed samples: a pair and the own share, never a one-hot unless asked for."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Targets(NamedTuple):
    """What a batch is to be learnt as: ``lam`` of ``y_a`` and ``1 - lam`` of ``y_b``.

    Attributes:
        y_a: [B] int64 own labels.
        y_b: [B] int64 labels of the mix partners; equal to ``y_a`` where nothing was mixed.
        lam: [B] float32 own share in [0, 1].
    """

    y_a: Tensor
    y_b: Tensor
    lam: Tensor

    def to_onehot(self, num_classes: int, smoothing: float = 0.0) -> Tensor:
        """[B, num_classes] float32 rows that sum to 1, smoothed as F.cross_entropy smooths.

        Raises:
            ValueError: smoothing outside [0, 1], or fewer classes than a label needs.
        """
        _check_smoothing("smoothing", smoothing)
        highest = int(torch.maximum(self.y_a, self.y_b).max()) if self.y_a.numel() else -1
        if highest >= num_classes:
            raise ValueError(
                f"num_classes must be above the highest label {highest}, got {num_classes}"
            )
        dense = torch.zeros(self.y_a.numel(), num_classes, device=self.lam.device)
        dense.scatter_add_(1, self.y_a[:, None], self.lam[:, None])
        dense.scatter_add_(1, self.y_b[:, None], 1.0 - self.lam[:, None])
        return dense * (1.0 - smoothing) + smoothing / num_classes


def mixed_cross_entropy(logits: Tensor, targets: Targets, label_smoothing: float = 0.0) -> Tensor:
    """Mean cross-entropy against mixed labels, without building the one-hot.

    Equal to ``F.cross_entropy(logits, targets.to_onehot(C, label_smoothing))``; one log-softmax and
    two gathers instead of a dense [B, C] product.

    Args:
        logits: [B, C] floating point.
        targets: of the same B.
        label_smoothing: in [0, 1].

    Returns:
        scalar of the logits' dtype.
    """
    _check_smoothing("label_smoothing", label_smoothing)
    if logits.dim() != 2 or logits.shape[0] != targets.lam.shape[0]:
        raise ValueError(
            f"logits must be [B, C] with B = {targets.lam.shape[0]} as in targets, "
            f"got {tuple(logits.shape)}"
        )
    log_p = F.log_softmax(logits, dim=1)
    lam = targets.lam.to(log_p.dtype)
    own = log_p.gather(1, targets.y_a[:, None]).squeeze(1)
    partner = log_p.gather(1, targets.y_b[:, None]).squeeze(1)
    loss = -(lam * own + (1.0 - lam) * partner)
    if label_smoothing > 0.0:
        loss = (1.0 - label_smoothing) * loss - label_smoothing * log_p.mean(1)
    return loss.mean()


def _check_smoothing(name: str, value: float) -> None:
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{name} must be in [0, 1], got {value!r}")
