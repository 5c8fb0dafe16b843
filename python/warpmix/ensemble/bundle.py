"""An ensemble on disk: its members' names, weights and, where they are known, their networks.

| file | holds |
|---|---|
| ``ensemble.json`` | method, members with their weights, temperature, classes, how it was chosen |
| ``stacking.safetensors`` | the logistic regression, of a stacked ensemble |
| ``members/0/model.safetensors`` … | the members' networks, in their order |
"""

from __future__ import annotations

import filecmp
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from warpmix._files import (
    atomic_write,
    flush,
    make_folder,
    remove_unfinished,
    temporary_folder,
    writing,
)
from warpmix.ensemble._chunks import Progress
from warpmix.ensemble._predictions import PredictionsLike, as_predictions
from warpmix.ensemble.calibration import at_temperature
from warpmix.ensemble.ensemble import METHODS, Ensemble
from warpmix.ensemble.stacking import Stacking
from warpmix.ensemble.voting import VoteResult

BUNDLE_FILE = "ensemble.json"
MODEL_FILE = "model.safetensors"
_STACKING_FILE = "stacking.safetensors"
_MEMBERS = "members"
_IN_PLACE = "bundle"  # what is being made in a folder that is there already
_FORMAT = "warpmix.ensemble"
_VERSION = 1


@dataclass(frozen=True)
class Bundle:
    """An ensemble that stands by itself.

    Attributes:
        ensemble: its members are the bundle's own, in their order: 0, 1, …
        models: K names.
        temperature: of the scores, fitted on validation data; 1 leaves them alone.
        classes: C names, or None where they are unknown.
        networks: K files of networks; None of a member whose network is unknown.
        facts: how it was chosen, as JSON values.
    """

    ensemble: Ensemble
    models: tuple[str, ...]
    temperature: float = 1.0
    classes: tuple[str, ...] | None = None
    networks: tuple[Path | None, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        ensemble: Ensemble,
        models: Sequence[str],
        *,
        networks: Mapping[str, Path] | None = None,
        **about: Any,
    ) -> Bundle:
        """Return a bundle of a fitted ensemble.

        Args:
            models: [M] names of all models it was fitted on.
            networks: files of networks by the model's name, as far as they are known.
            about: temperature, classes, facts.
        """
        names = tuple(models[i] for i in ensemble.members.tolist())
        renumbered = Ensemble(
            ensemble.method, torch.arange(len(names)), ensemble.weights, ensemble.stacking
        )
        files = tuple((networks or {}).get(name) for name in names)
        return cls(renumbered, names, networks=files, **about)

    @property
    def has_networks(self) -> bool:
        """Whether it can predict images by itself."""
        return bool(self.networks) and all(path is not None for path in self.networks)

    def vote(
        self,
        predictions: PredictionsLike,
        *,
        logits: bool | None = None,
        device: torch.device | str | None = None,
        progress: Progress | None = None,
    ) -> VoteResult:
        """Combine its members' predictions.

        The temperature makes scores softer or sharper and leaves labels as they are.

        Args:
            predictions: [K, N, C], as :func:`vote`, in the order of the members.
            logits, device, progress: as :func:`vote`.

        Raises:
            TypeError, ValueError: as :func:`vote`; other than K models.
        """
        checked = as_predictions(predictions)
        if checked.shape[0] != len(self.models):
            raise ValueError(
                f"predictions must be of the bundle's {len(self.models)} members, got "
                f"{checked.shape[0]} models"
            )
        result = self.ensemble.vote_members(
            checked, logits=logits, device=device, progress=progress
        )
        if self.temperature == 1.0:
            return result
        return VoteResult(result.labels, at_temperature(result.scores, self.temperature))

    def save(
        self, folder: str | os.PathLike[str], *, beside: Mapping[str, Path] = MappingProxyType({})
    ) -> None:
        """Write the bundle into a new or empty folder, whole or not at all.

        A folder that holds this very bundle, or a part of it, is completed and else left alone: so
        a call that was killed can be repeated.

        Args:
            folder: where to; made if need be.
            beside: further files to copy into it, by their names there.

        Raises:
            ValueError: the folder holds something else.
            OSError: it cannot be written; it is as it was.
        """
        path = Path(folder)
        make_folder(path.absolute().parent)
        remove_unfinished(path.absolute().parent, path.name.__eq__)
        inside = path.is_dir()
        if inside:
            remove_unfinished(path, _IN_PLACE.__eq__)
            own = {BUNDLE_FILE, _STACKING_FILE, _MEMBERS, *beside}
            if any(each.name not in own for each in path.iterdir()):  # before anything is copied
                raise ValueError(_not_empty(path))
        with (
            writing(path),
            temporary_folder(path / _IN_PLACE if inside else path.absolute()) as made,
        ):
            for name, source in beside.items():
                with atomic_write(made / name) as temporary:
                    shutil.copyfile(source, temporary)
            self._write(made)
            if inside:
                _complete(path, made)
            else:
                made.rename(path)

    def _write(self, path: Path) -> None:
        """Write all files into a folder."""
        if self.has_networks:
            for place, network in enumerate(self.networks):
                assert network is not None
                member = path / _MEMBERS / str(place)
                member.mkdir(parents=True)
                with atomic_write(member / MODEL_FILE) as temporary:
                    shutil.copyfile(network, temporary)
        stacking = self.ensemble.stacking
        if stacking is not None:
            tensors = {"coefficients": stacking.coefficients, "intercepts": stacking.intercepts}
            with atomic_write(path / _STACKING_FILE) as temporary:
                temporary.write_bytes(save(tensors, {"features": stacking.features}))
        weights = self.ensemble.weights
        shares = [None] * len(self.models) if weights is None else weights.tolist()
        described = {
            "format": _FORMAT,
            "version": _VERSION,
            "method": self.ensemble.method,
            "features": None if stacking is None else stacking.features,
            "members": [
                {"model": model, "weight": share}
                for model, share in zip(self.models, shares, strict=True)
            ],
            "networks": self.has_networks,
            "temperature": self.temperature,
            "classes": self.classes,
            "chosen": dict(self.facts),
        }
        with atomic_write(path / BUNDLE_FILE) as temporary:
            temporary.write_text(json.dumps(described, indent=1) + "\n")

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Bundle:
        """Read a bundle.

        Raises:
            FileNotFoundError: there is none.
            ValueError: it is damaged, or of a later version.
        """
        path = Path(folder)
        if not is_bundle(path):
            raise FileNotFoundError(f"{path} holds no {BUNDLE_FILE}; warpmix ensemble export")
        try:
            return _read(path)
        except (ValueError, KeyError, TypeError, SafetensorError) as error:
            raise ValueError(f"{path / BUNDLE_FILE}: {error}") from error


