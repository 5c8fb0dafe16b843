"""Every way that a table of predictions is commonly written: read right, or refused in words.

A table of 12 samples and 3 classes is written as ``pandas.DataFrame.to_csv`` writes it, in all
combinations of what differs between programs, and read beside a file whose order is known. The
result must be the truth, bit for bit, or an error that names an option; never anything else.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from warpmix.predictions import PredictionStore, ReadOptions, import_files, load_many, save

CLASSES = ("cat", "dog", "fox")
SAMPLES = 12
TRUTH = torch.randn(SAMPLES, 3, generator=torch.Generator().manual_seed(1)).softmax(1)
LABELS = torch.tensor([0, 1, 2, 2, 1, 0, 0, 2, 1, 1, 0, 2])
PERMUTED_ROWS = np.random.default_rng(2).permutation(SAMPLES)
COLUMN_ORDERS = {"same": (0, 1, 2), "permuted": (2, 0, 1)}
INDEXES: dict[str, Callable[[int], str] | None] = {
    "none": None,
    "unnamed": str,
    "Unnamed: 0": str,
    "id text": "img-{}".format,
    "id number": lambda row: str(1001 + 7 * row),
    "filename": "{}.png".format,
}
HEADERS: dict[str, Callable[[int], str] | None] = {
    "names": lambda c: CLASSES[c],
    "prob_": lambda c: f"prob_{CLASSES[c]}",
    "p_": lambda c: f"p_{CLASSES[c]}",
    "numbers": str,
    "none": None,
}


@dataclass(frozen=True)
class Cell:
    """One way to write the table."""

    columns: str
    index: str
    header: str
    rows: str
    labels: str

    def write(self, path: Path) -> None:
        order = COLUMN_ORDERS[self.columns]
        identify, title = INDEXES[self.index], HEADERS[self.header]
        called = {"unnamed": "", "id text": "id", "id number": "id"}.get(self.index, self.index)
        rows = PERMUTED_ROWS if self.rows == "permuted" else range(SAMPLES)
        with path.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if title is not None:
                first = [] if identify is None else [called]
                last = [] if self.labels == "none" else ["label"]
                writer.writerow([*first, *(title(c) for c in order), *last])
            for row in map(int, rows):
                number = int(LABELS[row])
                labels = {"none": [], "numbers": [str(number)], "names": [CLASSES[number]]}
                ids = [] if identify is None else [identify(row)]
                values = (str(TRUTH[row, c].numpy()) for c in order)
                writer.writerow([*ids, *values, *labels[self.labels]])

    @property
    def reference_ids(self) -> tuple[str, ...] | list[int]:
        identify = INDEXES[self.index] or INDEXES["id text"]
        assert identify is not None
        texts = [identify(row) for row in range(SAMPLES)]
        return [int(text) for text in texts] if texts[0].isdigit() else tuple(texts)

    @property
    def is_hopeless(self) -> bool:
        """Whether no option can help: rows were moved, and nothing says where to."""
        return self.index == "none" and self.rows == "permuted"

    @property
    def settled(self) -> ReadOptions:
        """What a user types who knows the file, and nothing untrue."""
        has_index, nameless = self.index != "none", self.header == "none"
        order = COLUMN_ORDERS[self.columns] if nameless else (0, 1, 2)
        last = str(3 + has_index + 1)
        # Without names, numbers count the classes as the columns do: here they don't.
        foreign = nameless and self.labels == "numbers" and self.columns == "permuted"
        labelled = nameless and self.labels != "none" and not foreign
        return ReadOptions(
            classes=tuple(CLASSES[c] for c in order),
            ids="1" if nameless and has_index else None,
            labels=last if labelled else None,
            ignore=(last,) if foreign else (),
            assume_same_order=not has_index and self.rows == "same",
        )


Read = tuple[tuple[str, ...] | None, Tensor, Tensor | None]
CELLS = [Cell(*ways) for ways in product(
    COLUMN_ORDERS, INDEXES, HEADERS, ("same", "permuted"), ("none", "numbers", "names")
)]  # fmt: skip


def load_both(folder: Path, options: ReadOptions) -> Read:
    """The classes, the second model's predictions, and the labels."""
    stack = load_many([folder / "known.safetensors", folder / "table.csv"], options=options)
    return stack.classes, stack.predictions[1], stack.labels


def import_both(folder: Path, options: ReadOptions) -> Read:
    """The same by way of a store."""
    store = PredictionStore(folder / f"store-{options.classes}", create=True)
    files = [folder / "known.safetensors", folder / "table.csv"]
    import_files(store, files, split="test", options=options)
    stored = store.open("test", ["table"])
    return stored.classes, stored.read()[0], stored.labels


def check_right(read: Read, cell: Cell) -> None:
    classes, predictions, labels = read
    names = classes or CLASSES
    assert sorted(names) == list(CLASSES)
    assert predictions.equal(TRUTH[:, [CLASSES.index(name) for name in names]]), cell
    if labels is not None:
        assert [names[i] for i in labels.tolist()] == [CLASSES[i] for i in LABELS.tolist()], cell


@pytest.mark.parametrize("route", [load_both, import_both])
def test_every_table_is_read_right_or_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    route: Callable[[Path, ReadOptions], Read],
) -> None:
    monkeypatch.setattr("warpmix._files.flush", lambda path: None)  # nothing is killed here
    counts: Counter[str] = Counter()
    for number, cell in enumerate(CELLS):
        folder = tmp_path / str(number)
        folder.mkdir()
        cell.write(folder / "table.csv")
        save(
            folder / "known.safetensors",
            TRUTH.roll(1, 0),
            model="known",
            classes=CLASSES,
            ids=cell.reference_ids,
        )
        try:
            read = route(folder, ReadOptions())
        except ValueError as error:
            assert "(--" in str(error) and "table.csv" in str(error), (cell, error)
            counts["refused"] += 1
        else:
            check_right(read, cell)
            assert (read[2] is None) == (cell.labels == "none"), cell
            counts["right"] += 1
            continue
        try:
            read = route(folder, cell.settled)
        except ValueError as error:
            assert cell.is_hopeless, (cell, error)
            counts["refused with any option"] += 1
        else:
            check_right(read, cell)
            counts["right with options"] += 1
    print(dict(counts))
    # Refused: tables without ids or names beside a file that has them, and numbers that may count
    # the classes in either of two orders.
    assert counts == {
        "right": 150,
        "refused": 210,
        "right with options": 180,
        "refused with any option": 30,
    }


def test_tables_of_one_program(tmp_path: Path) -> None:
    """The first table has the second's index and header, and the usual order."""
    counts: Counter[str] = Counter()
    for cell in CELLS:
        if cell.is_hopeless or (cell.header == "none" and cell.columns == "permuted"):
            continue  # nothing in either file tells
        replace(cell, columns="same", rows="same", labels="none").write(tmp_path / "first.csv")
        cell.write(tmp_path / "second.csv")
        files = [tmp_path / "first.csv", tmp_path / "second.csv"]
        try:
            stack = load_many(files)
        except ValueError as error:
            assert "(--" in str(error), (cell, error)
            counts["refused"] += 1
        else:
            check_right((stack.classes, stack.predictions[0], None), cell)
            check_right((stack.classes, stack.predictions[1], stack.labels), cell)
            counts["right"] += 1
    print(dict(counts))
    # Refused: numbers that may count the classes in either of two orders, labels by name where the
    # classes have none, and numbers beside predictions that a header does not explain.
    assert counts == {"right": 214, "refused": 83}
