"""The pictures: PNG files drawn by matplotlib, without a display and without global state."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from warpmix._files import atomic_write

DPI = 150

# Okabe and Ito's palette: told apart by colour-blind readers too.
BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#999999"

_MARKED_UP_TO = 50  # ensemble sizes that get a marker each

# Preview grid, in inches.
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


def draw_vote_curve(
    path: Path, members: Sequence[float], curves: Mapping[str, Sequence[float]], title: str
) -> None:
    """Write a PNG of accuracy against the size of the ensemble.

    Args:
        path: the PNG to write.
        members: each of the M models' own accuracy, 0..1, in the order of the ranking.
        curves: accuracy of the best 1, 2, ..., M models together, by the vote's name.
        title: what was ranked and scored on what.
    """
    sizes = range(1, len(members) + 1)
    figure = Figure(figsize=(7, 4.2), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    for (name, curve), colour in zip(curves.items(), (BLUE, ORANGE), strict=False):
        best = max(range(len(curve)), key=curve.__getitem__)
        axes.plot(
            sizes,
            curve,
            color=colour,
            label=f"{name} vote, highest {curve[best]:.2%} with {best + 1}",
            marker="o" if len(curve) <= _MARKED_UP_TO else None,
            markersize=4,
        )
    axes.plot(sizes, members, "D", color=GREY, markersize=2.5, label="the k-th model alone")
    axes.set_xlabel("k, number of models that vote, best first")
    axes.set_ylabel("accuracy")
    axes.set_title(title, fontsize=10, loc="left")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=1))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    save_figure(figure, path)


def _wrap(lines: Sequence[str]) -> list[str]:
    """The lines, each broken to the width of a pair; at least one."""
    return [part for line in lines for part in textwrap.wrap(line, _CAPTION_WIDTH)] or [""]


def displayable(image: np.ndarray) -> np.ndarray:
    """[H, W, 3], or [H, W] for what is not a colour image."""
    return image if image.shape[-1] == 3 else image[..., 0]


def save_figure(figure: Figure, path: Path) -> None:
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format="png")
