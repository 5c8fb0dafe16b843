"""Pictures as SVG whose colours follow the page, light or dark, and as PNG.

A picture is drawn once for a wide and once for a narrow page, so that its letters are legible on
both. Each colour below stands for a CSS variable of the page.
"""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from warpmix._files import atomic_write
from warpmix.figures.drawing import DPI, keep_names
from warpmix.study.report.parts import Picture

INK, MUTED, LINE, PAPER = "#1a1b1c", "#5f6368", "#d9dbde", "#fdfdfe"
# Okabe and Ito's palette, told apart by colour-blind readers too, without its yellow, which is
# too faint on white; and a grey.
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

_VARIABLES = {
    INK: "ink",
    MUTED: "muted",
    LINE: "line",
    PAPER: "paper",
    **{colour: f"series-{number}" for number, colour in enumerate(SERIES)},
}

WIDE, NARROW = 7.4, 3.7  # inches; a pixel of the page is 1/96 of one

_STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 9,
    "figure.constrained_layout.h_pad": 0.06,
    "figure.constrained_layout.use": True,
    "figure.facecolor": "none",
    "font.size": 9,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "lines.linewidth": 1.6,
    "svg.fonttype": "path",  # letters of another font would be of another width
    "text.color": INK,
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
}


def new_figure(narrow: bool, height: float) -> Figure:
    """Return an empty figure of the page's width.

    Args:
        narrow: for a phone.
        height: inches.
    """
    return Figure(figsize=(NARROW if narrow else WIDE, height))


def colour_of(number: int) -> str:
    """Return the colour of the series of a number from 0."""
    return SERIES[number % len(SERIES)]


def marker_of(number: int) -> str:
    """Return the marker of the series of a number from 0."""
    return MARKERS[(number + number // len(SERIES)) % len(MARKERS)]


def add_legend(figure: Figure, handles: Sequence[Any], labels: Sequence[str], narrow: bool) -> None:
    """Place a legend below all axes, where it hides nothing."""
    if not labels:
        return
    longest = max(map(len, labels))
    columns = max(1, min(len(labels), (44 if narrow else 96) // (longest + 7)))
    figure.legend(
        handles,
        [wrapped(label, 42 if narrow else 90) for label in labels],
        loc="outside lower left",
        ncols=columns,
        fontsize=8.5,
    )


def published_handle() -> Line2D:
    """Return the legend's mark of a published value."""
    return Line2D(
        [], [], linestyle="", marker="D", markerfacecolor=PAPER, markeredgecolor=INK, markersize=6
    )


def wrapped(text: str, characters: int) -> str:
    """Return a text broken into lines."""
    return "\n".join(textwrap.wrap(text, characters)) or text


@dataclass(frozen=True)
class Rendered:
    """A picture as SVG elements for the page."""

    wide: str
    narrow: str


def render(picture: Picture, folder: Path) -> Rendered:
    """Draw a picture; write it, for a wide page and on white, as a PNG into a folder."""
    with matplotlib.rc_context(_STYLE):
        wide, narrow = picture.draw(False), picture.draw(True)
        for figure in (wide, narrow):  # laid out once, not for each of the files
            keep_names(figure)
            engine = figure.get_layout_engine()
            if engine is not None:
                engine.execute(figure)
            figure.set_layout_engine("none")
        rendered = Rendered(
            _as_svg(wide, f"{picture.name}-w-"), _as_svg(narrow, f"{picture.name}-n-")
        )
        with atomic_write(folder / f"{picture.name}.png") as temporary:
            wide.savefig(temporary, format="png", dpi=DPI, facecolor="white")
    return rendered


def _as_svg(figure: Figure, prefix: str) -> str:
    """Return a figure as an SVG element whose colours are CSS variables of the page."""
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": prefix}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<svg [^>]*?viewBox=\"([^\"]*)\"[^>]*>", r'<svg viewBox="\1">', text, count=1)
    # Two pictures of a page must not share the names of their parts.
    text = re.sub(r'\bid="', f'id="{prefix}', text)
    text = re.sub(r'href="#', f'href="#{prefix}', text)
    text = re.sub(r"url\(#", f"url(#{prefix}", text)
    text = text.replace("xlink:href", "href")
    for colour, name in _VARIABLES.items():
        text = text.replace(colour, f"var(--{name})")
    return re.sub(r"\n\s*", "\n", text).strip()
