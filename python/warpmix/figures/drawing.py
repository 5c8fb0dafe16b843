"""What all pictures share: files drawn by matplotlib, without a display or global state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.text import Text

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
