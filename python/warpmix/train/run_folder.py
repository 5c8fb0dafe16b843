"""The folder a run is kept in: which files, and whether it may be written to.

| file | holds |
|---|---|
| ``config.json`` | the settings, complete |
| ``environment.json`` | versions, devices and the build that trained it |
| ``split.safetensors`` | rows of the training split that were trained on and held out |
| ``history.csv`` | one row an epoch |
| ``checkpoint.safetensors`` | what it takes to go on; written every epoch |
| ``model.safetensors`` | the best weights; written when the run ends |
| ``predictions.safetensors`` | probabilities over the test images |
| ``predictions-val.safetensors`` | and over the validation images |
| ``trackers.json``, ``csv/``, ``tensorboard/``, ``wandb/`` | of the ``logger`` that was asked for |
"""

from __future__ import annotations

from pathlib import Path

from warpmix._files import remove_unfinished
from warpmix.train.config import TrainConfig, load_config

CONFIG_FILE = "config.json"
ENVIRONMENT_FILE = "environment.json"
SPLIT_FILE = "split.safetensors"
HISTORY_FILE = "history.csv"
CHECKPOINT_FILE = "checkpoint.safetensors"
MODEL_FILE = "model.safetensors"
PREDICTIONS_FILES = {"test": "predictions.safetensors", "val": "predictions-val.safetensors"}
TRACKERS_FILE = "trackers.json"

RUN_FILES = frozenset(
    {CONFIG_FILE, ENVIRONMENT_FILE, SPLIT_FILE, HISTORY_FILE, CHECKPOINT_FILE, MODEL_FILE}
    | set(PREDICTIONS_FILES.values())
)
"""What a run leaves behind; one with trackers also ``TRACKERS_FILE``."""

# Settings that a resumed run may change; any other would make it another run.
CHANGEABLE = frozenset(
    {"epochs", "device", "threads", "cache", "loading", "feature_cache"}
    | {"logger", "experiment", "tracking_uri"}
)


def check_folder(folder: Path, config: TrainConfig, resume: bool) -> None:
    """Refuse a folder that a run of ``config`` must not be written to; writes nothing.

    Raises:
        FileNotFoundError: ``resume``, and there is no run in it.
        ValueError: a new run, and there is one in it already; or ``resume``, and the run in it is
            of other settings than ``config``.
    """
    if not resume:
        if (folder / CHECKPOINT_FILE).exists():
            raise ValueError(
                f"{folder} holds a run already; choose another --out, "
                f"or continue it with: warpmix train --resume {folder}"
            )
        return
    earlier = load_settings(folder).model_dump()
    differing = [
        f"{name} {earlier[name]!r}, not {value!r}"
        for name, value in config.model_dump().items()
        if name not in CHANGEABLE and earlier[name] != value
    ]
    if differing:
        raise ValueError(
            f"{folder} holds a run of other settings: {'; '.join(differing)}. "
            f"A resumed run may change {', '.join(sorted(CHANGEABLE))} alone"
        )


def remove_run(folder: Path) -> None:
    """Delete the files of a run, and nothing else, if there is one in the folder."""
    for name in RUN_FILES | {TRACKERS_FILE}:
        (folder / name).unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Delete the temporary files of a run that was killed while it wrote."""
    remove_unfinished(folder, (RUN_FILES | {TRACKERS_FILE}).__contains__)


def load_settings(folder: Path) -> TrainConfig:
    """Read the settings of the run in a folder.

    Raises:
        FileNotFoundError: there is no run in it.
    """
    if not (folder / CONFIG_FILE).is_file():
        raise FileNotFoundError(f"{folder} holds no run: there is no {CONFIG_FILE} in it")
    return load_config(folder / CONFIG_FILE)
