"""What each column of a table of predictions is: an id, the true label, or a class's predictions.

Nothing is guessed: what the names and the first rows leave open is refused, with the option of
:class:`ReadOptions` that settles it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from warpmix.predictions.header import (
    are_distributions,
    has_header,
    is_number,
    is_plain,
    is_whole,
)
from warpmix.predictions.options import DEFAULTS, ReadOptions, same_name

ID_NAMES = frozenset(
    (
        *("id", "ids", "image_id", "sample", "sample_id", "row_id", "index", "name", "path"),
        *("image", "image_name", "file", "filename", "file_name"),
    )
)
LABEL_NAMES = frozenset(
    ("label", "labels", "true_label", "target", "targets", "y", "y_true", "class", "truth")
)
PREDICTED_NAMES = frozenset(("predicted", "predicted_label", "prediction", "pred", "y_pred"))
"""Names that, in any case, are no classes': ids, true labels, and labels that a model gave."""

_INDEX = re.compile(r"|unnamed: ?\d+(\.\d+)?")  # as pandas writes an index, and reads one
_LETTERS = re.compile(r"[^\W\d]")
_PREFIX = re.compile(r"(prob|proba|probability|p|pred|score|logit|class)_(?=.)")

Cells = Sequence[str]


@dataclass(frozen=True)
class Columns:
    """The columns of a table by what they are; positions count from 0.

    Attributes:
        header: whether the first row holds names.
        titles: what errors call each column.
        ids, labels: the samples' ids and true labels.
        votes: labels that a model gave, of a table without columns of classes.
        classes: columns of predictions, in the classes' order.
        names: the classes' names in that order, or None where they are known by number alone.
    """

    header: bool
    titles: tuple[str, ...]
    ids: int | None
    labels: int | None
    votes: int | None
    classes: tuple[int, ...]
    names: tuple[str, ...] | None


def identify(rows: Sequence[Cells], options: ReadOptions = DEFAULTS) -> Columns:
    """Say what each column is.

    Args:
        rows: the first rows of a table, a row of names included; of one length each.
        options: what the user says of the file.

    Raises:
        ValueError: a doubt, a name that is missing or there twice, or columns that are no classes';
            the message names the option that settles it.
    """
    header = has_header(rows, options)
    body = rows[header:]
    if not body:
        raise ValueError("expected a row a sample, got a row of names alone")
    names = [same_name(name.strip()) for name in rows[0]]
    if header:
        _check_names(names)
    else:
        names = [str(i) for i, _ in enumerate(names, start=1)]
    titles = tuple(f"column {name!r}" if header else f"column {name}" for name in names)
    columns = [[row[i].strip() for row in body] for i in range(len(names))]

    ids = None if options.ids is None else _find(names, same_name(options.ids), "ids")
    labels = None if options.labels is None else _find(names, same_name(options.labels), "labels")
    ignored = {_find(names, same_name(name), "ignore") for name in options.ignore}
    free = [i for i in range(len(names)) if i not in {ids, labels, *ignored}]
    predicted = None
    if header:
        classes = {same_name(name) for name in options.classes or ()}
        kinds = {i: _role(names[i]) for i in free if names[i] not in classes}
        for role in ("id", "index"):
            ids = _only(kinds, role, names, "ids") if ids is None else ids
        labels = _only(kinds, "label", names, "labels") if labels is None else labels
        predicted = _only(kinds, "predicted", names, "ignore")
        free = [i for i in free if not kinds.get(i)]
    elif ids is None and 0 in free and not any(map(is_number, columns[0])):
        ids = 0  # names in front of numbers
        free = free[1:]
    if ids is not None:
        _check_role(columns[ids], titles[ids], "ids")
    if labels is not None:
        _check_role(columns[labels], titles[labels], "labels")

    if not free:
        votes = labels if predicted is None else predicted
        if votes is None:
            raise ValueError("expected a column a class, got none")
        labels = None if predicted is None else labels
        return Columns(header, titles, ids, labels, votes, (), options.classes)
    _check_classes({i: columns[i] for i in free}, titles, options)
    found, order = options.classes, list(range(len(free)))
    if header:
        found, order = _class_names([names[i] for i in free], options)
    return Columns(header, titles, ids, labels, None, tuple(free[i] for i in order), found)


def _check_names(names: Sequence[str]) -> None:
    for i, name in enumerate(names):
        if not name and i:
            raise ValueError(f"row 1, column {i + 1}: expected a name, got an empty cell")
        if name in names[:i]:
            raise ValueError(f"the column {name!r} is there twice; give each column its own name")


