"""What a report is made of: sections of tables, pictures and galleries."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from matplotlib.figure import Figure

from warpmix._files import atomic_write

Kind = Literal["text", "share", "part", "points", "interval", "count", "decimal", "minutes", "p"]
NOTHING = "–"  # a cell without a value


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        key: of the value in a row, and the heading in the CSV file.
        title: the heading on the page.
        kind: how a value is written: ``share`` 0..1 as a percentage; ``points`` a difference of
            shares in percentage points; ``interval`` (low, high) of such a difference; ``part`` a
            share without more decimals than it has; ``minutes`` from seconds; ``p`` a probability.
    """

    key: str
    title: str
    kind: Kind = "text"

    @property
    def numeric(self) -> bool:
        return self.kind != "text"

    def written(self, value: Any) -> str:
        """Return a value as readers see it."""
        if value is None or value == "":
            return NOTHING
        return _WRITERS[self.kind](value)


_WRITERS: Mapping[Kind, Callable[[Any], str]] = {
    "text": str,
    "share": lambda value: f"{value:.2%}",
    "part": lambda value: f"{100 * value:g}%",
    "points": lambda value: signed(100 * value),
    "interval": lambda ends: f"{signed(100 * ends[0])} … {signed(100 * ends[1])}",
    "count": lambda value: f"{value:,}",
    "decimal": lambda value: f"{value:.4g}",
    "minutes": lambda value: f"{value / 60:.2f}" if value < 600 else f"{value / 60:.0f}",
    "p": lambda value: "< 0.001" if value < 0.001 else f"{value:.3f}",
}


def signed(number: float) -> str:
    """Return a number with two decimals and a sign that is not a hyphen."""
    return f"{number:+.2f}".replace("-", "−")  # noqa: RUF001


@dataclass(frozen=True)
class Table:
    """Rows of values by the columns' keys.

    Attributes:
        name: of its CSV file, without the ending.
        title: above it, where a section has several; may be empty.
        folded: whether the page shows it only when asked: long tables.
    """

    name: str
    columns: tuple[Column, ...]
    rows: tuple[Mapping[str, Any], ...]
    title: str = ""
    folded: bool = False

    @property
    def cells(self) -> list[list[str]]:
        """The rows as readers see them."""
        return [[c.written(row.get(c.key)) for c in self.columns] for row in self.rows]

    def save(self, folder: Path) -> None:
        """Write the values, unrounded, as CSV."""
        with (
            atomic_write(folder / f"{self.name}.csv") as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.writer(file)
            heads = [
                [f"{c.key}_low", f"{c.key}_high"] if c.kind == "interval" else [c.key]
                for c in self.columns
            ]
            writer.writerow([key for head in heads for key in head])
            for row in self.rows:
                values = [row.get(c.key) for c in self.columns]
                writer.writerow(
                    [
                        part
                        for column, value in zip(self.columns, values, strict=True)
                        for part in (
                            (value or (None, None)) if column.kind == "interval" else (value,)
                        )
                    ]
                )


@dataclass(frozen=True)
class Picture:
    """A drawing.

    Attributes:
        name: of its PNG file, without the ending.
        alt: what it shows, in words.
        draw: makes it, for a wide page or (True) for a narrow one.
    """

    name: str
    alt: str
    draw: Callable[[bool], Figure]


@dataclass(frozen=True)
class Shown:
    """An image of a gallery.

    Attributes:
        image: uint8 [H, W, C].
        lines: the text below it.
    """

    image: Any
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Gallery:
    """Images in a row.

    Attributes:
        title: what they have in common.
        shown: the images.
    """

    title: str
    shown: tuple[Shown, ...]


@dataclass(frozen=True)
class Section:
    """A figure or table with what belongs to it.

    Attributes:
        number: the paper's own, such as ``Figure 1``; empty for the report's own sections.
        title: heading.
        paragraphs: what it is about, above it.
        notes: what must be known to read it, below it.
        bullets: a list below the paragraphs.
    """

    number: str
    title: str
    paragraphs: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    galleries: tuple[Gallery, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    bullets: tuple[str, ...] = ()

    @property
    def heading(self) -> str:
        return f"{self.number}: {self.title}" if self.number else self.title

    @property
    def anchor(self) -> str:
        return slug(self.number or self.title)


def slug(text: str) -> str:
    """Return a text as the name of a file or an anchor: ``Figure 4.1`` is ``figure-4.1``."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.") or "part"


def joined(words: Sequence[str], last: str = "and") -> str:
    """Return words as in a sentence: ``a, b and c``."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"
