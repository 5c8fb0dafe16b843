"""Choosing an ensemble: the CPU op, the kernel bodies, the GPU and plain NumPy agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from conftest import emulated_kernels
from hypothesis import given, settings
from hypothesis import strategies as st
from test_vote import GPU, sixteenths
from torch import Tensor

from warpmix import ops
from warpmix.ensemble import fit_weights, reference, select_greedy, vote

STEPS = 12


def plain_caruana(
    predictions: np.ndarray, targets: np.ndarray, size: int, metric: str
) -> tuple[list[int], list[float]]:
    """Ensemble selection with replacement, as the paper has it, in float64."""
    total = np.zeros(predictions.shape[1:])
    rows = np.arange(len(targets))
    members, scores = [], []
    for step in range(size):
        with_each = total[None] + predictions
        if metric == "accuracy":
            reached = (with_each.argmax(2) == targets).mean(1)
            best = int(reached.argmax())
        else:
            own = np.clip(with_each[:, rows, targets] / (step + 1), 1e-15, None)
            reached = -np.log(own).mean(1)
            best = int(reached.argmin())
        total += predictions[best]
        members.append(best)
        scores.append(float(reached[best]))
    return members, scores


@st.composite
def problems(draw: Any) -> tuple[Tensor, Tensor, bool]:
    """(predictions, targets, whether ties are common)."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    shape = (
        draw(st.sampled_from([1, 2, 7, 30])),
        draw(st.sampled_from([1, 63, 64, 200, 600])),
        draw(st.sampled_from([2, 3, 10, 17])),
    )
    targets = torch.randint(0, shape[2], shape[1:2], generator=generator)
    ties = draw(st.booleans())
    if ties:
        predictions = sixteenths(*shape, generator)
    else:
        scores = torch.randn(shape, generator=generator)
        scores += 2 * torch.nn.functional.one_hot(targets, shape[2])
        predictions = scores.softmax(-1)
    dtype = draw(st.sampled_from([torch.float32, torch.float16, torch.bfloat16]))
    return predictions.to(dtype), targets, ties


@settings(max_examples=60)
@given(problems())
def test_greedy_equals_plain_numpy_step_by_step(problem: tuple[Tensor, Tensor, bool]) -> None:
    predictions, targets, ties = problem
    wide = predictions.double().numpy()
    for metric in ("accuracy", "log_loss"):
        if metric == "log_loss" and ties:
            continue  # equal log-losses, summed in another order, are equal in exact sums alone
        members, scores = plain_caruana(wide, targets.numpy(), STEPS, metric)
        got = select_greedy(predictions, targets, STEPS, metric=metric)
        (path,) = got.paths
        assert path.members.tolist() == members
        # Log-losses are summed in steps of 2^-32.
        tolerance = 0 if metric == "accuracy" else 2**-31
        np.testing.assert_allclose(path.scores.numpy(), scores, rtol=0, atol=tolerance)
        better = max if metric == "accuracy" else min
        reached = path.scores.tolist()
        assert path.best == 1 + reached.index(better(reached))
        shares = np.bincount(members[: path.best], minlength=len(wide)) / path.best
        np.testing.assert_allclose(got.weights.numpy(), shares, rtol=1e-15)


@settings(max_examples=40)
@given(problems(), st.sampled_from(["accuracy", "log_loss"]), st.booleans())
def test_emulated_kernels_select_the_same(
    problem: tuple[Tensor, Tensor, bool], metric: str, logits: bool
) -> None:
    predictions, targets, _ = problem
    options = {"metric": metric, "logits": logits, "temperature": 2.0}
    scores = (predictions.float() * 8 - 3).to(predictions.dtype) if logits else predictions
    want = select_greedy(scores, targets, 3, **options)
    with emulated_kernels():
        got = select_greedy(scores, targets, 3, **options)
    assert torch.equal(got.paths[0].members, want.paths[0].members)
    assert torch.equal(got.paths[0].scores, want.paths[0].scores)
    for log, twin in ((False, reference.probabilities), (True, reference.log_probabilities)):
        planes, invalid = ops.class_planes(scores, logits=logits, log=log)
        with emulated_kernels():
            emulated, _ = ops.class_planes(scores, logits=logits, log=log)
        assert torch.equal(planes, emulated) and int(invalid) == 0
        assert torch.equal(planes, twin(scores, logits).permute(0, 2, 1))


