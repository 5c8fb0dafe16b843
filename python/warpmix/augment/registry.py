"""Transforms by name: what a recipe can list, and what the tests demand of each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

_Class = TypeVar("_Class", bound=type)
_CLASSES: dict[str, type] = {}


def register(cls: _Class) -> _Class:
    """Make a class known by its name; return it, so that it serves as a decorator.

    Subclasses of ``Transform`` are registered when they are defined, yours too. A class whose name
    begins with an underscore is a base of others and stays out.

    Raises:
        TypeError: another class has the name. (The same one, defined again, replaces itself.)
    """
    name = cls.__name__
    if name.startswith("_"):
        return cls
    other = _CLASSES.get(name, cls)
    if (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
        raise TypeError(
            f"transform {name} of {cls.__module__} has the name of one in {other.__module__}: "
            "recipes could not tell them apart; choose another name"
        )
    _CLASSES[name] = cls
    return cls


def registered() -> Mapping[str, type]:
    """Return every registered class by its name."""
    return MappingProxyType(_CLASSES)
