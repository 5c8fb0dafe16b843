"""An ensemble on disk: its members' names, weights and, where they are known, their networks.

| file | holds |
|---|---|
| ``ensemble.json`` | method, members with their weights, temperature, classes, how it was chosen |
| ``stacking.safetensors`` | the logistic regression, of a stacked ensemble |
| ``members/0/model.safetensors`` … | the members' networks, in their order |
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat
from safetensors.torch import save

from warpmix._bundle_folder import BUNDLE_FILE, complete_folder, is_bundle, not_empty
from warpmix._files import (
    atomic_write,
    make_folder,
    remove_unfinished,
    temporary_folder,
    writing,
)
from warpmix._reading import read_json_object, reading_file
from warpmix._tensor_files import read_tensor_file
from warpmix.ensemble._chunks import Progress
from warpmix.ensemble._predictions import PredictionsLike, as_predictions
from warpmix.ensemble.calibration import at_temperature
from warpmix.ensemble.ensemble import Ensemble
from warpmix.ensemble.stacking import Stacking
from warpmix.ensemble.voting import VoteResult

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
                raise ValueError(not_empty(path))
        with (
            writing(path),
            temporary_folder(path / _IN_PLACE if inside else path.absolute()) as made,
        ):
            for name, source in beside.items():
                with atomic_write(made / name) as temporary:
                    shutil.copyfile(source, temporary)
            self._write(made)
            if inside:
                complete_folder(path, made)
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
        values = read_json_object(path / BUNDLE_FILE, _REMEDY)
        with reading_file(path / BUNDLE_FILE, _REMEDY):
            return _read(path, _Described.model_validate(values))


_REMEDY = "export the ensemble again"


class _Member(BaseModel):
    model_config = ConfigDict(extra="forbid")

    model: str
    weight: float | None


class _Described(BaseModel):
    """What ``ensemble.json`` holds; see :class:`Bundle`."""

    model_config = ConfigDict(extra="forbid")

    format: Literal["warpmix.ensemble"]
    version: Literal[1]
    method: str
    features: str | None
    members: list[_Member] = Field(min_length=1)
    networks: bool
    temperature: PositiveFloat = Field(allow_inf_nan=False)
    classes: list[str] | None
    chosen: dict[str, Any]


def _read(path: Path, described: _Described) -> Bundle:
    members = described.members
    shares = [member.weight for member in members]
    if None in shares and any(share is not None for share in shares):
        raise ValueError(f"all of its members must have weights, or none; {_REMEDY}")
    weights = None if None in shares else torch.tensor(shares, dtype=torch.float64)
    stacking = None
    if described.features is not None:
        stacking = _read_stacking(path / _STACKING_FILE, described)
    files: tuple[Path | None, ...] = ()
    if described.networks:
        files = tuple(path / _MEMBERS / str(i) / MODEL_FILE for i in range(len(members)))
        for file in files:
            if file is not None and not file.is_file():
                raise ValueError(f"{file} is missing; {_REMEDY}")
    return Bundle(
        Ensemble(described.method, torch.arange(len(members)), weights, stacking),
        tuple(member.model for member in members),
        described.temperature,
        None if described.classes is None else tuple(described.classes),
        files,
        described.chosen,
    )


def _read_stacking(path: Path, described: _Described) -> Stacking:
    """Return the regression of a stacked ensemble.

    Raises:
        OSError: its file cannot be read.
        ValueError: it is damaged, or is of other numbers of models or classes.
    """
    tensors, _ = read_tensor_file(path, _REMEDY)
    with reading_file(path, _REMEDY):
        stacking = Stacking(str(described.features))
        stacking.coefficients = tensors["coefficients"]
        stacking.intercepts = tensors["intercepts"]
        classes = len(stacking.intercepts)
        shape = (classes, classes * len(described.members))
        wrong_classes = described.classes is not None and len(described.classes) != classes
        if wrong_classes or tuple(stacking.coefficients.shape) != shape:
            raise ValueError(f"it is of other models or classes than {BUNDLE_FILE}; {_REMEDY}")
        kinds = {stacking.coefficients.dtype, stacking.intercepts.dtype}
        if kinds != {torch.float64} or not bool(stacking.coefficients.isfinite().all()):
            raise ValueError(f"its numbers must be finite float64; {_REMEDY}")
        return stacking
