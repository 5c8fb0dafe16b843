"""The picture of ``warpmix preview``: originals beside their augmented copies."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from warpmix.figures.drawing import DPI, displayable, save_figure

# The grid, in inches.
_PAIRS_A_ROW = 4
_IMAGE = 1.3
_GAP = 0.08  # between the two images of a pair
_PAD = 0.3  # between pairs, and round the grid
_LINE = 0.135  # one line of text
_CAPTION_WIDTH = 42  # characters


def draw_preview(
    path: Path,
    originals: np.ndarray,
    augmented: np.ndarray,
    titles: Sequence[str],
    captions: Sequence[Sequence[str]],
) -> None:
    """Write a PNG of pairs: an original, its augmented copy beside it, and below what was drawn.

    Pixels are enlarged without smoothing, so that an 8x8 image shows as it is.

    Args:
        path: the PNG to write.
        originals, augmented: uint8 [n, H, W, C]; of C other than 1 and 3, channel 0 is shown.
        titles: for each pair, the line above it.
        captions: for each pair, the lines below it.
    """
    blocks = [_wrap(lines) for lines in captions]
    columns = min(_PAIRS_A_ROW, len(blocks))
    rows = -(-len(blocks) // columns)
    row_lines = [max(map(len, blocks[row * columns : (row + 1) * columns])) for row in range(rows)]
    row_heights = [_LINE + _IMAGE + _GAP + _LINE * lines + _PAD for lines in row_lines]
    pair_width = 2 * _IMAGE + _GAP
    width, height = _PAD + columns * (pair_width + _PAD), _PAD + sum(row_heights)
    figure = Figure(figsize=(width, height), dpi=DPI)

    for i, (title, lines) in enumerate(zip(titles, blocks, strict=True)):
        row, column = divmod(i, columns)
        left = _PAD + column * (pair_width + _PAD)
        top = height - _PAD - sum(row_heights[:row])
        bottom = top - _LINE - _IMAGE
        figure.text(left / width, (top - 0.7 * _LINE) / height, title, fontsize=8, weight="bold")
        for side, image in enumerate((originals[i], augmented[i])):
            x = left + side * (_IMAGE + _GAP)
            axes = figure.add_axes((x / width, bottom / height, _IMAGE / width, _IMAGE / height))
            axes.imshow(displayable(image), cmap="gray", vmin=0, vmax=255)
            axes.set_axis_off()
        figure.text(
            left / width,
            (bottom - _GAP) / height,
            "\n".join(lines),
            fontsize=7,
            va="top",
            linespacing=1.25,
        )
    save_figure(figure, path)


def _wrap(lines: Sequence[str]) -> list[str]:
    """Break lines to the width of a pair; return at least one."""
    return [part for line in lines for part in textwrap.wrap(line, _CAPTION_WIDTH)] or [""]
