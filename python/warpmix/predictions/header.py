"""Whether a table's first row holds names, and how numbers are spelled."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from warpmix.predictions.model import SUM_TOLERANCE
from warpmix.predictions.options import ReadOptions

_NUMBER = re.compile(r"[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|nan|inf(inity)?)", re.I | re.A)
_WHOLE = re.compile(r"[+-]?\d+(\.0*)?", re.A)
_PLAIN = re.compile(r"[+-]?\d+", re.A)


def is_number(cell: str) -> bool:
    """Return whether a cell is a number, NaN and infinities included."""
    return bool(_NUMBER.fullmatch(cell.strip()))


def is_whole(cell: str) -> bool:
    """Return whether a cell is a whole number, as 3 or 3.0."""
    return bool(_WHOLE.fullmatch(cell.strip()))


def is_plain(cell: str) -> bool:
    """Return whether a cell is a whole number without a point."""
    return bool(_PLAIN.fullmatch(cell.strip()))


def are_distributions(values: np.ndarray) -> bool:
    """Return whether all rows of [N, C] are non-negative and sum to 1."""
    return bool((values >= 0).all() and (abs(values.sum(1) - 1) <= SUM_TOLERANCE).all())


def has_header(rows: Sequence[Sequence[str]], options: ReadOptions) -> bool:
    """Return whether the first row holds names.

    A row of text does. So does one with text and whole numbers, since classes may be called 0, 1,
    2; but a row with a fraction is a sample's, and its text a name of that. A row of distinct
    whole numbers holds names where it can't be a sample: the others are probabilities and it is
    none, or it counts the classes and the others are no whole numbers.

    Args:
        rows: the first rows, of one length.

    Raises:
        ValueError: a row of whole numbers that may be either.
    """
    if options.header is not None:
        return options.header
    first, others = [cell.strip() for cell in rows[0]], rows[1:]
    numbers = [cell for cell in first if is_number(cell)]
    if not all(map(is_whole, numbers)):
        return False
    if len(numbers) < len(first):
        return True
    values = [float(cell) for cell in first]
    if len(set(values)) < len(values):
        return False
    numeric = all(is_number(cell) for row in others for cell in row)
    if others and numeric:
        body = np.array(others, np.float64)
        if are_distributions(body) and not are_distributions(np.array([values])):
            return True
    counts = sorted(values) == list(range(len(values)))
    whole = any(all(map(is_whole, row)) for row in others)
    if counts and len(values) > 2 and others and not whole and all(map(is_plain, first)):
        return True
    if whole and not counts:
        return False
    raise ValueError(
        f"the first row, {', '.join(first)}, may be the classes' names or a sample's predictions; "
        "say which with header=True or False (--header, --no-header)"
    )
