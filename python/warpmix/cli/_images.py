"""Which images a trained model is asked about: those of its run, unless flags say others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from warpmix.cli._app import console
from warpmix.train import TrainConfig, load_config
from warpmix.train.run_folder import CONFIG_FILE, MODEL_FILE

if TYPE_CHECKING:
    from warpmix.data import Dataset

Model = Annotated[Path, typer.Argument(help="Run folder, its model.safetensors, or a bundle.")]
Split = Annotated[
    str | None,
    typer.Option(
        metavar="train|val|test",
        help="Which images (default test; without labelled test images the run's validation "
        "images, or all of another folder's).",
    ),
]


def folder_of(run: Path) -> Path:
    """Return the folder of a run or bundle that is named by itself or by a file in it."""
    return run if run.is_dir() else run.parent


def settings_of(run: Path, typed: Mapping[str, Any]) -> TrainConfig:
    """Return the settings that a model was trained with, and what was typed in their place.

    Raises:
        FileNotFoundError: there is no such model.
        ValueError: weights without their settings, and no images named.
    """
    if not run.exists():
        raise FileNotFoundError(f"{run} does not exist; expected a run of: warpmix train")
    folder = folder_of(run)
    stored = folder / CONFIG_FILE
    if stored.exists():
        return load_config(stored, **typed)
    if "data" not in typed and (run.is_file() or (folder / MODEL_FILE).exists()):
        raise ValueError(
            f"{run} must have a {CONFIG_FILE} beside it, which says what images it was trained on; "
            "without one name them with --data"
        )
    return load_config(None, **typed)


def load_labelled(run: Path, config: TrainConfig, split: str | None) -> tuple[Dataset, str]:
    """Load labelled images, and say which split they are of, as :data:`Split` has it.

    Raises:
        FileNotFoundError, ValueError: as :func:`warpmix.data.load` and :func:`load_held_out`.
    """
    from warpmix.data.sources import has_labels, splits_of
    from warpmix.train.data import held_out_rows, load_held_out, load_images

    _check_place(run, config)
    if split is not None and (split != "val" or "val" in splits_of(config.data, config.root)):
        return load_images(config, split), split
    if split is None and has_labels(config.data, "test"):
        return load_images(config, "test"), "test"
    rows = held_out_rows(folder_of(run), config)
    if rows is None:
        split = split_to_label(run, config, split)
        return load_images(config, split), split
    if split is None:
        console.print(
            f"{config.data} has no labelled test images: these are the validation images, by which "
            "the run's weights were chosen",
            style="yellow",
        )
    return load_held_out(folder_of(run), config, rows), "val"


def split_to_label(run: Path, config: TrainConfig, split: str | None) -> str:
    """Return the split asked for, else test, or the only one of images that the model was not
    trained on.

    Raises:
        FileNotFoundError: the images that it was trained on are not where they were.
    """
    from warpmix.data.sources import splits_of

    _check_place(run, config)
    alone = split is None and splits_of(config.data, config.root) == ("train",)
    return split or ("train" if alone and not _trained_on(run, config) else "test")


def _check_place(run: Path, config: TrainConfig) -> None:
    """Refuse a folder of the run's that is not there, as from another working directory."""
    from warpmix.data.sources import NAMES

    missing = config.data not in NAMES and not Path(config.data).exists()
    if missing and _trained_on(run, config):
        raise FileNotFoundError(
            f"{run} was trained on {config.data}, which is not there, seen from {Path.cwd()}; name "
            "the images with --data, or run this where the training ran"
        )


def _trained_on(run: Path, config: TrainConfig) -> bool:
    stored = folder_of(run) / CONFIG_FILE
    return stored.exists() and load_config(stored).data == config.data
