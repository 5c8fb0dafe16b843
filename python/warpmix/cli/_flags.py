"""Flags that several commands share: what settles a doubt about files of predictions."""

from __future__ import annotations

import csv
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from warpmix.predictions import ReadOptions

Command = Callable[..., None]


def add_flags(
    command: Command,
    flags: Sequence[inspect.Parameter],
    convert: Callable[[dict[str, Any]], dict[str, Any]],
) -> Command:
    """Give a command flags in place of its ``**keywords``, which receive their converted values."""
    own = inspect.signature(command, eval_str=True).parameters
    fixed = [p for p in own.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    taken = {p.name for p in fixed}

    def run(**values: Any) -> None:
        arguments = {name: values.pop(name) for name in taken}
        command(**arguments, **convert(values))

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    keyword_only = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in fixed]
    chosen = [flag for flag in flags if flag.name not in taken]
    run.__signature__ = inspect.Signature([*keyword_only, *chosen])  # type: ignore[attr-defined]
    return run


def reading_flags(command: Command) -> Command:
    """Give a command the flags of :class:`ReadOptions`; :func:`read_options` takes what it
    receives."""
    flags = [
        _flag("classes", str, "The classes' names, in order.", "NAME,..."),
        _flag("num_classes", int, "How many classes, for files of labels or whole numbers.", "N"),
        _flag("ids", str, "Column of the samples' ids; a number without a header.", "COLUMN"),
        _flag("labels", str, "Column (or .npz array) of the true labels.", "COLUMN"),
        _flag("ignore", str, "Columns to leave out.", "COLUMN,..."),
        _flag("header", bool, "Whether a CSV's first row holds names (default: as it looks)."),
        _flag(
            "kind",
            Literal["auto", "probabilities", "logits"],
            "What the files hold (default auto: logits where a value is negative).",
        ),
        inspect.Parameter(
            "assume_same_order",
            inspect.Parameter.KEYWORD_ONLY,
            default=False,
            annotation=Annotated[
                bool,
                typer.Option(
                    "--assume-same-order",
                    help="Files without ids have the samples in the order of those with ids.",
                    rich_help_panel=_PANEL,
                ),
            ],
        ),
    ]
    return add_flags(command, flags, lambda values: values)


_PANEL = "Reading files"


def _flag(name: str, kind: Any, about: str, metavar: str | None = None) -> inspect.Parameter:
    option = typer.Option(metavar=metavar, help=about, rich_help_panel=_PANEL, show_default=False)
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind | None, option],
    )


def read_options(typed: Mapping[str, Any]) -> ReadOptions:
    """Return the options that a user typed.

    Raises:
        ValueError: as :class:`ReadOptions`.
    """
    from warpmix.predictions import ReadOptions

    given = {name: value for name, value in typed.items() if value is not None}
    for name in given.keys() & {"classes", "ignore"}:
        given[name] = tuple(next(csv.reader([given[name]], skipinitialspace=True)))
    return ReadOptions(**given)
