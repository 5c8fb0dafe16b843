"""``warpmix model``: which networks there are, and what one is made of."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from warpmix.cli._app import console, group, headed
from warpmix.cli.settings import setting_flags
from warpmix.train import load_config
from warpmix.train.settings import NETWORK_OPTIONS

model = group(
    "model",
    "Networks: their names, and the parameters of one, layer by layer.",
    "describe resnet18",
)

_DEFAULT_SIDE = 224  # of torchvision's networks


@model.command("list")
def list_models() -> None:
    """List the reports' own networks and torchvision's.

    [bold]Example[/bold]

    $ warpmix model list
    """
    with console.status("starting torch"):  # some seconds
        from warpmix import models
        from warpmix.models.registry import COMMON_OPTIONS, OWN, TORCHVISION_OPTIONS

    table = Table("network", "from", "options", box=None, header_style="bold")
    for name, own in OWN.items():
        table.add_row(name, own.about, ", ".join(own.options))
    console.print(table)
    others = [name for name in models.names() if name not in OWN]
    options = f"options {', '.join(TORCHVISION_OPTIONS)}"
    console.print(headed("torchvision", f" ({options}): {', '.join(others)}"))
    console.print(headed("options of all", f": {', '.join(COMMON_OPTIONS)}"))


@model.command("describe")
@setting_flags(
    *("head", "dropout", "dropout_at", "weights", "frozen", "unfrozen", "frozen_mode"),
    *NETWORK_OPTIONS,
)
def describe(
    name: Annotated[str, typer.Argument(help="A network of warpmix model list.")],
    classes: Annotated[int, typer.Option(min=2, max=100_000, help="Classes it tells apart.")] = 10,
    image_size: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=10_000,
            help="Side of its images (default the network's own: 32, 224 or 300).",
        ),
    ] = None,
    channels: Annotated[int, typer.Option(min=1, max=1000, help="Channels of its images.")] = 3,
    **settings: Any,
) -> None:
    """Show a network's layers, what they make of one image, and their parameters.

    [bold]Examples[/bold]

    $ warpmix model describe baseline2 --batch-norm before
    $ warpmix model describe resnet50 --frozen --unfrozen 1 --classes 3
    """
    config = load_config(None, **settings)
    with console.status("starting torch"):  # some seconds
        from warpmix import models
        from warpmix.models.registry import OWN

    side = image_size or (OWN[name].image_size[0] if name in OWN else _DEFAULT_SIDE)
    network = models.create(
        name,
        classes,
        weights=config.weights,
        frozen=config.frozen,
        unfrozen=config.unfrozen,
        head=config.head,
        dropout=config.dropout,
        image_size=side,
        in_channels=channels,
        options=config.network_options,
        dropout_at=config.dropout_at,
        frozen_mode=config.frozen_mode,
    )
    table = Table("layer", "kind", box=None, header_style="bold")
    for column in ("output", "parameters", "trained"):
        table.add_column(column, justify="right")
    rows = models.describe(network, channels, side, side)
    for row in rows:
        shape = "×".join(map(str, row.output))
        table.add_row(row.name, row.kind, shape, _number(row.parameters), _number(row.trained))
    console.print(table, highlight=False)
    total, trained = (sum(getattr(row, kind) for row in rows) for kind in ("parameters", "trained"))
    rest = f", {trained:,} of them trained; input {channels}×{side}×{side}"
    console.print(headed(f"{total:,} parameters", rest))


def _number(count: int) -> str:
    return f"{count:,}" if count else ""
