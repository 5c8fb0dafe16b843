"""``warpmix preview``: what an augmentation does to images, as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from warpmix.cli._app import console
from warpmix.cli.settings import setting_flags
from warpmix.train import TrainConfig, load_config

if TYPE_CHECKING:
    from torch import Tensor

DEFAULT_RECIPE = "warsaw-all"


@setting_flags("root", "download", "image_size", "skip_bad_images", "augment", "p", "seed")
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

    Every image is augmented (p 1) unless --p or --config says otherwise.

    [bold]Examples[/bold]

    $ warpmix preview                                    (warsaw-all on digits)
    $ warpmix preview cifar10 --root data --augment cifar --count 12
    $ warpmix preview photos/ --image-size 96 --augment my-recipe.yaml --out mine.png
    """
    if data is not None:
        settings["data"] = data
    if config is None:
        settings = {"augment": DEFAULT_RECIPE, "p": 1.0, **settings}
    write_preview(load_config(config, **settings), out, count, epoch)
    console.print(f"preview: {out}")


def write_preview(config: TrainConfig, path: Path, count: int = 8, epoch: int = 0) -> None:
    """Draw ``count`` training images, of as many classes as can be, before and after.

    Args:
        config: its data, augmentation and seed are used.
        path: PNG to write.
        count: images to show; all of them if there are fewer.
        epoch: whose random numbers are drawn.
    """
    with console.status("starting torch"):  # some seconds
        import torch

        from warpmix.augment import Pipeline, from_config
        from warpmix.figures.preview import draw_preview
        from warpmix.train.data import load_images

    dataset = load_images(config, "train")
    rows = torch.tensor(_one_of_each(dataset.labels.tolist(), count))
    pipeline = Pipeline(
        from_config(config.augment), p=config.p, dtype=torch.uint8, seed=config.seed
    )
    images = dataset.images.permute(0, 3, 1, 2)
    draws = pipeline.draw(images=images, index=rows, epoch=epoch)
    augmented, targets = pipeline.replay(images, draws, dataset.labels, sums=dataset.channel_sums)
    draw_preview(
        path,
        originals=dataset.images[rows].numpy(),
        augmented=augmented.permute(0, 2, 3, 1).numpy(),
        titles=[dataset.classes[label] for label in dataset.labels[rows]],
        captions=[
            _mixed_label(dataset.classes, *mix) + draws.describe(i) or ["unchanged"]
            for i, mix in enumerate(zip(*targets, strict=True))
        ],
    )


def _mixed_label(
    classes: tuple[str, ...], own: Tensor, partner: Tensor, share: Tensor
) -> list[str]:
    """Say the label of a mixed image, e.g. ``["label: 70% cat, 30% dog"]``, else nothing."""
    if share == 1:
        return []
    return [f"label: {share:.0%} {classes[own]}, {1 - share:.0%} {classes[partner]}"]


def _one_of_each(labels: list[int], count: int) -> list[int]:
    """Choose ``count`` rows: one of every class in turn, then a second of every class, ..."""
    turns: dict[int, int] = {}
    keys = []
    for row, label in enumerate(labels):
        turns[label] = turns.get(label, 0) + 1
        keys.append((turns[label], label, row))
    return [row for _, _, row in sorted(keys)[:count]]
