"""The picture of ``warpmix vote``: accuracy against the size of the ensemble."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from warpmix.figures.drawing import BLUE, DPI, GREY, ORANGE, as_percentages, save_figure

_MARKED_UP_TO = 50  # ensemble sizes that get a marker each


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
    figure = Figure(figsize=(7, 4.2), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    plot_vote_curve(axes, members, curves)
    axes.set_title(title, fontsize=10, loc="left")
    axes.legend(frameon=False)
    save_figure(figure, path)


def plot_vote_curve(
    axes: Axes, members: Sequence[float], curves: Mapping[str, Sequence[float]]
) -> None:
    """Draw accuracy against the size of the ensemble; arguments as :func:`draw_vote_curve`."""
    sizes = range(1, len(members) + 1)
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
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    as_percentages(axes)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
