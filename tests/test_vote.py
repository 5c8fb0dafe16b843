"""Voting: the CPU op, the kernel bodies, the GPU, the reference and scikit-learn agree."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from conftest import emulated_kernels
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import warpmix
from warpmix.ensemble import VOTES, member_accuracies, rank, reference, vote, vote_curve

GPU = [
    pytest.param(
        "cuda",
        marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
    )
]


def sixteenths(models: int, samples: int, classes: int, generator: torch.Generator) -> Tensor:
    """Probabilities that are multiples of 1/16: ties are common, and sums exact in any type."""
    shares = torch.ones(models * samples, classes)
    if models * samples == 0:
        return shares.reshape(models, samples, classes)
    drawn = torch.multinomial(shares, 16, replacement=True, generator=generator)
    counts = torch.zeros_like(shares).scatter_add_(1, drawn, torch.ones(drawn.shape))
    return counts.reshape(models, samples, classes) / 16


@st.composite
def ensembles(draw: Any) -> tuple[Tensor, bool, Tensor | None, Tensor | None, Tensor]:
    """(predictions, logits, weights, temperature, targets); often of few distinct values, so that
    ties are common."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    models = draw(st.sampled_from([1, 2, 3, 40]))
    samples = draw(st.sampled_from([0, 1, 63, 64, 65, 200]))
    classes = draw(st.sampled_from([1, 2, 3, 10, 16, 17, 100]))
    logits = draw(st.booleans())
    if draw(st.booleans()):
        scores = sixteenths(models, samples, classes, generator)
        scores = scores * 20 - 10 if logits else scores
    else:
        scores = torch.rand(models, samples, classes, generator=generator) * 20 - 10
        scores = scores if logits else scores.softmax(-1)
    dtype = draw(st.sampled_from([torch.float32, torch.float16, torch.bfloat16]))
    weights = None
    if draw(st.booleans()):
        weights = torch.randint(0, 4, (models,), generator=generator).double()
        weights[0] += 1
    temperature = None
    if draw(st.booleans()):
        temperature = torch.randint(1, 9, (models,), generator=generator) / 4
    targets = torch.randint(0, classes, (samples,), generator=generator)
    return scores.to(dtype), logits, weights, temperature, targets


def inverse_of(temperature: Tensor | None) -> Tensor | None:
    return None if temperature is None else (1.0 / temperature.double()).float()


@settings(max_examples=150)
@given(ensembles())
def test_votes_equal_the_reference(case: tuple[Any, ...]) -> None:
    predictions, logits, weights, temperature, _ = case
    options = {"logits": logits, "temperature": temperature}
    for method in VOTES:
        inverse_temperature = inverse_of(temperature)
        labels, scores = reference.vote(predictions, method, weights, logits, inverse_temperature)
        result = vote(predictions, method, weights, **options)
        with emulated_kernels():
            emulated = vote(predictions, method, weights, **options)
        for got in (result, emulated):
            assert torch.equal(got.labels, labels)
            assert torch.equal(got.scores, scores)


@pytest.mark.parametrize("classes", [1, 2, 4, 7, 8, 10, 12, 16, 17])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_the_gpus_tiles_have_edges(dtype: torch.dtype, classes: int) -> None:
    """A tile is 16 samples and 8 models at a time; 10 classes have their own kernel, rows of 4,
    8, 12 and 16 are padded, and more than 16 are in memory."""
    for models, samples in ((1, 1), (7, 15), (8, 16), (9, 17), (25, 38)):
        scores = torch.softmax(torch.randn(models, samples, classes) * 3, -1).to(dtype)
        targets, ranking = torch.randint(0, classes, (samples,)), torch.randperm(models)
        weights = torch.rand(models, dtype=torch.float64)
        want = warpmix.ops.vote_curve(scores, targets, ranking, logits=False, weights=weights)
        soft = warpmix.ops.vote(scores, weights, hard=False, logits=True)
        with emulated_kernels():
            got = warpmix.ops.vote_curve(scores, targets, ranking, logits=False, weights=weights)
            emulated = warpmix.ops.vote(scores, weights, hard=False, logits=True)
        for a, b in zip((*got, *emulated), (*want, *soft), strict=True):
            assert torch.equal(a, b), (models, samples)


