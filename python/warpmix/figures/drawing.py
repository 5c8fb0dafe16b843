"""What all pictures share: files drawn by matplotlib, without a display or global state."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import Formatter

from warpmix._files import atomic_write

DPI = 150

# Okabe and Ito's palette: told apart by colour-blind readers too.
BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#999999"


def displayable(image: np.ndarray) -> np.ndarray:
    """Return an image [H, W, C] as [H, W, 3], or as [H, W] where it has other than 3 channels."""
    return image if image.shape[-1] == 3 else image[..., 0]


def drawable(name: str) -> str:
    """Return a name, bytes in it that are no text as their numbers: a file's may have some."""
    return name.encode("utf-8", "backslashreplace").decode()


def keep_names(figure: Figure) -> None:
    """Have names drawn as they are, before a figure is laid out: dollars make no formulas."""
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        text.set_text(drawable(text.get_text()))
        if "$" in text.get_text():
            text.set_parse_math(False)


class _Percentages(Formatter):
    """Writes ticks with the decimals that the finest of them has: 97.75% and 98.00%."""

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        percents = [round(100 * value, 6) + 0.0 for value in values]  # no -0
        exact = (d for d in range(6) if all(round(p, d) == p for p in percents))
        decimals = next(exact, 6)
        return [f"{percent:.{decimals}f}%" for percent in percents]

    def __call__(self, x: float, pos: int | None = None) -> str:
        """Write a place that may be between ticks."""
        return self.format_ticks([x])[0]


def as_percentages(axes: Axes, which: str = "y") -> None:
    """Write an axis of 0..1 as percentages, none of its ticks rounded."""
    (axes.yaxis if which == "y" else axes.xaxis).set_major_formatter(_Percentages())


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG, or as a JPEG where the path's name says so; whole or not at all."""
    keep_names(figure)
    options: dict[str, Any] = {"format": "png"}
    if path.suffix.lower() in (".jpg", ".jpeg"):  # small, for a page: the gallery has below 500 kB
        options = {
            "format": "jpg",
            "dpi": 90,
            "pil_kwargs": {"quality": 60, "optimize": True, "progressive": True},
        }
    with atomic_write(path) as temporary:
        figure.savefig(temporary, **options)
