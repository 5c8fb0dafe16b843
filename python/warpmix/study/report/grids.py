"""Accuracy by two settings (``heatmap``), and what was taken for what (``confusion``)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure as Canvas

from warpmix import predictions
from warpmix.evaluation import evaluate_predictions
from warpmix.figures.evaluation import plot_confusion
from warpmix.statistics import Summary, summarize
from warpmix.study.recipe import Figure
from warpmix.study.report.drawing import new_figure, wrapped
from warpmix.study.report.parts import Column, Picture, Section, Table, joined, slug
from warpmix.study.report.points import lookup, published_of
from warpmix.study.report.selecting import (
    METRICS,
    Group,
    Study,
    axes_of,
    label_of,
    metric_of,
    name_of,
    select,
    title_of_axis,
)
from warpmix.study.results import RunResult
from warpmix.train.run_folder import PREDICTIONS_FILES

_Cell = tuple[str, str]


def make_heatmap(study: Study, figure: Figure) -> Section:
    """Return accuracy by ``x`` and ``y``, a grid a value of ``panels`` or a series."""
    groups = select(study, figure.runs)
    metric = metric_of(study, figure)
    x, y, by = figure.x or "choice", figure.y or "series", figure.panels or "series"
    by = "" if by == y else by
    grids: dict[str, dict[_Cell, list[Group]]] = {}
    for each in groups:
        panel = name_of(study.recipe, by, each.axis(by)) if by and each.axis(by) else ""
        cell = (_label(study, x, each), _label(study, y, each))
        grids.setdefault(panel, {}).setdefault(cell, []).append(each)
    means = {
        panel: {cell: _summary(members, metric) for cell, members in cells.items()}
        for panel, cells in grids.items()
    }
    said = published_of(study, figure, metric)
    kind = "decimal" if metric.endswith("loss") else "share"
    rows = []
    for panel, cells in grids.items():
        for cell, members in cells.items():
            summary = means[panel][cell]
            at = {axis: members[0].axis(axis) for axis in (x, y)}
            rows.append(
                {
                    "panel": panel,
                    "x": cell[0],
                    "y": cell[1],
                    "mean": summary and summary.mean,
                    "std": summary and summary.std,
                    "n": summary.n if summary else 0,
                    "published": lookup(said, at, members[0]),
                }
            )
    columns = (
        *([Column("panel", "")] if len(grids) > 1 else []),
        Column("x", title_of_axis(x).capitalize() or "Setting"),
        Column("y", title_of_axis(y).capitalize() or "Series"),
        Column("mean", f"Mean {METRICS[metric]}", kind),  # type: ignore[arg-type]
        Column("std", "Deviation", kind),  # type: ignore[arg-type]
        Column("n", "n", "count"),
        *([Column("published", "Published", "share")] if any(r["published"] for r in rows) else []),
    )
    hidden = [title_of_axis(a) or a for a in axes_of(groups) if a not in (x, y, by)]
    notes = [f"Each cell is the mean over all values of {joined(hidden)}."] if hidden else []
    picture = Picture(
        slug(figure.number),
        f"{figure.title}: {METRICS[metric]} by {title_of_axis(x)} and {title_of_axis(y)}",
        lambda narrow: _draw_heatmap(means, metric, (title_of_axis(x), title_of_axis(y)), narrow),
    )
    return Section(
        figure.number,
        figure.title,
        (figure.about,) if figure.about else (),
        (picture,) if any(s for cells in means.values() for s in cells.values()) else (),
        tables=(Table(slug(figure.number), columns, tuple(rows), folded=len(rows) > 12),),
        notes=tuple(notes) or (() if groups else ("No runs of this figure are planned.",)),
    )


def _label(study: Study, axis: str, group: Group) -> str:
    value = group.axis(axis)
    return name_of(study.recipe, axis, value) if axis == "series" else label_of(value)


def _summary(members: Sequence[Group], metric: str) -> Summary | None:
    values = [v for member in members for v in member.results(metric).values()]
    return summarize(values) if values else None


def _draw_heatmap(
    grids: dict[str, dict[_Cell, Summary | None]],
    metric: str,
    titles: tuple[str, str],
    narrow: bool,
) -> Canvas:
    known = [s.mean for cells in grids.values() for s in cells.values() if s]
    low, high = min(known), max(known)
    across = max(len({cell[0] for cell in cells}) for cells in grids.values())
    columns = 1 if narrow or across > 4 else min(2, len(grids))
    lines = -(-len(grids) // columns)
    tall = max(len({cell[1] for cell in cells}) for cells in grids.values())
    canvas = new_figure(narrow, lines * (0.9 + 0.42 * tall) + 0.3)
    axes_grid = canvas.subplots(lines, columns, squeeze=False)
    for axes in axes_grid.flat[len(grids) :]:
        axes.set_axis_off()
    accuracy = metric.endswith("accuracy")
    for (panel, cells), axes in zip(grids.items(), axes_grid.flat, strict=False):
        xs = list(dict.fromkeys(cell[0] for cell in cells))
        ys = list(dict.fromkeys(cell[1] for cell in cells))
        table = np.full((len(ys), len(xs)), np.nan)
        for (x, y), summary in cells.items():
            if summary:
                table[ys.index(y), xs.index(x)] = summary.mean
        edges = np.arange(len(xs) + 1) - 0.5, np.arange(len(ys) + 1) - 0.5
        axes.pcolormesh(*edges, table, cmap="cividis", vmin=low, vmax=max(high, low + 1e-9))
        for (row, column), value in np.ndenumerate(table):
            if np.isfinite(value):
                bright = (value - low) > 0.55 * (high - low)
                text = f"{100 * value:.1f}" if accuracy else f"{value:.3g}"
                colour = "black" if bright else "white"
                axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
        axes.grid(visible=False)
        axes.set_xticks(range(len(xs)), [wrapped(label, 10) for label in xs])
        axes.set_yticks(range(len(ys)), [wrapped(label, 16) for label in ys])
        axes.set_ylim(len(ys) - 0.5, -0.5)
        axes.set_xlabel(titles[0])
        axes.set_ylabel(titles[1])
        unit = f"{METRICS[metric]}{', %' if accuracy else ''}"
        axes.set_title(wrapped(f"{panel}: {unit}" if panel else unit, 46))
    return canvas


# ---- confusion ----------------------------------------------------------------------------------


def make_confusion(study: Study, figure: Figure) -> Section:
    """Return the confusion matrix of the run that is best on validation, of each series if named.

    Without test predictions it is of the validation images.
    """
    groups = select(study, figure.runs)
    by = figure.series or figure.panels
    found: dict[str, list[RunResult]] = {}
    for each in groups:
        name = name_of(study.recipe, by, each.axis(by)) if by else ""
        found.setdefault(name, []).extend(r for r in each.runs if r.status == "done")
    pictures, tables, notes = [], [], []
    for name, runs in found.items():
        if not runs:
            continue
        best = max(runs, key=lambda run: run.validation_accuracy or 0.0)
        split = "test" if (best.folder / PREDICTIONS_FILES["test"]).is_file() else "val"
        path = best.folder / PREDICTIONS_FILES[split]
        if not path.is_file():
            continue
        stored = predictions.load(path)
        if stored.labels is None:
            continue
        seen = evaluate_predictions(stored.predictions, stored.labels)
        matrix = seen.confusion.numpy()
        classes = stored.classes or tuple(map(str, range(len(matrix))))
        file = slug(f"{figure.number} {name}")
        pictures.append(
            Picture(
                file,
                f"Confusion matrix{', ' + name if name else ''}",
                lambda narrow, m=matrix, c=classes, n=name: _draw_confusion(m, c, n, narrow),  # type: ignore[misc]
            )
        )
        tables.append(_confusion_table(file, matrix, classes, name))
        setting = [name_of(study.recipe, axis, value) for axis, value in best.values.items()]
        notes.append(
            f"{name or 'Shown'}: the run that is best on validation "
            f"({', '.join([*setting, f'seed {best.seed}'])}), {seen.accuracy:.2%} of "
            f"{len(stored.labels):,} {'test' if split == 'test' else 'validation'} images."
        )
    return Section(
        figure.number,
        figure.title,
        (figure.about,) if figure.about else (),
        tuple(pictures),
        tables=tuple(tables),
        notes=tuple(notes) or ("No finished run has stored predictions with labels.",),
    )


def _confusion_table(file: str, matrix: np.ndarray, classes: Sequence[str], title: str) -> Table:
    columns = (
        Column("true", "True, by predicted"),
        *(Column(name, name, "count") for name in classes),
    )
    rows = [
        {"true": name, **dict(zip(classes, counts, strict=True))}
        for name, counts in zip(classes, matrix.tolist(), strict=True)
    ]
    return Table(file, columns, tuple(rows), title, folded=True)


def _draw_confusion(matrix: np.ndarray, classes: Sequence[str], title: str, narrow: bool) -> Canvas:
    canvas = new_figure(narrow, 4.0 if narrow else 5.6)
    axes = canvas.add_subplot()
    plot_confusion(axes, matrix, classes, size=6 if narrow else 8)
    axes.grid(visible=False)
    axes.set_title(wrapped(title, 46))
    return canvas
