"""Accuracy by the values of a setting: as lines (``values``) or bars (``bars``)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from warpmix.statistics import Summary, summarize
from warpmix.study.recipe import Figure, Published
from warpmix.study.report.drawing import (
    INK,
    PAPER,
    add_legend,
    as_percentages,
    colour_of,
    marker_of,
    new_figure,
    wrapped,
)
from warpmix.study.report.parts import Column, Picture, Section, Table, joined, slug
from warpmix.study.report.selecting import (
    METRICS,
    Group,
    Study,
    axes_of,
    label_of,
    metric_of,
    name_of,
    same,
    select,
    sweeps_of,
    title_of_axis,
)

_AXIS = {False: 6.3, True: 2.8}  # inches of an axis' length, about, by whether it is narrow
_CHARACTER = 0.075  # inches of a label's letter


@dataclass(frozen=True)
class Point:
    """What is known at a value of the axis, of one series.

    Attributes:
        x: the value.
        label: of it.
        series: its number and its label.
        summary: of the finished runs; None without any.
        results: of each of them.
        done, planned: runs.
        published: the paper's value.
    """

    x: Any
    label: str
    series: tuple[int, str]
    summary: Summary | None
    results: tuple[float, ...]
    done: int
    planned: int
    published: float | None

    @property
    def mean(self) -> float | None:
        return self.summary.mean if self.summary else None


def make_values(study: Study, figure: Figure) -> Section:
    """Return accuracy by the values of ``x``, a line a series."""
    return _make(study, figure, _draw_lines)


def make_bars(study: Study, figure: Figure) -> Section:
    """Return accuracy by the values of ``x``, a bar a series."""
    return _make(study, figure, _draw_bars)


def _make(study: Study, figure: Figure, draw: Any) -> Section:
    groups = select(study, figure.runs)
    metric = metric_of(study, figure)
    x, by = _axes(figure, groups)
    points = collect(study, groups, metric, x, by, published_of(study, figure, metric))
    drawn = [p for p in points if p.summary is not None]
    pictures: tuple[Picture, ...] = ()
    if drawn:
        pictures = (
            Picture(
                slug(figure.number),
                f"{figure.title}: {METRICS[metric]} by {title_of_axis(x) or x}",
                lambda narrow: draw(points, metric, figure, x, narrow),
            ),
        )
    return Section(
        figure.number,
        figure.title,
        (figure.about,) if figure.about else (),
        pictures,
        tables=(_table(figure, points, metric, x),),
        notes=_notes(groups, metric, x, by),
    )


def _axes(figure: Figure, groups: Sequence[Group]) -> tuple[str, str]:
    """Return the axis that is drawn along, and the one of the colours."""
    differing = axes_of(groups)
    by = figure.series or "series"
    x = figure.x or next((axis for axis in differing if axis != by), "choice")
    return x, by


def published_of(study: Study, figure: Figure, metric: str) -> list[Published]:
    """Return what the paper says of the sweeps that a figure shows, of the same figure of runs."""
    sweeps = [study.recipe.sweeps[name] for name in sweeps_of(figure)]
    return [p for s in sweeps if f"{s.split}_accuracy" == metric for p in s.published]


def collect(
    study: Study,
    groups: Sequence[Group],
    metric: str,
    x: str,
    by: str,
    published: Sequence[Published],
) -> list[Point]:
    """Return the points of all series, those of equal values joined."""
    found: dict[tuple[str, str], list[Group]] = {}
    for each in groups:
        found.setdefault((label_of(each.axis(by)), label_of(each.axis(x))), []).append(each)
    series = list(dict.fromkeys(key[0] for key in found))
    points = []
    for (of, label), members in found.items():
        first = members[0]
        results = tuple(v for member in members for v in member.results(metric).values())
        name = name_of(study.recipe, by, first.axis(by)) if of != "none" or len(series) > 1 else ""
        points.append(
            Point(
                first.axis(x),
                label,
                (series.index(of), name),
                summarize(results) if results else None,
                results,
                len(results),
                sum(len(member.runs) for member in members),
                lookup(published, {x: first.axis(x), by: first.axis(by)}, first),
            )
        )
    return points


def lookup(published: Sequence[Published], at: Mapping[str, Any], group: Group) -> float | None:
    """Return the paper's value at some values of the axes, or None."""
    for each in published:
        if each.at and all(same(at.get(k, group.axis(k)), v) for k, v in each.at.items()):
            return each.accuracy
    return None


def difference_of(ours: float | None, published: float | None) -> float | None:
    """Return ours less the published value, where both are known."""
    return None if ours is None or published is None else ours - published


def _table(figure: Figure, points: Sequence[Point], metric: str, x: str) -> Table:
    kind = "decimal" if metric.endswith("loss") else "share"
    several = len({p.series for p in points}) > 1
    beside = any(p.published is not None for p in points)
    columns = [
        *([Column("series", "")] if several else []),
        Column("value", title_of_axis(x).capitalize() or "Setting"),
        Column("mean", f"Mean {METRICS[metric]}", kind),  # type: ignore[arg-type]
        Column("std", "Deviation", "decimal" if kind == "decimal" else "share"),
        Column("n", "n", "count"),
        *([Column("planned", "of", "count")] if any(p.done < p.planned for p in points) else []),
        *(
            [
                Column("published", "Published", "share"),
                Column("difference", "Difference", "points"),
            ]
            if beside
            else []
        ),
    ]
    rows = [
        {
            "series": p.series[1],
            "value": p.label,
            "mean": p.mean,
            "std": p.summary.std if p.summary else None,
            "n": p.done,
            "planned": p.planned,
            "published": p.published,
            "difference": difference_of(p.mean, p.published),
        }
        for p in sorted(points, key=lambda p: p.series[0])
    ]
    return Table(slug(figure.number), tuple(columns), tuple(rows), folded=len(rows) > 12)


def _notes(groups: Sequence[Group], metric: str, x: str, by: str) -> tuple[str, ...]:
    if not groups:
        return ("No runs of this figure are planned in this form of the study.",)
    counts = sorted({len(g.results(metric)) for g in groups})
    hidden = [title_of_axis(a) or a for a in axes_of(groups) if a not in (x, by)]
    notes = [
        "Means over the runs; whiskers are the standard deviation over repeats."
        if counts[-1] > 1
        else "One run each: there is no spread and no interval."
    ]
    if hidden:
        notes.append(f"Each mean is over all values of {joined(hidden)}.")
    return tuple(notes)


# ---- drawing ------------------------------------------------------------------------------------


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


def _draw_lines(
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


def _draw_bars(
    points: Sequence[Point], metric: str, figure: Figure, x: str, narrow: bool
) -> Canvas:
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


def published_handle() -> Line2D:
    """Return the legend's mark of a published value."""
    return Line2D(
        [], [], linestyle="", marker="D", markerfacecolor=PAPER, markeredgecolor=INK, markersize=6
    )


def _add_series_legend(
    canvas: Canvas, handles: Mapping[str, Artist], points: Sequence[Point], narrow: bool
) -> None:
    named = {name: handle for name, handle in handles.items() if name}
    if any(p.published is not None for p in points):
        named["published"] = published_handle()
    add_legend(canvas, list(named.values()), list(named), narrow)
