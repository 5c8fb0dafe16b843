"""What a run's id is made of: what its outcome depends on, and its place in the study."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from warpmix.train.config import TrainConfig

# Settings that say where and how a run is computed, not what comes out.
MACHINE = frozenset(
    {"device", "threads", "tensorboard", "cache", "loading", "root", "download", "feature_cache"}
)
_SHORT = 16  # hexadecimal digits of an id; 64 bits


def run_id(config: TrainConfig, sweep: str, series: str, repeat: int) -> str:
    """Return the hash of a run's settings, its data, its sweep, its series and its repeat.

    A folder of images counts by its files' names and sizes, a file by its contents, a data set with
    a name by this: so an id does not depend on where the data lie.
    """
    settings = config.model_dump(mode="json", exclude=set(MACHINE))
    settings["data"] = _identity_of_data(config.data)
    if config.image_size is not None or settings["data"] == config.data:  # no photos of any size
        settings["automatic"] = [n for n in config.automatic if n in ("augment", "epochs", "lr")]
    for name in ("automatic", "test_size"):  # runs from before there were these keep their ids
        if not settings[name]:
            del settings[name]
    if config.weights is not None and Path(config.weights).is_file():
        settings["weights"] = _identity_of_file(*_stamp(Path(config.weights)))
    text = json.dumps([settings, sweep, series, repeat], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:_SHORT]


def sweep_seed(study_seed: int, sweep: str, repeat: int) -> int:
    """Return the seed of a repeat: the same for all values of a sweep, another in each sweep."""
    digest = hashlib.sha256(f"{study_seed}/{sweep}/{repeat}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


def _identity_of_data(data: str) -> str:
    path = Path(data)
    if path.is_dir():
        return _identity_of_folder(path)
    return _identity_of_file(*_stamp(path)) if path.is_file() else data


def _stamp(path: Path) -> tuple[Path, int, int]:
    """Return what changes when a file does, so that it is read once."""
    state = path.stat()
    return path, state.st_size, state.st_mtime_ns


@lru_cache
def _identity_of_file(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return f"{path.suffix[1:]}:{digest.hexdigest()}"


@lru_cache
def _identity_of_folder(folder: Path) -> str:
    files = sorted(
        (path.relative_to(folder).as_posix(), path.stat().st_size)
        for path in folder.rglob("*")
        if path.is_file()
    )
    return f"folder:{hashlib.sha256(json.dumps(files).encode()).hexdigest()}"


def as_json(values: Mapping[str, Any]) -> str:
    """Return values as text that is equal where they are."""
    return json.dumps(values, sort_keys=True, default=str)
