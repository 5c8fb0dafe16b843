"""Which differences between the settings of a sweep are real."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from warpmix.statistics import Comparison, compare_settings
from warpmix.study.report.parts import Column, Section, Table, joined, slug
from warpmix.study.report.selecting import (
    METRICS,
    Group,
    Study,
    axes_of,
    describe_setting,
    group,
    metric_of,
    select,
    sweeps_of,
    title_of_series,
)

_NAMED = 6  # settings in a sentence; more are counted
_COLUMNS = (
    Column("series", ""),
    Column("setting", "Setting"),
    Column("mean", "Mean", "share"),
    Column("n", "n", "count"),
    Column("best", "Best"),
    Column("difference", "Difference", "points"),
    Column("interval", "95 % interval", "interval"),
    Column("p", "p, corrected", "p"),
    Column("real", "Real?"),
    Column("method", "Test"),
)


@dataclass(frozen=True)
class _Family:
    """Settings that are compared with each other: of a sweep, or of a figure of several sweeps."""

    name: str
    title: str
    metric: str
    groups: Sequence[Group]


def _families(study: Study) -> Iterator[_Family]:
    for name, sweep in study.recipe.sweeps.items():
        runs = [run for run in study.runs if run.sweep == name]
        yield _Family(name, sweep.title, f"{sweep.split}_accuracy", group(runs))
    for figure in study.recipe.figures:
        if figure.kind in ("bars", "values") and len(sweeps_of(figure)) > 1:
            title, metric = f"{figure.number}, {figure.title}", metric_of(study, figure)
            if metric.endswith("accuracy"):
                yield _Family(figure.number, title, metric, select(study, figure.runs))


def make_differences(study: Study) -> Section:
    """Return for every sweep and series which settings are worse than its best beyond chance."""
    tables, sentences = [], []
    for family in _families(study):
        rows: list[dict[str, Any]] = []
        for series in dict.fromkeys(each.series for each in family.groups):
            members = [each for each in family.groups if each.series == series]
            title = title_of_series(study.recipe, series)
            found = _compare(study, members, family.metric)
            if found:
                rows += [_row(title, comparison) for comparison in found]
                where = f"{family.title}, {title}" if title else family.title
                sentences.append(f"{where}: {say(found)}")
        if rows:
            several = len({row["series"] for row in rows}) > 1
            tables.append(
                Table(
                    slug(f"differences {family.name}"),
                    _COLUMNS if several else _COLUMNS[1:],
                    tuple(rows),
                    f"{family.title} ({METRICS[family.metric]})",
                    folded=len(rows) > 6,
                )
            )
    return Section(
        "",
        "Which differences are real",
        (
            "Each setting against the best of its sweep and series; where a figure shows several "
            "sweeps, of the figure. A difference is called real where its p value, corrected by "
            "Holm for all pairs of these settings, is at most 5 %. Settings with the same seeds "
            "are compared in pairs, others by Welch's test. Intervals are of one difference on "
            "its own, in percentage points. With one run a setting (n = 1) there is no interval "
            "and no test.",
        ),
        tables=tuple(tables),
        bullets=tuple(sentences),
        notes=() if tables else ("No sweep has two settings with finished runs.",),
    )


def _compare(study: Study, members: Sequence[Group], metric: str) -> list[Comparison]:
    axes = [axis for axis in axes_of(members) if axis != "series"]
    known = {
        describe_setting(study.recipe, each.values, axes): results
        for each in members
        if (results := each.results(metric))
    }
    return compare_settings(known)


def _row(series: str, found: Comparison) -> dict[str, Any]:
    return {
        "series": series,
        "setting": found.a,
        "mean": found.mean_a,
        "n": found.n_a,
        "best": found.b,
        "difference": found.difference,
        "interval": None if found.low is None else (found.low, found.high),
        "p": found.p_corrected,
        "real": {True: "yes", False: "no", None: None}[found.significant],
        "method": found.method,
    }


def say(found: Sequence[Comparison]) -> str:
    """Return in a sentence what comparisons with the best setting came to."""
    best = f"{found[0].b} is highest ({found[0].mean_b:.2%}, n = {found[0].n_b})"
    parts = []
    for verdict, words in (
        (True, "worse beyond chance"),
        (False, "not told apart from it"),
        (None, "no interval, because there is one run or no spread"),
    ):
        named = [each.a for each in found if each.significant is verdict]
        if named:
            shown = joined(named) if len(named) <= _NAMED else f"{len(named)} settings"
            parts.append(f"{words}: {shown}")
    return f"{best}; {'; '.join(parts)}."
