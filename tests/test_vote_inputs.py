"""What voting may be given, tensors, arrays and lists of any dtype, and how others are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_select import noisy
from torch import Tensor

from warpmix import ops
from warpmix.ensemble import (
    Candidate,
    Ensemble,
    Stacking,
    bootstrap_intervals,
    compare,
    diversity,
    expected_calibration_error,
    fit_ensemble,
    fit_temperature,
    fit_weights,
    join_folds,
    member_accuracies,
    rank,
    select_greedy,
    vote,
    vote_curve,
)

WIDE, TARGETS = noisy(4, 60)
PREDICTIONS = WIDE.half()  # so that every dtype holds the same numbers
TEST, TEST_TARGETS = noisy(4, 50, seed=1)


def read_only(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


FORMS: dict[str, Callable[[Tensor], Any]] = {
    "float32": lambda p: p.float(),
    "float64": lambda p: p.double(),
    "strided": lambda p: p.repeat_interleave(2, 2)[..., ::2],
    "requires a gradient": lambda p: p.float().requires_grad_(),
    "NumPy float16": lambda p: p.numpy(),
    "NumPy float32": lambda p: p.float().numpy(),
    "NumPy float64": lambda p: p.double().numpy(),
    "NumPy longdouble": lambda p: p.numpy().astype(np.longdouble),
    "NumPy big-endian": lambda p: p.numpy().astype(">f4"),
    "NumPy reversed": lambda p: np.ascontiguousarray(p.numpy()[:, ::-1])[:, ::-1],
    "NumPy read-only": lambda p: read_only(p.float().numpy().copy()),
    "list of tensors": lambda p: list(p),
    "tuple of arrays": lambda p: tuple(p.double().numpy()),
    "list of several dtypes": lambda p: [p[0], p[1].float(), p[2].numpy(), p[3].double().numpy()],
    "nested lists": lambda p: p.tolist(),
}
TARGET_FORMS: dict[str, Callable[[Tensor], Any]] = {
    "int32": lambda t: t.int(),
    "uint8": lambda t: t.byte(),
    "uint16": lambda t: t.to(torch.uint16),
    "strided": lambda t: t.repeat_interleave(2)[::2],
    "NumPy int16": lambda t: t.numpy().astype(np.int16),
    "NumPy uint64": lambda t: t.numpy().astype(np.uint64),
    "NumPy big-endian": lambda t: t.numpy().astype(">i4"),
    "list": lambda t: t.tolist(),
    "list of NumPy integers": lambda t: list(t.numpy()),
}
CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "soft": lambda p, y: vote(p).scores,
    "hard": lambda p, y: vote(p, "hard", np.float32([1, 2, 3, 4])).scores,
    "geometric": lambda p, y: vote(p, "geometric", temperature=np.float64(2.0)).scores,
    "rank": lambda p, y: vote(p, "rank", weights=(1, 2, 3, 4)).scores,
    "vote_curve": lambda p, y: vote_curve(p, y, np.array([2, 0, 1])).soft,
    "rank_on": lambda p, y: vote_curve(TEST, TEST_TARGETS, rank_on=(p, y)).hard,
    "rank models": lambda p, y: rank(p, y),
    "member_accuracies": lambda p, y: member_accuracies(p, y),
    "select_greedy": lambda p, y: select_greedy(p, y, np.int64(6), seed=np.uint8(3)).weights,
    "fit_weights": lambda p, y: fit_weights(p, y),
    "fit_ensemble": lambda p, y: fit_ensemble(p, y, "greedy", size=np.int32(4)).weights,
    "Ensemble": lambda p, y: Ensemble("hard", [3, 1]).vote(p).labels,  # type: ignore[arg-type]
    "Stacking": lambda p, y: Stacking(folds=np.int64(2)).fit(p, y).vote(p).scores,
    "diversity": lambda p, y: diversity(p, y).disagreement,
    "fit_temperature": lambda p, y: torch.tensor(fit_temperature(p[2], y)),
    "ECE": lambda p, y: torch.tensor(expected_calibration_error(p[2], y, np.int8(15))),
    "compare": lambda p, y: (
        compare((p, y), (TEST, TEST_TARGETS), [Candidate("all", "soft")], replicates=np.int64(20))[
            1
        ].accuracy
    ),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("call", CALLS)
def test_every_form_gives_the_same(call: str) -> None:
    want = torch.as_tensor(CALLS[call](PREDICTIONS, TARGETS))
    for form in FORMS.values():
        assert torch.equal(torch.as_tensor(CALLS[call](form(PREDICTIONS), TARGETS)), want)
    for form in TARGET_FORMS.values():
        assert torch.equal(torch.as_tensor(CALLS[call](PREDICTIONS, form(TARGETS))), want)


def test_float64_is_rounded_to_the_nearest_float32() -> None:
    scores = np.random.default_rng(0).dirichlet(np.ones(5), (3, 40))
    assert torch.equal(vote(scores).scores, vote(scores.astype(np.float32)).scores)
    assert torch.equal(vote(torch.from_numpy(scores)).scores, vote(scores).scores)


def test_a_mapped_file_is_voted_on(tmp_path: Path) -> None:
    np.save(tmp_path / "p.npy", PREDICTIONS.numpy())
    mapped = np.load(tmp_path / "p.npy", mmap_mode="r")
    assert torch.equal(vote(mapped).scores, vote(PREDICTIONS).scores)


# ---- the operators themselves -------------------------------------------------------------------


@pytest.mark.parametrize("scale", [5e-324, 1e-320, 1e-45, 1e-30, 1.0, 1e30, 1e300, 1e307])
@pytest.mark.parametrize("hard", [False, True])
def test_only_the_ratios_of_weights_count(hard: bool, scale: float) -> None:
    """Beyond float32's range, and where their sum would be beyond float64's."""
    ratios = torch.tensor([4.0, 1.0, 16.0, 2.0], dtype=torch.float64)
    want = ops.vote(PREDICTIONS, ratios, hard=hard, logits=False)
    labels, scores, _ = ops.vote(PREDICTIONS, ratios * scale, hard=hard, logits=False)
    assert torch.equal(labels, want[0])
    torch.testing.assert_close(scores, want[1], rtol=1e-6, atol=0)  # scale rounds the weights
    curve = ops.vote_curve(
        PREDICTIONS, TARGETS, torch.arange(4), logits=False, weights=ratios * scale
    )
    assert int(curve[0][-1]) == int((vote(PREDICTIONS, weights=ratios).labels == TARGETS).sum())


@pytest.mark.parametrize(
    ("weights", "inverse", "words"),
    [
        ([0.0] * 4, None, "weights must be finite, at least 0 and not all 0"),
        ([1.0, -1, 1, 1], None, "weights must be finite, at least 0"),
        ([1.0, np.nan, 1, 1], None, "weights must be finite, at least 0"),
        ([1.0, np.inf, 1, 1], None, "weights must be finite, at least 0"),
        (None, [1.0, 1, 1, 1e39], "inverse_temperature must be at least 0 and within float32's"),
        (None, [1.0, 1, 1, -1], "inverse_temperature must be at least 0"),
        (None, [1.0, 1, 1, np.nan], "inverse_temperature must be at least 0"),
    ],
)
def test_what_would_give_no_numbers_is_refused(weights: Any, inverse: Any, words: str) -> None:
    given = [
        None if values is None else torch.tensor(values, dtype=torch.float64)
        for values in (weights, inverse)
    ]
    with pytest.raises(ValueError, match=words):
        ops.vote(PREDICTIONS, given[0], hard=False, logits=False, inverse_temperature=given[1])


@pytest.mark.parametrize("name", ["targets", "ranking"])
def test_operators_round_no_numbers(name: str) -> None:
    given = {"targets": TARGETS, "ranking": torch.arange(4)}
    given[name] = given[name] + 0.7
    with pytest.raises(TypeError, match=rf"{name} must be integers, got torch\.float32"):
        ops.vote_curve(PREDICTIONS, given["targets"], given["ranking"], logits=False)


def test_operators_take_any_strides_and_integers() -> None:
    def gaps(tensor: Tensor) -> Tensor:
        return tensor.repeat_interleave(2, -1)[..., ::2]

    weights, inverse = torch.tensor([1.0, 2, 3, 4]).double(), torch.ones(4)
    ranking = torch.tensor([3, 1, 0, 2])
    options = {"logits": False, "weights": weights, "inverse_temperature": inverse}
    want = ops.vote_curve(PREDICTIONS, TARGETS, ranking, **options)
    options = {key: v if key == "logits" else gaps(v) for key, v in options.items()}
    got = ops.vote_curve(gaps(PREDICTIONS), gaps(TARGETS.int()), gaps(ranking.byte()), **options)
    assert all(torch.equal(a, b) for a, b in zip(got, want, strict=True))
    wide = ops.vote(gaps(PREDICTIONS), gaps(weights.float()), hard=False, logits=False)
    assert torch.equal(wide[1], ops.vote(PREDICTIONS, weights, hard=False, logits=False)[1])
    planes, _ = ops.class_planes(gaps(PREDICTIONS), logits=False)
    assert torch.equal(planes, PREDICTIONS.transpose(1, 2))


def test_samples_of_none() -> None:
    assert vote(np.zeros((2, 0, 3), np.float32), "geometric").labels.tolist() == []
    assert rank(np.zeros((2, 0, 3), np.float32), []).tolist() == [0, 1]


def test_folds_and_intervals_of_arrays() -> None:
    rows = np.array([2, 0], np.int32), np.array([1], np.uint8)
    joined = join_folds([(r, PREDICTIONS[0, r.tolist()].numpy()) for r in rows], np.int64(3))
    assert torch.equal(joined, PREDICTIONS[0, :3])
    correct = torch.rand(2, 50, generator=torch.Generator().manual_seed(0)) < 0.7
    want = bootstrap_intervals(correct, replicates=30, seed=5).low
    for form in (correct.numpy(), correct.tolist(), correct.T.contiguous().T):
        assert torch.equal(bootstrap_intervals(form, replicates=30, seed=np.int64(5)).low, want)


def test_the_same_data_to_fit_and_to_score_is_said() -> None:
    for same in (PREDICTIONS, PREDICTIONS.numpy(), PREDICTIONS.double().numpy(), [*PREDICTIONS]):
        with pytest.warns(UserWarning, match="ranked on the data they are scored on"):
            vote_curve(same, TARGETS, rank_on=(same, TARGETS))
        with pytest.warns(UserWarning, match="fitted on the data they are scored on"):
            compare((same, TARGETS), (same, TARGETS), [], replicates=2)
    with pytest.warns(UserWarning, match="ranked on the data"):  # two arrays, one memory
        vote_curve(PREDICTIONS.numpy(), TARGETS, rank_on=(PREDICTIONS.numpy(), TARGETS))


GOOD = torch.full((2, 3, 4), 0.25)
RAGGED = [[[0.5, 0.5]], [[0.5], [0.5, 0.5]]]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: vote("scores"), TypeError, "a store's, of floating-point numbers, got str"),
        (lambda: vote(None), TypeError, "got NoneType of object"),
        (lambda: vote(GOOD.long()), TypeError, r"got torch.int64; use predictions.float\(\)"),
        (lambda: vote(GOOD.long().numpy()), TypeError, "got ndarray of int64"),
        (lambda: vote(GOOD.bool().numpy()), TypeError, "got ndarray of bool"),
        (lambda: vote(GOOD.numpy().astype(str)), TypeError, "got ndarray of <U"),
        (lambda: vote([]), ValueError, "at least one model, got an empty ensemble"),
        (lambda: vote(GOOD.numpy()[:0]), ValueError, "at least one model, got an empty ensemble"),
        (lambda: vote(GOOD[..., :0]), ValueError, "at least one class, got 0"),
        (
            lambda: vote(GOOD[0].numpy()),
            ValueError,
            r"\[models, samples, classes\], got .*\(3, 4\)",
        ),
        (lambda: vote([GOOD[0], GOOD[0, 0]]), ValueError, r"predictions\[1\] must be \[samples"),
        (
            lambda: vote([GOOD[0], GOOD[0], GOOD[0, :2].numpy()]),
            ValueError,
            r"one shape, got \[3, 4\] for model 0 and \[2, 4\] for model 2",
        ),
        (
            lambda: vote([GOOD[0], GOOD[0].to("meta")]),
            ValueError,
            r"predictions\[1\] must be on a CPU or a CUDA device, got meta",
        ),
        (lambda: vote(RAGGED), ValueError, r"predictions\[1\] must be rectangular"),
        (
            lambda: vote(np.full((1, 1, 2), 1e300), logits=True),
            ValueError,
            r"finite numbers, got \[inf, inf\] for model 0, sample 0",
        ),
        (lambda: rank(GOOD, [True, False, True]), TypeError, "targets must be integers, got bool"),
        (lambda: rank(GOOD, torch.zeros(3).bool()), TypeError, "integers, got torch.bool"),
        (lambda: rank(GOOD, torch.zeros(3)), TypeError, r"torch.float32; use targets.long\(\)"),
        (lambda: rank(GOOD, np.zeros(3)), TypeError, "targets must be integers, got float64"),
        (lambda: rank(GOOD, ["cat"] * 3), TypeError, "targets must be integers, got <U3"),
        (lambda: rank(GOOD, [0, 1]), ValueError, r"shape \[3\], a class a sample, got \[2\]"),
        (lambda: rank(GOOD, [[0], [1], [2]]), ValueError, r"shape \[3\].*got \[3, 1\]"),
        (lambda: rank(GOOD, [[0], [1, 2]]), ValueError, "targets must be rectangular"),
        (lambda: rank(GOOD, np.array([0, 1, 4], np.uint8)), ValueError, r"\[0, 4\), got 4"),
        (lambda: rank(GOOD, [0, -1, 2]), ValueError, r"\[0, 4\), got -1"),
        (
            lambda: vote(GOOD, weights=["a", "b"]),
            TypeError,
            "weights must be real numbers, got <U1",
        ),
        (lambda: vote(GOOD, weights=[True, False]), TypeError, "weights must be real.*bool"),
        (lambda: vote(GOOD, weights=[1e300, 1]), ValueError, "weights .*float32's range.*scale"),
        (lambda: vote(GOOD, weights=[1e-50, 0]), ValueError, "weights .*float32's range.*scale"),
        (lambda: vote(GOOD, weights=[np.nan, 1]), ValueError, "weights must be finite"),
        (lambda: vote(GOOD, temperature="hot"), TypeError, "temperature must be real numbers"),
        (lambda: vote(GOOD, temperature=1e-40), ValueError, "inverse in float32's range.*1e-40"),
        (lambda: vote(GOOD, temperature=[1, 1e300]), ValueError, "inverse in float32's range"),
        (lambda: vote(GOOD, temperature=np.inf), ValueError, "temperature must be finite"),
        (
            lambda: vote_curve(GOOD, [0] * 3, []),
            ValueError,
            r"ranking must .*at least one; got \[\]",
        ),
        (lambda: vote_curve(GOOD, [0] * 3, [0.0]), TypeError, "ranking must be integers"),
        (lambda: vote_curve(GOOD, [0] * 3, 1), ValueError, "ranking must list models"),
        (lambda: fit_ensemble(GOOD, [0] * 3, "soft", ranking=[0, 2]), ValueError, r"of \[0, 2\)"),
        (lambda: fit_ensemble(GOOD, [0] * 3, "soft", ranking=[]), ValueError, "ranking must list"),
        (lambda: fit_ensemble(GOOD, [0] * 3, "median"), ValueError, "method must be one of soft"),
        (lambda: fit_ensemble(GOOD, [0] * 3, fraction="all"), TypeError, "fraction must be a num"),
        (
            lambda: compare((GOOD, [0] * 3), (GOOD + 0, [0] * 3), [], ranking=[1, 1]),
            ValueError,
            "ranking must list models",
        ),
        (lambda: Ensemble("soft", torch.tensor([]).long()), ValueError, "empty ensemble"),
        (lambda: Ensemble("soft", torch.tensor([1, 1])), ValueError, "each once.*1, 1"),
        (lambda: Ensemble("soft", torch.tensor([-1])), ValueError, "members must be at least 0"),
        (lambda: Ensemble("median", torch.tensor([0])), ValueError, "method must be one of"),
        (lambda: Ensemble("stack", torch.tensor([0])), ValueError, "stacking must be given"),
        (lambda: Ensemble("soft", torch.tensor([0]), torch.ones(2)), ValueError, "one a model"),
        (lambda: Ensemble("soft", torch.tensor([2])).vote(GOOD), ValueError, "at least 3, got 2"),
        (lambda: Stacking(C=np.inf), ValueError, "C must be above 0 and finite"),
        (lambda: Stacking(folds=2.0), TypeError, "folds must be an integer, got 2.0"),
        (lambda: Stacking(folds=True), TypeError, "folds must be an integer, got True"),
    ],
)
def test_errors_name_the_argument(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("temperature", [3e-39, 8e37])
def test_the_widest_temperatures_give_numbers(temperature: float) -> None:
    for logits in (False, True):
        for method in ("soft", "geometric"):
            scores = vote(PREDICTIONS, method, logits=logits, temperature=temperature).scores
            assert scores.isfinite().all()
            torch.testing.assert_close(scores.sum(1), torch.ones(60))
