"""Sections that are tables alone: settings, figures of the text, times, versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from warpmix.statistics import summarize
from warpmix.study.recipe import Figure, Number
from warpmix.study.report.overview import environments
from warpmix.study.report.parts import Column, Section, Table, slug
from warpmix.study.report.points import difference_of, lookup
from warpmix.study.report.selecting import (
    Group,
    Study,
    axes_of,
    label_of,
    runs_of,
    select,
    sweeps_of,
    title_of_axis,
    title_of_series,
)
from warpmix.study.results import RunResult

_FOLDED_FROM = 40  # rows


def make_table(study: Study, figure: Figure) -> Section:
    """Return a row a setting: its accuracies, epochs and minutes, means over repeats."""
    groups = select(study, figure.runs)
    axes = _axes(groups)
    sweeps = {name: study.recipe.sweeps[name] for name in sweeps_of(figure)}
    split = next(iter(sweeps.values())).split if sweeps else "test"
    rows: list[dict[str, Any]] = [
        {
            "sweep": sweeps[each.sweep].title,
            **{axis: _axis(study, axis, each) for axis in axes},
            "train_accuracy": _mean(each, "train_accuracy"),
            "validation_accuracy": _mean(each, "validation_accuracy"),
            "test_accuracy": _mean(each, "test_accuracy"),
            "std": _std(each, f"{split}_accuracy"),
            "published": lookup(sweeps[each.sweep].published, each.values, each),
            "epochs": _mean(each, "epochs"),
            "seconds": _mean(each, "seconds"),
            "n": sum(run.status == "done" for run in each.runs),
            "planned": len(each.runs),
        }
        for each in groups
    ]
    columns = [
        *([Column("sweep", "Sweep")] if len(sweeps) > 1 else []),
        *(Column(axis, _heading(axis)) for axis in axes),
        Column("train_accuracy", "Best training", "share"),
        Column("validation_accuracy", "Validation", "share"),
        *([Column("test_accuracy", "Test", "share")] if _any(rows, "test_accuracy") else []),
        *([Column("std", f"Deviation, {split}", "share")] if _any(rows, "std") else []),
        *([Column("published", f"Published, {split}", "share")] if _any(rows, "published") else []),
        Column("epochs", "Epochs", "decimal"),
        Column("seconds", "Minutes", "minutes"),
        Column("n", "n", "count"),
        *([Column("planned", "of", "count")] if any(r["n"] < r["planned"] for r in rows) else []),
    ]
    folded = len(rows) > _FOLDED_FROM
    return Section(
        figure.number,
        figure.title,
        (figure.about,) if figure.about else (),
        tables=(Table(slug(figure.number), tuple(columns), tuple(rows), folded=folded),),
        notes=("Means over the n finished runs of each setting; minutes are of one run.",),
    )


def _axes(groups: Sequence[Group]) -> list[str]:
    """Return the axes that differ; with one setting alone, its own."""
    return axes_of(groups) or list(dict.fromkeys(name for g in groups for name in g.values))


def _heading(axis: str) -> str:
    return "" if axis == "series" else title_of_axis(axis).capitalize() or "Setting"


def _axis(study: Study, axis: str, group: Group) -> str:
    if axis == "series":
        return title_of_series(study.recipe, group.series)
    return label_of(group.values[axis]) if axis in group.values else ""


def _mean(group: Group, metric: str) -> float | None:
    summary = group.summary(metric)
    return None if summary is None else summary.mean


def _std(group: Group, metric: str) -> float | None:
    summary = group.summary(metric)
    return None if summary is None else summary.std


def _any(rows: Sequence[dict[str, Any]], key: str) -> bool:
    return any(row[key] is not None for row in rows)


def make_numbers(study: Study, figure: Figure) -> Section:
    """Return figures of the text beside the published ones."""
    rows = [_number(study, each) for each in figure.numbers]
    columns = [
        Column("title", ""),
        Column("ours", "Ours", "share"),
        *([Column("std", "Deviation", "share")] if _any(rows, "std") else []),
        Column("n", "n", "count"),
        Column("published", "Published", "share"),
        Column("difference", "Difference", "points"),
        Column("of", "Ours is"),
        *([Column("note", "Note")] if any(row["note"] for row in rows) else []),
    ]
    return Section(
        figure.number,
        figure.title,
        (figure.about,) if figure.about else (),
        tables=(Table(slug(figure.number), tuple(columns), tuple(rows)),),
    )


def _number(study: Study, number: Number) -> dict[str, Any]:
    metric = f"{number.split}_accuracy"
    runs = runs_of(select(study, number.runs))
    done = [r for r in runs if r.status == "done" and getattr(r, metric) is not None]
    ours: float | None = None
    std: float | None = None
    what = f"no run of {len(runs)} finished"
    if done and number.of == "best":
        best = max(done, key=_validated)
        ours = getattr(best, metric)
        what = f"{number.split}, the run best on validation of {len(done)}"
    elif done:
        summary = summarize([getattr(run, metric) for run in done])
        ours, std, what = summary.mean, summary.std, f"{number.split}, mean of {len(done)}"
    return {
        "title": number.title,
        "ours": ours,
        "std": std,
        "n": len(done),
        "published": number.published,
        "difference": difference_of(ours, number.published),
        "of": what,
        "note": number.note,
    }


def _validated(run: RunResult) -> float:
    return -1.0 if run.validation_accuracy is None else run.validation_accuracy


def make_times(study: Study, figure: Figure) -> Section:
    """Return how long each sweep trained, summed over its runs."""
    names = sweeps_of(figure) or list(study.recipe.sweeps)
    rows = [
        _time(study.recipe.sweeps[name].title, [run for run in study.runs if run.sweep == name])
        for name in names
    ]
    rows = [row for row in rows if row["planned"]]
    rows.append(_time("All", [run for run in study.runs if run.sweep in names]))
    columns = (
        Column("sweep", "Sweep"),
        Column("done", "Runs", "count"),
        Column("planned", "of", "count"),
        Column("seconds", "Minutes in all", "minutes"),
        Column("mean", "Minutes a run", "minutes"),
        Column("epochs", "Epochs a run", "decimal"),
    )
    return Section(
        figure.number,
        figure.title,
        (figure.about,) if figure.about else (),
        tables=(Table(slug(figure.number), columns, tuple(rows)),),
        notes=(
            "Time of training by the wall clock, summed over runs; runs that went on side by side "
            "count in full.",
        ),
    )


def _time(title: str, runs: Sequence[RunResult]) -> dict[str, Any]:
    seconds = [run.seconds for run in runs if run.status == "done" and run.seconds is not None]
    epochs = [run.epochs for run in runs if run.status == "done" and run.epochs is not None]
    return {
        "sweep": title,
        "done": sum(run.status == "done" for run in runs),
        "planned": len(runs),
        "seconds": sum(seconds) if seconds else None,
        "mean": sum(seconds) / len(seconds) if seconds else None,
        "epochs": sum(epochs) / len(epochs) if epochs else None,
    }


def make_versions(study: Study, figure: Figure) -> Section:
    """Return the versions of what the runs were trained with."""
    found: dict[str, list[str]] = {}
    for environment in environments(study):
        for name, version in environment.versions.items():
            found.setdefault(name, [])
            if version not in found[name]:
                found[name].append(version)
    rows = tuple({"name": name, "version": ", ".join(v)} for name, v in found.items())
    columns = (Column("name", "Package"), Column("version", "Version"))
    return Section(
        figure.number,
        figure.title,
        (figure.about,) if figure.about else (),
        tables=(Table(slug(figure.number), columns, rows),),
        notes=() if rows else ("No run has recorded its environment.",),
    )
