"""Loss and accuracy by epoch, mean and deviation over repeats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from warpmix.figures.drawing import as_percentages
from warpmix.study.recipe import Figure
from warpmix.study.report.drawing import (
    INK,
    add_legend,
    colour_of,
    new_figure,
    wrapped,
)
from warpmix.study.report.parts import Column, Picture, Section, Table, joined, slug
from warpmix.study.report.selecting import (
    Group,
    Study,
    axes_of,
    label_of,
    name_of,
    select,
    title_of_axis,
)
from warpmix.study.results import RunResult
from warpmix.train.history import read_history as read_records
from warpmix.train.run_folder import HISTORY_FILE

_KINDS = {"loss": "loss", "accuracy": "accuracy"}
_SIDES = {"train": "training", "validation": "validation"}


@dataclass(frozen=True)
class Curve:
    """A figure of the epochs, over repeats.

    Attributes:
        mean: [E] over the runs that reached the epoch.
        std: [E] their deviation; NaN where one run alone reached it.
        runs: [E] how many did.
    """

    mean: np.ndarray
    std: np.ndarray
    runs: np.ndarray


@dataclass(frozen=True)
class _Line:
    """What one setting's runs did: curves by side and kind."""

    panel: str
    series: tuple[int, str]
    curves: dict[tuple[str, str], Curve]
    n: int


def make_curves(study: Study, figure: Figure) -> Section:
    """Return loss and accuracy by epoch, a panel a value of ``panels``, a colour a series."""
    groups = select(study, figure.runs)
    kinds = _kinds(figure)
    lines = _lines(study, figure, groups)
    pictures: tuple[Picture, ...] = ()
    if lines:
        pictures = (
            Picture(
                slug(figure.number),
                f"{figure.title}: {joined(kinds)} by epoch",
                lambda narrow: _draw(lines, kinds, narrow),
            ),
        )
    return Section(
        figure.number,
        figure.title,
        (figure.about,) if figure.about else (),
        pictures,
        tables=(_table(figure, lines, kinds),),
        notes=_notes(figure, groups, lines),
    )


def _kinds(figure: Figure) -> list[str]:
    if figure.metric is None:
        return list(_KINDS)
    return ["loss" if figure.metric.endswith("loss") else "accuracy"]


def read_history(run: RunResult) -> dict[str, np.ndarray]:
    """Return the columns of a run's history, [E] each, NaN where a cell is empty."""
    path = run.folder / HISTORY_FILE
    if not path.is_file():
        return {}
    records = [asdict(record) for record in read_records(path)]
    return {
        name: np.array([np.nan if row[name] is None else row[name] for row in records], float)
        for name in (records[0] if records else ())
    }


def average(histories: Sequence[np.ndarray]) -> Curve:
    """Return mean and deviation of curves of different lengths."""
    longest = max(map(len, histories))
    table = np.full((len(histories), longest), np.nan)
    for row, history in zip(table, histories, strict=True):
        row[: len(history)] = history
    known = np.isfinite(table)
    runs = known.sum(0)
    values = np.where(known, table, 0.0)
    mean = np.divide(values.sum(0), runs, out=np.full(longest, np.nan), where=runs > 0)
    squares = (np.where(known, table - mean, 0.0) ** 2).sum(0)
    variance = np.divide(squares, runs - 1, out=np.full(longest, np.nan), where=runs > 1)
    return Curve(mean, np.sqrt(variance), runs)


def _lines(study: Study, figure: Figure, groups: Sequence[Group]) -> list[_Line]:
    by = figure.series or "series"
    found: dict[tuple[str, str], list[Group]] = {}
    for each in groups:
        panel = "" if figure.panels is None else _panel(study, figure.panels, each)
        found.setdefault((panel, label_of(each.axis(by))), []).append(each)
    series = list(dict.fromkeys(key[1] for key in found))
    lines = []
    for (panel, of), members in found.items():
        runs = [run for g in members for run in g.runs if run.status == "done"]
        histories = [history for run in runs if (history := read_history(run))]
        curves = {}
        for side in _SIDES:
            for kind in _KINDS:
                columns = [h[f"{side}_{kind}"] for h in histories]
                if columns and any(np.isfinite(c).any() for c in columns):
                    curves[side, kind] = average(columns)
        if curves:
            name = name_of(study.recipe, by, members[0].axis(by))
            lines.append(_Line(panel, (series.index(of), name), curves, len(histories)))
    return lines