def _find(names: Sequence[str], name: str, option: str) -> int:
    if name not in names:
        raise ValueError(
            f"no column {name!r} for {option}=… (--{option}); columns: {', '.join(names)}"
        )
    return names.index(name)


def _role(name: str) -> str:
    """Return what a column is by its name; "" where it may be a class."""
    folded = name.casefold()
    known = (("id", ID_NAMES), ("label", LABEL_NAMES), ("predicted", PREDICTED_NAMES))
    found = next((role for role, those in known if folded in those), "")
    return found or ("index" if _INDEX.fullmatch(folded) else "")


def _only(kinds: Mapping[int, str], role: str, names: Sequence[str], option: str) -> int | None:
    """Return the one column of a role; None where there is none."""
    found = [i for i, kind in kinds.items() if kind == role]
    if len(found) > 1:
        listed = " and ".join(repr(names[i]) for i in sorted(found))
        raise ValueError(f"the columns {listed} may both be {option}; say which (--{option})")
    return found[0] if found else None


def _check_role(cells: Cells, title: str, role: str) -> None:
    """Refuse ids and labels that are neither text nor whole numbers."""
    wrong = next((cell for cell in cells if is_number(cell) and not is_whole(cell)), None)
    if wrong is not None:
        raise ValueError(
            f"{title} is taken for {role}, but holds {wrong}; if it is a class's, list all classes "
            "with classes=… (--classes)"
        )


_NAME_IT = "say what it is (--ids, --labels), leave it out (--ignore)"


def _check_classes(
    columns: Mapping[int, Cells], titles: Sequence[str], options: ReadOptions
) -> None:
    """Refuse columns, of those that are left, that cannot all be classes'."""
    for i, cells in columns.items():
        if all(_LETTERS.search(cell) and not is_number(cell) for cell in cells):
            raise ValueError(
                f"{titles[i]} holds text, as {cells[0]!r}; {_NAME_IT}, or say that row 1 is a "
                "sample's (--no-header)"
            )
    count, listed = len(columns), ", ".join(titles[i] for i in columns)
    if options.class_count not in (None, count):
        raise ValueError(
            f"expected a column for each of {options.class_count} classes, got {count}: {listed}; "
            "name those of ids and labels (--ids, --labels), leave others out (--ignore)"
        )
    if count == 1:
        raise ValueError(f"expected two or more columns of classes, got {listed} alone")
    if options.class_count is None:
        _refuse_strangers(columns, titles)


def _refuse_strangers(columns: Mapping[int, Cells], titles: Sequence[str]) -> None:
    """Refuse a column unlike the others: it may be an id, a label, or a confidence."""
    settle = f"{_NAME_IT}, or list all classes with classes=… or num_classes=… (--classes)"
    plain = [i for i, cells in columns.items() if all(map(is_plain, cells))]
    whole = [i for i, cells in columns.items() if all(map(is_whole, cells))]
    beyond = [i for i in whole if any(float(cell) not in (0, 1) for cell in columns[i])]
    for strange, alike in ((plain, plain), (beyond, whole)):
        if strange and len(alike) < len(columns):
            raise ValueError(
                f"{titles[strange[0]]} holds whole numbers, as {columns[strange[0]][0]}, unlike "
                f"others; {settle}"
            )
    if not all(is_number(cell) for cells in columns.values() for cell in cells):
        return  # the reader says in which row
    values = np.array(list(columns.values()), np.float64).T
    if are_distributions(values):
        return
    if len(whole) == len(columns):
        raise ValueError(
            f"all columns hold whole numbers, which may be ids and labels too; {settle}"
        )
    for place, i in enumerate(columns):
        if values.shape[1] > 2 and are_distributions(np.delete(values, place, 1)):
            raise ValueError(f"the rows sum to 1 without {titles[i]}; {settle}")


def _class_names(
    names: Sequence[str], options: ReadOptions
) -> tuple[tuple[str, ...] | None, list[int]]:
    """Return the classes' names, and the columns in the classes' order."""
    places = list(range(len(names)))
    wanted = None if options.classes is None else tuple(map(same_name, options.classes))
    if wanted is not None and set(wanted) == set(names):
        return wanted, [names.index(name) for name in wanted]
    prefixes = {match[0] if (match := _PREFIX.match(name.casefold())) else "" for name in names}
    if len(prefixes) == 1:
        names = [name[len(*prefixes) :] for name in names]
    if all(map(is_whole, names)) and sorted(map(float, names)) == places:
        return wanted, sorted(places, key=lambda place: float(names[place]))
    if wanted is None:
        return tuple(names), places
    if set(wanted) != set(names):
        raise ValueError(f"its classes are {', '.join(names)}, not {', '.join(wanted)} (--classes)")
    return wanted, [names.index(name) for name in wanted]
