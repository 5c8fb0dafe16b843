"""``warpmix predict``: probabilities of a trained model, or of an ensemble, over any images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import Progress

from warpmix.cli._app import console
from warpmix.cli._images import (
    Model,
    Split,
    folder_of,
    load_labelled,
    settings_of,
    split_to_label,
)
from warpmix.cli.settings import setting_flags
from warpmix.train import TrainConfig

if TYPE_CHECKING:
    from torch import Tensor

    from warpmix.data import Dataset, ImageCache


@setting_flags(
    *("data", "root", "download", "image_size", "store_size", "fit", "skip_bad_images", "cache"),
    *("device", "precision"),
)
def predict(
    run: Model,
    split: Split = None,
    out: Annotated[
        Path | None,
        typer.Option(help="File to write (default RUN/predictions-DATA-SPLIT.safetensors)"),
    ] = None,
    submission: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="Write id and label of every image, labelled or not."),
    ] = None,
    **settings: Any,
) -> None:
    """Store class probabilities of a trained model, or of an exported ensemble, over a data set.

    Without further flags the images are loaded as the run loaded them.

    [bold]Examples[/bold]

    $ warpmix predict runs/digits-vgg3-seed0 --split train
    $ warpmix predict runs/cifar10-vgg3-seed0 --data kaggle-cifar10 --submission out.csv
    $ warpmix predict runs/photos-vgg3-seed0 --data new-photos/ --submission out.csv
    $ warpmix predict runs/cifar10-vgg3-seed0 --data photos/ --image-size 32 --out p.safetensors
    $ warpmix predict bundle --split test                (of warpmix ensemble export)
    $ warpmix predict bundle --data new-photos/ --submission out.csv
    """
    if out is not None and out.suffix.lower() != ".safetensors":
        raise ValueError(f"--out must end in .safetensors, got {out}; --submission writes a CSV")
    config = settings_of(run, settings)
    if submission is not None:
        _submit(submission, run, config, split, out)
        return
    with console.status("starting torch"):  # some seconds
        from warpmix import predictions, train

    dataset, split = load_labelled(run, config, split)
    probabilities = train.predict(run, dataset, device=config.device, precision=config.precision)
    path = out or folder_of(run) / f"predictions-{Path(config.data).name}-{split}.safetensors"
    _save(path, run, dataset, split, probabilities, dataset.classes)
    accuracy = predictions.load(path).accuracy
    console.print(f"accuracy {accuracy:.2%} over {len(dataset)} images\npredictions: {path}")


def _submit(
    path: Path, run: Path, config: TrainConfig, split: str | None, out: Path | None
) -> None:
    """Write the labels of images that may have none, and their probabilities where asked for."""
    with console.status("starting torch"):  # some seconds
        from warpmix.data import ImageCache
        from warpmix.train.data import open_cached
        from warpmix.train.prediction import write_submission

    split = split_to_label(run, config, split)
    images = open_cached(config, split)
    count = len(images.rows) if isinstance(images, ImageCache) else len(images)
    with Progress(console=console, transient=True) as bars:
        bar = bars.add_task("predicting", total=count)
        probabilities, classes = write_submission(
            path,
            run,
            images,
            device=config.device,
            precision=config.precision,
            on_batch=lambda done: bars.advance(bar, done),
        )
    console.print(f"{count} labels: {path}", highlight=False)
    if out is not None:
        _save(out, run, images, split, probabilities, classes)
        console.print(f"predictions: {out}")


def _save(
    path: Path,
    run: Path,
    images: ImageCache | Dataset,
    split: str,
    probabilities: Tensor,
    classes: tuple[str, ...],
) -> None:
    """Write a prediction file that names the run and the images, each image file by its path."""
    from warpmix import predictions
    from warpmix.data import ImageCache

    predictions.save(
        path,
        probabilities,
        images.labels,
        model=folder_of(run).resolve().name,
        dataset=images.name,
        split=split,
        classes=classes,
        ids=list(images.image_ids()) if isinstance(images, ImageCache) else None,
    )