@pytest.mark.parametrize("device", GPU)
@pytest.mark.parametrize("metric", ["accuracy", "log_loss"])
def test_gpu_selects_the_same(device: str, metric: str) -> None:
    predictions = torch.randn(40, 3000, 10).softmax(-1)
    targets = predictions.mean(0).argmax(1)
    want = select_greedy(predictions, targets, 20, metric=metric)
    got = select_greedy(predictions.to(device), targets.to(device), 20, metric=metric)
    assert torch.equal(got.paths[0].members, want.paths[0].members)
    assert torch.equal(got.paths[0].scores, want.paths[0].scores)


def noisy(models: int, samples: int = 400, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Models of growing noise, so that the first is the best."""
    generator = torch.Generator().manual_seed(seed)
    targets = torch.randint(0, 5, (samples,), generator=generator)
    noise = torch.randn(models, samples, 5, generator=generator)
    noise *= torch.linspace(0.7, 2.0, models)[:, None, None]
    return (torch.nn.functional.one_hot(targets, 5) + noise).softmax(-1), targets


def test_sorted_start_and_bags() -> None:
    predictions, targets = noisy(20)
    alone = [float((p.argmax(1) == targets).double().mean()) for p in predictions]
    best = sorted(range(20), key=lambda m: (-alone[m], m))
    path = select_greedy(predictions, targets, 8, initial=5).paths[0]
    assert path.members[:5].tolist() == best[:5]
    assert float(path.scores[0]) == alone[best[0]]
    bagged = select_greedy(predictions, targets, 8, bags=4, bag_fraction=0.3, seed=1)
    assert len(bagged.paths) == 4
    assert all(len(set(path.members.tolist())) <= 6 for path in bagged.paths)
    assert len({tuple(path.members.tolist()) for path in bagged.paths}) > 1
    assert float(bagged.weights.sum()) == pytest.approx(1.0, abs=1e-12)
    again = select_greedy(predictions, targets, 8, bags=4, bag_fraction=0.3, seed=1)
    assert torch.equal(bagged.weights, again.weights)


@pytest.mark.parametrize("metric", ["accuracy", "log_loss"])
def test_selection_leaves_out_models_that_guess(metric: str) -> None:
    predictions, targets = noisy(30, 4000)
    generator = torch.Generator().manual_seed(1)
    predictions[5:] = (8 * torch.randn(25, 4000, 5, generator=generator)).softmax(-1)
    chosen = select_greedy(predictions[:, :2000], targets[:2000], 20, metric=metric)
    assert float(chosen.weights[:5].sum()) > 0.9

    def accuracy(weights: Tensor | None) -> float:
        labels = vote(predictions[:, 2000:], weights=weights).labels
        return float((labels == targets[2000:]).double().mean())

    assert accuracy(chosen.weights) > accuracy(None) + 0.1


def test_fitted_weights_are_the_best() -> None:
    predictions, targets = noisy(12, 800)
    weights = fit_weights(predictions, targets)
    assert float(weights.sum()) == pytest.approx(1.0, abs=1e-12) and bool((weights >= 0).all())

    def log_loss(w: Tensor) -> float:
        own = predictions.double()[:, torch.arange(800), targets]
        return -float((w @ own).log().mean())

    least = log_loss(weights)
    generator = torch.Generator().manual_seed(0)
    for scale in (1e-3, 1e-2, 1.0):  # no other point of the simplex is better
        for _ in range(50):
            other = (weights + scale * torch.rand(12, generator=generator).double()).clamp(min=0)
            assert log_loss(other / other.sum()) >= least - 1e-6
    logits = predictions.log()
    torch.testing.assert_close(
        fit_weights(logits, targets, logits=True), weights, rtol=0, atol=1e-3
    )


@pytest.mark.parametrize("samples", [1, 3, 130, 300])
def test_bootstrap_equals_the_reference(samples: int) -> None:
    generator = torch.Generator().manual_seed(samples)
    right = torch.randint(-(2**63), 2**63 - 1, (samples,), generator=generator)
    for rules in (1, 9, 64):
        got = ops.bootstrap(right, 7, 3, rules)
        with emulated_kernels():
            emulated = ops.bootstrap(right, 7, 3, rules)
        assert torch.equal(got, emulated)
        assert torch.equal(got, reference.bootstrap(right, 7, 3, rules))


@pytest.mark.parametrize("device", GPU)
def test_gpu_draws_the_same_bootstrap(device: str) -> None:
    right = torch.randint(0, 2**20, (5000,))
    assert torch.equal(
        ops.bootstrap(right.to(device), 1, 50, 20).cpu(), ops.bootstrap(right, 1, 50, 20)
    )


GOOD = torch.full((2, 3, 4), 0.25)
TARGETS = torch.tensor([0, 1, 3])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda: select_greedy(GOOD, TARGETS, 0),
            ValueError,
            "size must be from 1 to 100000, got 0",
        ),
        (lambda: select_greedy(GOOD, TARGETS, metric="auc"), ValueError, "metric must be"),
        (
            lambda: select_greedy(GOOD, TARGETS, initial=3),
            ValueError,
            "initial must be from 0 to 2",
        ),
        (
            lambda: select_greedy(GOOD, TARGETS, bags=0),
            ValueError,
            "bags must be from 1 to 100000, got 0",
        ),
        (lambda: select_greedy(GOOD, TARGETS, bag_fraction=0), ValueError, "bag_fraction"),
        (lambda: select_greedy(GOOD[:0], TARGETS), ValueError, "empty ensemble"),
        (lambda: select_greedy(GOOD[:, :0], TARGETS[:0]), ValueError, "1 to 2.26 samples"),
        (lambda: select_greedy(GOOD * 2, TARGETS), ValueError, "sum to 1.*model 0, sample 0"),
        (lambda: select_greedy(GOOD, TARGETS + 1), ValueError, r"targets must be in \[0, 4\)"),
        (lambda: fit_weights(GOOD[:, :0], TARGETS[:0]), ValueError, "at least one sample"),
        (lambda: select_greedy(GOOD, TARGETS, 2.5), TypeError, "size must be an integer, got 2.5"),
        (lambda: select_greedy(GOOD, TARGETS, seed=-1), ValueError, "seed must be from 0"),
        (lambda: fit_weights(GOOD, TARGETS, tolerance=0), ValueError, "tolerance must be above 0"),
    ],
)
def test_errors_name_the_argument(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("suffix", ["", "_emulated"])
def test_opcheck(suffix: str) -> None:
    def check(op: str, *arguments: Any) -> None:
        torch.library.opcheck(getattr(torch.ops.warpmix, op + suffix).default, arguments)

    planes, own = torch.rand(2, 4, 3), torch.rand(2, 3)
    double = {"dtype": torch.float64}
    score, invalid = torch.empty(2, dtype=torch.int64), torch.empty(1, dtype=torch.int64)
    check("class_planes", GOOD, torch.ones(2), False, True, planes, invalid)
    check("greedy_scores", planes, own, torch.zeros(4, 3, **double), torch.zeros(3, **double),
          TARGETS, 0, score)  # fmt: skip
    check("greedy_scores", None, own, None, torch.zeros(3, **double), TARGETS, 0, score)
    check("bootstrap", TARGETS, 3, torch.empty(5, 2, dtype=torch.int64))
