"""Recipes: YAML files of training settings, packaged with warpmix or written by the user.

A recipe is a mapping of :class:`warpmix.train.TrainConfig` keys. One that holds only ``augment``,
or only ``variants``, is an augmentation to combine with anything; one that holds more is a training
run.
"""

from __future__ import annotations

import difflib
from importlib import resources
from pathlib import Path
from typing import Any

from warpmix._reading import InvalidFileError, quoted, reading_file
from warpmix._yaml import InvalidYamlError, parse_yaml

_REMEDY = "write it as YAML, a line 'key: value' a setting"
_WORD = 100  # characters that are compared; the time rises with their square


def names() -> list[str]:
    """Return the names of the packaged recipes, sorted."""
    files = resources.files(__name__).iterdir()
    return sorted(Path(f.name).stem for f in files if f.name.endswith(".yaml"))


def read(source: str | Path) -> Any:
    """Parse a recipe: a packaged name (``"warsaw-all"``), or a path to a YAML or JSON file.

    Raises:
        FileNotFoundError: no such recipe or file; the message names the nearest recipe.
        ValueError: the file is not valid YAML.
    """
    known = names()
    if str(source) in known:
        text = (resources.files(__name__) / f"{source}.yaml").read_text("utf-8")
    elif is_file(source):
        with reading_file(source, _REMEDY):
            text = Path(source).read_text("utf-8")
    else:
        raise FileNotFoundError(
            f"{quoted(str(source))} is neither a file nor a packaged recipe; "
            f"did you mean {nearest(str(source), known)!r}? Packaged: {', '.join(known)}"
        )
    try:
        return parse_yaml(text)
    except InvalidYamlError as error:
        raise InvalidFileError(f"{source} is {error} (line {error.line}); {_REMEDY}") from None


def is_file(source: str | Path) -> bool:
    """Return whether a text is the path of a file; one that no file can have is not."""
    try:
        return Path(source).is_file()
    except (OSError, ValueError):  # too long, or with a zero byte
        return False


def read_augmentation(source: str | Path) -> dict[str, Any]:
    """Read the ``augment`` list of a recipe, and its ``p`` where it gives one.

    A file that is nothing but a list of transforms is accepted as the ``augment`` list itself.

    Raises:
        FileNotFoundError, ValueError: as :func:`read`, or the recipe has no ``augment`` list.
    """
    recipe = read(source)
    if isinstance(recipe, list):
        return {"augment": recipe}
    if not isinstance(recipe, dict) or not isinstance(recipe.get("augment"), list):
        raise ValueError(
            f"augment: {source} must hold a list of transforms, or a mapping whose 'augment' is one"
        )
    return {key: recipe[key] for key in ("augment", "p") if key in recipe}


def read_variants(source: str | Path) -> dict[str, Any]:
    """Read the ``variants`` of a recipe: lists of transforms, by name.

    Raises:
        FileNotFoundError, ValueError: as :func:`read`, or the recipe has no ``variants``.
    """
    recipe = read(source)
    variants = recipe.get("variants") if isinstance(recipe, dict) else None
    if not isinstance(variants, dict):
        raise ValueError(f"variants: {source} must hold a key 'variants' of lists by name")
    return variants


def nearest(word: str, known: list[str]) -> str:
    """Return the entry of ``known`` that resembles ``word`` most."""
    return difflib.get_close_matches(word[:_WORD], known, n=1, cutoff=0.0)[0]
