"""Transforms that torchvision has too take its parameters: names, order and defaults."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from torchvision.transforms import v2

import warpmix
from warpmix.augment import registry

SHARED = sorted(
    name
    for name, cls in registry.registered().items()
    if cls.__module__.startswith("warpmix.") and hasattr(v2, name)
)

# Of every transform: `p` by name, where torchvision has none, because each may be left out for a
# sample. Of torchvision's: what a fused launch on bytes has no use for.
OURS_ALONE = {"p"}
THEIRS_ALONE = {
    "inplace": "nothing is written in place",
    "interpolation": "bilinear, always",
    "labels_getter": "labels are the second argument",
    "num_classes": "of the pipeline, whose targets it is about",
}

# By class: why its parameters differ beyond that.
EXCEPTIONS = {
    "ColorJitter": "0 leaves a step out, as torchvision's None and 0 do: no Optional",
    "CutMix": "alpha may be given by position; torchvision's is by name alone",
    "MixUp": "alpha may be given by position; torchvision's is by name alone",
    "RandomAffine": "border and fill instead of fill and center",
    "RandomCrop": "a shift by pixels, that keeps the size",
    "RandomResizedCrop": "only enlarges, so has no antialias; size may be left out",
    "RandomRotation": "border and fill instead of expand, center and fill",
    "Resize": "only enlarges, so has neither max_size nor antialias",
}

Parameters = list[tuple[str, bool, Any]]  # name, given by position, default


def parameters(cls: type, ignored: set[str]) -> Parameters:
    def plain(default: Any) -> Any:
        return tuple(default) if isinstance(default, list) else default

    return [
        (p.name, p.kind is p.POSITIONAL_OR_KEYWORD, plain(p.default))
        for p in inspect.signature(cls).parameters.values()
        if p.name not in ignored
    ]


def both(name: str) -> tuple[Parameters, Parameters]:
    """(ours, torchvision's), as far as they are to be compared."""
    theirs = inspect.signature(getattr(v2, name)).parameters
    return (
        parameters(getattr(warpmix, name), OURS_ALONE - set(theirs)),
        parameters(getattr(v2, name), set(THEIRS_ALONE)),
    )


@pytest.mark.parametrize("name", sorted(set(SHARED) - set(EXCEPTIONS)))
def test_parameters_are_those_of_torchvision(name: str) -> None:
    ours, theirs = both(name)
    assert ours == theirs, (
        f"give {name} the parameters of torchvision.transforms.v2.{name} in its order and with its "
        "defaults, or state in EXCEPTIONS of tests/test_signatures.py why not"
    )


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_exceptions_are_exceptions(name: str) -> None:
    assert name in SHARED, f"{name} is no transform of both: delete it from EXCEPTIONS"
    ours, theirs = both(name)
    assert ours != theirs, f"{name} has torchvision's parameters now: delete it from EXCEPTIONS"


def test_what_torchvision_alone_has_is_still_there() -> None:
    names = {p for name in SHARED for p in inspect.signature(getattr(v2, name)).parameters}
    assert set(THEIRS_ALONE) <= names, "delete the parameter from THEIRS_ALONE"


@pytest.mark.parametrize("name", SHARED)
def test_p_of_torchvision_has_its_place(name: str) -> None:
    """``p`` is ours alone where torchvision has none; elsewhere it is one of the compared."""
    if "p" not in inspect.signature(getattr(v2, name)).parameters:
        own = inspect.signature(getattr(warpmix, name)).parameters.get("p")
        assert own is None or own.kind is own.KEYWORD_ONLY, f"{name}: p must be given by name"