def _panel(study: Study, axis: str, group: Group) -> str:
    return name_of(study.recipe, axis, group.axis(axis))


def _table(figure: Figure, lines: Sequence[_Line], kinds: Sequence[str]) -> Table:
    columns = [
        *([Column("panel", "")] if any(line.panel for line in lines) else []),
        *([Column("series", "")] if any(line.series[1] for line in lines) else []),
        Column("epoch", "Epoch", "count"),
        Column("runs", "Runs", "count"),
    ]
    for kind in kinds:
        for side, word in _SIDES.items():
            for part, of in (("mean", ""), ("std", ", deviation")):
                columns.append(
                    Column(
                        f"{side}_{kind}_{part}",
                        f"{word.capitalize()} {kind}{of}",
                        "share" if kind == "accuracy" else "decimal",
                    )
                )
    rows = []
    for line in lines:
        epochs = max(len(curve.mean) for curve in line.curves.values())
        for epoch in range(epochs):
            row = {"panel": line.panel, "series": line.series[1], "epoch": epoch + 1}
            for (side, kind), curve in line.curves.items():
                row["runs"] = int(curve.runs[epoch])
                row[f"{side}_{kind}_mean"] = _finite(curve.mean[epoch])
                row[f"{side}_{kind}_std"] = _finite(curve.std[epoch])
            rows.append(row)
    return Table(slug(figure.number), tuple(columns), tuple(rows), folded=True)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _notes(figure: Figure, groups: Sequence[Group], lines: Sequence[_Line]) -> tuple[str, ...]:
    if not groups:
        return ("No runs of this figure are planned in this form of the study.",)
    if not lines:
        return ("No run of this figure is finished.",)
    counts = sorted({line.n for line in lines})
    spread = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    notes = [
        f"Lines are means over {spread} runs, bands one standard deviation to each side. After "
        "early stopping a mean is over the runs that go on."
        if counts[-1] > 1
        else "One run each: there is no band."
    ]
    shown = ("series" if figure.series is None else figure.series, figure.panels)
    hidden = [title_of_axis(a) or a for a in axes_of(groups) if a not in shown]
    if hidden:
        notes.append(f"Each line is over all values of {joined(hidden)}.")
    return tuple(notes)


def _draw(lines: Sequence[_Line], kinds: Sequence[str], narrow: bool) -> Canvas:
    panels = list(dict.fromkeys(line.panel for line in lines))
    # Wide: a row a panel with loss and accuracy side by side, or three panels of one kind in a row.
    columns = 1 if narrow else len(kinds) if len(kinds) > 1 else min(3, len(panels))
    cells = [(panel, kind) for panel in panels for kind in kinds]
    rows = -(-len(cells) // columns)
    canvas = new_figure(narrow, rows * 2.3 + 0.7)
    grid = canvas.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[len(cells) :]:
        axes.set_axis_off()
    for (panel, kind), axes in zip(cells, grid.flat, strict=False):
        for line in lines:
            if line.panel == panel:
                _draw_line(axes, line, kind)
        axes.set_title(wrapped(panel, 44 if narrow or columns == 2 else 28))
        axes.set_xlabel("epoch")
        axes.set_ylabel(kind)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if kind == "accuracy":
            as_percentages(axes)
    series = [own for own in dict.fromkeys(line.series for line in lines) if own[1]]
    styles: list[tuple[str, Any]] = [("training", ":"), ("validation", "-")]
    add_legend(
        canvas,
        [
            *(Line2D([], [], color=INK, linestyle=style) for _, style in styles),
            *(Line2D([], [], color=colour_of(number), linewidth=3) for number, _ in series),
        ],
        [*(name for name, _ in styles), *(name for _, name in series)],
        narrow,
    )
    return canvas


def _draw_line(axes: Axes, line: _Line, kind: str) -> None:
    colour = colour_of(line.series[0])
    for side, style in (("train", ":"), ("validation", "-")):
        curve = line.curves.get((side, kind))
        if curve is None:
            continue
        epochs = np.arange(1, len(curve.mean) + 1)
        one = len(epochs) == 1  # a line of one point would not be seen
        axes.plot(epochs, curve.mean, style, color=colour, marker="o" if one else None)
        band = np.nan_to_num(curve.std)
        if band.any():
            axes.fill_between(
                epochs, curve.mean - band, curve.mean + band, color=colour, alpha=0.18, linewidth=0
            )
