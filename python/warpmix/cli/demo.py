"""``warpmix demo``: train three models, let them vote, look at the pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from warpmix.cli._app import console
from warpmix.cli.preview import write_preview
from warpmix.train.config import load_config

MEMBERS = 3


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the runs and the pictures.")] = Path("demo"),
) -> None:
    """Train three models on handwritten digits with fused augmentation, and let them vote.

    [bold]Example[/bold]

    $ warpmix demo --out demo
    """
