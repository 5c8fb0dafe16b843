"""The picture of ``warpmix preview`` and ``gallery``: originals beside their augmented copies."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from warpmix.figures.drawing import DPI, displayable, save_figure

# The grid, in inches.
_IMAGES_A_ROW = 8
_IMAGE = 1.3
_GAP = 0.08  # between the images of a block
_PAD = 0.3  # between blocks, and round the grid
_LINE = 0.135  # one line of text
_CHARACTERS = 15.5  # an inch


def draw_preview(
    path: Path,
    originals: Sequence[np.ndarray],
    titles: Sequence[str],
    forms: Sequence[Sequence[np.ndarray]],
    captions: Sequence[Sequence[Sequence[str]]],
) -> None:
    """Write a picture of blocks: an original, its augmented forms beside it, below what was drawn.

    Pixels are enlarged without smoothing, so that an 8x8 image shows as it is.

    Args:
        path: the PNG or JPEG to write.
        originals: n images, uint8 [H, W, C] each; of C other than 1 and 3, channel 0 is shown.
        titles: for each original, the line above it.
        forms: one or more, each of n images, uint8 [h, w, C].
        captions: for each form, for each of its images, the lines below it. Those of a single form
            begin below the original, where there is room.
    """
    across = 1 + len(forms)
    below = 0 if len(forms) == 1 else 1  # the first image of a block that has lines below it
    width_of_text = (_IMAGE + _GAP) * (across - below) / len(forms) - _GAP
    blocks = [
        [_wrap(form[i], int(width_of_text * _CHARACTERS)) for form in captions]
        for i in range(len(originals))
    ]
    columns = min(max(1, _IMAGES_A_ROW // across), len(blocks))
    rows = -(-len(blocks) // columns)
    row_lines = [
        max(len(lines) for block in blocks[row * columns : (row + 1) * columns] for lines in block)
        for row in range(rows)
    ]
    row_heights = [_LINE + _IMAGE + _GAP + _LINE * lines + _PAD for lines in row_lines]
    block_width = across * (_IMAGE + _GAP) - _GAP
    width, height = _PAD + columns * (block_width + _PAD), _PAD + sum(row_heights)
    figure = Figure(figsize=(width, height), dpi=DPI)

    pictures: list[Sequence[np.ndarray]] = [originals, *map(list, forms)]
    for i, (title, block) in enumerate(zip(titles, blocks, strict=True)):
        row, column = divmod(i, columns)
        left = _PAD + column * (block_width + _PAD)
        top = height - _PAD - sum(row_heights[:row])
        bottom = top - _LINE - _IMAGE
        figure.text(left / width, (top - 0.7 * _LINE) / height, title, fontsize=8, weight="bold")
        for side, images in enumerate(pictures):
            x = left + side * (_IMAGE + _GAP)
            axes = figure.add_axes((x / width, bottom / height, _IMAGE / width, _IMAGE / height))
            axes.imshow(displayable(images[i]), cmap="gray", vmin=0, vmax=255)
            axes.set_axis_off()
        for side, lines in enumerate(block, below):
            figure.text(
                (left + side * (_IMAGE + _GAP)) / width,
                (bottom - _GAP) / height,
                "\n".join(lines),
                fontsize=7,
                va="top",
                linespacing=1.25,
            )
    save_figure(figure, path)


def _wrap(lines: Sequence[str], width: int) -> list[str]:
    """Break lines to a width in characters; return at least one."""
    return [part for line in lines for part in textwrap.wrap(line, width)] or [""]
