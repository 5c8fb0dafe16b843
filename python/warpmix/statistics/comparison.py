"""One comparison, the family that it belongs to, and the correction for its size."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Comparison:
    """One setting or run beside another.

    Attributes:
        a, b: their names; b is the reference, by default the best one.
        n_a, n_b: repeats of a setting, or test images of a run.
        mean_a, mean_b: mean results or accuracies, in the unit of the values.
        difference: mean_a - mean_b.
        low, high: ends of the interval of this difference, on its own: it is not widened for the
            number of comparisons. None where nothing can be estimated.
        p: probability of a difference at least as large if there were none, 0..1, uncorrected;
            None where there is no test.
        p_corrected: after Holm's correction.
        significant: whether p_corrected is at most 1 - confidence; None where there is no test.
        method: ``"paired t"``, ``"Welch t"`` or ``"McNemar"``; why there is no test, where there
            is none.
    """

    a: str
    b: str
    n_a: int
    n_b: int
    mean_a: float
    mean_b: float
    difference: float
    low: float | None
    high: float | None
    p: float | None
    p_corrected: float | None
    significant: bool | None
    method: str


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values corrected for how many there are.

    Declaring those at most α significant makes one or more false claims with probability α at
    most, however the tests depend on each other (Holm, Scandinavian Journal of Statistics 6, 1979).

    Args:
        p_values: each in [0, 1].

    Raises:
        ValueError: one outside of [0, 1].
    """
    p = np.asarray(p_values, dtype=np.float64)
    if not ((p >= 0) & (p <= 1)).all():  # NaN included
        raise ValueError(f"p_values must be in [0, 1], got {list(p_values)}")
    order = p.argsort(kind="stable")
    corrected = np.empty_like(p)
    corrected[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)).clip(max=1)
    return corrected.tolist()


def correct_family(found: Sequence[Comparison], confidence: float) -> list[Comparison]:
    """Return the comparisons of a family with corrected p values, and whether each is significant.

    Those without a test stay as they are, and do not count.
    """
    tested = [each.p for each in found if each.p is not None]
    corrected = iter(holm(tested))
    return [
        each
        if each.p is None
        else replace(each, p_corrected=(p := next(corrected)), significant=p <= 1 - confidence)
        for each in found
    ]


def choose_reference(means: Mapping[str, float], given: str | None) -> str:
    """Return the name of what the others are compared with: the best one unless it is given.

    Raises:
        ValueError: what is given is not among them.
    """
    if given is None:
        return max(means, key=means.__getitem__, default="")
    if given not in means:
        raise ValueError(f"reference must be one of {', '.join(means)}, got {given!r}")
    return given


def list_pairs(names: list[str], reference: str, *, every: bool) -> list[tuple[str, str]]:
    """Return the family of comparisons; in those with the reference it stands second."""
    others = [name for name in names if name != reference]
    among = list(itertools.combinations(others, 2)) if every else []
    return [(name, reference) for name in others] + among
