"""Merging: one form of a recipe over another, and layers of settings over each other."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from warpmix import recipes
from warpmix.study.recipe import Settings

AUGMENT = "augment"


def merge(base: Any, overlay: Any) -> Any:
    """Return ``base`` with ``overlay`` over it, as JSON merge patch (RFC 7386) does.

    Mappings are merged key by key, None deletes the key, anything else replaces, lists too.
    """
    if not isinstance(overlay, Mapping):
        return copy.deepcopy(overlay)
    merged = dict(base) if isinstance(base, Mapping) else {}
    for key, value in overlay.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def is_path(name: str) -> bool:
    """Return whether a key leads into the ``augment`` list."""
    return name.startswith(AUGMENT + ".")


def apply_layers(layers: Iterable[Settings]) -> Settings:
    """Return the settings of several layers, later ones winning.

    In a layer the keys that lead into the ``augment`` list act after its other keys.

    Raises:
        ValueError: a key leads to a transform that the list lacks; it names those that there are.
    """
    merged: Settings = {}
    for layer in layers:
        merged.update({k: copy.deepcopy(v) for k, v in layer.items() if not is_path(k)})
        for key, value in layer.items():
            if is_path(key):
                merged = _set_path(merged, key, value)
    return merged


def _set_path(settings: Settings, key: str, value: Any) -> Settings:
    """Return settings whose ``augment`` list holds a value at a place such as
    ``augment.RandomShift.max_shift`` or ``augment.0.max_shift``."""
    parts = key.split(".")
    if len(parts) != 3:
        raise ValueError(f"{key} must be augment.TRANSFORM.FIELD, or augment.PLACE.FIELD from 0")
    _, name, field = parts
    listed = settings.get(AUGMENT, [])
    if isinstance(listed, str):
        opened = recipes.read_augmentation(listed)
        settings = {**settings, **opened, **({"p": settings["p"]} if "p" in settings else {})}
    entries = [
        {entry: {}} if isinstance(entry, str) else copy.deepcopy(entry)
        for entry in settings.get(AUGMENT, [])
    ]
    names = [next(iter(entry)) for entry in entries]
    if name.isdecimal() and int(name) < len(entries):
        place = int(name)
    elif name in names:
        place = names.index(name)
    else:
        held = ", ".join(names) or "nothing"
        near = f", did you mean {recipes.nearest(name, names)!r}?" if names else ""
        raise ValueError(f"{key}: the augment list holds {held}{near}")
    entries[place][names[place]] = {**(entries[place][names[place]] or {}), field: value}
    return {**settings, AUGMENT: entries}


def replace_text(value: Any, whole: Mapping[str, Any], part: Mapping[str, str]) -> Any:
    """Replace texts in settings, at any depth.

    Args:
        whole: what stands for a text that is exactly the key, such as ``$magnitude``.
        part: what stands for the key anywhere in a text, such as ``{root}``.
    """
    if isinstance(value, str):
        if value in whole:
            return copy.deepcopy(whole[value])
        for key, text in part.items():
            value = value.replace(key, text)
        return value
    if isinstance(value, Mapping):
        return {k: replace_text(v, whole, part) for k, v in value.items()}
    if isinstance(value, list):
        return [replace_text(each, whole, part) for each in value]
    return value
