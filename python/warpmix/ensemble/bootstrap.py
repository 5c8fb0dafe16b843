"""How sure an accuracy is: percentile bootstrap over the samples (Efron), on their device."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from warpmix import ops

_RULES_A_LAUNCH = 64  # bits of an int64
_MOST_REPLICATES = 65535  # CUDA's limit on gridDim.y


@dataclass(frozen=True)
class Intervals:
    """Accuracies of R decision rules, with intervals.

    Attributes:
        accuracy: [R] float64 in [0, 1].
        low, high: [R] float64, the interval's ends.
        replicates: [B, R] float64 accuracies over samples drawn with replacement. A replicate draws
            the same samples for all rules, so differences between columns are paired.
    """

    accuracy: Tensor
    low: Tensor
    high: Tensor
    replicates: Tensor


def bootstrap_intervals(
    right: Tensor, *, replicates: int = 1000, confidence: float = 0.95, seed: int = 0
) -> Intervals:
    """Confidence intervals of accuracies.

    Samples are drawn by Philox4x32-10 of (seed, replicate, draw): the same on every device, and
    for every rule.

    Args:
        right: [R, N] bool: which of N samples each of R rules gets right; N from 1 to 2^31 - 1.
        replicates: from 1 to 65,535.
        confidence: in (0, 1), of the interval between percentiles.
        seed: of the draws.

    Raises:
        TypeError, ValueError: arguments that do not fit.
    """
    if not isinstance(right, Tensor) or right.dtype != torch.bool:
        raise TypeError(f"right must be a bool tensor, got {getattr(right, 'dtype', right)}")
    if right.dim() != 2 or not 1 <= right.shape[1] < 2**31 or right.shape[0] < 1:
        raise ValueError(f"right must be [R, N] with N at least 1, got {list(right.shape)}")
    if not 1 <= replicates <= _MOST_REPLICATES:
        raise ValueError(f"replicates must be from 1 to {_MOST_REPLICATES}, got {replicates}")
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must be in (0, 1), got {confidence}")
    samples = right.shape[1]
    counts = torch.cat(
        [
            ops.bootstrap(_packed(rows), seed, replicates, len(rows))
            for rows in right.split(_RULES_A_LAUNCH)
        ],
        1,
    )
    drawn = counts.double() / samples
    tail = (1.0 - confidence) / 2.0
    ends = torch.tensor([tail, 1.0 - tail], dtype=torch.float64, device=right.device)
    low, high = torch.quantile(drawn, ends, dim=0)
    return Intervals(right.double().mean(1), low, high, drawn)


def _packed(rows: Tensor) -> Tensor:
    """[N] int64: row r in bit r."""
    bits = torch.zeros(rows.shape[1], dtype=torch.int64, device=rows.device)
    for r, row in enumerate(rows):
        bits |= row.long() << r
    return bits
