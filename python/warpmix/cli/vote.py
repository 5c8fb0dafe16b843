"""``warpmix vote``: stored predictions of many models become one decision."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from warpmix.cli._app import console

DEFAULT_TOP = "10,20,30,40,50,100"


def vote(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Run folders, folders of them, or files of predictions."),
    ],
    method: Annotated[
        Literal["all", "soft", "hard"],
        typer.Option(help="Average the probabilities (soft), count the votes (hard), or both."),
    ] = "all",
    top: Annotated[
        str, typer.Option(metavar="PERCENT,...", help="Shares of the best models to report.")
    ] = DEFAULT_TOP,
    rank_on: Annotated[
        Literal["val", "test"],
        typer.Option(help="Predictions that the models are ranked by."),
    ] = "val",
    score_on: Annotated[
        Literal["val", "test"], typer.Option(help="Predictions that the ensembles are scored on.")
    ] = "test",
    out: Annotated[
        Path, typer.Option(help="Folder for curve.png, curve.csv and members.csv.")
    ] = Path("vote"),
) -> None:
    """Rank models, let the best of them vote, and report the accuracy of every ensemble size.

    [bold]Examples[/bold]

    $ warpmix vote runs/*
    $ warpmix vote runs/* --method soft --top 25,50,100 --out ensemble
    $ warpmix vote a.safetensors b.safetensors c.npz --rank-on test
    """
