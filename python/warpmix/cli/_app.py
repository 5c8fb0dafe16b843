"""The typer application: how every command reports an error."""

from __future__ import annotations

import copy
import logging
import os
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, TextIO, cast

import typer
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from warpmix._files import writing
from warpmix._reading import shorten

# Of the processes that torchrun starts, the first one alone speaks, and writes what is shared.
is_first_process = os.environ.get("RANK", "0") == "0"


class _Console(Console):
    """Prints names as they are: square brackets are no markup, and colons no emoji.

    No line of text is broken, so that a path can be copied. Tables keep to the width as long as
    every word fits into its column; else they are as wide as that takes.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, **options)

    def print(self, *objects: Any, soft_wrap: bool | None = None, **options: Any) -> None:
        """Print as rich's Console, text without breaking its lines."""
        if soft_wrap is None:
            soft_wrap = all(isinstance(each, str | Text) for each in objects)
        fitted = [_fit(self, each) if isinstance(each, Table) else each for each in objects]
        with writing(Path("/dev/stdout")):
            super().print(*fitted, soft_wrap=soft_wrap, crop=False, **options)


def _fit(on: Console, table: Table) -> Table:
    """Return a table that is as narrow as the console, or as it can be without cutting a word."""
    roomy = on.options.update(width=_ROOMY)
    natural = Measurement.get(on, roomy, table).maximum
    if natural <= on.width:
        return table
    ranges = []
    for column in table.columns:
        cells = [column.header, *column.cells] if table.show_header else list(column.cells)
        texts = [on.render_str(cell) if isinstance(cell, str) else cell for cell in cells]
        measured = [Measurement.get(on, roomy, text) for text in texts]
        low, high = (max((each[end] for each in measured), default=0) for end in (0, 1))
        ranges.append((low, high))
    borders = natural - sum(high for _, high in ranges)
    spare = max(on.width - borders - sum(low for low, _ in ranges), 0)
    wanted = max(sum(high - low for low, high in ranges), 1)
    widths = [low + spare * (high - low) // wanted for low, high in ranges]
    fitted = copy.copy(table)
    fitted.columns = [
        replace(column, width=width) for column, width in zip(table.columns, widths, strict=True)
    ]
    fitted.width = borders + sum(widths)
    return fitted


def headed(head: str, rest: str) -> Text:
    """Return text whose first words are bold."""
    return Text.assemble((head, "bold"), rest)


_ROOMY = 1_000_000  # columns, more than any table has
console = _Console(quiet=not is_first_process)
errors = _Console(stderr=True)
USER_ERROR = 2  # exit code of a mistake in the command line, the settings or the files
DIVERGED = 3  # exit code of a training that diverged


class Commands(TyperGroup):
    """A group whose commands end a user's mistake in one red line, not in a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command, and end with exit code 2 on an error that is the user's to mend."""
        try:
            return super().invoke(ctx)
        except (ValueError, TypeError, OSError, ImportError, MemoryError, RuntimeError) as error:
            if ctx.params["debug"] or (isinstance(error, RuntimeError) and not _is_memory(error)):
                raise
            print_error(_message(error))
            raise typer.Exit(USER_ERROR) from None


def print_error(message: str) -> None:
    """Print one red line to the standard error output."""
    errors.print(f"error: {message}", style="red")


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
        console.print(record.getMessage(), style="yellow", highlight=False)


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
    for stream in (sys.stdout, sys.stderr):  # names of files need be no Unicode
        if getattr(stream, "errors", None) == "strict" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    log = logging.getLogger("warpmix")
    if not any(isinstance(handler, _Notices) for handler in log.handlers):
        log.addHandler(_Notices(logging.WARNING))


class _Pipe:
    """Standard output, or error, whose reader may leave, as ``head`` does: a command goes on to its
    end, and what it has still to say is dropped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            self._drop()
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._drop()

    def _drop(self) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print the package's own warnings as a line; those of others as Python does."""
    if issubclass(category, UserWarning) and Path(filename).is_relative_to(_PACKAGE):
        errors.print(f"warning: {message}", style="yellow")
    else:
        errors.print(warnings.formatwarning(message, category, filename, lineno, line), end="")


_PACKAGE = Path(__file__).parents[1]


def main() -> None:
    """Run the ``warpmix`` command; ``--debug`` may stand anywhere in it."""
    arguments = sorted(sys.argv[1:], key=lambda argument: argument != "--debug")  # stable
    warnings.showwarning = _show_warning
    sys.stdout, sys.stderr = (cast("TextIO", _Pipe(each)) for each in (sys.stdout, sys.stderr))
    try:
        app(arguments, prog_name="warpmix")
    except KeyboardInterrupt:
        sys.exit(130)
