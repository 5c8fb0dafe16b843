"""How sure an accuracy is: percentile bootstrap over the samples (Efron), on their device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import SupportsFloat, SupportsIndex

import numpy as np
import torch
from torch import Tensor

from warpmix import ops
from warpmix._numbers import check_integer, check_real
from warpmix._tensors import check_dense
from warpmix.ensemble._inputs import as_array

_RULES_PER_LAUNCH = 64  # bits of an int64
_MAX_REPLICATES = 65535  # CUDA's limit on gridDim.y


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
    correct: Tensor | np.ndarray | Sequence[Sequence[bool]],
    *,
    replicates: SupportsIndex = 1000,
    confidence: SupportsFloat = 0.95,
    seed: SupportsIndex = 0,
) -> Intervals:
    """Return confidence intervals of accuracies.

    Samples are drawn by Philox4x32-10 of (seed, replicate, draw): the same on every device, and
    for every rule.

    Args:
        correct: [R, N] bool: which of N samples each of R rules gets right, R at least 1, N from 1
            to 2^31 - 1.
        replicates: from 1 to 65,535.
        confidence: in (0, 1), of the interval between percentiles.
        seed: of the draws, from 0 to 2^63 - 1.

    Raises:
        TypeError, ValueError: arguments that do not fit.
    """
    if not isinstance(correct, Tensor):
        correct = torch.from_numpy(as_array("correct", correct).copy())
    check_dense("correct", correct)
    if correct.dtype != torch.bool:
        raise TypeError(f"correct must be bool, got {correct.dtype}; use labels == targets")
    if correct.dim() != 2 or not 1 <= correct.shape[1] < 2**31 or correct.shape[0] < 1:
        raise ValueError(
            f"correct must be [R, N] with R and N at least 1, got {list(correct.shape)}"
        )
    replicates = check_integer("replicates", replicates, 1, _MAX_REPLICATES)
    confidence = check_real("confidence", confidence, 1.0)
    seed = check_integer("seed", seed, 0, 2**63 - 1)
    counts = torch.cat(
        [
            ops.bootstrap(_packed(rows), seed, replicates, len(rows))
            for rows in correct.split(_RULES_PER_LAUNCH)
        ],
        1,
    )
    drawn = counts.double() / correct.shape[1]
    tail = (1.0 - confidence) / 2.0
    ends = torch.tensor([tail, 1.0 - tail], dtype=torch.float64, device=correct.device)
    low, high = torch.quantile(drawn, ends, dim=0)
    return Intervals(correct.double().mean(1), low, high, drawn)


def _packed(rows: Tensor) -> Tensor:
    """Pack the rows into [N] int64: row r in bit r."""
    bits = torch.zeros(rows.shape[1], dtype=torch.int64, device=rows.device)
    for r, row in enumerate(rows):
        bits |= row.long() << r
    return bits