@pytest.mark.parametrize("classes", [3, 10])
def test_logits_far_apart_have_the_cpus_probabilities(classes: int) -> None:
    """The kernels divide in fewer instructions where no exponential is below e^-69; in a tile are
    rows on either side."""
    spread = torch.tensor([1.0, 30.0, 68.9, 69.1, 87.5, 300.0]).repeat(8)[:, None]
    generator = torch.Generator().manual_seed(0)
    scores = torch.rand(3, 48, classes, generator=generator)
    scores[..., :2] = torch.tensor([0.0, 1.0])
    want = warpmix.ops.vote(scores * spread, None, hard=False, logits=True)
    with emulated_kernels():
        got = warpmix.ops.vote(scores * spread, None, hard=False, logits=True)
    for a, b in zip(got, want, strict=True):
        assert torch.equal(a, b)


def test_no_quick_quotient_is_rounded_wrong() -> None:
    """quick_quotient of scores.h rounds a / b + e, where |e| is below 1.5 * 2^-24 of a unit in the
    last place. Of numbers of 24 bits a quotient can only be so near to the middle of two floats as
    k / 2b with k of 1 or 2: these are all of them, for every b."""
    tried = 0
    for begin in range(2**23, 2**24, 2**20):
        b = np.arange(begin, begin + 2**20, dtype=np.int64)
        for bits, k in itertools.product((24, 25), (-2, -1, 1, 2)):
            # a * 2^bits = middle * b + k, with an odd middle of 25 bits; a quotient below 1 has
            # its middles twice as close.
            half = np.where(b % 2 == 0, 1, 0)
            fits = (b % 4 != 0) & ((half == 0) | (k % 2 == 0))
            divisor, rest = b[fits] >> half[fits], -k >> half[fits]
            inverse = divisor.copy()  # modulo 2^bits: right in three bits, then in twice as many
            for _ in range(4):
                inverse = inverse * (2 - divisor * inverse) % 2**bits
            period = 2**bits >> half[fits]
            first = rest * inverse % period
            for turn in range(4):  # a period may be as short as 2^23
                middle = first + turn * period
                whole = middle * b[fits] + k
                a = whole >> bits
                right = (middle % 2 == 1) & (middle >= 2**24) & (middle < 2**25)
                right &= (whole % 2**bits == 0) & (a >= 2**23) & (a < 2**24)
                right &= (a >= b[fits]) == (bits == 24)
                tried += np.count_nonzero(right)
                _check_quick_quotients(a[right], b[fits][right], middle[right] / 2.0**bits)
    assert tried > 1_000_000


def _check_quick_quotients(a: Any, b: Any, middle: Any) -> None:
    """Round a / b as quick_quotient does, exactly, on the side of the middle where it is."""
    one = np.float32(1)
    reciprocal = one / b.astype(np.float32)
    quotient = (a.astype(np.float32) * reciprocal).astype(np.float64)
    remainder = a - quotient * b  # exact: 24 bits times 24 bits, and a difference of few
    assert (remainder == remainder.astype(np.float32)).all()
    step = remainder * reciprocal  # exact in 53 bits; quotient + step is rounded last
    assert (np.sign(step - (middle - quotient)) == np.sign(a - middle * b)).all()


@settings(max_examples=100)
@given(ensembles(), st.randoms(use_true_random=False))
def test_curves_equal_the_reference(case: tuple[Any, ...], random: Any) -> None:
    predictions, logits, weights, temperature, targets = case
    order = list(range(predictions.shape[0]))
    random.shuffle(order)
    ranking = torch.tensor(order[: random.randint(1, len(order))])
    inverse_temperature = inverse_of(temperature)
    options = {
        "logits": logits,
        "weights": None if weights is None else weights[ranking],
        "inverse_temperature": None
        if inverse_temperature is None
        else inverse_temperature[ranking],
    }
    soft, hard = reference.vote_curve(predictions, targets, ranking, **options)
    got = warpmix.ops.vote_curve(predictions, targets, ranking, **options)
    with emulated_kernels():
        emulated = warpmix.ops.vote_curve(predictions, targets, ranking, **options)
    for a, b in ((got, (soft, hard)), (emulated, (soft, hard))):
        assert torch.equal(a[0], b[0]) and torch.equal(a[1], b[1]) and int(a[2]) == 0


