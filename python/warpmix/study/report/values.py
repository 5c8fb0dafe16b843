"""Accuracy by the values of a setting: as lines (``values``) or bars (``bars``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from warpmix.study.recipe import Figure
from warpmix.study.report.charts import draw_bars, draw_lines
from warpmix.study.report.parts import Column, Picture, Section, Table, joined, slug
from warpmix.study.report.points import Point, collect, difference_of, published_of
from warpmix.study.report.selecting import (
    METRICS,
    Group,
    Study,
    axes_of,
    metric_of,
    select,
    title_of_axis,
)


def make_values(study: Study, figure: Figure) -> Section:
    """Return accuracy by the values of ``x``, a line a series."""
    return _make(study, figure, draw_lines)


def make_bars(study: Study, figure: Figure) -> Section:
    """Return accuracy by the values of ``x``, a bar a series."""
    return _make(study, figure, draw_bars)


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
