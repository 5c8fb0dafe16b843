"""Finished and unfinished runs as rows: what they were set to, and how far they came."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warpmix._bundle_folder import is_bundle
from warpmix.train.history import EarlyStopping, read_history
from warpmix.train.run_folder import (
    CHANGEABLE,
    CONFIG_FILE,
    HISTORY_FILE,
    PREDICTIONS_FILES,
    load_settings,
)

REPEATS = ("seed", "fold")  # settings in which the repeats of one experiment differ
_LENGTHS = {"epochs", "schedule_epochs"}
_PLACES = CHANGEABLE - _LENGTHS | {"root", "download"}  # these do not make another experiment


@dataclass(frozen=True)
class Run:
    """One run folder.

    Attributes:
        name: of the folder; its path where several have the name.
        folder: the run folder.
        settings: complete, but for those that say where it ran.
        epochs: how many were run.
        seconds: of these epochs, by the wall clock.
        validation: validation accuracy, 0..1, of the epoch whose weights count (``restore``); None
            without validation images, or before such an epoch.
    """

    name: str
    folder: Path
    settings: Mapping[str, Any]
    epochs: int
    seconds: float
    validation: float | None

    @property
    def predictions(self) -> Path | None:
        """The file of its predictions for the test images; None where there is none yet."""
        path = self.folder / PREDICTIONS_FILES["test"]
        return path if path.is_file() else None


def find_runs(paths: Sequence[Path]) -> list[Run]:
    """Read the runs in folders, in this order; those inside of a folder by their paths.

    Raises:
        FileNotFoundError: there is no run in one of them.
        ValueError: settings that are none.
    """
    folders: list[Path] = []
    for path in paths:
        found = [path]
        if not (path / CONFIG_FILE).is_file():
            found = sorted(file.parent for file in path.rglob(CONFIG_FILE))
            found = [folder for folder in found if not is_bundle(folder)]
        if not found:
            raise FileNotFoundError(f"{path} holds no run: there is no {CONFIG_FILE} in it")
        folders += [folder for folder in found if folder not in folders]
    names = [folder.resolve().name for folder in folders]
    distinct = len(set(names)) == len(names)
    return [
        _read(folder, name if distinct else str(folder))
        for folder, name in zip(folders, names, strict=True)
    ]


def _read(folder: Path, name: str) -> Run:
    config = load_settings(folder)
    settings = config.model_dump(mode="json")
    settings |= dict.fromkeys(config.automatic, "auto")  # what repeats chose may differ
    del settings["automatic"]
    epochs = read_history(folder / HISTORY_FILE) if (folder / HISTORY_FILE).is_file() else []
    stopping = EarlyStopping(min_delta=config.min_delta, restore=config.restore)
    for record in epochs:
        stopping.update(record.epoch, record.score(config.monitor))
    kept = epochs[stopping.kept_epoch - 1] if stopping.kept_epoch > 0 else None
    return Run(
        name=name,
        folder=folder,
        settings={key: value for key, value in settings.items() if key not in _PLACES},
        epochs=len(epochs),
        seconds=sum(record.seconds for record in epochs),
        validation=None if kept is None else kept.validation_accuracy,
    )


def differing(runs: Sequence[Run]) -> list[str]:
    """Return the settings that are not the same in all runs, in the settings' order."""
    return [
        key
        for key in runs[0].settings
        if any(run.settings[key] != runs[0].settings[key] for run in runs)
    ]


def in_words(runs: Sequence[Run], key: str) -> list[str]:
    """Return each run's value of a setting: an augmentation by its transforms' names where these
    tell the runs apart, else whole."""
    exact = [json.dumps(run.settings[key]) for run in runs]
    short = [_short(run.settings[key]) for run in runs]
    return short if len(set(short)) == len(set(exact)) else exact


def _short(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_short, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(value)
    return "none" if value is None else str(value)


def by_setting(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Return the runs of each setting, repeats together, by what tells the settings apart."""
    keys = [key for key in differing(runs) if key not in REPEATS]
    columns = [[f"{key} {word}" for word in in_words(runs, key)] for key in keys]
    labels = [", ".join(words) for words in zip(*columns, strict=True)] or ["all"] * len(runs)
    groups: dict[str, list[Run]] = {}
    for label, run in zip(labels, runs, strict=True):
        groups.setdefault(label, []).append(run)
    return groups
