"""Runs by a figure's selections, grouped by setting, and what settings are called."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from warpmix.statistics import Summary, summarize
from warpmix.study.recipe import Figure, Recipe, Selection
from warpmix.study.results import RunResult

METRICS = {
    "test_accuracy": "test accuracy",
    "validation_accuracy": "validation accuracy",
    "validation_loss": "validation loss",
}

_AXES = {
    "augment": "augmentation",
    "batch_norm": "batch norm",
    "batch_size": "batch size",
    "choice": "",
    "few_shot": "images a class",
    "init": "initialisation",
    "l1": "L1",
    "l2": "L2",
    "lr": "learning rate",
    "opt": "optimiser",
    "tta": "test-time augmentation",
}


class Study(Protocol):
    """What a report needs to know of a study.

    Attributes:
        name: of the recipe.
        recipe: in the form that was run.
        form: ``full``, ``quick`` or ``digits``.
        folder: of the study; ensembles are kept in it.
        runs: all that are planned, done or not, in the order of the plan.
    """

    @property
    def name(self) -> str: ...
    @property
    def recipe(self) -> Recipe: ...
    @property
    def form(self) -> str: ...
    @property
    def folder(self) -> Path: ...
    @property
    def runs(self) -> Sequence[RunResult]: ...


@dataclass(frozen=True)
class Group:
    """The repeats of one setting.

    Attributes:
        runs: all that are planned.
        given: values by axis that stand in place of the runs' own.
    """

    runs: tuple[RunResult, ...]
    given: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sweep(self) -> str:
        return self.runs[0].sweep

    @property
    def series(self) -> str:
        return self.runs[0].series

    @property
    def values(self) -> dict[str, Any]:
        """The values by axis, without the series."""
        return {**self.runs[0].values, **self.given}

    def axis(self, name: str) -> Any:
        """Return the value of an axis, of ``series``, or of any setting; None where unknown."""
        return self.given[name] if name in self.given else _value(self.runs[0], name)

    def results(self, metric: str) -> dict[int, float]:
        """Return a figure of each finished run by its seed."""
        found = {run.seed: getattr(run, metric) for run in self.runs if run.status == "done"}
        return {seed: value for seed, value in found.items() if value is not None}

    def summary(self, metric: str) -> Summary | None:
        """Return mean and spread of a figure; None where no run knows it."""
        results = self.results(metric)
        return summarize(results) if results else None


def select(study: Study, selections: Iterable[Selection]) -> list[Group]:
    """Return the groups of the runs that any of the selections names, in their order."""
    return [group for selection in selections for group in _select_one(study, selection)]


def _select_one(study: Study, selection: Selection) -> list[Group]:
    chosen = [run for run in study.runs if _fits(run, selection)]
    groups = [replace(g, given=selection.axes) for g in group(chosen)]
    if selection.best is None:
        return groups
    kept = []
    for name in dict.fromkeys(g.series if selection.best == "series" else "" for g in groups):
        among = [g for g in groups if selection.best == "one" or g.series == name]
        known = [(s.mean, g) for g in among if (s := g.summary("validation_accuracy"))]
        if known:
            kept.append(max(known, key=lambda pair: pair[0])[1])
    return kept


def group(runs: Iterable[RunResult]) -> list[Group]:
    """Return runs by their setting, in the order in which settings first appear."""
    found: dict[tuple[str, str, str], list[RunResult]] = {}
    for run in runs:
        key = (run.sweep, run.series, json.dumps(dict(run.values), default=str, sort_keys=True))
        found.setdefault(key, []).append(run)
    return [Group(tuple(repeats)) for repeats in found.values()]


def _fits(run: RunResult, selection: Selection) -> bool:
    return (
        run.sweep in selection.sweep
        and (not selection.series or run.series in selection.series)
        and all(_among(_value(run, k), wanted) for k, wanted in selection.where.items())
        and not any(_among(_value(run, k), other) for k, other in selection.leave_out.items())
    )


def _value(run: RunResult, name: str) -> Any:
    if name in run.values:
        return run.values[name]
    if name in ("series", "repeat", "sweep"):
        return getattr(run, name)
    return (run.settings or {}).get(name)


def _among(value: Any, wanted: Sequence[Any]) -> bool:
    return any(same(value, each) for each in wanted)


def same(a: Any, b: Any) -> bool:
    """Return whether two values of an axis are equal; a number may be given as text."""
    return bool(a == b) or label_of(a) == label_of(b)


def sweeps_of(figure: Figure) -> list[str]:
    """Return the names of the sweeps whose runs a figure shows."""
    return list(dict.fromkeys(name for selection in figure.runs for name in selection.sweep))


def runs_of(groups: Iterable[Group]) -> list[RunResult]:
    """Return the runs of groups, each once, in their order."""
    # Runs that wait for the result of others have no id yet, so they are told apart as objects.
    return list({id(run): run for each in groups for run in each.runs}.values())


def metric_of(study: Study, figure: Figure) -> str:
    """Return which figure of a run is shown: the figure's own, or its first sweep's."""
    if figure.metric is not None:
        return figure.metric
    sweeps = sweeps_of(figure)
    split = study.recipe.sweeps[sweeps[0]].split if sweeps else "test"
    return f"{split}_accuracy"


def axes_of(groups: Sequence[Group]) -> list[str]:
    """Return the axes in which groups differ, ``series`` first."""
    names = list(dict.fromkeys(["series", *(name for g in groups for name in g.values)]))
    return [name for name in names if len({label_of(g.axis(name)) for g in groups}) > 1]


def title_of_axis(name: str) -> str:
    """Return an axis in words."""
    if name == "series":
        return ""
    last = name.rpartition(".")[2]
    return _AXES.get(name, last.replace("_", " "))


def label_of(value: Any) -> str:
    """Return a value of an axis in words."""
    if value is None or value == [] or value == "":
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}".replace("e-0", "e-")
    if isinstance(value, list | tuple):
        return ", ".join(label_of(each) for each in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {label_of(each)}" for key, each in value.items())
    return str(value).replace("_", " ")


def title_of_series(recipe: Recipe, name: str) -> str:
    """Return a series' title; its name where it has none."""
    return recipe.series[name].title if name in recipe.series else name


def name_of(recipe: Recipe, axis: str, value: Any) -> str:
    """Return a value of an axis as a label that stands alone."""
    if axis == "series":
        return title_of_series(recipe, value) if value else ""
    title = title_of_axis(axis)
    return f"{title} {label_of(value)}".strip()


def describe_setting(recipe: Recipe, values: Mapping[str, Any], axes: Sequence[str]) -> str:
    """Return a setting in words, by the axes that matter; one alone needs no name."""
    if len(axes) == 1 and axes[0] in values:
        return label_of(values[axes[0]])
    parts = [name_of(recipe, axis, values[axis]) for axis in axes if axis in values]
    return ", ".join(parts) or "as it is"
