"""YAML from strangers: no text of a screen becomes more than the memory and the time of a book.

An alias stands for all of what it names: nine levels of nine aliases are 400 million values, and a
list may hold itself. PyYAML makes either without a word, and what walks through it never ends.
"""

from __future__ import annotations

from typing import Any

import yaml

from warpmix._reading import DEEPEST, in_words

_LONGEST = 1 << 19  # characters, which PyYAML takes some seconds for; recipes have a few thousand
_MOST = 100_000  # values with their aliases written out


class InvalidYamlError(ValueError):
    """Text that is no YAML, or too much of it.

    Attributes:
        line: where, from 1.
    """

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def parse_yaml(text: str) -> Any:
    """Return what a YAML document holds, of plain types alone.

    Raises:
        InvalidYamlError: as :func:`compose_yaml` and :func:`construct_yaml`.
    """
    node = compose_yaml(text)
    return None if node is None else construct_yaml(node)


def compose_yaml(text: str) -> yaml.Node | None:
    """Return the tree of a YAML document; None of an empty one.

    Raises:
        InvalidYamlError: it is not valid, longer than 524,288 characters, nested deeper than 100
            levels, holds itself, or is more than 100,000 values with its aliases written out.
    """
    if len(text) > _LONGEST:
        raise InvalidYamlError(f"longer than {_LONGEST:,} characters", 1)
    try:
        node = yaml.compose(text, yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        raise _invalid(error) from None
    if node is not None:
        _check_size(node, {}, [])
    return node


def construct_yaml(node: yaml.Node) -> Any:
    """Return the values of a tree of :func:`compose_yaml`.

    Raises:
        InvalidYamlError: a value that is not what its tag says, such as the date 2024-13-32.
    """
    try:
        return _Constructor().construct_document(node)
    except yaml.YAMLError as error:
        raise _invalid(error) from None


class _Constructor(yaml.constructor.SafeConstructor):
    """Raises YAML's error, with the place, for every scalar that cannot be converted."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except yaml.YAMLError:
            raise
        except Exception as error:
            raise yaml.constructor.ConstructorError(
                None, None, in_words(error), node.start_mark
            ) from None


def _invalid(error: Exception) -> InvalidYamlError:
    mark = getattr(error, "problem_mark", None)
    text = (
        "nested too deeply" if isinstance(error, RecursionError) else " ".join(str(error).split())
    )
    return InvalidYamlError(f"not valid YAML: {text[:400]}", 1 if mark is None else mark.line + 1)


def _check_size(node: yaml.Node, sizes: dict[int, int], above: list[int]) -> int:
    """Return how many values a tree is with its aliases written out; refuse too large a one."""
    if id(node) in sizes:
        return sizes[id(node)]
    line = node.start_mark.line + 1
    if id(node) in above:
        raise InvalidYamlError("circular: an alias stands for what holds it; write it out", line)
    if len(above) > DEEPEST:
        raise InvalidYamlError(f"nested deeper than {DEEPEST} levels; make it flatter", line)
    above.append(id(node))
    size = 1
    children = node.value if isinstance(node, yaml.CollectionNode) else []
    for child in children:
        for part in child if isinstance(child, tuple) else (child,):
            size += _check_size(part, sizes, above)
    above.pop()
    if size > _MOST:
        raise InvalidYamlError(f"more than {_MOST:,} values, with its aliases written out", line)
    sizes[id(node)] = size
    return size
