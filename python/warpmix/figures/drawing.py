"""What all pictures share: PNG files drawn by matplotlib, without a display or global state."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from warpmix._files import atomic_write

DPI = 150

# Okabe and Ito's palette: told apart by colour-blind readers too.
BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#999999"


def displayable(image: np.ndarray) -> np.ndarray:
    """Return an image [H, W, C] as [H, W, 3], or as [H, W] where it has other than 3 channels."""
    return image if image.shape[-1] == 3 else image[..., 0]


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG, whole or not at all."""
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format="png")
