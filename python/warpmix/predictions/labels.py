"""True labels and votes as other programs write them: numbers, whole floats or classes' names."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from warpmix._memory import check_room
from warpmix._reading import quoted
from warpmix.predictions.header import is_whole
from warpmix.predictions.options import same_name
from warpmix.predictions.samples import Ids

_PLAIN = re.compile(r"0|[1-9][0-9]{0,18}")  # as str writes an int that may fit into int64
_LONGEST_NUMBER = 19  # characters of a whole number that surely fits into int64
_SHOWN = 200  # characters of the classes' names
_FEWER = "give the number of classes that there are (--num-classes)"


def label_numbers(
    labels: np.ndarray,
    classes: Sequence[str] | None,
    place: Callable[[int], str] = "sample {}".format,
) -> Tensor:
    """Return [N] int64 of labels.

    Args:
        labels: [N] integers, whole floats, or text: all of them names of classes, or numbers.
        classes: C names in the order of their numbers, where they are known.
        place: what an error calls a row.

    Raises:
        ValueError: a label that is neither.
    """
    if labels.dtype.kind in "biu":
        if labels.dtype.kind == "u" and labels.size and labels.max() >= 2**63:
            raise ValueError(f"labels must be below 2^63, got {labels.max()}")
        return torch.from_numpy(labels.astype(np.int64))
    number_of = {same_name(name): i for i, name in enumerate(classes or ())}
    texts = [same_name(str(value).strip()) for value in labels.tolist()]
    named = any(text in number_of for text in texts)
    numbers = np.empty(labels.shape, np.int64)
    for row, text in enumerate(texts):
        if text in number_of if named else is_whole(text) and len(text) < _LONGEST_NUMBER:
            numbers[row] = number_of[text] if named else int(float(text))
            continue
        known = f", {', '.join(number_of)}" if named else ""
        raise ValueError(
            f"{place(row)}: labels must be {'' if named else 'whole numbers or '}names of classes"
            f"{known[:_SHOWN]}; got {quoted(text)}; name the classes with classes=… (--classes), "
            "or leave the labels out with ignore=… (--ignore)"
        )
    return torch.from_numpy(numbers)


def votes_as_predictions(
    votes: np.ndarray,
    classes: Sequence[str] | None,
    num_classes: int | None,
    place: Callable[[int], str] = "sample {}".format,
) -> np.ndarray:
    """Return [N, C] float32, 1 where a model's [N] labels say so.

    Raises:
        ValueError: the number of classes is unknown, or a label is beyond it.
    """
    count = len(classes) if classes else num_classes
    if count is None:
        raise ValueError(
            "expected predictions [N, C], got [N] labels; labels need the classes' names or number "
            "too: classes=… or num_classes=… (--classes, --num-classes)"
        )
    check_room(4 * count * len(votes), f"{len(votes)} samples of {count} classes", _FEWER)
    numbers = label_numbers(votes, classes, place).numpy()
    if numbers.size and (numbers.min() < 0 or numbers.max() >= count):
        raise ValueError(
            f"predicted labels must be in 0..{count - 1}, got values from {numbers.min()} to "
            f"{numbers.max()}"
        )
    rows = np.zeros((len(numbers), count), np.float32)
    rows[np.arange(len(numbers)), numbers] = 1
    return rows


def ids_of(values: np.ndarray) -> Ids:
    """Return int64 of whole numbers, also where all are spelled as text; else text.

    ``007`` stays text: what another program would read as 7 is not for us to say.
    """
    if values.dtype.kind in "iu" and (values.dtype.kind == "i" or values.max() < 2**63):
        return torch.from_numpy(values.astype(np.int64))
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8")
    texts = tuple(map(str, values.tolist()))
    if all(_PLAIN.fullmatch(text) for text in texts):
        numbers = [int(text) for text in texts]
        if max(numbers) < 2**63:
            return torch.tensor(numbers, dtype=torch.int64)
    return texts
