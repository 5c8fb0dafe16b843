"""Command-line flags made from :class:`warpmix.train.TrainConfig`, one a field."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from warpmix.cli._flags import Command, add_flags
from warpmix.train import TrainConfig


def setting_flags(*names: str) -> Callable[[Command], Command]:
    """Give a command the flags of the named settings, or of all settings when none is named.

    The command's ``**settings`` receives what the user typed, and nothing else, as
    :func:`warpmix.train.load_config` takes it: values stay text and are validated there, so a
    flag and a YAML key give the same error.
    """
    fields = TrainConfig.model_fields
    chosen = names or tuple(name for name in fields if name != "automatic")

    def typed(values: dict[str, Any]) -> dict[str, Any]:
        return {
            # `none` switches an optional setting off.
            name: None if value == "none" and fields[name].default is None else value
            for name, value in values.items()
            if value is not None
        }

    flags = [_flag(name, fields[name]) for name in chosen]
    return lambda command: add_flags(command, flags, typed)


def _flag(name: str, field: FieldInfo) -> inspect.Parameter:
    """Return the typer option of one setting. Its default is None: not typed, so no override."""
    extra = field.json_schema_extra
    assert isinstance(extra, dict)
    flag = "--" + name.replace("_", "-")
    is_switch = field.annotation is bool
    option = typer.Option(
        f"{flag}/--no-{flag[2:]}" if is_switch else flag,
        help=f"{field.description} ({'; '.join([*_limits(field), _default(field)])})",
        rich_help_panel=str(extra["group"]),
        metavar=None if is_switch else _metavar(field.annotation),
        show_default=False,
    )
    annotation: Any = Annotated[bool | None, option] if is_switch else Annotated[str | None, option]
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation
    )


def _metavar(annotation: Any) -> str:
    """Say what the value looks like: the choices of a Literal, else the type's short name."""
    origin = get_origin(annotation)
    if origin is Literal:
        return "|".join(get_args(annotation))
    if origin in (Union, types.UnionType):
        return _metavar(next(a for a in get_args(annotation) if a is not type(None)))
    if origin is Annotated:
        of = get_args(annotation)[0]
        several = "X,X,X" if Ellipsis in get_args(of) else "N|HxW"
        return "N" if of is int else several
    if origin in (list, dict):
        return "RECIPE"
    if origin is tuple:
        return "NAME,NAME" if get_origin(get_args(annotation)[0]) is Literal else "N,N"
    return {int: "N", float: "X"}.get(annotation, "TEXT")


def _limits(field: FieldInfo) -> list[str]:
    """Return the field's range in words, e.g. ``["at least 0", "below 1"]``."""
    words = {"Ge": "at least", "Gt": "above", "Le": "at most", "Lt": "below"}
    kinds = [(type(limit).__name__, limit) for limit in field.metadata]
    return [f"{words[k]} {getattr(limit, k.lower())}" for k, limit in kinds if k in words]


def _default(field: FieldInfo) -> str:
    if isinstance(field.default, bool):
        return f"default {'on' if field.default else 'off'}"
    return f"default {'none' if field.default in (None, [], (), {}) else field.default}"
