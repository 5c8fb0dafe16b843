"""``warpmix vote``: stored predictions of many models become one decision."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from warpmix._files import atomic_write
from warpmix.cli._app import console
from warpmix.cli.ballot import Ballot, Method, Split, count_votes

_SHOWN_MEMBERS = 20  # more are in curve.csv
_EVERY_SIZE_UP_TO = 10  # models; above that, the report's shares
_REPORT_SHARES = (10.0, 20.0, 30.0, 40.0, 50.0, 100.0)


def vote(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Run folders, folders of them, or files of predictions."),
    ],
    method: Annotated[
        Method,
        typer.Option(help="Average the probabilities (soft), count the votes (hard), or both."),
    ] = "all",
    top: Annotated[
        str | None,
        typer.Option(
            metavar="PERCENT,...",
            help="Shares of the best models to show (default 10,20,30,40,50,100; every size up to "
            f"{_EVERY_SIZE_UP_TO} models).",
        ),
    ] = None,
    rank_on: Annotated[Split, typer.Option(help="Predictions that rank the models.")] = "val",
    score_on: Annotated[Split, typer.Option(help="Predictions that are voted over.")] = "test",
    out: Annotated[Path, typer.Option(help="Folder for curve.png and curve.csv.")] = Path("vote"),
) -> None:
    """Rank models, let the best of them vote, and report the accuracy of every ensemble size.

    The models are ranked on their validation images and scored on the test images. Files that come
    without validation predictions need --rank-on test, which flatters the small ensembles.

    [bold]Examples[/bold]

    $ warpmix vote runs/*
    $ warpmix vote runs/* --method soft --top 25,50,100 --out ensemble
    $ warpmix vote a.safetensors b.safetensors c.npz --rank-on test
    """
    shares = None if top is None else _parse_shares(top)
    ballot = count_votes(paths, rank_on, score_on)
    show_votes(ballot, method, shares)
    out.mkdir(parents=True, exist_ok=True)
    write_votes(ballot, method, out)


def show_votes(
    ballot: Ballot, method: Method = "all", shares: Sequence[float] | None = None
) -> None:
    """Print the members, then the accuracy of the ensembles.

    Args:
        shares: percentages of the best models; None: every size of few models, else the Warsaw
            report's.
    """
    members = Table("rank", "model", title_justify="left", title="members")
    for split in dict.fromkeys((ballot.ranked_on, ballot.scored_on)):
        members.add_column(f"{split} accuracy", justify="right")
    accuracies = {ballot.ranked_on: ballot.ranked, ballot.scored_on: ballot.scored}
    for i, name in enumerate(ballot.names[:_SHOWN_MEMBERS]):
        members.add_row(str(i + 1), name, *(f"{column[i]:.2%}" for column in accuracies.values()))
    console.print(members)
    if len(ballot.names) > _SHOWN_MEMBERS:
        console.print(f"and {len(ballot.names) - _SHOWN_MEMBERS} more")

    if ballot.ranked_on == ballot.scored_on:
        console.print("ranked and scored on the same images: the small ensembles are flattered")

    curves = ballot.accuracies(method)
    title = f"votes, {ballot.scored_on} accuracy"
    votes = Table("best", "models", title_justify="left", title=title)
    for name in curves:
        votes.add_column(f"{name} vote", justify="right")
    for label, size in _sizes(ballot, shares):
        votes.add_row(label, str(size), *(f"{curve[size - 1]:.2%}" for curve in curves.values()))
    console.print(votes)


def write_votes(ballot: Ballot, method: Method, folder: Path) -> None:
    """Write ``curve.png`` and ``curve.csv``, a row for every ensemble size."""
    from warpmix.figures import draw_vote_curve

    curves = ballot.accuracies(method)
    with atomic_write(folder / "curve.csv") as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["k", "model", "rank_accuracy", "accuracy", *curves])
        columns = (ballot.names, ballot.ranked, ballot.scored, *curves.values())
        writer.writerows((k, *row) for k, row in enumerate(zip(*columns, strict=True), start=1))
    draw_vote_curve(
        folder / "curve.png",
        members=ballot.scored,
        curves=curves,
        title=f"{len(ballot.names)} models, "
        f"ranked on {ballot.ranked_on}, scored on {ballot.scored_on}",
    )
    console.print(f"curve: {folder / 'curve.png'}, {folder / 'curve.csv'}")


def _parse_shares(text: str) -> list[float]:
    """Percentages from ``"10,20,50"``."""
    try:
        shares = [float(part) for part in text.split(",")]
    except ValueError:
        shares = []
    if not shares or not all(0 < share <= 100 for share in shares):
        raise ValueError(
            f"--top must be percentages above 0 and up to 100, as 10,50,100; got {text!r}"
        )
    return shares


def _sizes(ballot: Ballot, shares: Sequence[float] | None) -> list[tuple[str, int]]:
    """Label and number of models of each ensemble to show."""
    models = len(ballot.names)
    if shares is None and models <= _EVERY_SIZE_UP_TO:
        return [(f"{k} of {models}", k) for k in range(1, models + 1)]
    return [
        (f"{share:g} %", ballot.curve.models_at(share / 100)) for share in shares or _REPORT_SHARES
    ]
