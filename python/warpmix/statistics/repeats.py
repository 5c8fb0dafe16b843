"""Settings by the results of their repeated trainings: Student's and Welch's tests."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, SupportsFloat

import numpy as np
from scipy import special

from warpmix._numbers import check_real
from warpmix.statistics.comparison import Comparison, choose_reference, correct_family, list_pairs

_NO_SPREAD = 1e-12  # deviations below this share of the values are rounding

Repeats = Sequence[float] | Mapping[Any, float]
"""The results of one setting's repeats: in any order, or by their seeds (of any hashable type)."""


@dataclass(frozen=True)
class Summary:
    """The repeats of one setting.

    Attributes:
        n: how many.
        mean: of them, in their unit.
        std: standard deviation, with n - 1; None for one repeat.
        low, high: ends of Student's interval of the mean; None for one repeat.
    """

    n: int
    mean: float
    std: float | None
    low: float | None
    high: float | None


def summarize(values: Repeats, *, confidence: SupportsFloat = 0.95) -> Summary:
    """Return mean, deviation and Student's interval of a setting's repeats.

    Args:
        values: at least one finite number.
        confidence: of the interval, in (0, 1).

    Raises:
        ValueError: no values, or one that is not finite.
    """
    sample = _sample("values", values)
    level = check_real("confidence", confidence, 1.0)
    mean, n = float(sample.mean()), len(sample)
    if n == 1:
        return Summary(1, mean, None, None, None)
    std = float(sample.std(ddof=1))
    half = _half_width(std / math.sqrt(n), n - 1, level)
    return Summary(n, mean, std, mean - half, mean + half)


def compare_settings(
    groups: Mapping[str, Repeats],
    paired: bool | None = None,
    *,
    reference: str | None = None,
    confidence: SupportsFloat = 0.95,
) -> list[Comparison]:
    """Compare every setting of a sweep with the best one, or with a reference.

    Without a reference, the best mean is known only from the values that are tested. Its lead is
    partly luck, so the p values are corrected for all pairs of settings. A reference that was
    chosen beforehand is corrected for its own comparisons alone, and finds more.

    Args:
        groups: for each setting the results of its repeats, higher being better.
        paired: True: repeats at the same place, or of the same seed, belong together (a paired
            t test). False: they are independent (Welch's t test, which lets deviations differ).
            None: paired where both settings are given by seed and have the same seeds.
        reference: the setting to compare with; None: the one of the highest mean, the first of
            several.
        confidence: of the intervals, in (0, 1); 1 - confidence is the level of significance.

    Returns:
        One comparison a setting but the reference, in the order of ``groups``; none for fewer than
        two settings. With one repeat, or with repeats that do not differ, there is no interval.

    Raises:
        ValueError: an empty setting, a value that is not finite, an unknown reference, or repeats
            that are to be paired and are not of the same number and seeds.
    """
    level = check_real("confidence", confidence, 1.0)
    samples = {name: _sample(f"groups[{name!r}]", values) for name, values in groups.items()}
    chosen = choose_reference({n: float(s.mean()) for n, s in samples.items()}, reference)
    found = []
    for a, b in list_pairs(list(groups), chosen, every=reference is None):
        together = _pair(a, groups[a], b, groups[b], paired)
        found.append(
            _compare_unpaired(a, samples[a], b, samples[b], level)
            if together is None
            else _compare_paired(a, b, *together, level)
        )
    return [each for each in correct_family(found, level) if each.b == chosen]


def _sample(argument: str, values: Repeats) -> np.ndarray:
    listed = list(values.values()) if isinstance(values, Mapping) else list(values)
    sample = np.asarray(listed, dtype=np.float64)
    if sample.ndim != 1 or len(sample) == 0 or not np.isfinite(sample).all():
        raise ValueError(f"{argument} must hold at least one number, all finite, got {listed}")
    return sample


def _pair(
    a: str, first: Repeats, b: str, second: Repeats, paired: bool | None
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return two settings' values, those that belong together at the same place; None: none do."""
    by_seed = isinstance(first, Mapping) and isinstance(second, Mapping)
    if paired is False or (paired is None and not by_seed):
        return None
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        if first.keys() == second.keys():
            return _sample(a, first), _sample(b, [second[seed] for seed in first])
        if paired:
            raise ValueError(
                f"paired needs the same seeds, got {sorted(first)} for {a} and {sorted(second)} "
                f"for {b}; paired=False compares them as independent"
            )
        return None
    one, other = _sample(a, first), _sample(b, second)
    if len(one) != len(other):
        raise ValueError(
            f"paired needs as many repeats of both, got {len(one)} of {a} and {len(other)} of {b}; "
            "paired=False compares them as independent"
        )
    return one, other


def _compare_paired(a: str, b: str, one: np.ndarray, other: np.ndarray, level: float) -> Comparison:
    found = _untested(a, one, b, other)
    if len(one) < 2:
        return found
    if not _vary(one - other, max(abs(one).max(), abs(other).max())):
        return replace(found, method="no test: all pairs differ by the same")
    error = (one - other).std(ddof=1) / math.sqrt(len(one))
    return _tested(found, "paired t", error, len(one) - 1, level)


def _compare_unpaired(
    a: str, one: np.ndarray, b: str, other: np.ndarray, level: float
) -> Comparison:
    found = _untested(a, one, b, other)
    if min(len(one), len(other)) < 2:
        return found
    scale = max(abs(one).max(), abs(other).max())
    if not _vary(one, scale) and not _vary(other, scale):
        return replace(found, method="no test: the repeats do not differ")
    of_one, of_other = one.var(ddof=1) / len(one), other.var(ddof=1) / len(other)
    squared = of_one + of_other
    freedom = squared**2 / (of_one**2 / (len(one) - 1) + of_other**2 / (len(other) - 1))
    return _tested(found, "Welch t", math.sqrt(squared), freedom, level)


def _vary(values: np.ndarray, scale: float) -> bool:
    return bool(np.ptp(values) > _NO_SPREAD * scale)


def _untested(a: str, one: np.ndarray, b: str, other: np.ndarray) -> Comparison:
    return Comparison(
        a=a,
        b=b,
        n_a=len(one),
        n_b=len(other),
        mean_a=float(one.mean()),
        mean_b=float(other.mean()),
        difference=float(one.mean() - other.mean()),
        low=None,
        high=None,
        p=None,
        p_corrected=None,
        significant=None,
        method="no test: one repeat",
    )


def _tested(
    untested: Comparison, method: str, error: float, freedom: float, level: float
) -> Comparison:
    """Return the comparison with Student's test and interval.

    SciPy's own tests give the same numbers, but a grid of 76 settings has 2,850 pairs, and at
    several milliseconds each a reader would wait.
    """
    half = _half_width(error, freedom, level)
    return replace(
        untested,
        low=untested.difference - half,
        high=untested.difference + half,
        p=float(2 * special.stdtr(freedom, -abs(untested.difference) / error)),
        method=method,
    )


def _half_width(error: float, freedom: float, level: float) -> float:
    """Return half of Student's interval around an estimate with this standard error."""
    return float(special.stdtrit(freedom, 0.5 + level / 2)) * error
