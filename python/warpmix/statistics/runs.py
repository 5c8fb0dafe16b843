"""Trained models by what they get right of the same images: McNemar's test and the bootstrap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import SupportsFloat

import numpy as np
import torch
from scipy import special

from warpmix._numbers import check_real, native
from warpmix.ensemble import bootstrap_intervals
from warpmix.statistics.comparison import Comparison, choose_reference, correct_family, list_pairs


def compare_runs(
    correct: Mapping[str, np.ndarray | torch.Tensor | Sequence[bool]],
    *,
    reference: str | None = None,
    confidence: SupportsFloat = 0.95,
    replicates: int = 2000,
    seed: int = 0,
) -> list[Comparison]:
    """Compare the accuracies of trained models over the same test images.

    p is McNemar's exact test: of the images that one of two models gets right, either should have
    half. The interval is the percentile bootstrap of :func:`bootstrap_intervals` over the images,
    the same ones for both models. What a reference changes, :func:`compare_settings` says; a model
    that was chosen by its validation accuracy is chosen beforehand.

    Args:
        correct: for each run [N] bool: which of the N images it gets right; N at least 1.
        reference: the run to compare with; None: the one of the highest accuracy.
        confidence: of the intervals, in (0, 1).
        replicates: bootstrap samples, from 1 to 65,535.
        seed: of their draws, from 0 to 2^63 - 1.

    Returns:
        One comparison a run but the reference, in the order of ``correct``.

    Raises:
        TypeError: values that are not bool.
        ValueError: runs of different numbers of images, or an unknown reference.
    """
    level = check_real("confidence", confidence, 1.0)
    rows = {name: torch.from_numpy(native(np.asarray(row))) for name, row in correct.items()}
    if len({tuple(row.shape) for row in rows.values()}) > 1:
        shapes = ", ".join(f"{name} {list(row.shape)}" for name, row in rows.items())
        raise ValueError(f"correct must have the same images for all runs, got {shapes}")
    chosen = choose_reference({n: float(row.double().mean()) for n, row in rows.items()}, reference)
    if len(rows) < 2:
        return []
    names = list(rows)
    place = {name: i for i, name in enumerate(names)}
    together = torch.stack(list(rows.values()))
    intervals = bootstrap_intervals(together, replicates=replicates, confidence=level, seed=seed)
    drawn = intervals.replicates - intervals.replicates[:, [place[chosen]]]
    tail = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    low, high = torch.quantile(drawn, tail, dim=0).tolist()
    accuracy = intervals.accuracy.tolist()
    images = len(rows[chosen])
    p = _mcnemar(together)
    found = []
    # Of the pairs without the chosen run p alone counts, in the correction: they have no interval.
    for a, b in list_pairs(names, chosen, every=reference is None):
        i, j = place[a], place[b]
        found.append(
            Comparison(
                a=a,
                b=b,
                n_a=images,
                n_b=images,
                mean_a=accuracy[i],
                mean_b=accuracy[j],
                difference=accuracy[i] - accuracy[j],
                low=low[i] if b == chosen else None,
                high=high[i] if b == chosen else None,
                p=float(p[i, j]),
                p_corrected=None,
                significant=None,
                method="McNemar",
            )
        )
    return [each for each in correct_family(found, level) if each.b == chosen]


def _mcnemar(rows: torch.Tensor) -> np.ndarray:
    """Return p [R, R] of the images that one of two models alone gets right: the two-sided binomial
    test of equal chances, which is symmetric, so that both tails are twice the lower one."""
    right = rows.double()
    alone = (right @ (1 - right).T).numpy()
    p = 2 * special.bdtr(np.minimum(alone, alone.T), (alone + alone.T).astype(np.int64), 0.5)
    return np.minimum(p, 1.0)
