"""What a chart of accuracies shows: the runs at each value of an axis, and the paper's value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from warpmix.statistics import Summary, summarize
from warpmix.study.recipe import Figure, Published
from warpmix.study.report.selecting import Group, Study, label_of, name_of, same, sweeps_of


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
        name = name_of(study.recipe, by, first.axis(by))
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
