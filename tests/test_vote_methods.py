"""The geometric mean and the Borda count against SciPy in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from test_vote import sixteenths
from torch import Tensor

from warpmix import ops
from warpmix.ensemble import fit_ensemble, vote

SMALLEST = 1e-15


@st.composite
def problems(draw: Any) -> tuple[Tensor, Tensor | None]:
    """Probabilities, of few distinct values where ties and zeros are to be common; and weights."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    models = draw(st.sampled_from([1, 2, 3, 30]))
    classes = draw(st.sampled_from([2, 3, 10, 100]))
    if draw(st.booleans()):
        predictions = sixteenths(models, 100, classes, generator)
    else:
        predictions = (torch.randn(models, 100, classes, generator=generator) * 4).softmax(-1)
    weights = torch.randint(0, 4, (models,), generator=generator).double()
    weights[0] += 1
    dtype = draw(st.sampled_from([torch.float32, torch.float16, torch.bfloat16]))
    return predictions.to(dtype), weights if draw(st.booleans()) else None


@settings(max_examples=60)
@given(problems())
def test_geometric_is_the_geometric_mean(problem: tuple[Tensor, Tensor | None]) -> None:
    predictions, weights = problem
    shares = np.ones(len(predictions)) if weights is None else weights.numpy()
    wide = predictions.double().numpy().clip(min=SMALLEST)
    mean = stats.gmean(wide, axis=0, weights=np.broadcast_to(shares[:, None, None], wide.shape))
    want = mean / mean.sum(1, keepdims=True)
    got = vote(predictions, "geometric", weights)
    # A logarithm of 1e-15 is 34.5, so half an ulp of it is 2e-6.
    np.testing.assert_allclose(got.scores.numpy(), want, rtol=4e-6, atol=1e-37)
    first, second = -np.sort(-want, axis=1)[:, :2].T
    clear = first > second * (1 + 1e-5)
    assert (got.labels.numpy() == want.argmax(1))[clear].all()
    assert (got.scores.gather(1, got.labels[:, None])[:, 0] == got.scores.amax(1)).all()


@settings(max_examples=60)
@given(problems())
def test_rank_is_the_borda_count(problem: tuple[Tensor, Tensor | None]) -> None:
    predictions, weights = problem
    shares = np.ones(len(predictions)) if weights is None else weights.numpy()
    classes = predictions.shape[2]
    ranks = stats.rankdata(predictions.float().numpy(), method="average", axis=2)
    points = ((ranks - 1) * shares[:, None, None]).sum(0)  # in halves: exact in any order
    got = vote(predictions, "rank", weights)
    assert (got.labels.numpy() == points.argmax(1)).all()
    want = points / (classes * (classes - 1) / 2 * shares.sum())
    np.testing.assert_array_equal(got.scores.numpy(), want.astype(np.float32))


def test_ties_go_to_the_lowest_class_whatever_the_order_of_the_models() -> None:
    row = torch.tensor([0.7, 0.2, 0.1])
    turned = torch.stack([row.roll(shift)[None] for shift in range(3)])
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        for method in ("geometric", "rank"):
            got = vote(turned[order], method)
            assert got.labels.tolist() == [0]
            assert torch.equal(got.scores, got.scores[:, :1].expand(1, 3))
    half = torch.tensor([[[0.2, 0.4, 0.4]]])
    assert vote(half, "geometric").labels.tolist() == vote(half, "rank").labels.tolist() == [1]
    assert vote(half, "rank").scores.tolist() == [[0.0, 0.5, 0.5]]


def test_a_zero_rules_no_class_out_alone() -> None:
    against = torch.tensor([[[1.0, 0.0]], *[[[1e-6, 1 - 1e-6]]] * 4])
    assert vote(against[:2], "geometric").labels.tolist() == [0]
    assert vote(against, "geometric").labels.tolist() == [1]
    apart = torch.eye(2)[:, None]  # a model's zero for each class
    assert vote(apart, "geometric").scores.tolist() == [[0.5, 0.5]]


