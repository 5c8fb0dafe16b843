"""Transforms as plain data, for YAML recipes: ``[{"RandomShift": {"max_shift": 0.2}}, …]``."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Sequence
from typing import Any

import torch

from warpmix._numbers import shown
from warpmix._reading import shorten
from warpmix.augment.registry import registered
from warpmix.augment.settings import FIELDS, Settings
from warpmix.augment.transforms import Listed, Normalize

_COMPARED = 100  # characters of a name; the time rises with their square

__all__ = ["from_config", "to_config"]


def from_config(config: Sequence[str | dict[str, Any]]) -> list[Listed | Normalize]:
    """Return transforms from a list of ``{name: {field: value}}``, or bare names for the defaults.

    Raises:
        ValueError: an unknown name or field, with the nearest known one; or a field's own check.
        TypeError: an entry of another form.
    """
    if isinstance(config, str) or not isinstance(config, Sequence):
        raise TypeError(f"a list of transforms is needed, got {type(config).__name__}")
    return [_from_place(f"transforms[{i}]", entry) for i, entry in enumerate(config)]


def to_config(transforms: Sequence[Listed | Normalize]) -> list[dict[str, Any]]:
    """Return what :func:`from_config` reads; every field is written out."""
    return [_to_entry(transform) for transform in transforms]


def settings_to_config(settings: Settings) -> dict[str, Any]:
    """Return what :func:`pipeline_arguments` reads: a pipeline's settings as plain data."""
    plain = {name: getattr(settings, name) for name in FIELDS}
    for name in ("mean", "std"):
        plain[name] = None if plain[name] is None else list(plain[name])
    plain["transforms"] = to_config(settings.transforms)
    plain["dtype"] = None if plain["dtype"] is None else str(plain["dtype"]).removeprefix("torch.")
    return plain


def pipeline_arguments(config: dict[str, Any]) -> dict[str, Any]:
    """Return a pipeline's arguments from what :func:`settings_to_config` wrote."""
    if not isinstance(config, dict):
        raise TypeError(f"a pipeline must be a mapping of its fields, got {type(config).__name__}")
    for name in config:
        if name not in FIELDS:
            raise ValueError(f"Pipeline: unknown field {shown(name)}{_nearest(name, list(FIELDS))}")
    arguments = dict(config)
    arguments["transforms"] = from_config(config.get("transforms", ()))
    if config.get("dtype") is not None:
        dtype = getattr(torch, str(config["dtype"]), None)
        if not isinstance(dtype, torch.dtype):
            raise ValueError(f"Pipeline: dtype must name a torch dtype, got {config['dtype']!r}")
        arguments["dtype"] = dtype
    return arguments


def _from_place(place: str, entry: str | dict[str, Any]) -> Any:
    """Return an entry's transform; its errors say where in the list it is."""
    try:
        return _from_entry(entry)
    except (TypeError, ValueError) as error:
        raise type(error)(shorten(f"{place}: {error}")) from None


def _from_entry(entry: str | dict[str, Any]) -> Any:
    if isinstance(entry, str):
        entry = {entry: {}}
    if not isinstance(entry, dict) or len(entry) != 1:
        raise TypeError(f"a transform must be one name with its fields, got {shown(entry)}")
    ((name, fields),) = entry.items()
    fields = {} if fields is None else fields
    classes = registered()
    if name not in classes:
        raise ValueError(f"unknown transform {shown(name)}{_nearest(name, list(classes))}")
    if not isinstance(fields, dict):
        raise TypeError(f"{name}: fields must be a mapping, got {shown(fields)}")
    known = [field.name for field in dataclasses.fields(classes[name])]
    for field in fields:
        if field not in known:
            raise ValueError(f"{name}: unknown field {shown(field)}{_nearest(field, known)}")
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
    if name == "RandomChoice" and "transforms" in fields:
        values["transforms"] = from_config(fields["transforms"])
    return classes[name](**values)


def _to_entry(transform: Listed | Normalize) -> dict[str, Any]:
    values = {}
    for field in dataclasses.fields(transform):
        value = getattr(transform, field.name)
        if field.name == "transforms":
            value = to_config(value)
        values[field.name] = list(value) if isinstance(value, tuple) else value
    return {type(transform).__name__: values}


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(str(name)[:_COMPARED], known, n=1)
    return f"; did you mean {shown(close[0])}?" if close else f"; known: {', '.join(known)}"
