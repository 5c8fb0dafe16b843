"""Both accuracy curves, soft and hard, of every ensemble size, against vectorised PyTorch.

The peer computes what the op does, for every k: running sums and running votes over the models,
and their leaders. Rows are explained in README.md.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from results import DEVICES, Measure
from torch import Tensor

from warpmix import ops

MODELS, SAMPLES, CLASSES = 380, 10_000, 10  # the Warsaw report's third experiment


@functools.lru_cache(maxsize=1)
def ensemble(device: str) -> tuple[Tensor, Tensor, Tensor]:
    """(predictions [M, N, C] float32, targets [N], ranking [M])."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(MODELS, SAMPLES, CLASSES, generator=generator) * 3
    targets = torch.randint(0, CLASSES, (SAMPLES,), generator=generator)
    ranking = torch.randperm(MODELS, generator=generator)
    return torch.softmax(logits, -1).to(device), targets.to(device), ranking.to(device)


def fused(predictions: Tensor, targets: Tensor, ranking: Tensor) -> object:
    return ops.vote_curve(predictions, targets, ranking, logits=False)


def vectorised(predictions: Tensor, targets: Tensor, ranking: Tensor) -> object:
    ranked = predictions[ranking]
    soft = (ranked.cumsum(0).argmax(-1) == targets).sum(1)
    votes = F.one_hot(ranked.argmax(-1), CLASSES).to(torch.int16)
    hard = (votes.cumsum(0, dtype=torch.int16).argmax(-1) == targets).sum(1)
    return soft, hard


def one_read(predictions: Tensor, targets: Tensor, ranking: Tensor) -> object:
    return predictions.sum()


ROWS: dict[str, tuple[Callable[[Tensor, Tensor, Tensor], object], str | None]] = {
    "fused": (fused, None),
    "PyTorch, vectorised": (vectorised, "PyTorch"),
    "floor: one read (sum)": (one_read, "floor"),
}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("row", ROWS)
def test_vote_curve(measure: Measure, device: str, row: str) -> None:
    function, baseline = ROWS[row]
    arguments = ensemble(device)
    measure(
        functools.partial(function, *arguments),
        group=f"{device} vote_curve {MODELS} x {SAMPLES:,} x {CLASSES}",
        row=row,
        device=device,
        moved=arguments[0].numel() * arguments[0].element_size(),
        baseline=baseline,
    )
