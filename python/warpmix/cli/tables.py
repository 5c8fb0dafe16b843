"""What a vote is reported as: tables on the screen, the curve and CSV files in a folder."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from warpmix._files import atomic_write
from warpmix.cli._app import console
from warpmix.cli._votes import VOTES, Method, VoteReport

if TYPE_CHECKING:
    from warpmix.ensemble import CandidateResult, VoteResult
    from warpmix.predictions.samples import Ids

_SHOWN_MEMBERS = 20  # more are in curve.csv
_VOTES_PER_TABLE = 3  # with their intervals, 80 columns


def show_votes(report: VoteReport, method: Method = "all") -> None:
    """Print the members, then the accuracy of the ensembles."""
    members = Table("rank", "model", title_justify="left", title="members")
    for split in dict.fromkeys((report.ranked_on, report.scored_on)):
        members.add_column(f"{split} accuracy", justify="right")
    accuracies = {report.ranked_on: report.ranked, report.scored_on: report.scored}
    for i, name in enumerate(report.names[:_SHOWN_MEMBERS]):
        members.add_row(str(i + 1), name, *(f"{column[i]:.2%}" for column in accuracies.values()))
    console.print(members)
    if len(report.names) > _SHOWN_MEMBERS:
        console.print(f"and {len(report.names) - _SHOWN_MEMBERS} more")

    if report.ranked_on == report.scored_on:
        console.print(
            "ranked and scored on the same images: the small ensembles are flattered, and nothing "
            "is fitted"
        )
    by_size = [name for name in VOTES if name in {s.candidate.method for s in report.results[1:]}]
    for first in range(0, len(by_size), _VOTES_PER_TABLE):
        _show_sizes(report, by_size[first : first + _VOTES_PER_TABLE])
    single, *others = report.results
    fitted = [result for result in others if result.candidate.method not in VOTES]
    if fitted:
        title = f"fitted on {report.ranked_on}, {report.scored_on} accuracy in %"
        show_results([single, *fitted], title)
    show_calibration(report.results)


def _show_sizes(report: VoteReport, by_size: Sequence[str]) -> None:
    """Print the report's Table 1: a row a fraction of the best models, a column a vote."""
    title = f"{report.scored_on} accuracy in %, with 95 % intervals"
    votes = Table("best", title_justify="left", title=title)
    models = len(report.names)
    rows = [
        [label if label.endswith(f"of {models}") else f"{label} ({size})"]
        for label, size in report.sizes
    ]
    for name in by_size:
        votes.add_column(f"{name} vote", justify="right")
        found = [s for s in report.results[1:] if s.candidate.method == name]
        for row, result in zip(rows, found, strict=True):
            row.append(_with_interval(result))
    for row in rows:
        votes.add_row(*row)
    console.print(votes)


def show_results(results: Iterable[CandidateResult], title: str) -> None:
    """Print methods with their accuracies, and what they gain on the best single model."""
    table = Table("method", "models", title_justify="left", title=title)
    for heading in ("accuracy", "gain on the best single"):
        table.add_column(heading, justify="right")
    for result in results:
        table.add_row(
            result.candidate.name,
            str(len(result.ensemble.members)),
            _with_interval(result),
            f"{result.gain_low * 100:+.2f} to {result.gain_high * 100:+.2f}",
        )
    console.print(table)


def show_calibration(results: Iterable[CandidateResult]) -> None:
    """Print expected calibration errors, before and after a temperature."""
    table = Table("method", title_justify="left", title="calibration: T fitted with the method")
    for heading in ("ECE", "ECE at T", "T"):
        table.add_column(heading, justify="right")
    for s in results:
        table.add_row(
            s.candidate.name, f"{s.ece:.4f}", f"{s.ece_after:.4f}", f"{s.temperature:.2f}"
        )
    console.print(table)


def _with_interval(result: CandidateResult) -> str:
    low, high = result.low * 100, result.high * 100
    return f"{result.accuracy * 100:.2f} ({low:.2f}–{high:.2f})"


def write_votes(report: VoteReport, method: Method, folder: Path) -> None:
    """Write ``curve.png`` and ``curve.csv``, a row for every ensemble size, and ``methods.csv``."""
    from warpmix.figures.vote_curve import draw_vote_curve

    curves = report.accuracies(method)
    columns = (report.names, report.ranked, report.scored, *curves.values())
    write_csv(
        folder / "curve.csv",
        ["k", "model", "rank_accuracy", "accuracy", *curves],
        ((k, *row) for k, row in enumerate(zip(*columns, strict=True), start=1)),
    )
    write_csv(
        folder / "methods.csv",
        ["name", "method", "models", *_FIGURES],
        (
            (s.candidate.name, s.candidate.method, len(s.ensemble.members), *_figures(s))
            for s in report.results
        ),
    )
    with atomic_write(folder / "methods.md") as temporary:
        temporary.write_text(_markdown(report), "utf-8")
    draw_vote_curve(
        folder / "curve.png",
        members=report.scored,
        curves=curves,
        title=f"{len(report.names)} models, "
        f"ranked on {report.ranked_on}, scored on {report.scored_on}",
    )
    files = ", ".join(str(folder / name) for name in _FILES)
    console.print(f"curve: {files}")


_FILES = ("curve.png", "curve.csv", "methods.csv", "methods.md")
_FIGURES = (
    "accuracy", "low", "high", "gain_low", "gain_high", "ece", "ece_after", "temperature",
)  # fmt: skip


def _figures(result: CandidateResult) -> list[float]:
    return [getattr(result, name) for name in _FIGURES]


def _markdown(report: VoteReport) -> str:
    """Return all methods as a Markdown table."""
    head = f"| fitted on {report.ranked_on}, scored on {report.scored_on} | models | accuracy, % "
    lines = [f"{head}| gain on the best single, points | ECE | ECE at T | T |"]
    lines.append("|---|---|---|---|---|---|---|")
    for s in report.results:
        gain = f"{s.gain_low * 100:+.2f} to {s.gain_high * 100:+.2f}"
        calibration = f"{s.ece:.4f} | {s.ece_after:.4f} | {s.temperature:.2f}"
        models = len(s.ensemble.members)
        lines.append(
            f"| {s.candidate.name} | {models} | {_with_interval(s)} | {gain} | {calibration} |"
        )
    return "\n".join(lines) + "\n"


def write_labels(
    path: Path,
    ids: Ids,
    result: VoteResult,
    classes: Sequence[str] | None,
    *,
    with_scores: bool = False,
) -> None:
    """Write what was decided, a row a sample: its id and label, a class's name where it has one.

    With scores, a column a class follows, and the label's column is called ``predicted``: what
    reads the file as predictions must not take it for the truth.
    """
    from warpmix.predictions.samples import list_ids

    names = classes or [str(c) for c in range(result.scores.shape[1])]
    labels = [names[label] for label in result.labels.tolist()]
    if with_scores:
        rows = zip(list_ids(ids), labels, result.scores.tolist(), strict=True)
        write_csv(path, ["id", "predicted", *names], ((i, d, *s) for i, d, s in rows))
    else:
        write_csv(path, ["id", "label"], zip(list_ids(ids), labels, strict=True))


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table, whole or not at all."""
    with (
        atomic_write(path) as temporary,
        # A name from a file system that is no UTF-8 is written as the bytes that it is.
        temporary.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")  # as submissions have
        writer.writerow(header)
        writer.writerows(rows)
