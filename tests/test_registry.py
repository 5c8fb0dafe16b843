"""What adding a transform takes: each one that is registered is public, tested and documented."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import own_transforms
from hypothesis import given, settings
from strategies import transform_lists

import warpmix
from warpmix.augment import Transform, from_config, registry, to_config
from warpmix.augment.reference import twin_of
from warpmix.augment.stages import KINDS

DOCS = Path(__file__).parents[1] / "docs" / "augmentation.md"

for module in pkgutil.walk_packages(warpmix.augment.__path__, "warpmix.augment."):
    importlib.import_module(module.name)  # a forgotten import does not hide a transform
OURS = own_transforms()

BY_THEMSELVES = [k.name for k in KINDS.values() if not k.warps and k.section != "mix"]


def test_every_transform_class_is_registered() -> None:
    def subclasses(cls: type) -> Iterator[type]:
        child: type
        for child in cls.__subclasses__():
            yield child
            yield from subclasses(child)

    assert {"CutMix", "Normalize", "RandomChoice", "RandomShift"} <= set(OURS)
    assert not any(inspect.isabstract(cls) for cls in OURS.values())
    missing = {
        cls.__name__ for cls in subclasses(Transform) if cls.__module__.startswith("warpmix.")
    } - set(OURS)
    assert all(name.startswith("_") for name in missing), missing


@pytest.mark.parametrize("name", OURS)
def test_it_is_public(name: str) -> None:
    home = OURS[name].__module__
    assert name in getattr(importlib.import_module(home), "__all__", ()), (
        f"add {name!r} to __all__ of {home}"
    )
    assert getattr(warpmix.augment, name, None) is OURS[name], (
        f"add 'from {home} import *' to warpmix/augment/__init__.py"
    )
    assert getattr(warpmix, name) is OURS[name] and name in dir(warpmix)


def names_in_the_table() -> set[str]:
    rows = [line for line in DOCS.read_text().splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`(\w+)\(", row.split("|")[1])}


@pytest.mark.parametrize("name", OURS)
def test_it_is_in_the_documentation(name: str) -> None:
    assert name in names_in_the_table(), (
        f"add a row `{name}(…)` to the table of transforms in {DOCS}"
    )


def test_the_documentation_lists_nothing_else() -> None:
    assert names_in_the_table() == set(OURS)


@pytest.fixture(scope="module")
def generated() -> set[str]:
    """Names of the transforms in what the strategies generate."""
    seen: set[str] = set()

    def collect(transforms: Any) -> None:
        for transform in transforms:
            seen.add(type(transform).__name__)
            collect(getattr(transform, "transforms", ()))

    @settings(max_examples=400)
    @given(transform_lists(8, 9, 3))
    def run(listed: list[Any]) -> None:
        collect(listed)

    run()
    return seen


# The pipelines of the strategies normalise by their arguments mean and std.
@pytest.mark.parametrize("name", sorted(set(OURS) - {"Normalize"}))
def test_it_is_in_the_strategies(name: str, generated: set[str]) -> None:
    assert name in generated, (
        f"add st.builds({name}, …) to a group in tests/strategies.py: then the tests of parity, of "
        "pipelines and of recipes use it"
    )


@pytest.mark.parametrize("kind", BY_THEMSELVES)
def test_its_kind_has_a_twin(kind: str) -> None:
    assert callable(twin_of(kind))


def test_a_transform_of_ones_own_can_be_listed_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_CLASSES", dict(registry._CLASSES))

    @dataclass(frozen=True)
    class Tilt(warpmix.RandomRotation):
        degrees: float = 5.0

    assert from_config([{"Tilt": {"p": 0.5}}]) == [Tilt(p=0.5)]
    assert from_config(to_config([Tilt()])) == [Tilt()]
    own = {"__module__": __name__}
    words = r"RandomRotation of test_registry has the name of one in warpmix\.augment\.warps"
    with pytest.raises(TypeError, match=words):
        type("RandomRotation", (Tilt,), own)
    type("Tilt", (Tilt,), {**own, "__qualname__": Tilt.__qualname__})  # a notebook's cell, again
