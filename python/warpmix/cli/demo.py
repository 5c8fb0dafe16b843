"""``warpmix demo``: train three models, let them vote, look at the pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from warpmix._files import make_folder
from warpmix.cli._app import console
from warpmix.cli._selection import gather
from warpmix.cli._votes import count_votes
from warpmix.cli.preview import write_preview
from warpmix.cli.tables import show_votes, write_votes
from warpmix.train import load_config
from warpmix.train.run_folder import remove_run

MEMBERS = 3
RECIPE = "digits-demo"


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the runs and the pictures.")] = Path("demo"),
) -> None:
    """Train three models on handwritten digits with fused augmentation, and let them vote.

    The images are scikit-learn's, 1,797 of 8x8 pixels. A random half of each batch is shifted,
    contrasted, mixed and cropped in one launch. The models differ in their seed alone.

    [bold]Example[/bold]

    $ warpmix demo --out demo
    """
    with console.status("starting torch"):  # some seconds
        from warpmix.train import fit

    make_folder(out)
    config = load_config(RECIPE)
    preview = out / "preview.png"
    write_preview(config.model_copy(update={"p": 1.0}), preview)

    members = [out / "members" / f"seed{seed}" for seed in range(MEMBERS)]
    for seed, folder in enumerate(members):
        console.rule(f"member {seed + 1} of {MEMBERS}")
        remove_run(folder)
        result = fit(config.model_copy(update={"seed": seed}), folder, console=console)
        console.print(f"test accuracy {result.test_accuracy:.2%}", style="bold", highlight=False)

    console.rule("votes")
    report = count_votes(gather(members, rank_on="val", score_on="test"))
    show_votes(report)
    write_votes(report, "all", out)
    console.print(f"preview: {preview}")
