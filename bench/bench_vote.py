"""Both accuracy curves of every ensemble size against vectorised PyTorch, and greedy selection
against NumPy.

The peers do what the ops do: running sums and running votes over the models, and their leaders,
for every k; and Caruana's loop in float64. Rows are explained in README.md.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from results import DEVICES, Measure
from torch import Tensor

from warpmix import ops
from warpmix.ensemble import select_greedy

MODELS, SAMPLES, CLASSES = 380, 10_000, 10  # the Warsaw report's third experiment
STEPS = 50  # of greedy selection
PEER_STEPS = 2  # that NumPy is timed for: each takes as long as any other


@functools.lru_cache(maxsize=2)
def ensemble(device: str, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor]:
    """(predictions [M, N, C], targets [N], ranking [M])."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(MODELS, SAMPLES, CLASSES, generator=generator) * 3
    targets = torch.randint(0, CLASSES, (SAMPLES,), generator=generator)
    ranking = torch.randperm(MODELS, generator=generator)
    predictions = torch.softmax(logits, -1).to(device, dtype)
    return predictions, targets.to(device), ranking.to(device)


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


ROWS: dict[str, tuple[Callable[[Tensor, Tensor, Tensor], object], torch.dtype, str | None]] = {
    "fused": (fused, torch.float32, None),
    "fused, float16": (fused, torch.float16, None),
    "PyTorch, vectorised": (vectorised, torch.float32, "PyTorch"),
    "floor: one read (sum)": (one_read, torch.float32, "floor"),
}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("row", ROWS)
def test_vote_curve(measure: Measure, device: str, row: str) -> None:
    function, dtype, baseline = ROWS[row]
    arguments = ensemble(device, dtype)
    measure(
        functools.partial(function, *arguments),
        group=f"{device} vote_curve {MODELS} x {SAMPLES:,} x {CLASSES}",
        row=row,
        device=device,
        moved=arguments[0].numel() * arguments[0].element_size(),
        baseline=baseline,
    )


def numpy_steps(predictions: np.ndarray, targets: np.ndarray, steps: int) -> list[int]:
    """Ensemble selection by accuracy as the paper has it; see tests/test_select.py."""
    total = np.zeros(predictions.shape[1:])
    members = []
    for _ in range(steps):
        reached = ((total[None] + predictions).argmax(2) == targets).mean(1)
        members.append(int(reached.argmax()))
        total += predictions[members[-1]]
    return members


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("metric", ["accuracy", "log_loss"])
def test_greedy(measure: Measure, device: str, metric: str) -> None:
    predictions, targets, _ = ensemble(device)
    measure(
        lambda: select_greedy(predictions, targets, STEPS, metric=metric),
        group=f"{device} a step of {STEPS} of greedy selection, {MODELS} x {SAMPLES:,} x {CLASSES}",
        row=f"fused, by {metric}",
        device=device,
        calls=STEPS,
    )


def test_greedy_of_numpy(measure: Measure) -> None:
    predictions, targets, _ = ensemble("cpu")
    arguments = (predictions.double().numpy(), targets.numpy(), PEER_STEPS)
    measure(
        functools.partial(numpy_steps, *arguments),
        group=f"cpu a step of {STEPS} of greedy selection, {MODELS} x {SAMPLES:,} x {CLASSES}",
        row="NumPy, float64, by accuracy",
        calls=PEER_STEPS,
        baseline="NumPy",
    )
