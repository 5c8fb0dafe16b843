"""``warpmix demo``: train three models, let them vote, look at the pictures."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from warpmix.cli._app import console
from warpmix.cli.ballot import count_votes
from warpmix.cli.preview import write_preview
from warpmix.cli.vote import show_votes, write_votes
from warpmix.train.config import load_config

MEMBERS = 3
RECIPE = "digits-demo"


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the runs and the pictures.")] = Path("demo"),
) -> None:
    """Train three models on handwritten digits with fused augmentation, and let them vote.

    The models differ in their seed alone: 1,797 real digits of 8x8 pixels, that come with
    scikit-learn; shift, contrast, cutmix and crop-blackout on half of them, in one launch a batch.
    A demo that is in the folder already is written anew.

    [bold]Example[/bold]

    $ warpmix demo --out demo
    """
    with console.status("starting torch"):  # some seconds
        from warpmix.train import fit
    preview, runs = out / "preview.png", out / "runs"
    shutil.rmtree(runs, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)

    base = load_config(RECIPE)
    write_preview(base.model_copy(update={"p": 1.0}), preview)
    for seed in range(MEMBERS):
        config = base.model_copy(update={"seed": seed})
        console.rule(f"member {seed + 1} of {MEMBERS}")
        result = fit(config, runs / f"seed{seed}", console=console)
        console.print(f"test accuracy {result.test_accuracy:.2%}", style="bold", highlight=False)

    console.rule("votes")
    ballot = count_votes([runs], rank_on="val", score_on="test")
    show_votes(ballot)
    write_votes(ballot, "all", out)
    console.print(f"preview: {preview}")
