"""``warpmix evaluate``: what a trained model gets right and wrong, in figures and pictures."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from warpmix._files import atomic_write, make_folder, write_json
from warpmix.cli._app import console, headed
from warpmix.cli._images import Model, Split, folder_of, load_labelled, settings_of
from warpmix.cli.settings import setting_flags

if TYPE_CHECKING:
    from warpmix.data import Dataset
    from warpmix.evaluation import Evaluation

_SHOWN_CLASSES = 20  # of more, the worst


@setting_flags(
    "data",
    "root",
    "image_size",
    "store_size",
    "fit",
    "skip_bad_images",
    "cache",
    "device",
    "precision",
)
def evaluate(
    run: Model,
    split: Split = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write (default RUN/evaluation-SPLIT).")
    ] = None,
    errors: Annotated[int, typer.Option(min=0, help="Most confident errors to show.")] = 24,
    maps: Annotated[int, typer.Option(min=0, help="Class activation maps to show.")] = 12,
    **settings: Any,
) -> None:
    """Write a model's confusion matrix, accuracy by class, calibration, and worst errors.

    Without further flags the images are loaded as the run loaded them. The folder gets
    metrics.json, confusion.csv, and the pictures confusion.png, calibration.png, errors.png (the
    most confident ones) and maps.png (where the model looked for what it wrongly saw, and for
    the truth).

    [bold]Examples[/bold]

    $ warpmix evaluate runs/cifar10-vgg3-seed0
    $ warpmix evaluate runs/cifar10-vgg3-seed0 --data cifar10.1-v6
    """
    config, folder = settings_of(run, settings), folder_of(run)
    with console.status("starting torch"):  # some seconds
        from warpmix import train
        from warpmix.ensemble import is_bundle
        from warpmix.evaluation import evaluate_predictions

    dataset, split = load_labelled(run, config, split)
    probabilities = train.predict(run, dataset, device=config.device, precision=config.precision)
    found = evaluate_predictions(probabilities, dataset.labels)
    target = out or folder / f"evaluation-{split}"
    make_folder(target)
    title = f"{folder.resolve().name} on {dataset.name}, {split}"
    _write_figures(target, found, dataset, title)
    if errors and len(found.errors):
        _draw_errors(target / "errors.png", found, dataset, errors, title)
    if maps and len(found.errors) and not is_bundle(run):  # an ensemble has no one place it looks
        _draw_maps(target / "maps.png", run, found, dataset, maps, title)
    _show(found, dataset.classes)
    console.print(f"evaluation: {target}")


def _write_figures(target: Path, found: Evaluation, dataset: Dataset, title: str) -> None:
    from warpmix.figures.evaluation import draw_calibration, draw_confusion

    write_json(target / "metrics.json", found.summary(dataset.classes))
    with (
        atomic_write(target / "confusion.csv") as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["true", *dataset.classes])
        for name, counts in zip(dataset.classes, found.confusion.tolist(), strict=True):
            writer.writerow([name, *counts])
    draw_confusion(target / "confusion.png", found.confusion.numpy(), dataset.classes, title)
    draw_calibration(target / "calibration.png", found.bins.numpy(), found.calibration_error, title)


def _draw_errors(path: Path, found: Evaluation, dataset: Dataset, count: int, title: str) -> None:
    from warpmix.figures.evaluation import draw_images

    rows = found.errors[:count]
    draw_images(
        path,
        [[dataset.picture(row).numpy()] for row in rows.tolist()],
        [_caption(found, dataset, row) for row in rows.tolist()],
        f"{title}: the most confident errors",
    )


def _draw_maps(
    path: Path, run: Path, found: Evaluation, dataset: Dataset, count: int, title: str
) -> None:
    """Draw images beside the maps of what was predicted and of the truth, where there are maps."""
    import numpy as np
    from torch.nn.functional import interpolate

    from warpmix.evaluation import activation_maps
    from warpmix.figures.evaluation import draw_images, overlay
    from warpmix.train import load_model
    from warpmix.train.loaders import evaluation_loader, seen_images

    network, spec = load_model(run)
    rows = found.errors[:count]
    ((batch, targets),) = evaluation_loader(dataset.subset(rows), spec, "32-true")
    try:
        seen = activation_maps(network, batch, found.predicted[rows])
        true = activation_maps(network, batch, targets.y_a)
    except ValueError as error:
        console.print(f"no class activation maps: {error}", style="yellow")
        return
    # The network may have seen enlarged images; the pictures are of the originals, unless these are
    # of mixed sizes.
    part = dataset.subset(rows)
    if spec.image_size is None:
        images = seen_images(part, spec).numpy()
    else:
        images = np.stack([part.picture(row).numpy() for row in range(len(part))])
    shown = [
        interpolate(maps[None], images.shape[1:3], mode="bilinear")[0].numpy()
        for maps in (seen, true)
    ]
    draw_images(
        path,
        [
            [image, overlay(image, a), overlay(image, b)]
            for image, a, b in zip(images, *shown, strict=True)
        ],
        [_caption(found, dataset, row) for row in rows.tolist()],
        f"{title}: where it saw its answer, and where the truth",
    )


def _caption(found: Evaluation, dataset: Dataset, row: int) -> str:
    said = dataset.classes[int(found.predicted[row])]
    true = dataset.classes[int(dataset.labels[row])]
    return f"{said} {float(found.confidence[row]):.1%}\n(is {true})"


def _show(found: Evaluation, classes: tuple[str, ...]) -> None:
    table = Table("class", box=None, header_style="bold")
    table.add_column("accuracy", justify="right")
    table.add_column("most often taken for")
    order = found.class_accuracy.nan_to_num(2).argsort(stable=True).tolist()
    shown = range(len(classes)) if len(classes) <= _SHOWN_CLASSES else order[:_SHOWN_CLASSES]
    for label in shown:
        others = found.confusion[label].clone()
        others[label] = 0
        worst = int(others.argmax())
        taken = f"{classes[worst]} ({int(others[worst])})" if others[worst] else ""
        accuracy = float(found.class_accuracy[label])  # NaN: no image is of the class
        table.add_row(classes[label], "–" if math.isnan(accuracy) else f"{accuracy:.2%}", taken)
    console.print(table, highlight=False)
    rest = (
        f" over {len(found.predicted)} images, loss {found.loss:.4f}, Brier {found.brier:.4f}, "
        f"calibration error {found.calibration_error:.2%}"
    )
    console.print(headed(f"accuracy {found.accuracy:.2%}", rest))
