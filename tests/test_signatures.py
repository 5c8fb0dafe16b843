"""Transforms that torchvision has too take its parameters: names, order and defaults."""

from __future__ import annotations

import enum
import inspect
from typing import Any

import pytest
from conftest import own_transforms
from torchvision.transforms import v2

import warpmix

SHARED = sorted(name for name in own_transforms() if hasattr(v2, name))

# Of ours: `p` by name, where torchvision has none, because each may be left out for a sample; what
# comes in beyond the edge. Of torchvision's: what a fused launch on bytes has no use for.
OURS_ALONE = {"border", "p"}
THEIRS_ALONE = {
    "center": "the image's own, always",
    "expand": "all results have one size",
    "inplace": "nothing is written in place",
    "labels_getter": "labels are the second argument",
    "num_classes": "of the pipeline, whose targets it is about",
}

# By class: a parameter that is given by position on one side alone, and why.
EXCEPTIONS = {
    "CutMix": ("alpha", "torchvision's is by name alone"),
    "MixUp": ("alpha", "torchvision's is by name alone"),
    "RandomAffine": ("fill", "before it torchvision has interpolation, so a position would lie"),
    "RandomRotation": ("fill", "before it torchvision has others, so a position would lie"),
}

# By class: parameters with a default of our own, given by name. No map takes the nearest pixels.
OWN_DEFAULTS = {"RandomAffine": {"interpolation"}, "RandomRotation": {"interpolation"}}

Parameters = list[tuple[str, bool, Any]]  # name, given by position, default


def parameters(cls: type, ignored: set[str]) -> Parameters:
    def plain(default: Any) -> Any:
        default = default.value if isinstance(default, enum.Enum) else default
        return tuple(default) if isinstance(default, list) else default

    return [
        (p.name, p.kind is p.POSITIONAL_OR_KEYWORD, plain(p.default))
        for p in inspect.signature(cls).parameters.values()
        if p.name not in ignored
    ]


def both(name: str) -> tuple[Parameters, Parameters]:
    """(ours, torchvision's), as far as they are to be compared."""
    theirs = inspect.signature(getattr(v2, name)).parameters
    ours = inspect.signature(getattr(warpmix, name)).parameters
    own_defaults = OWN_DEFAULTS.get(name, set())
    return (
        parameters(getattr(warpmix, name), OURS_ALONE - set(theirs) | own_defaults),
        parameters(getattr(v2, name), set(THEIRS_ALONE) - set(ours) | own_defaults),
    )


@pytest.mark.parametrize("name", sorted(set(SHARED) - set(EXCEPTIONS)))
def test_parameters_are_those_of_torchvision(name: str) -> None:
    ours, theirs = both(name)
    assert ours == theirs, (
        f"give {name} the parameters of torchvision.transforms.v2.{name} in its order and with its "
        "defaults, or state in EXCEPTIONS of tests/test_signatures.py why not"
    )


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_exceptions_differ_in_position_alone(name: str) -> None:
    assert name in SHARED, f"{name} is no transform of both: delete it from EXCEPTIONS"
    ours, theirs = both(name)
    assert ours != theirs, f"{name} has torchvision's parameters now: delete it from EXCEPTIONS"
    excepted, _ = EXCEPTIONS[name]
    for own, other in zip(ours, theirs, strict=True):
        assert (own[0], own[2]) == (other[0], other[2]) and (
            own[1] == other[1] or own[0] == excepted
        )


def test_what_torchvision_alone_has_is_still_there() -> None:
    names = {p for name in SHARED for p in inspect.signature(getattr(v2, name)).parameters}
    assert set(THEIRS_ALONE) <= names, "delete the parameter from THEIRS_ALONE"


@pytest.mark.parametrize("name", SHARED)
def test_p_of_torchvision_has_its_place(name: str) -> None:
    """``p`` is ours alone where torchvision has none; elsewhere it is one of the compared."""
    if "p" not in inspect.signature(getattr(v2, name)).parameters:
        own = inspect.signature(getattr(warpmix, name)).parameters.get("p")
        assert own is None or own.kind is own.KEYWORD_ONLY, f"{name}: p must be given by name"