@pytest.mark.parametrize("classes", [5, 10, 17])  # kernels in registers, of ten, in memory
@pytest.mark.parametrize("hard", [True, False])
def test_the_kernels_count_rows_that_are_no_probabilities(classes: int, hard: bool) -> None:
    predictions = torch.full((3, 70, classes), 1 / classes)
    predictions[1, 7, 0] = float("nan")
    predictions[2, 7, 1] = -0.5
    predictions[0, 69, 2] = float("inf")
    targets, order = torch.zeros(70, dtype=torch.int64), torch.arange(3)
    *_, counted = warpmix.ops.vote_curve(predictions, targets, order, logits=False)
    with emulated_kernels():
        *_, emulated = warpmix.ops.vote_curve(predictions, targets, order, logits=False)
        *_, alone = warpmix.ops.vote(predictions[1:], None, hard=hard, logits=False)
    assert (int(counted), int(emulated), int(alone)) == (3, 3, 2)


@pytest.mark.parametrize("device", GPU)
@pytest.mark.parametrize("classes", [10, 16, 17, 300])
def test_gpu_equals_the_cpu(device: str, classes: int) -> None:
    predictions = torch.randn(20, 1000, classes)
    targets = torch.randint(0, classes, (1000,))
    for method in VOTES:
        want = vote(predictions, method, logits=True)
        got = vote(predictions.to(device), method, logits=True)
        assert torch.equal(got.labels.cpu(), want.labels)
        assert torch.equal(got.scores.cpu(), want.scores)
    order = torch.arange(20)
    want_curve = vote_curve(predictions, targets, order, logits=True)
    got_curve = vote_curve(
        predictions.to(device), targets.to(device), order.to(device), logits=True
    )
    assert torch.equal(got_curve.soft.cpu(), want_curve.soft)
    assert torch.equal(got_curve.hard.cpu(), want_curve.hard)


@pytest.mark.parametrize("method", VOTES)
def test_threads_do_not_change_a_bit(method: str) -> None:
    predictions = torch.rand(30, 3000, 10).softmax(-1)
    before = torch.get_num_threads()
    results = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        results.append(vote(predictions, method).scores)
    torch.set_num_threads(before)
    assert torch.equal(*results)


def test_ties_go_to_the_lowest_class() -> None:
    predictions = torch.tensor([[[0.0, 0.5, 0.5]], [[0.5, 0.5, 0.0]]])
    assert vote(predictions, "hard").labels.tolist() == [0]
    assert vote(predictions, "soft").labels.tolist() == [1]
    curve = vote_curve(predictions, torch.tensor([1]), [0, 1])
    assert curve.hard.tolist() == [1.0, 0.0] and curve.soft.tolist() == [1.0, 1.0]


def test_rank_is_by_accuracy_and_stable() -> None:
    right, wrong = [[0.0, 1.0]] * 4, [[1.0, 0.0]] * 4
    predictions = torch.tensor([wrong, right, right, right[:2] + wrong[:2]])
    targets = torch.ones(4, dtype=torch.int64)
    assert member_accuracies(predictions, targets).tolist() == [0.0, 1.0, 1.0, 0.5]
    assert rank(predictions, targets).tolist() == [1, 2, 3, 0]


def test_curve_fractions() -> None:
    curve = vote_curve(torch.rand(7, 5, 3).softmax(-1), torch.zeros(5, dtype=torch.int64), range(7))
    assert [curve.models_at(f) for f in (0.01, 0.1, 0.5, 1.0)] == [1, 1, 4, 7]
    assert curve.at_fraction(1.0) == (float(curve.soft[6]), float(curve.hard[6]))
    with pytest.raises(ValueError, match=r"fraction must be in \(0, 1\]"):
        curve.models_at(0.0)


def test_ranking_on_the_scored_data_is_said() -> None:
    predictions, targets = torch.rand(3, 9, 4).softmax(-1), torch.zeros(9, dtype=torch.int64)
    with pytest.warns(UserWarning, match="ranked on the data they are scored on"):
        vote_curve(predictions, targets)
    other = torch.rand(3, 5, 4).softmax(-1), torch.zeros(5, dtype=torch.int64)
    curve = vote_curve(predictions, targets, rank_on=other)
    assert torch.equal(curve.ranking, rank(*other))


GOOD = torch.full((2, 3, 4), 0.25)
TARGETS = torch.tensor([0, 1, 3])


