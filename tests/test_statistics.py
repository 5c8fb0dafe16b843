"""Comparisons against SciPy, published numbers, and how often they claim what is not there."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from warpmix.ensemble import bootstrap_intervals
from warpmix.statistics import compare_runs, compare_settings, holm, summarize

NOISE = np.random.default_rng(7)
GROUPS = {"low": NOISE.normal(0.70, 0.01, 5), "mid": NOISE.normal(0.72, 0.02, 5)}
GROUPS["high"] = NOISE.normal(0.75, 0.01, 4)


# ---- Holm ---------------------------------------------------------------------------------------


def test_holm_by_hand() -> None:
    # 4 × 0.005, 3 × 0.01, then 2 × 0.03; 0.04 must not come before it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
    for bad in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="p_values must be in"):
            holm([0.5, bad])


# ---- settings with repeats ----------------------------------------------------------------------


def test_summary_is_students() -> None:
    values = GROUPS["mid"]
    found = summarize(values)
    low, high = stats.t.interval(0.95, 4, values.mean(), stats.sem(values))
    assert (found.n, found.mean) == (5, values.mean())
    assert (found.std, found.low, found.high) == pytest.approx((values.std(ddof=1), low, high))
    one = summarize({3: 0.5})
    assert (one.n, one.mean, one.std, one.low, one.high) == (1, 0.5, None, None, None)
    for bad in ([], [0.1, float("nan")]):
        with pytest.raises(ValueError, match="values must hold at least one number, all finite"):
            summarize(bad)


def test_unpaired_repeats_are_compared_by_welch_with_the_best() -> None:
    found = compare_settings({name: list(values) for name, values in GROUPS.items()})
    assert [(c.a, c.b, c.method) for c in found] == [
        ("low", "high", "Welch t"),
        ("mid", "high", "Welch t"),
    ]
    every = [
        stats.ttest_ind(GROUPS[a], GROUPS[b], equal_var=False).pvalue
        for a, b in (("low", "high"), ("mid", "high"), ("low", "mid"))
    ]
    assert [c.p_corrected for c in found] == pytest.approx(holm(every)[:2])
    for c, p in zip(found, every, strict=False):
        test = stats.ttest_ind(GROUPS[c.a], GROUPS[c.b], equal_var=False)
        assert (c.n_a, c.n_b, c.p) == (5, 4, pytest.approx(p))
        assert (c.low, c.high) == pytest.approx(tuple(test.confidence_interval(0.95)))
        assert c.difference == GROUPS[c.a].mean() - GROUPS[c.b].mean()
        assert c.significant == (c.p_corrected <= 0.05)


def test_a_reference_is_corrected_for_its_own_comparisons() -> None:
    found = compare_settings(GROUPS, reference="low")
    every = [
        stats.ttest_ind(GROUPS[a], GROUPS["low"], equal_var=False).pvalue for a in ("mid", "high")
    ]
    assert [c.p_corrected for c in found] == pytest.approx(holm(every))
    with pytest.raises(ValueError, match="reference must be one of low, mid, high, got 'best'"):
        compare_settings(GROUPS, reference="best")


def test_repeats_of_the_same_seeds_are_paired() -> None:
    a = {0: 0.70, 1: 0.75, 2: 0.72, 3: 0.60}
    b = {3: 0.62, 2: 0.73, 1: 0.765, 0: 0.715}  # in another order
    test = stats.ttest_rel(list(a.values()), [b[seed] for seed in a])
    for paired in (None, True):
        (found,) = compare_settings({"a": a, "b": b}, paired)
        assert (found.method, found.p) == ("paired t", pytest.approx(test.pvalue))
        assert (found.low, found.high) == pytest.approx(tuple(test.confidence_interval(0.95)))
    lists = {"a": list(a.values()), "b": [b[seed] for seed in a]}
    assert compare_settings(lists, True)[0].p == found.p
    assert compare_settings({"a": a, "b": b}, False)[0].method == "Welch t"
    fewer = {seed: b[seed] for seed in (0, 1, 2)}
    assert compare_settings({"a": a, "b": fewer})[0].method == "Welch t"
    with pytest.raises(ValueError, match=r"paired needs the same seeds, got \[0, 1, 2, 3\] for a"):
        compare_settings({"a": a, "b": fewer}, True)
    with pytest.raises(ValueError, match="paired needs as many repeats of both, got 3 of b and 4"):
        compare_settings({"b": [0.7] * 3, "a": list(a.values())}, True, reference="a")


@pytest.mark.parametrize(
    ("a", "b", "paired", "why"),
    [
        ([0.7], [0.8, 0.9, 0.85], False, "one repeat"),
        ([0.7], [0.8], True, "one repeat"),
        ([0.1] * 3, [0.2] * 3, False, "the repeats do not differ"),
        ([0.1, 0.2, 0.3], [0.3, 0.4, 0.5], True, "all pairs differ by the same"),  # up to rounding
    ],
)
def test_where_nothing_can_be_estimated_nothing_is(
    a: list[float], b: list[float], paired: bool, why: str
) -> None:
    groups = {"a": a, "b": b, "c": [0.3, 0.31, 0.29][: len(a)]}
    found = compare_settings(groups, paired, reference="b")[0]
    assert found.method == f"no test: {why}"
    assert found.difference == pytest.approx(np.mean(a) - np.mean(b))
    unknown = (found.low, found.high, found.p, found.p_corrected, found.significant)
    assert unknown == (None,) * 5


@pytest.mark.filterwarnings("error")
def test_a_setting_that_diverged_in_all_repeats_is_compared() -> None:
    (found,) = compare_settings({"diverged": [0.1] * 5, "trained": [0.70, 0.71, 0.72, 0.70, 0.71]})
    alone = summarize([0.70, 0.71, 0.72, 0.70, 0.71])  # all the spread there is
    assert alone.low is not None and alone.high is not None
    assert (found.low, found.high) == pytest.approx((0.1 - alone.high, 0.1 - alone.low))
    assert found.significant


def test_untested_settings_do_not_weigh_on_the_others() -> None:
    groups = {name: list(values) for name, values in GROUPS.items()}
    with_one = compare_settings({**groups, "once": [0.5]})
    assert with_one[:2] == compare_settings(groups)
    assert compare_settings({"alone": [0.5, 0.6]}) == compare_settings({}) == []


@pytest.mark.parametrize("paired", [False, True])
def test_false_claims_are_as_rare_as_promised(paired: bool) -> None:
    """Five settings without any difference, five repeats: at most 5 % of sweeps claim one.

    The best is chosen from the same values, which a correction for four comparisons would not
    account for. 400 sweeps: 5 % is exceeded by three standard errors at 33.
    """
    noise, sweeps = np.random.default_rng(11), 400
    any_raw = any_corrected = against_the_best = 0
    for _ in range(sweeps):
        values = noise.normal(0.7, 0.01, (5, 5))
        found = compare_settings({str(i): list(row) for i, row in enumerate(values)}, paired)
        any_raw += any(c.p <= 0.05 for c in found)
        any_corrected += any(c.significant for c in found)
        against_the_best += any(p <= 0.05 for p in holm([c.p for c in found]))
    assert any_corrected <= 33
    assert any_raw > 60  # the test could fail
    assert against_the_best > any_corrected


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """2,000 Welch intervals of 95 %: within four standard errors (0.5 %) of it."""
    noise = np.random.default_rng(5)
    held = 0
    for _ in range(2000):
        a, b = noise.normal(0.70, 0.01, 5), noise.normal(0.72, 0.02, 5)
        (found,) = compare_settings({"a": a, "b": b}, reference="b")
        assert found.low is not None and found.high is not None
        held += found.low <= -0.02 <= found.high
    assert abs(held / 2000 - 0.95) <= 0.02


# ---- runs over the same images ------------------------------------------------------------------


def paired_rows(both: int, only_a: int, only_b: int, neither: int) -> dict[str, np.ndarray]:
    counts = (both, only_a, only_b, neither)
    return {
        "a": np.repeat([True, True, False, False], counts),
        "b": np.repeat([True, False, True, False], counts),
    }


def test_mcnemar_is_the_exact_binomial_test() -> None:
    # 2 · P(X ≤ 2) for X ~ Binomial(10, ½) = 2 · (1 + 10 + 45) / 1024
    (found,) = compare_runs(paired_rows(80, 2, 8, 10))
    assert (found.a, found.b, found.n_a, found.method) == ("a", "b", 100, "McNemar")
    assert found.p == found.p_corrected == pytest.approx(112 / 1024)
    assert (found.mean_a, found.mean_b) == (0.82, 0.88)
    assert found.difference == pytest.approx(-0.06)
    assert found.significant is False
    for only_a, only_b in ((1, 0), (5, 5), (31, 52), (900, 1000)):
        (found,) = compare_runs(paired_rows(20, only_a, only_b, 3), reference="b", replicates=10)
        exact = stats.binomtest(only_a, only_a + only_b).pvalue
        assert found.p == pytest.approx(exact, rel=1e-9)
    for stride in (-1, 2):
        rows = {name: np.repeat(row, 2)[::stride] for name, row in paired_rows(8, 2, 8, 1).items()}
        assert compare_runs(rows)[0].n_a == len(rows["a"])
    same = compare_runs({"a": [True, False], "b": [True, False]})[0]
    assert (same.difference, same.low, same.high, same.p) == (0.0, 0.0, 0.0, 1.0)


def test_the_interval_is_the_paired_bootstrap_and_nearly_the_normal_one() -> None:
    rows = paired_rows(1400, 130, 170, 300)
    (found,) = compare_runs(rows, replicates=4000, seed=3)
    drawn = bootstrap_intervals(
        torch.from_numpy(np.stack([rows["a"], rows["b"]])), replicates=4000, seed=3
    ).replicates
    ends = np.quantile((drawn[:, 0] - drawn[:, 1]).numpy(), [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx(tuple(ends))
    error = 1.96 * np.sqrt(300 - 40**2 / 2000) / 2000  # of a difference of paired proportions
    assert (found.low, found.high) == pytest.approx((-0.02 - error, -0.02 + error), abs=0.001)


def test_false_claims_over_runs_are_rare() -> None:
    """Four equal models on 300 images, 200 times; 19 are three standard errors above 5 %."""
    noise = np.random.default_rng(2)
    claims = 0
    for _ in range(200):
        hard = noise.random(300)
        runs = {str(i): (hard < 0.7) ^ (noise.random(300) < 0.1) for i in range(4)}
        claims += any(c.significant for c in compare_runs(runs, replicates=50))
    assert claims <= 19


def test_a_real_difference_between_runs_is_found_and_corrected() -> None:
    noise = np.random.default_rng(4)
    runs = {"x": noise.random(2000) < 0.8, "y": noise.random(2000) < 0.7}
    runs["z"] = runs["x"].copy()
    runs["z"][runs["x"].nonzero()[0][:3]] = False
    found = compare_runs(runs, replicates=500)
    assert [(c.a, c.b, c.significant) for c in found] == [("y", "x", True), ("z", "x", False)]
    chosen = compare_runs(runs, reference="y", replicates=500)
    assert [c.a for c in chosen] == ["x", "z"] and all(c.significant for c in chosen)


def test_runs_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(ValueError, match=r"the same images for all runs, got a \[2\], b \[3\]"):
        compare_runs({"a": [True, False], "b": [True, False, True]})
    with pytest.raises(TypeError, match="correct must be bool"):
        compare_runs({"a": np.array([1, 0]), "b": np.array([1, 1])})
    with pytest.raises(ValueError, match="reference must be one of a, b, got 'c'"):
        compare_runs({"a": [True], "b": [True]}, reference="c")
    assert compare_runs({"a": [True]}) == compare_runs({}) == []
