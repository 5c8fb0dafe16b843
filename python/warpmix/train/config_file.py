"""Settings from a recipe or a file, and from flags; what is wrong with them in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from warpmix import recipes
from warpmix.train.config import TrainConfig


def load_config(source: str | Path | None = None, **overrides: Any) -> TrainConfig:
    """Read settings from a recipe or a file, then apply overrides.

    Args:
        source: packaged recipe's name or YAML/JSON file of :class:`TrainConfig` keys;
            None for the defaults.
        overrides: settings that win over the file's.

    Raises:
        ValueError: an unknown key (the message names the nearest known one), a value of the wrong
            type or out of range; every problem in one line.
        FileNotFoundError: there is no such recipe or file.
    """
    settings = {} if source is None else recipes.read(source)
    if not isinstance(settings, dict):
        raise ValueError(
            f"{source} must hold settings as 'key: value' lines, got a {type(settings).__name__}"
        )
    try:
        return TrainConfig.model_validate({**settings, **overrides})
    except ValidationError as error:
        problems = [
            _describe(problem, None if overrides.keys() & set(problem["loc"]) else source)
            for problem in error.errors()
        ]
        raise ValueError("; ".join(problems)) from None


def _describe(problem: Any, source: str | Path | None) -> str:
    """One pydantic problem in words: the file, the key, what was expected, what was given."""
    origin = "" if source is None else f"{source}: "
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        near = recipes.nearest(key, list(TrainConfig.model_fields))
        return f"{origin}unknown key {key!r}, did you mean {near!r}?"
    message = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if not key:  # from _check_together, which names the keys itself
        return f"{origin}{message}"
    return f"{origin}{key} must be {message}, got {problem['input']!r}"
