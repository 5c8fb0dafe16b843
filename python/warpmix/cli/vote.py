"""``warpmix vote``: stored predictions of many models become one decision."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from warpmix._files import make_folder
from warpmix.cli._app import console
from warpmix.cli._flags import reading_flags
from warpmix.cli._selection import Selection, gather
from warpmix.cli._votes import EVERY_SIZE_UP_TO, Method, count_votes, decide_unscored
from warpmix.cli.tables import show_votes, write_labels, write_votes


@reading_flags
def vote(
    paths: Annotated[
        list[Path],
        typer.Argument(help="A store; or run folders, folders of them, files of predictions."),
    ],
    method: Annotated[
        Method,
        typer.Option(
            help="Average probabilities (soft), count votes (hard), average log-probabilities "
            "(geometric) or ranks (rank), average with fitted weights (weighted), select greedily, "
            "stack, or all of it."
        ),
    ] = "all",
    top: Annotated[
        str | None,
        typer.Option(
            metavar="PERCENT,...",
            help="Shares of the best models to show (default 10,20,30,40,50,100; every size up to "
            f"{EVERY_SIZE_UP_TO} models).",
        ),
    ] = None,
    rank_on: Annotated[
        str, typer.Option(metavar="SPLIT", help="Predictions to rank and to fit on.")
    ] = "val",
    score_on: Annotated[
        str | None,
        typer.Option(
            metavar="SPLIT",
            help="Predictions that are voted over (default test; val where there are no others).",
        ),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            help="Folder for curve.png, curve.csv, methods.csv, methods.md; or labels.csv."
        ),
    ] = Path("vote"),
    device: Annotated[
        str | None, typer.Option(metavar="cpu|cuda", help="Where to count (default cpu).")
    ] = None,
    replicates: Annotated[
        int, typer.Option(min=1, max=65535, help="Bootstrap replicates of the 95 % intervals.")
    ] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")] = 0,
    **reading: Any,
) -> None:
    """Rank models, let the best of them vote, and report the accuracy of every ensemble size.

    The models are ranked, and weights fitted, on their validation images and scored on the test
    images. Runs without test images are ranked and scored on the validation images, which flatters
    the small ensembles and fits nothing. So does --rank-on test, for files that come without
    validation predictions.

    Samples without labels are decided about, too: labels.csv then holds the ids and labels, and
    nothing is said of accuracies. Models are ranked and fitted where --rank-on has labels.

    [bold]Examples[/bold]

    $ warpmix vote runs/*
    $ warpmix vote STORE --method all --top 10,20,30,40,50,100 --rank-on val --score-on test
    $ warpmix vote runs/* --method soft --top 25,50,100 --out ensemble
    $ warpmix vote a.safetensors b.safetensors c.npz --rank-on test
    $ warpmix vote a.csv b.csv --method soft --out submission
    """
    shares = None if top is None else _parse_shares(top)
    selection = gather(paths, rank_on, score_on, reading)
    if selection.scored.labels is None:
        _decide(selection, method, shares, out, device)
        return
    report = count_votes(selection, method, shares, device=device, replicates=replicates, seed=seed)
    show_votes(report, method)
    make_folder(out)
    write_votes(report, method, out)


def _decide(
    selection: Selection,
    method: Method,
    shares: Sequence[float] | None,
    out: Path,
    device: str | None,
) -> None:
    """Write the labels of samples whose true ones are unknown."""
    if shares is not None and len(shares) > 1:
        raise ValueError(
            f"{selection.scored_on} has no labels to score ensembles by: give --top one share, got "
            f"{', '.join(f'{share:g}' for share in shares)}"
        )
    result = decide_unscored(selection, method, shares[0] if shares else 100.0, device)
    scored = selection.scored
    make_folder(out)
    write_labels(out / "labels.csv", scored.ids, result, scored.classes)
    console.print(
        f"{selection.scored_on} has no labels: accuracies are unknown\n"
        f"{len(result.labels)} labels of {len(selection.names)} models: {out / 'labels.csv'}",
        highlight=False,
    )


def _parse_shares(text: str) -> Sequence[float]:
    """Return the percentages of ``"10,20,50"``."""
    try:
        shares = [float(part) for part in text.split(",")]
    except ValueError:
        shares = []
    if not shares or not all(0 < share <= 100 for share in shares):
        raise ValueError(
            f"--top must be percentages above 0 and up to 100, as 10,50,100; got {text!r}"
        )
    return shares
