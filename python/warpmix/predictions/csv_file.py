"""CSV files of one model's predictions, a row a sample."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from warpmix.predictions.columns import Columns, identify
from warpmix.predictions.header import is_number
from warpmix.predictions.labels import ids_of, label_numbers, votes_as_predictions
from warpmix.predictions.model import Predictions
from warpmix.predictions.options import DEFAULTS, ReadOptions

_FIRST_ROWS = 1000  # tell what the columns are
_NO_DECIMAL_COMMAS = "; write decimal numbers with a point, not a comma"


@dataclass(frozen=True)
class _Table:
    """Rows of one length, and the lines of the file that they begin on, counted from 1."""

    rows: list[list[str]]
    lines: list[int]


def read_csv(path: Path, options: ReadOptions = DEFAULTS) -> Predictions:
    """Read one model's predictions; the columns are what :func:`identify` says.

    UTF-8, with or without a byte-order mark; comma, semicolon or tab between the cells; a point in
    decimal numbers. Whole-number labels count the classes in the order of ``options.classes``, else
    in that of the columns where this is also the alphabetical one.

    Raises:
        ValueError: what :func:`identify` refuses; a cell that is no number, with its line and
            column; an id that is there twice; labels whose numbering is in doubt.
    """
    table = _read_table(path)
    columns = identify(table.rows[:_FIRST_ROWS], options)
    if columns.header:
        table = _Table(table.rows[1:], table.lines[1:])
    if columns.votes is None:
        names = columns.names
        values = _numbers(table, columns)
    else:
        names = options.classes
        given, place = _given(table, columns, columns.votes)
        values = votes_as_predictions(given, names, options.num_classes, place)
    labels = None
    if columns.labels is not None:
        given, place = _given(table, columns, columns.labels)
        _check_numbering(given, names, options)
        labels = label_numbers(given, names, place)
    ids = None
    if columns.ids is not None:
        ids = _cells(table, columns, columns.ids)
        _refuse_repeats(ids, table.lines)
    return Predictions(
        torch.from_numpy(np.ascontiguousarray(values, np.float32)),
        labels,
        path.stem,
        classes=names,
        ids=None if ids is None else ids_of(np.array(ids, object)),
    )


def _read_table(path: Path) -> _Table:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            text = file.read()
    except UnicodeDecodeError as error:
        raise ValueError(f"expected UTF-8 text, got other bytes at {error.start}") from None
    lines = list(io.StringIO(text, newline=""))
    reader = csv.reader(lines, delimiter=_delimiter(next(filter(str.strip, lines), "")))
    rows, begins, begin = [], [], 1
    for row in _rows(reader):
        if any(map(str.strip, row)):
            rows.append(row)
            begins.append(begin)
        begin = reader.line_num + 1
    if not rows:
        raise ValueError("expected a row a sample, got an empty file")
    for row, line in zip(rows, begins, strict=True):
        if len(row) != len(rows[0]):
            raise ValueError(
                f"row {line} must have {len(rows[0])} columns, got {len(row)}"
                f"{_NO_DECIMAL_COMMAS if len(row) > len(rows[0]) else ''}"
            )
    return _Table(rows, begins)


def _rows(reader: Any) -> Iterator[list[str]]:
    """Yield the rows; an error of the parser names the line."""
    try:
        yield from reader
    except csv.Error as error:
        raise ValueError(
            f"row {reader.line_num}: {error}; close every quotation mark, and leave out text of "
            f"more than {csv.field_size_limit()} characters"
        ) from None


def _delimiter(line: str) -> str:
    """Return what stands between a line's cells: a tab, a semicolon, or else a comma."""
    return next((d for d in "\t;" if len(next(csv.reader([line], delimiter=d), [])) > 1), ",")


def _cells(table: _Table, columns: Columns, column: int) -> list[str]:
    """Return a column's cells, none of them empty."""
    cells = [row[column].strip() for row in table.rows]
    if "" in cells:
        line = table.lines[cells.index("")]
        raise ValueError(f"row {line}, {columns.titles[column]}: expected a value, got nothing")
    return cells


def _given(table: _Table, columns: Columns, column: int) -> tuple[np.ndarray, Callable[[int], str]]:
    """Return a column's labels, and what errors call a row of them."""
    # Objects: an array of text takes the longest cell's memory for every cell.
    cells = np.array(_cells(table, columns, column), object)
    return cells, lambda row: f"row {table.lines[row]}, {columns.titles[column]}"


def _numbers(table: _Table, columns: Columns) -> np.ndarray:
    """Return [N, C] float64 of the classes' columns, finite."""
    values = np.empty((len(table.rows), len(columns.classes)))
    for place, column in enumerate(columns.classes):
        cells = [row[column].strip() for row in table.rows]
        for i, cell in enumerate(cells):
            if not is_number(cell):
                where = f"row {table.lines[i]}, {columns.titles[column]}"
                remedy = _NO_DECIMAL_COMMAS if "," in cell else ""
                raise ValueError(f"{where}: expected a number, got {cell!r}{remedy}")
        values[:, place] = np.array(cells, np.float64)
    if not np.isfinite(values).all():
        row, place = map(int, np.argwhere(~np.isfinite(values))[0])
        where = f"row {table.lines[row]}, {columns.titles[columns.classes[place]]}"
        raise ValueError(
            f"{where}: predictions must be finite, got {values[row, place]}; the model has "
            "diverged: leave it out"
        )
    return values


def _check_numbering(labels: np.ndarray, names: Sequence[str] | None, options: ReadOptions) -> None:
    """Refuse numbered labels beside named columns whose order may be another than theirs."""
    if names is None or options.classes is not None or list(names) == sorted(names):
        return
    if all(map(is_number, labels)) and not {*labels} <= {*names}:
        raise ValueError(
            f"labels are numbers, and may count the classes as the columns do ({', '.join(names)}) "
            "or in another order; list the names in the order of the numbers with classes=… "
            "(--classes)"
        )


def _refuse_repeats(ids: Sequence[str], lines: Sequence[int]) -> None:
    first: dict[str, int] = {}
    for value, line in zip(ids, lines, strict=True):
        if value in first:
            raise ValueError(
                f"row {line}: the id {value!r} is there twice, first in row {first[value]}; name "
                "the column of ids with ids=… (--ids)"
            )
        first[value] = line