def _with(value: float) -> Tensor:
    predictions = GOOD.clone()
    predictions[1, 2, 0] = value
    return predictions


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: vote(GOOD[0]), ValueError, r"\[models, samples, classes\], got shape \(3, 4\)"),
        (lambda: vote(GOOD[:0]), ValueError, "at least one model, got an empty ensemble"),
        (
            lambda: vote(GOOD, "median"),
            ValueError,
            "one of soft, hard, geometric, rank, got 'median'",
        ),
        (lambda: vote(GOOD, weights=[1.0]), ValueError, r"weights must be one a model, \[2\]"),
        (lambda: vote(GOOD, weights=[0.0, 0.0]), ValueError, "not all 0"),
        (lambda: vote(GOOD, weights=[1.0, -1.0]), ValueError, "at least 0"),
        (lambda: vote(_with(float("nan"))), ValueError, "got .*nan.* for model 1, sample 2"),
        (lambda: vote(_with(float("nan")), logits=True), ValueError, "model 1, sample 2"),
        (lambda: vote(_with(-0.1)), ValueError, "model 1, sample 2.*pass logits=True"),
        (lambda: vote(_with(float("inf"))), ValueError, "got .*inf.* for model 1, sample 2"),
        (lambda: vote(_with(float("inf")), logits=True), ValueError, "finite numbers, got .*inf"),
        (lambda: vote(_with(-float("inf")), logits=True), ValueError, "finite numbers, got .*-inf"),
        (lambda: vote(_with(0.3)), ValueError, r"sum to 1, got \[0.3, 0.25.*model 1, sample 2"),
        (lambda: vote(_with(0.3), "hard"), ValueError, "sum to 1, got .*model 1, sample 2"),
        (lambda: vote(GOOD, temperature=0.0), ValueError, "temperature must be finite and above 0"),
        (lambda: vote(GOOD, temperature=[1, 2, 3]), ValueError, r"one a model, \[2\], got \[3\]"),
        (lambda: vote(GOOD, device="cuda"), ValueError, "device must be left out for a tensor"),
        (lambda: member_accuracies(_with(-0.1), TARGETS), ValueError, "model 1, sample 2"),
        (lambda: vote_curve(GOOD, TARGETS[:2]), ValueError, r"targets must have shape \[3\]"),
        (lambda: vote_curve(GOOD, TARGETS + 1), ValueError, r"targets must be in \[0, 4\), got 4"),
        (lambda: vote_curve(GOOD, TARGETS, [0, 0]), ValueError, "each at most once"),
        (lambda: vote_curve(GOOD, TARGETS, [2]), ValueError, r"models of \[0, 2\)"),
        (lambda: vote_curve(GOOD, TARGETS, rank_on=(GOOD[:1], TARGETS)), ValueError, "same 2 mod"),
    ],
)
def test_errors_name_the_argument(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("op", ["vote", "vote_emulated", "vote_curve", "vote_curve_emulated"])
def test_opcheck(op: str) -> None:
    invalid = torch.empty(1, dtype=torch.int64)
    arguments: tuple[Any, ...] = (
        GOOD,
        None,
        True,
        False,
        torch.empty(3, dtype=torch.int64),
        torch.empty(3, 4),
        invalid,
    )
    if "curve" in op:
        counts = [torch.empty(2, dtype=torch.int64) for _ in range(2)]
        arguments = (GOOD, TARGETS, torch.arange(2), False, *counts, invalid)
    torch.library.opcheck(getattr(torch.ops.warpmix, op).default, arguments)


def test_compiled_vote_gives_the_eager_labels() -> None:
    predictions = torch.rand(5, 40, 10)

    def labels(p: Tensor) -> Tensor:
        return warpmix.ops.vote(p * 0.5, None, hard=False, logits=False)[0]

    torch._dynamo.reset()
    assert torch.equal(torch.compile(labels, fullgraph=True)(predictions), labels(predictions))


# ---- real predictions -------------------------------------------------------------------------


def test_real_models_soft_vote(real_data: Any) -> None:
    """Eight published CIFAR-10 models: the soft vote scores 96.91 %, the best model 97.30 %."""
    with np.load(real_data / "predictions" / "cifar10_test_softmax_8models.npz") as stored:
        names = sorted(name for name in stored if name.endswith("__probs"))
        predictions = torch.stack([torch.from_numpy(stored[name]).float() for name in names])
        targets = torch.from_numpy(stored["labels"]).long()
    accuracy = (vote(predictions).labels == targets).double().mean()
    assert float(accuracy) == pytest.approx(0.9691, abs=1e-9)
    assert float(member_accuracies(predictions, targets).max()) == pytest.approx(0.9730, abs=1e-9)
