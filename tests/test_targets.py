"""Labels of mixed samples and their loss: pairs against dense labels and F.cross_entropy."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from warpmix import Targets, mixed_cross_entropy

TARGETS = Targets(torch.tensor([0, 2, 1]), torch.tensor([0, 1, 3]), torch.tensor([1.0, 0.75, 0.1]))
LOGITS = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
INTEGERS = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64]


# ---- Targets ----------------------------------------------------------------------------------


def test_onehot_rows() -> None:
    want = torch.tensor([[1.0, 0, 0, 0], [0, 0.25, 0.75, 0], [0, 0.1, 0, 0.9]])
    assert torch.allclose(TARGETS.to_onehot(4), want)
    smoothed = TARGETS.to_onehot(4, smoothing=0.2)
    assert torch.allclose(smoothed, want * 0.8 + 0.05)
    assert torch.allclose(smoothed.sum(1), torch.ones(3))


@pytest.mark.parametrize("dtype", INTEGERS)
def test_onehot_takes_labels_of_any_integer_dtype(dtype: torch.dtype) -> None:
    other = Targets(TARGETS.y_a.to(dtype), TARGETS.y_b.to(dtype), TARGETS.lam)
    assert torch.equal(other.to_onehot(4), TARGETS.to_onehot(4))


def test_onehot_of_soft_labels_is_their_mix() -> None:
    soft = Targets(*(F.one_hot(y, 4).double() for y in TARGETS[:2]), TARGETS.lam)
    assert soft.soft and not TARGETS.soft
    assert soft.to_onehot(4).dtype == torch.float32
    torch.testing.assert_close(soft.to_onehot(4, 0.1), TARGETS.to_onehot(4, 0.1))


def test_targets_are_a_tuple_that_moves() -> None:
    own, partner, lam = TARGETS
    assert all(map(torch.equal, TARGETS, (own, partner, lam)))
    half = TARGETS.to("cpu", torch.float16)
    assert half.lam.dtype == torch.float16 and half.y_a.dtype == torch.int64
    assert TARGETS.to(dtype=torch.float64).lam.dtype == torch.float64
    moved = TARGETS.to("meta", non_blocking=True)
    assert isinstance(moved, Targets) and all(part.device.type == "meta" for part in moved)
    soft = Targets(torch.rand(2, 3), torch.rand(2, 3), torch.rand(2)).to(dtype=torch.bfloat16)
    assert all(part.dtype == torch.bfloat16 for part in soft)


@pytest.mark.parametrize(
    ("targets", "classes", "words"),
    [
        (TARGETS, 3, r"labels must be in \[0, 3\).*got 3"),
        (TARGETS._replace(y_a=torch.tensor([0, -100, 1])), 4, r"in \[0, 4\).*got -100"),
        (Targets(LOGITS, LOGITS, TARGETS.lam), 5, "num_classes must be the soft labels' 4, got 5"),
    ],
)
def test_onehot_refuses(targets: Targets, classes: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        targets.to_onehot(classes)
    with pytest.raises(ValueError, match=r"smoothing must be in \[0, 1\], got -0.1"):
        TARGETS.to_onehot(4, smoothing=-0.1)


# ---- the loss against F.cross_entropy ---------------------------------------------------------


@st.composite
def options(draw: Any, ignore: bool) -> tuple[Tensor, dict[str, Any]]:
    """Logits [B, C] and keyword arguments of F.cross_entropy."""
    seed = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    count, classes = draw(st.sampled_from([0, 1, 2, 7])), draw(st.sampled_from([1, 2, 5]))
    logits = 3 * torch.randn(count, classes, generator=seed, dtype=torch.float64)
    chosen: dict[str, Any] = {
        "reduction": draw(st.sampled_from(["mean", "sum", "none"])),
        "label_smoothing": draw(st.sampled_from([0.0, 0.1, 1.0])),
    }
    if ignore:
        chosen["ignore_index"] = draw(st.sampled_from([-100, -1, 0]))
    if draw(st.booleans()):
        chosen["weight"] = torch.rand(classes, generator=seed, dtype=torch.float64)
    return logits, chosen


def same_with_gradients(logits: Tensor, target: Any, reference: Any, **chosen: Any) -> None:
    """The loss and its gradient equal F.cross_entropy's against the reference's labels."""
    results = []
    for loss, labels in ((mixed_cross_entropy, target), (F.cross_entropy, reference)):
        leaf = logits.clone().requires_grad_()
        value = loss(leaf, labels, **chosen)
        (gradient,) = torch.autograd.grad(value.sum(), leaf)
        results.append((value.detach(), gradient))
    torch.testing.assert_close(*results, equal_nan=True)


def class_numbers(data: st.DataObject, logits: Tensor, ignored: int | None) -> Tensor:
    allowed = [*range(logits.shape[1]), *([] if ignored is None else [ignored])]
    size = len(logits)
    return torch.tensor(
        data.draw(st.lists(st.sampled_from(allowed), min_size=size, max_size=size)),
        dtype=torch.int64,
    )


@given(options(ignore=True), st.data())
def test_class_numbers_and_unmixed_pairs(
    case: tuple[Tensor, dict[str, Any]], data: st.DataObject
) -> None:
    logits, chosen = case
    labels = class_numbers(data, logits, chosen["ignore_index"])
    partners = class_numbers(data, logits, chosen["ignore_index"])
    same_with_gradients(logits, labels, labels, **chosen)
    unmixed = Targets(labels, partners, torch.ones(len(labels)))
    same_with_gradients(logits, unmixed, labels, **chosen)
    lam = torch.full((len(labels),), 0.25)  # two equal labels are one, whatever their shares
    same_with_gradients(logits, Targets(labels, labels, lam), labels, **chosen)


@given(options(ignore=False), st.data())
def test_soft_labels_and_their_mixes(
    case: tuple[Tensor, dict[str, Any]], data: st.DataObject
) -> None:
    logits, chosen = case
    seed = torch.Generator().manual_seed(data.draw(st.integers(0, 2**32)))
    own, partner = torch.rand(2, *logits.shape, generator=seed, dtype=torch.float64).softmax(2)
    same_with_gradients(logits, own, own, **chosen)
    lam = torch.full((len(logits),), 0.75)  # exact in float32, so that nothing is rounded
    mixed = (0.75 * own.float() + 0.25 * partner.float()).double()
    same_with_gradients(logits, Targets(own.float(), partner.float(), lam), mixed, **chosen)


@given(options(ignore=False), st.data())
def test_a_pair_is_the_sum_of_its_shares(
    case: tuple[Tensor, dict[str, Any]], data: st.DataObject
) -> None:
    logits, chosen = case
    own, partner = (class_numbers(data, logits, None) for _ in range(2))
    lam = torch.rand(len(logits), generator=torch.Generator().manual_seed(len(logits)))
    targets = Targets(own, partner, lam)
    if "weight" not in chosen:
        dense = targets.to_onehot(logits.shape[1]).double()
        same_with_gradients(logits, targets, dense, **chosen)
    alone = {**chosen, "reduction": "none"}
    halves = [F.cross_entropy(logits, labels, **alone) for labels in (own, partner)]
    share = lam.double()
    want = share * halves[0] + (1 - share) * halves[1]
    if chosen["reduction"] == "mean":
        weight = chosen.get("weight", torch.ones(logits.shape[1], dtype=torch.float64))
        want = want.sum() / (share * weight[own] + (1 - share) * weight[partner]).sum()
    want = want.sum() if chosen["reduction"] == "sum" else want
    torch.testing.assert_close(mixed_cross_entropy(logits, targets, **chosen), want, equal_nan=True)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_class_numbers_of_any_integer_dtype(dtype: torch.dtype) -> None:
    want = F.cross_entropy(LOGITS, TARGETS.y_a)
    torch.testing.assert_close(mixed_cross_entropy(LOGITS, TARGETS.y_a.to(dtype)), want)


def test_an_ignored_share_counts_for_nothing() -> None:
    targets = Targets(torch.tensor([0, -100, -100]), torch.tensor([1, 2, -100]), TARGETS.lam)
    loss = -LOGITS.log_softmax(1)
    want = torch.stack([loss[0, 0], 0.25 * loss[1, 2], torch.tensor(0.0)])
    torch.testing.assert_close(mixed_cross_entropy(LOGITS, targets, reduction="none"), want)
    torch.testing.assert_close(mixed_cross_entropy(LOGITS, targets), want.sum() / 1.25)
    ignored = Targets(*[torch.full((3,), -100)] * 2, TARGETS.lam)
    assert mixed_cross_entropy(LOGITS, ignored).isnan()


@pytest.mark.parametrize("soft", [False, True])
def test_a_share_of_zero_never_meets_an_infinite_loss(soft: bool) -> None:
    logits = torch.tensor([[1.0, 2.0, -torch.inf]], requires_grad=True)
    own, partner = torch.tensor([0]), torch.tensor([2])
    if soft:
        own, partner = F.one_hot(own, 3).float(), F.one_hot(partner, 3).float()
    loss = mixed_cross_entropy(logits, Targets(own, partner, torch.ones(1)))
    torch.testing.assert_close(loss, F.cross_entropy(logits, torch.tensor([0])))
    loss.backward()
    assert logits.grad is not None and logits.grad.isfinite().all()
    half = mixed_cross_entropy(logits, Targets(own, partner, torch.full((1,), 0.5)))
    assert half == torch.inf


def test_half_precision_and_autocast() -> None:
    many = Targets(*(part.repeat(40_000) for part in TARGETS))  # 120,000 overflows float16
    half = LOGITS.half().repeat(40_000, 1)
    loss = mixed_cross_entropy(half, many)
    assert loss.dtype == torch.float16
    want = mixed_cross_entropy(LOGITS, TARGETS)
    torch.testing.assert_close(loss.float(), want, atol=2e-3, rtol=0)  # float16's steps at 2
    with torch.autocast("cpu", torch.bfloat16):
        loss = mixed_cross_entropy(LOGITS.bfloat16(), TARGETS)
        for logits in (LOGITS.bfloat16(), LOGITS, LOGITS.double()):
            theirs = F.cross_entropy(logits, TARGETS.y_a)
            assert mixed_cross_entropy(logits, TARGETS).dtype == theirs.dtype
    torch.testing.assert_close(loss, want, atol=2e-2, rtol=0)  # the logits were rounded


@pytest.mark.parametrize(
    ("target", "chosen", "error", "words"),
    [
        (TARGETS, {"label_smoothing": 2}, ValueError, r"label_smoothing must be in \[0, 1\], got"),
        (TARGETS, {"reduction": "avg"}, ValueError, "reduction must be one of mean, sum, none"),
        (TARGETS, {"weight": 0.1}, TypeError, "weight must be a tensor.*got float; smoothing is"),
        (TARGETS, {"weight": torch.ones(3)}, ValueError, r"weight must be \[4\], got \[3\]"),
        (TARGETS.y_a[:2], {}, ValueError, r"class numbers.* must be \[3\], got \[2\]"),
        (torch.ones(3, 5), {}, ValueError, r"soft labels.* must be \[3, 4\], got \[3, 5\]"),
        (torch.ones(3), {}, ValueError, r"soft labels.* must be \[3, 4\], got \[3\]"),
        (LOGITS, {"ignore_index": 0}, ValueError, "ignore_index must be left out with soft"),
        (torch.tensor([0, 4, 1]), {}, ValueError, r"in \[0, 4\) or ignore_index -100.*got 4"),
        (torch.tensor([0, 156, 1]).byte(), {}, ValueError, r"ignore_index -100.*got 156"),
        (torch.tensor([0, -1, 1]), {}, ValueError, r"in \[0, 4\) or ignore_index -100.*got -1"),
        (TARGETS.y_a > 0, {}, TypeError, "integers or soft labels, got torch.bool"),
        ([0, 1, 2], {}, TypeError, "integers or soft labels, got list"),
        (TARGETS.to("meta"), {}, ValueError, r"device cpu, got meta; use target.to\('cpu'\)"),
    ],
)
def test_the_loss_refuses(
    target: Any, chosen: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        mixed_cross_entropy(LOGITS, target, **chosen)


def test_the_loss_refuses_logits() -> None:
    with pytest.raises(ValueError, match=r"logits must be \[B, C\], got \[4\]"):
        mixed_cross_entropy(LOGITS[0], TARGETS)
    with pytest.raises(TypeError, match=r"logits must be floating point, got torch\.int64"):
        mixed_cross_entropy(LOGITS.long(), TARGETS)
