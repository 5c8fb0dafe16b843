"""A recipe's text: parsed, with the line of every field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from warpmix._reading import InvalidFileError, quoted, reading_file, shorten
from warpmix._yaml import InvalidYamlError, compose_yaml, construct_yaml
from warpmix.recipes import is_file, nearest

Place = tuple[str | int, ...]
"""Where a field is: the keys and numbers that lead to it."""


@dataclass(frozen=True)
class Problem:
    """What is wrong with a field of a recipe.

    Attributes:
        place: of the field.
        message: what is wrong, and the remedy.
    """

    place: Place
    message: str


@dataclass(frozen=True)
class Source:
    """A recipe's text.

    Attributes:
        name: of the packaged recipe, or the file's without its suffix.
        path: what errors call the file.
        document: parsed, without the top-level keys that begin with ``x-``.
        lines: line of every field, from 1.
        overlays: forms whose fields lie over the recipe's own, the uppermost first.
    """

    name: str
    path: str
    document: Mapping[str, Any]
    lines: Mapping[Place, int]
    overlays: tuple[str, ...] = ()

    def line(self, place: Place) -> int:
        """Return the line of a field where it is read from, or of what it lies in."""
        for length in range(len(place), 0, -1):
            for form in (*((name,) for name in self.overlays), ()):
                if (found := self.lines.get((*form, *place[:length]))) is not None:
                    return found
        return 1

    def refuse(self, problems: Sequence[Problem]) -> None:
        """Raise a ValueError with a line ``file:line: field: message`` a problem, if any."""
        if problems:
            raise InvalidFileError(
                shorten(
                    "\n".join(
                        f"{self.path}:{self.line(p.place)}: {'.'.join(map(str, p.place))}: "
                        f"{p.message}"
                        for p in problems
                    )
                )
            )


def names() -> list[str]:
    """Return the names of the packaged studies, sorted."""
    files = (resources.files("warpmix.study") / "recipes").iterdir()
    return sorted(Path(f.name).stem for f in files if f.name.endswith(".yaml"))


def read_source(source: str | Path) -> Source:
    """Read a packaged recipe by its name, or a file.

    Raises:
        FileNotFoundError: no such recipe or file; the message names the nearest.
        ValueError: not YAML, a key given twice, or no mapping.
    """
    known = names()
    if str(source) in known:
        file = resources.files("warpmix.study") / "recipes" / f"{source}.yaml"
        return _parse(str(source), f"{source}.yaml", file.read_text("utf-8"))
    path = Path(source)
    if is_file(source):
        with reading_file(source, "write it as YAML, with title, base and sweeps"):
            return _parse(path.stem, str(source), path.read_text("utf-8"))
    raise FileNotFoundError(
        f"{quoted(str(source))} is neither a file nor a packaged study; did you mean "
        f"{nearest(str(source), known)!r}? Packaged: {', '.join(known)}"
    )


def _parse(name: str, path: str, text: str) -> Source:
    try:
        node = compose_yaml(text)
        if not isinstance(node, yaml.MappingNode):
            raise ValueError(f"{path}:1: a study must be a mapping with title, base and sweeps")
        twice = [
            f"{path}:{line}: {'.'.join(map(str, place))}: given twice"
            for place, line in _repeated(node, ())
        ]
        if twice:
            raise ValueError("\n".join(twice))
        document = construct_yaml(node)
    except InvalidYamlError as error:
        raise InvalidFileError(f"{path}:{error.line}: {error}") from None
    kept = {key: value for key, value in document.items() if not str(key).startswith("x-")}
    return Source(name, path, kept, dict(_lines(node, ())))


def _key(node: Any) -> str | int:
    """Return a key as a place names it."""
    if not isinstance(node, yaml.ScalarNode):
        return "?"
    return int(node.value) if node.value.isdecimal() and len(node.value) < 10 else node.value


def _lines(node: Any, place: Place) -> Iterator[tuple[Place, int]]:
    """Yield the line of every field; after construction, so that merged keys are there too."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*place, _key(key))
            yield inner, key.start_mark.line + 1
            yield from _lines(value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            yield (*place, i), value.start_mark.line + 1
            yield from _lines(value, (*place, i))


def _repeated(node: Any, place: Place) -> Iterator[tuple[Place, int]]:
    """Yield the keys that a mapping holds twice, of which YAML would keep the last."""
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            inner = (*place, _key(key))
            if inner in seen:
                yield inner, key.start_mark.line + 1
            seen.add(inner)
            yield from _repeated(value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            yield from _repeated(value, (*place, i))
