"""``warpmix preview``: what an augmentation does to images, as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from warpmix.cli._app import console
from warpmix.cli.settings import setting_flags
from warpmix.train import TrainConfig, load_config

DEFAULT_RECIPE = "warsaw-all"


@setting_flags(
    *("root", "download", "image_size", "store_size", "fit", "skip_bad_images"),
    *("augment", "variants", "p", "seed"),
)
def preview(
    data: Annotated[
        str | None,
        typer.Argument(
            help="A data set's name, a .npz file, or a folder of images (default digits)."
        ),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(metavar="RECIPE", help="A packaged recipe's name or a YAML file of settings."),
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=64, help="Images to show.")] = 8,
    epoch: Annotated[int, typer.Option(min=0, help="Epoch whose random numbers are drawn.")] = 0,
    out: Annotated[Path, typer.Option(help="PNG to write.")] = Path("preview.png"),
    **settings: Any,
) -> None:
    """Write a picture: originals, their augmented copies, and the parameters that were drawn.

    Every image is augmented (p 1) unless --p or --config says otherwise. Variants, the copies of
    every image that --variants or --config names, stand side by side.

    [bold]Examples[/bold]

    $ warpmix preview                                    (warsaw-all on digits)
    $ warpmix preview cifar10 --root data --augment cifar --count 12
    $ warpmix preview photos/ --augment my-recipe.yaml --out mine.png
    """
    if data is not None:
        settings["data"] = data
    if config is None:
        augment = {} if "variants" in settings else {"augment": DEFAULT_RECIPE}
        settings = {**augment, "p": 1.0, **settings}
    write_preview(load_config(config, **settings), out, count, epoch)
    console.print(f"preview: {out}")


def write_preview(config: TrainConfig, path: Path, count: int = 8, epoch: int = 0) -> None:
    """Draw ``count`` training images, of as many classes as can be, before and after.

    Args:
        config: its data, augmentation, variants and seed are used.
        path: PNG to write.
        count: images to show; all of them if there are fewer.
        epoch: whose random numbers are drawn.
    """
    with console.status("starting torch"):  # some seconds
        from warpmix.figures.preview import draw_preview
        from warpmix.train.examples import augment_examples

    shown = augment_examples(config, count, epoch)
    captions = [
        [(form.name, *lines) if form.name else lines for lines in form.captions]
        for form in shown.forms
    ]
    draw_preview(
        path, shown.originals, shown.titles, [list(form.images) for form in shown.forms], captions
    )