def is_bundle(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is a folder that holds a bundle."""
    return (Path(path) / BUNDLE_FILE).is_file()


def _complete(folder: Path, made: Path) -> None:
    """Move the files of a bundle to those that are in its folder already; ``ensemble.json`` last.

    Raises:
        ValueError: the folder holds other files, or files of another content.
    """
    files = [path.relative_to(made) for path in made.rglob("*") if path.is_file()]
    for file in files:
        if (folder / file.parent).is_dir():
            remove_unfinished(folder / file.parent, file.name.__eq__)
    there = {
        path.relative_to(folder)
        for path in folder.rglob("*")
        if made not in path.parents and not path.is_dir()
    }
    for file in there:
        if file not in files or not filecmp.cmp(folder / file, made / file, shallow=False):
            raise ValueError(_not_empty(folder))
    for file in sorted(files, key=lambda file: (file.name == BUNDLE_FILE, file)):
        if file not in there:
            make_folder((folder / file).parent)
            (made / file).rename(folder / file)
    flush(folder)


def _not_empty(folder: Path) -> str:
    return (
        f"{folder} must be empty to hold a bundle, and holds other files or another bundle; choose "
        "another folder"
    )


def _read(path: Path) -> Bundle:
    described = json.loads((path / BUNDLE_FILE).read_text())
    if described["format"] != _FORMAT or described["version"] > _VERSION:
        raise ValueError(f"expected {_FORMAT} of version {_VERSION}")
    if described["method"] not in METHODS:
        raise ValueError(f"unknown method {described['method']!r}")
    members = described["members"]
    shares = [member["weight"] for member in members]
    weights = None if None in shares else torch.tensor(shares, dtype=torch.float64)
    stacking = None
    if described["features"] is not None:
        tensors = load_file(path / _STACKING_FILE)
        stacking = Stacking(described["features"])
        stacking.coefficients = tensors["coefficients"]
        stacking.intercepts = tensors["intercepts"]
    files: tuple[Path | None, ...] = ()
    if described["networks"]:
        files = tuple(path / _MEMBERS / str(i) / MODEL_FILE for i in range(len(members)))
        for file in files:
            if file is not None and not file.is_file():
                raise ValueError(f"{file} is missing")
    return Bundle(
        Ensemble(described["method"], torch.arange(len(members)), weights, stacking),
        tuple(member["model"] for member in members),
        described["temperature"],
        described["classes"] and tuple(described["classes"]),
        files,
        described["chosen"],
    )
