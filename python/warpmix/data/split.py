"""Which rows go where: decided before any augmentation, from labels and a seed alone.

scikit-learn is imported where it is used, because that takes about two seconds.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

TEST_FRACTION = 0.2
"""Share held out as the test set where a source brings none of its own."""


def stratified_split(labels: Tensor, fraction: float, seed: int) -> tuple[Tensor, Tensor]:
    """Hold out a fraction of the rows with the same share of every class.

    Args:
        labels: [N] int64, on any device.
        fraction: share held out, in (0, 1).
        seed: in 0..2^32-1; the same labels, fraction and seed give the same rows.

    Returns:
        (kept, held_out), int64 on the CPU, each ascending, together all of 0..N-1.

    Raises:
        ValueError: ``fraction`` or ``seed`` is out of range, or there are too few rows for every
            class to be on both sides.
    """
    from sklearn.model_selection import train_test_split

    if not 0.0 < fraction < 1.0:
        raise ValueError(f"fraction must be in (0, 1), got {fraction}")
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed must be in 0..2^32-1, got {seed}")
    classes = labels.cpu().numpy()
    rows = np.arange(len(classes), dtype=np.int64)
    try:
        kept, held_out = train_test_split(
            rows, test_size=fraction, random_state=seed, stratify=classes
        )
    except ValueError as error:
        raise ValueError(
            f"labels cannot be split with {fraction:g} of them held out and every class on both "
            f"sides: {error} Take another fraction, or add images to the small classes"
        ) from error
    return _ascending(kept), _ascending(held_out)


def k_fold(labels: Tensor, folds: int, fold: int, seed: int) -> tuple[Tensor, Tensor]:
    """Hold out one of several folds with the same share of every class.

    Args:
        labels: [N] int64, on any device.
        folds: number of folds, at least 2; each row is in one of them.
        fold: the one that is held out, in 0..folds-1.
        seed: in 0..2^32-1; the same labels, folds and seed give the same folds.

    Returns:
        (kept, held_out), int64 on the CPU, each ascending, together all of 0..N-1.

    Raises:
        ValueError: an argument is out of range, or a class has fewer rows than there are folds.
    """
    from sklearn.model_selection import StratifiedKFold

    if folds < 2 or not 0 <= fold < folds:
        raise ValueError(
            f"fold must be in 0..folds-1 and folds at least 2, got fold {fold} of {folds}"
        )
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed must be in 0..2^32-1, got {seed}")
    smallest = int(labels.unique(return_counts=True)[1].min())
    if smallest < folds:
        raise ValueError(
            f"folds must be at most {smallest}, the rows of the smallest class, got {folds}"
        )
    classes = labels.cpu().numpy()
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    kept, held_out = list(splitter.split(classes, classes))[fold]
    return _ascending(kept), _ascending(held_out)


def few_shot(labels: Tensor, per_class: int, seed: int) -> Tensor:
    """Draw the same number of rows of every class that occurs, without replacement.

    Args:
        labels: [N] int64, on any device.
        per_class: rows of each class, at least 1.
        seed: at least 0; the same labels and seed give the same rows.

    Returns:
        [classes * per_class] int64 on the CPU, ascending.

    Raises:
        ValueError: ``per_class`` or ``seed`` is out of range, or a class has fewer rows.
    """
    if per_class < 1:
        raise ValueError(f"per_class must be at least 1, got {per_class}")
    if seed < 0:
        raise ValueError(f"seed must be at least 0, got {seed}")
    classes, counts = labels.cpu().unique(return_counts=True)
    if int(counts.min()) < per_class:
        scarce = int(counts.argmin())
        raise ValueError(
            f"per_class must be at most {counts[scarce]}, the number of rows of class "
            f"{classes[scarce]}, got {per_class}"
        )
    generator = np.random.default_rng(seed)
    values = labels.cpu().numpy()
    drawn = [
        generator.choice(np.flatnonzero(values == label), per_class, replace=False)
        for label in classes.tolist()
    ]
    return _ascending(np.concatenate(drawn))


def stratified_subset(labels: Tensor, count: int, seed: int) -> Tensor:
    """Draw rows with the same share of every class, without replacement.

    A class gets its share rounded down; the classes with the largest remainders get one row more,
    the first of them where they are equal.

    Args:
        labels: [N] int64, on any device.
        count: rows to draw, in 1..N.
        seed: at least 0; the same labels, count and seed give the same rows.

    Returns:
        [count] int64 on the CPU, ascending.

    Raises:
        ValueError: ``count`` or ``seed`` is out of range.
    """
    if not 1 <= count <= len(labels):
        raise ValueError(f"count must be in 1..{len(labels)}, the rows there are, got {count}")
    if seed < 0:
        raise ValueError(f"seed must be at least 0, got {seed}")
    values = labels.cpu().numpy()
    classes, sizes = np.unique(values, return_counts=True)
    shares, remainders = np.divmod(sizes * count, len(values))
    shares[np.argsort(-remainders, kind="stable")[: count - shares.sum()]] += 1
    generator = np.random.default_rng(seed)
    drawn = [
        generator.choice(np.flatnonzero(values == label), share, replace=False)
        for label, share in zip(classes, shares, strict=True)
    ]
    return _ascending(np.concatenate(drawn))


def train_or_test(labels: Tensor, split: str) -> Tensor:
    """Return the rows of a source without a test set of its own: four fifths train, one fifth test.

    The split is stratified and always the same (seed 0).

    Raises:
        ValueError: ``split`` is neither ``"train"`` nor ``"test"``, or as :func:`stratified_split`.
    """
    sides = dict(zip(("train", "test"), stratified_split(labels, TEST_FRACTION, 0), strict=True))
    if split not in sides:
        raise ValueError(
            f"split must be 'train' or 'test' for data that comes in one part, got {split!r}; "
            "hold rows out of 'train' with warpmix.data.stratified_split"
        )
    return sides[split]


def _ascending(rows: np.ndarray) -> Tensor:
    return torch.from_numpy(np.sort(rows).astype(np.int64))