def test_geometric_of_logits_is_the_softmax_of_their_mean() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(5, 200, 10, generator=generator) * 2
    temperature = torch.tensor([1.0, 2.0, 0.5, 1.0, 3.0])
    got = vote(logits, "geometric", logits=True, temperature=temperature)
    mean = (logits.double() / temperature[:, None, None]).mean(0)
    torch.testing.assert_close(got.scores, mean.softmax(-1).float(), rtol=1e-5, atol=1e-7)
    of_probabilities = vote(logits.softmax(-1), "geometric", temperature=temperature)
    torch.testing.assert_close(got.scores, of_probabilities.scores, rtol=1e-5, atol=1e-7)


def test_rank_sees_logits_as_probabilities() -> None:
    logits = torch.randn(5, 200, 10, generator=torch.Generator().manual_seed(0))
    of_logits, of_probabilities = (
        vote(logits, "rank", logits=True),
        vote(logits.softmax(-1), "rank"),
    )
    assert torch.equal(of_logits.scores, of_probabilities.scores)
    one_class = torch.ones(2, 3, 1)
    assert vote(one_class, "rank").scores.tolist() == [[1.0]] * 3


@pytest.mark.parametrize("method", ["geometric", "rank"])
def test_a_weight_of_two_is_a_model_twice(method: str) -> None:
    predictions = torch.rand(3, 50, 7, generator=torch.Generator().manual_seed(0)).softmax(-1)
    got = vote(predictions, method, [1.0, 2.0, 0.0])
    want = vote(predictions[[0, 1, 1]], method)
    assert torch.equal(got.labels, want.labels)
    assert torch.equal(got.scores, want.scores)


@pytest.mark.parametrize("method", ["geometric", "rank"])
def test_invalid_rows_are_named(method: str) -> None:
    predictions = torch.full((3, 4, 5), 0.2)
    predictions[2, 3, 1] = -0.5
    with pytest.raises(ValueError, match=r"sum to 1, got \[0.2, -0.5.* for model 2, sample 3 \(1"):
        vote(predictions, method)


@pytest.mark.parametrize("method", ["geometric", "rank"])
def test_an_ensemble_of_the_best(method: str) -> None:
    predictions = torch.rand(4, 80, 3, generator=torch.Generator().manual_seed(0)).softmax(-1)
    targets = torch.arange(80) % 3
    fitted = fit_ensemble(predictions, targets, method, fraction=0.5)
    want = vote(predictions[fitted.members], method)
    assert len(fitted.members) == 2 and torch.equal(fitted.vote(predictions).scores, want.scores)


@pytest.mark.parametrize("classes", [1, 2, 3, 4, 5, 7, 10, 100])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_every_vote_finds_the_same_rows_invalid(classes: int, dtype: torch.dtype) -> None:
    """The mean alone is summed otherwise (kernels/ensemble/cpu/row_sums.h): sums on either side of
    what is allowed, a bit apart, negatives and NaNs among them."""
    generator = torch.Generator().manual_seed(classes)
    rows = torch.rand(4, 300, classes, generator=generator, dtype=torch.float64) + 0.01
    edge = 1 + torch.tensor([0.01, -0.01, 0.0, 0.005]).double()[:, None, None]
    steps = torch.randint(-4, 5, (4, 300, 1), generator=generator) * 2.0**-23
    rows = (rows / rows.sum(-1, keepdim=True) * (edge + steps)).to(dtype)
    rows[2, ::7, 0], rows[3, ::11, -1] = -0.25, torch.nan
    _, _, by_mean = ops.vote(rows, None, hard=False, logits=False)
    _, _, by_majority = ops.vote(rows, None, hard=True, logits=False)
    assert by_mean.item() == by_majority.item()
    assert 43 + 28 <= by_mean.item() < 4 * 300
