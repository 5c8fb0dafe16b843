"""Voting over a store in chunks gives what voting in memory gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from test_select import noisy
from test_vote import GPU
from torch import Tensor

from warpmix.ensemble import (
    VOTES,
    Stacking,
    _chunks,
    diversity,
    fit_weights,
    member_accuracies,
    rank,
    select_greedy,
    vote,
    vote_curve,
)
from warpmix.predictions import PredictionStore, StoredPredictions

MODELS, SAMPLES, CLASSES = 6, 500, 5
Case = tuple[StoredPredictions, Tensor, Tensor]


@pytest.fixture(params=[torch.float32, torch.float16, torch.bfloat16])
def stored(request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    """(stored, the same in memory, labels), read 64 samples at a time, the last chunk smaller."""
    scores, labels = noisy(MODELS, SAMPLES)
    store = PredictionStore(tmp_path / "store", create=True)
    for m, predictions in enumerate(scores):
        store.add(predictions, model=f"m{m}", split="test", labels=labels, dtype=request.param)
    width = MODELS * CLASSES * request.param.itemsize
    monkeypatch.setattr(_chunks, "CHUNK_BYTES", 64 * width + width // 2)
    return store.open("test"), scores.to(request.param), labels


@pytest.mark.parametrize("method", VOTES)
def test_votes(stored: Case, method: str) -> None:
    source, whole, _ = stored
    steps: list[tuple[int, int]] = []
    weights, temperature = [1.0, 2.0, 0.5, 1.0, 3.0, 1.0], 2.0
    got = vote(
        source, method, weights, temperature=temperature, progress=lambda *s: steps.append(s)
    )
    want = vote(whole, method, weights, temperature=temperature)
    assert torch.equal(got.labels, want.labels) and torch.equal(got.scores, want.scores)
    assert steps == [(min(64 * i, 500), 500) for i in range(1, 9)]


def test_curves_and_rankings(stored: Case) -> None:
    source, whole, labels = stored
    assert torch.equal(member_accuracies(source, labels), member_accuracies(whole, labels))
    order = rank(source, labels)
    weights = torch.rand(MODELS, dtype=torch.float64)
    got = vote_curve(source, labels, order, weights=weights)
    want = vote_curve(whole, labels, order, weights=weights)
    assert torch.equal(got.soft, want.soft) and torch.equal(got.hard, want.hard)
    assert torch.equal(vote_curve(source, labels, rank_on=(whole, labels)).soft,
                       vote_curve(whole, labels, rank_on=(source, labels)).soft)  # fmt: skip


@pytest.mark.parametrize(
    "function",
    [
        lambda p, y: select_greedy(p, y, 8).weights,
        lambda p, y: fit_weights(p, y),
        lambda p, y: Stacking().fit(p, y).vote(p).scores,
        lambda p, y: diversity(p, y).disagreement,
        lambda p, y: diversity(p, y).class_error_correlation,
    ],
)
def test_everything_else(stored: Case, function: Callable[..., Tensor]) -> None:
    source, whole, labels = stored
    torch.testing.assert_close(function(source, labels), function(whole, labels))


@pytest.mark.parametrize("device", GPU)
def test_on_a_gpu(stored: Case, device: str) -> None:
    source, whole, labels = stored
    got = vote(source, device=device)
    assert got.scores.is_cuda and torch.equal(got.scores.cpu(), vote(whole).scores)
    assert torch.equal(rank(source, labels, device=device).cpu(), rank(whole, labels))


def test_errors_name_the_model_and_the_sample(stored: Case) -> None:
    source, _, labels = stored
    with pytest.raises(ValueError, match="logits must be left out: the store holds probabilities"):
        vote(source, logits=True)
    # As a disk or a foreign program may leave it; the store itself takes no such rows.
    path = source.paths[4]
    data = bytearray(path.read_bytes())
    width = CLASSES * source.dtype.itemsize
    row = len(data) - (SAMPLES - 333) * width
    data[row : row + width] = bytes(width)
    path.write_bytes(data)
    for call in (vote, lambda p: rank(p, labels), lambda p: select_greedy(p, labels, 2)):
        with pytest.raises(ValueError, match=r"sum to 1, got \[0.*for model m4, sample 333 \(1"):
            call(source)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        vote(source)
