"""The pictures of an evaluation: PNG files drawn by matplotlib."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from warpmix.figures.drawing import BLUE, DPI, GREY, ORANGE, displayable, drawable, save_figure

_COLUMNS = 6  # of images in a row
_NUMBERED_UP_TO = 20  # classes whose confusions are written into the matrix
_TITLE = 10  # points
_CHARACTER = 0.62  # of the font's size: a character's mean width, digits and capitals among them


def draw_confusion(path: Path, confusion: np.ndarray, classes: Sequence[str], title: str) -> None:
    """Write a PNG of a confusion matrix, each row as shares of its class.

    Args:
        path: the PNG to write.
        confusion: [C, C] counts, truth by prediction.
        classes: C names.
        title: what was predicted.
    """
    side = min(max(4.0, 0.45 * len(classes) + 1.5), 14.0)
    figure = Figure(figsize=(side + 0.6, side), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    shares = plot_confusion(axes, confusion, classes)
    figure.colorbar(shares, ax=axes, shrink=0.8, label="share of the true class")
    _set_title(figure, title)
    save_figure(figure, path)


def plot_confusion(
    axes: Axes, confusion: np.ndarray, classes: Sequence[str], size: float = 7
) -> QuadMesh:
    """Draw a confusion matrix, each row as shares of its class, and return what is coloured.

    Args:
        axes: to draw in.
        confusion: [C, C] counts, truth by prediction.
        classes: C names.
        size: of the numbers, points.
    """
    counts = confusion.sum(1, keepdims=True)
    shares = np.divide(confusion, counts, out=np.zeros(confusion.shape), where=counts > 0)
    edges = np.arange(len(classes) + 1) - 0.5
    mesh = axes.pcolormesh(edges, edges, shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_ylim(len(classes) - 0.5, -0.5)
    axes.set_aspect("equal")
    if len(classes) <= _NUMBERED_UP_TO:
        names = [drawable(name) for name in classes]  # ticks take theirs again while drawing
        axes.set_xticks(range(len(classes)), names, rotation=90)
        axes.set_yticks(range(len(classes)), names)
        for (row, column), count in np.ndenumerate(confusion):
            if count:
                colour = "white" if shares[row, column] > 0.5 else "black"
                axes.text(
                    column, row, str(count), ha="center", va="center", color=colour, size=size
                )
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    return mesh


def draw_calibration(path: Path, bins: np.ndarray, error: float, title: str) -> None:
    """Write a PNG of accuracy against confidence.

    Args:
        path: the PNG to write.
        bins: [n, 3] of each bin: images, mean confidence, accuracy; NaN where it is empty.
        error: the expected calibration error, 0..1.
        title: what was predicted.
    """
    figure = Figure(figsize=(4.6, 5), dpi=DPI, layout="constrained")
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    edges = np.linspace(0, 1, len(bins) + 1)
    axes.bar(edges[:-1], np.nan_to_num(bins[:, 2]), 1 / len(bins), align="edge", color=BLUE)
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", label="calibrated")
    axes.plot(bins[:, 1], bins[:, 2], "o", color=ORANGE, markersize=4, label="mean confidence")
    axes.set_ylabel("accuracy")
    _set_title(figure, title, f"calibration error {error:.2%}")
    axes.legend(frameon=False)
    below.bar(edges[:-1], bins[:, 0], 1 / len(bins), align="edge", color=GREY)
    below.set_xlabel("confidence")
    below.set_ylabel("images")
    save_figure(figure, path)


def draw_images(
    path: Path, rows: Sequence[Sequence[np.ndarray]], captions: Sequence[str], title: str
) -> None:
    """Write a PNG of images with a caption each, side by side with what belongs to them.

    Args:
        path: the PNG to write.
        rows: for each sample its pictures, uint8 [H, W, C] each, drawn one below the other.
        captions: for each sample, the text above it.
        title: above all.
    """
    columns = min(_COLUMNS, len(rows))
    lines, pictures = -(-len(rows) // columns), len(rows[0])
    figure = Figure(
        figsize=(1.5 * columns + 0.3, (1.4 * pictures + 0.45) * lines + 0.4),
        dpi=DPI,
        layout="constrained",
    )
    grid = figure.subplots(lines * pictures, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for number, (sample, caption) in enumerate(zip(rows, captions, strict=True)):
        line, column = divmod(number, columns)
        for below, picture in enumerate(sample):
            axes = grid[line * pictures + below, column]
            axes.imshow(displayable(picture), cmap="gray", vmin=0, vmax=255)
            if below == 0:
                axes.set_title(caption, fontsize=7)
    _set_title(figure, title)
    save_figure(figure, path)


def _set_title(figure: Figure, *lines: str) -> None:
    """Write lines above everything, broken where the figure ends.

    A run and its images may have names that are longer than a picture is wide, and matplotlib
    breaks lines at blanks only.
    """
    characters = int(0.98 * figure.get_figwidth() * 72 / (_CHARACTER * _TITLE))
    broken = [part for line in lines for part in textwrap.wrap(line, characters)]
    figure.suptitle("\n".join(broken), fontsize=_TITLE, x=0.01, ha="left")


def overlay(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Lay a map [H, W] of 0..1 over an image uint8 [H, W, C]; return uint8 [H, W, 3]."""
    base = displayable(image)
    base = np.repeat(base[..., None], 3, 2) if base.ndim == 2 else base
    colours = colormaps["inferno"](heat)[..., :3] * 255
    return (0.45 * base + 0.55 * colours).round().astype(np.uint8)
