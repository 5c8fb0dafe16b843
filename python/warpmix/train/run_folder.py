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
| ``divergence.json`` | how the run diverged; until it goes on with other settings |
| ``run.lock`` | who is training in the folder; there as long as somebody is |
| ``trackers.json``, ``csv/``, ``tensorboard/``, ``wandb/`` | of the ``logger`` that was asked for |
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from warpmix._bundle_folder import is_bundle
from warpmix._files import as_typed, remove_unfinished
from warpmix.train.claims import claim, owner_of
from warpmix.train.config import TrainConfig, load_config

CONFIG_FILE = "config.json"
ENVIRONMENT_FILE = "environment.json"
SPLIT_FILE = "split.safetensors"
HISTORY_FILE = "history.csv"
CHECKPOINT_FILE = "checkpoint.safetensors"
MODEL_FILE = "model.safetensors"
PREDICTIONS_FILES = {"test": "predictions.safetensors", "val": "predictions-val.safetensors"}
TRACKERS_FILE = "trackers.json"
DIVERGENCE_FILE = "divergence.json"
LOCK_FILE = "run.lock"

RUN_FILES = frozenset(
    {CONFIG_FILE, ENVIRONMENT_FILE, SPLIT_FILE, HISTORY_FILE, CHECKPOINT_FILE, MODEL_FILE}
    | set(PREDICTIONS_FILES.values())
)
"""What a run leaves behind; one with trackers also ``TRACKERS_FILE``, one that diverged also
``DIVERGENCE_FILE``."""
_ALL_FILES = RUN_FILES | {TRACKERS_FILE, DIVERGENCE_FILE}

# Settings that a resumed run may change; any other would make it another run.
CHANGEABLE = frozenset(
    {"epochs", "schedule_epochs", "device", "threads", "cache", "loading", "feature_cache"}
    | {"logger", "experiment", "tracking_uri"}
)
AFTER_DIVERGENCE = frozenset({"lr", "switch_lr", "clip_grad", "warmup_epochs"})
"""Settings that a run that has diverged may change besides, to go on from its last good epoch."""


class RunInUseError(ValueError):
    """Another process is training in the run folder."""


@contextmanager
def hold_folder(folder: Path, config: TrainConfig, resume: bool) -> Iterator[None]:
    """Hold a run folder against other trainings until the block ends, and check it.

    The folder, and those above it, are made if need be, and removed again if nothing was written.

    Raises:
        RunInUseError: (a ValueError) another training has the folder.
        FileNotFoundError, ValueError: as :func:`check_folder`.
    """
    if resume:
        load_settings(folder)  # which is there, or no folder is made for its lock
    new = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        with _hold(folder):
            check_folder(folder, config, resume)
            if not resume:
                (folder / DIVERGENCE_FILE).unlink(missing_ok=True)  # of an earlier try
            yield
    finally:
        with suppress(OSError):  # what has something in it stays, and all that is above it
            for place in new:
                place.rmdir()


@contextmanager
def _hold(folder: Path) -> Iterator[None]:
    path = folder / LOCK_FILE
    while True:
        with claim(path) as is_free:
            if is_free:
                yield
                return
        owner = owner_of(path)
        if owner is not None:  # else it has let go, or somebody was looking
            raise RunInUseError(
                f"{folder} is in use: {owner} is training in it; choose another --out, or wait "
                "until that process has ended, or end it and then resume its run"
            )


def has_begun(folder: Path) -> bool:
    """Return whether a folder holds a run, finished or not, that a new one would overwrite."""
    return (folder / CHECKPOINT_FILE).exists() or (folder / MODEL_FILE).exists()


def check_folder(folder: Path, config: TrainConfig, resume: bool) -> None:
    """Refuse a folder that a run of ``config`` must not be written to; writes nothing.

    Raises:
        FileNotFoundError: ``resume``, and there is no run in it.
        ValueError: a new run, and there is one in it already; or ``resume``, and the run in it is
            of other settings than ``config``.
    """
    if not resume:
        if is_bundle(folder):
            raise ValueError(f"{folder} holds a bundle of an ensemble; choose another --out")
        if has_begun(folder):
            raise ValueError(
                f"{folder} holds a run already; choose another --out, "
                f"or continue it with: warpmix train --resume {as_typed(folder)}"
            )
        return
    earlier = load_settings(folder).model_dump()
    changeable = CHANGEABLE | {"automatic"}
    chosen = {*earlier["automatic"]} & {*config.automatic}
    if (folder / DIVERGENCE_FILE).exists():
        changeable |= AFTER_DIVERGENCE
    differing = [
        f"{name} {earlier[name]!r}, not {value!r}"
        for name, value in config.model_dump().items()
        if name not in changeable | chosen and earlier[name] != value
    ]
    if differing:
        raise ValueError(
            f"{folder} holds a run of other settings: {'; '.join(differing)}. "
            f"A resumed run may change {', '.join(sorted(changeable - {'automatic'}))} alone"
        )


def remove_run(folder: Path) -> None:
    """Delete the files of a run, and nothing else, if there is one in the folder.

    Raises:
        RunInUseError: (a ValueError) a training has the folder.
    """
    if folder.is_dir():
        with _hold(folder):
            for name in _ALL_FILES:
                (folder / name).unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Delete the temporary files of a run that was killed while it wrote."""
    remove_unfinished(folder, _ALL_FILES.__contains__)


def load_settings(folder: Path, **overrides: Any) -> TrainConfig:
    """Read the settings of the run in a folder, then apply overrides.

    Raises:
        FileNotFoundError: there is no run in it.
    """
    if is_bundle(folder):
        raise FileNotFoundError(
            f"{folder} holds no run, but a bundle of warpmix ensemble export: for warpmix predict "
            "and evaluate"
        )
    if not (folder / CONFIG_FILE).is_file():
        raise FileNotFoundError(f"{folder} holds no run: there is no {CONFIG_FILE} in it")
    return load_config(folder / CONFIG_FILE, **overrides)
