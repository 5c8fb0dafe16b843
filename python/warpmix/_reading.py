"""The boundary to files from strangers: one error, whatever a parser raises."""

from __future__ import annotations

import errno
import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DEEPEST = 100  # of JSON: what this package writes has at most ten levels
_QUOTED = 200  # characters of what a parser says, which may quote the file
_LONGEST = 1500  # characters of a message
_LINES = 20  # of a message


class InvalidFileError(ValueError):
    """A file that is damaged, or holds something else than it should.

    The message is one line that names the file, the place in it and the remedy. A recipe of a study
    has a line a problem.
    """


@contextmanager
def reading_file(path: str | os.PathLike[str], remedy: str) -> Iterator[None]:
    """Turn whatever the block raises into an :class:`InvalidFileError` that names the file.

    An error of the operating system (no such file, no permission) stays what it is, as does an
    :class:`InvalidFileError` of another file that is read inside.

    Args:
        path: the file that is read.
        remedy: what the user is to do about a damaged one; ends the message of a foreign error.
            The package's own errors have theirs.

    Raises:
        InvalidFileError: the block raised anything else.
    """
    try:
        yield
    except (InvalidFileError, ImportError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and _is_of_the_system(error):
            raise
        if isinstance(error, (ValueError, TypeError)) and _is_own(error):
            named = str(path) in str(error)
            message = str(error) if named else f"{path}: {error}"
        else:
            message = f"{path}: damaged, or something else ({in_words(error)}); {remedy}"
        raise InvalidFileError(shorten(message)) from error


def in_words(error: BaseException) -> str:
    """Return what a parser's error says, in one line of at most 200 characters of its text."""
    match error:
        case json.JSONDecodeError():
            return f"no JSON at line {error.lineno}, column {error.colno}: {error.msg}"
        case UnicodeDecodeError():
            return f"no UTF-8 text at byte {error.start}"
        case KeyError():
            return f"{_cut(str(error), _QUOTED)} is missing"
        case RecursionError():
            return "it is nested too deeply"
        case MemoryError():
            return "it asks for more memory than there is"
        case EOFError():
            return "it ends too soon"
        case zlib.error() | OSError():
            return _cut(str(error), _QUOTED)
    if hasattr(error, "errors"):  # pydantic's, of which the first problem is enough
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        return _cut(f"{place}: {problem['msg']}, got {quoted(problem['input'])}", 2 * _QUOTED)
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {_cut(text, _QUOTED)}" if text else type(error).__name__


def shorten(message: str) -> str:
    """Return a message that fits a screen: at most 20 lines and 1500 characters."""
    lines = message.splitlines() or [""]
    if len(lines) > _LINES:
        lines = [*lines[: _LINES - 1], f"… and {len(lines) - _LINES + 1} lines more"]
    return _cut("\n".join(lines), _LONGEST)


def quoted(value: object) -> str:
    """Return a value from a file as an error may print it: at most 200 characters of its repr."""
    part = value[: _QUOTED + 1] if isinstance(value, str | bytes | list | tuple) else value
    try:
        return _cut(repr(part), _QUOTED)
    except (ValueError, RecursionError):  # an int of more than 4300 digits, or a nested list
        return f"a value of the type {type(value).__name__}"


def parse_json(text: str | bytes) -> Any:
    """Return what JSON text holds.

    Raises:
        ValueError: no JSON, or nested deeper than 100 levels.
        RecursionError: nested far deeper.
    """
    values = json.loads(text)
    level: list[Any] = [values]
    for _ in range(DEEPEST):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return values
    raise ValueError(f"its lists and objects are nested deeper than {DEEPEST} levels")


def read_json_object(path: Path, remedy: str) -> dict[str, Any]:
    """Return the object of a JSON file.

    Raises:
        OSError: it cannot be read.
        InvalidFileError: it is not UTF-8, no JSON, nested too deeply, or holds no object.
    """
    with reading_file(path, remedy):
        values = parse_json(path.read_text("utf-8"))
        if not isinstance(values, dict):
            raise ValueError(f"expected a JSON object, got {type(values).__name__}; {remedy}")
        return values


def _cut(text: str, length: int) -> str:
    """Return a text without escape codes and the like, cut where it is longer."""
    text = "".join(c if c.isprintable() or c == "\n" else " " for c in text[: length + 1])
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _is_of_the_system(error: OSError) -> bool:
    """Whether it comes from the operating system. Parsers raise OSErrors without a number; EINVAL
    is a seek to a place, and ENAMETOOLONG another file, that the file's wrong contents name. Of a
    missing file, safetensors tells without one."""
    return isinstance(error, FileNotFoundError) or error.errno not in (
        None,
        errno.EINVAL,
        errno.ENAMETOOLONG,
    )


def _is_own(error: BaseException) -> bool:
    """Whether an error was raised by this package and not by a parser."""
    if isinstance(error, UnicodeError | json.JSONDecodeError):
        return False
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    module = "" if trace is None else trace.tb_frame.f_globals.get("__name__", "")
    return module.partition(".")[0] == "warpmix"
