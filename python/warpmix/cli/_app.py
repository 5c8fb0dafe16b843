"""The typer application: how every command reports an error."""

from __future__ import annotations

import logging
import os
import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from warpmix._reading import shorten

# Of the processes that torchrun starts, the first one alone speaks, and writes what is shared.
is_first_process = os.environ.get("RANK", "0") == "0"


class _Console(Console):
    """Breaks no line of text, so that a path can be copied; tables keep to the width."""

    def print(self, *objects: Any, soft_wrap: bool | None = None, **options: Any) -> None:
        """Print as rich's Console, text without breaking its lines."""
        if soft_wrap is None:
            soft_wrap = all(isinstance(each, str) for each in objects)
        super().print(*objects, soft_wrap=soft_wrap, **options)


console = _Console(quiet=not is_first_process)
USER_ERROR = 2  # exit code of a mistake in the command line, the settings or the files


class Commands(TyperGroup):
    """A group whose commands end a user's mistake in one red line, not in a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command, and end with exit code 2 on an error that is the user's to mend."""
        try:
            return super().invoke(ctx)
        except (ValueError, TypeError, OSError, ImportError, MemoryError, RuntimeError) as error:
            if ctx.params["debug"] or (isinstance(error, RuntimeError) and not _is_memory(error)):
                raise
            line = f"error: {_message(error)}"
            Console(stderr=True).print(line, style="red", markup=False, soft_wrap=True)
            raise typer.Exit(USER_ERROR) from None


def _is_memory(error: RuntimeError) -> bool:
    """Whether torch could not take memory, on the CPU or on a GPU."""
    return "allocate memory" in str(error) or "out of memory" in str(error)


def _message(error: Exception) -> str:
    """Return what an error says, or else what it is called, as fits a screen."""
    if isinstance(error, MemoryError | RuntimeError):
        first = str(error).partition("\n")[0]
        return shorten(f"out of memory ({first}); choose a smaller batch_size, image size or model")
    return shorten(str(error)) or type(error).__name__


class _Notices(logging.Handler):
    """Prints the log's warnings, such as rows that were put in order, a line each."""

    def emit(self, record: logging.LogRecord) -> None:
        console.print(record.getMessage(), style="yellow", markup=False, highlight=False)


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def group(name: str, about: str, example: str) -> typer.Typer:
    """Add a command that has commands of its own, such as ``warpmix data describe``."""
    commands = typer.Typer(
        help=about + f"\n\n[bold]Example[/bold]\n\n$ warpmix {name} {example}",
        no_args_is_help=True,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.add_typer(commands, name=name)
    return commands


@app.callback()
def _options_of_every_command(
    debug: Annotated[bool, typer.Option("--debug", help="Show an error's traceback.")] = False,
) -> None:
    """Fused batch augmentation, training and voting for image classification.

    [bold]Examples[/bold]

    $ warpmix demo
    $ warpmix train digits --augment warsaw-all
    $ warpmix vote runs/*
    """
    log = logging.getLogger("warpmix")
    if not any(isinstance(handler, _Notices) for handler in log.handlers):
        log.addHandler(_Notices(logging.WARNING))


def main() -> None:
    """Run the ``warpmix`` command; ``--debug`` may stand anywhere in it."""
    arguments = sorted(sys.argv[1:], key=lambda argument: argument != "--debug")  # stable
    try:
        app(arguments, prog_name="warpmix")
    except KeyboardInterrupt:
        sys.exit(130)
