"""Charts of accuracies by the values of a setting: lines, and bars."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from warpmix.figures.drawing import as_percentages
from warpmix.study.recipe import Figure
from warpmix.study.report.drawing import (
    INK,
    PAPER,
    add_legend,
    colour_of,
    marker_of,
    new_figure,
    published_handle,
    wrapped,
)
from warpmix.study.report.points import Point
from warpmix.study.report.selecting import METRICS, title_of_axis

_AXIS = {False: 6.3, True: 2.8}  # inches of an axis' length, about, by whether it is narrow
_CHARACTER = 0.075  # inches of a label's letter


def _places(points: Sequence[Point], log: bool, narrow: bool) -> tuple[dict[str, float], str]:
    """Return where each value stands on the axis, and the axis' scale.

    Values that are no numbers, or whose labels would overlap, stand at equal distances.
    """
    values = {p.label: p.x for p in points}
    numbers = [v for v in values.values() if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) < len(values) or len(values) < 2:
        return {label: float(place) for place, label in enumerate(values)}, "even"
    ordered = sorted(values, key=values.__getitem__)
    even = {label: float(place) for place, label in enumerate(ordered)}
    if log and min(numbers) <= 0:  # zero has no logarithm
        return even, "even"
    stand = [math.log10(values[each]) if log else float(values[each]) for each in ordered]
    inches = _AXIS[narrow] / (stand[-1] - stand[0])
    for a, b, left, right in zip(stand, stand[1:], ordered, ordered[1:], strict=False):
        if (b - a) * inches < _CHARACTER * (len(left) + len(right) + 2) / 2:
            return even, "even"
    return {each: float(values[each]) for each in ordered}, "log" if log else "linear"


def _shift(place: float, turn: float, places: Mapping[str, float], scale: str) -> float:
    """Move a series a little aside, so that its whiskers don't hide another's.

    Args:
        turn: -1 for the first series to 1 for the last.
    """
    stand = sorted(math.log10(p) if scale == "log" else p for p in places.values())
    gaps = [b - a for a, b in itertools.pairwise(stand)]
    aside = turn * min(0.18 * min(gaps), 0.02 * sum(gaps)) if gaps else 0.02 * turn
    return place * 10**aside if scale == "log" else place + aside


def draw_lines(
    points: Sequence[Point], metric: str, figure: Figure, x: str, narrow: bool
) -> Canvas:
    canvas = new_figure(narrow, 3.6 if narrow else 3.9)
    axes = canvas.add_subplot()
    places, scale = _places(points, figure.log_x, narrow)
    series = list(dict.fromkeys(p.series for p in points))
    for turn, own in enumerate(series):
        mine = sorted((p for p in points if p.series == own), key=lambda p: places[p.label])
        offset = 2 * turn / (len(series) - 1) - 1 if len(series) > 1 else 0.0
        at = {p.label: _shift(places[p.label], offset, places, scale) for p in mine}
        drawn = [p for p in mine if p.summary]
        colour = colour_of(own[0])
        for p in drawn:
            axes.plot(
                [at[p.label]] * p.done, p.results, ".", color=colour, alpha=0.35, markersize=4
            )
        axes.errorbar(
            [at[p.label] for p in drawn],
            [p.summary.mean for p in drawn if p.summary],
            [(p.summary.std or 0.0) for p in drawn if p.summary],
            color=colour,
            marker=marker_of(own[0]),
            markersize=5,
            capsize=3,
            elinewidth=1.2,
        )
        _mark_published(
            axes, [(at[p.label], p.published) for p in mine if p.published is not None], colour
        )
    if scale == "log":
        axes.set_xscale("log")
        axes.minorticks_off()
    crowded = sum(map(len, places)) * _CHARACTER * 1.2 > _AXIS[narrow]
    axes.set_xticks(
        list(places.values()),
        [wrapped(label, 20 if crowded else 12) for label in places],
        rotation=90 if crowded else 0,
    )
    axes.set_xlabel(title_of_axis(x))
    axes.set_ylabel(METRICS[metric])
    if metric.endswith("accuracy"):
        as_percentages(axes)
    lines = {
        n: Line2D([], [], color=colour_of(number), marker=marker_of(number)) for number, n in series
    }
    _add_series_legend(canvas, lines, points, narrow)
    return canvas


def draw_bars(points: Sequence[Point], metric: str, figure: Figure, x: str, narrow: bool) -> Canvas:
    labels = list(dict.fromkeys(p.label for p in points))
    series = list(dict.fromkeys(p.series for p in points))
    thick = 0.8 / len(series)
    height = 1.1 + len(labels) * max(0.34, 0.17 * len(series)) + 0.22 * len(series)
    canvas = new_figure(narrow, height)
    axes = canvas.add_subplot()
    for p in points:
        place = labels.index(p.label) + (series.index(p.series) - (len(series) - 1) / 2) * thick
        colour = colour_of(p.series[0])
        if p.summary:
            axes.barh(
                place,
                p.summary.mean,
                thick * 0.92,
                color=colour,
                xerr=p.summary.std,
                error_kw={"ecolor": INK, "capsize": 2, "elinewidth": 1},
            )
        if p.published is not None:
            _mark_published(axes, [(p.published, place)], INK)
    axes.set_yticks(range(len(labels)), [wrapped(label, 18 if narrow else 34) for label in labels])
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(METRICS[metric])
    if metric.endswith("accuracy"):
        as_percentages(axes, "x")
    patches = {name: Patch(color=colour_of(number)) for number, name in series}
    _add_series_legend(canvas, patches, points, narrow)
    return canvas


def _mark_published(axes: Axes, places: Sequence[tuple[float, float]], colour: str) -> None:
    """Draw the paper's values, hollow."""
    for place, value in places:
        axes.plot(
            place,
            value,
            "D",
            markerfacecolor=PAPER,
            markeredgecolor=colour,
            markeredgewidth=1.4,
            markersize=6,
            zorder=5,
        )


def _add_series_legend(
    canvas: Canvas, handles: Mapping[str, Artist], points: Sequence[Point], narrow: bool
) -> None:
    named = {name: handle for name, handle in handles.items() if name}
    if any(p.published is not None for p in points):
        named["published"] = published_handle()
    add_legend(canvas, list(named.values()), list(named), narrow)
