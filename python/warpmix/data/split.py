"""Which rows go where: decided before any augmentation, from labels and a seed alone.

scikit-learn is imported where it is used, because that takes about two seconds.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from warpmix._numbers import check_integer, check_real, shown
from warpmix._tensors import check_dense

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

    fraction = check_real("fraction", fraction, 1.0)
    seed = check_integer("seed", seed, 0, 2**32 - 1)
    classes = _class_numbers(labels)
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

    folds = check_integer("folds", folds, 2)
    fold = check_integer("fold", fold, 0, folds - 1)
    seed = check_integer("seed", seed, 0, 2**32 - 1)
    classes = _class_numbers(labels)
    smallest = int(np.unique(classes, return_counts=True)[1].min())
    if smallest < folds:
        raise ValueError(
            f"folds must be at most {smallest}, the rows of the smallest class, got {folds}"
        )
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
    per_class = check_integer("per_class", per_class, 1)
    seed = check_integer("seed", seed, 0)
    values = _class_numbers(labels)
    classes, counts = np.unique(values, return_counts=True)
    if int(counts.min()) < per_class:
        scarce = int(counts.argmin())
        raise ValueError(
            f"per_class must be at most {counts[scarce]}, the number of rows of class "
            f"{classes[scarce]}, got {per_class}"
        )
    generator = np.random.default_rng(seed)
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
    values = _class_numbers(labels)
    count = check_integer("count", count, 1, len(values))
    seed = check_integer("seed", seed, 0)
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
            f"split must be 'train' or 'test' for data that comes in one part, got {shown(split)}; "
            "hold rows out of 'train' with warpmix.data.stratified_split"
        )
    return sides[split]


def _class_numbers(labels: Tensor) -> np.ndarray:
    """Return labels as an array [N] of integers, N at least 1.

    Raises:
        TypeError: no dense tensor, or no integers.
        ValueError: another shape, or no labels.
    """
    check_dense("labels", labels)
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise TypeError(f"labels must be integers, got {labels.dtype}; use labels.long()")
    if labels.dim() != 1 or len(labels) == 0:
        raise ValueError(f"labels must be [N], at least one, got {list(labels.shape)}")
    return labels.cpu().numpy()


def _ascending(rows: np.ndarray) -> Tensor:
    return torch.from_numpy(np.sort(rows).astype(np.int64))
