"""Executions of a reader in child processes that have a limit on memory and on time."""

from __future__ import annotations

import json
import os
import random
import resource
import select
import shutil
import signal
import struct
import sys
import tempfile
import traceback
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fuzzing.mutations import damage
from fuzzing.valid_files import Reader

SECONDS = 10  # of an execution
MEMORY = 2 << 30  # bytes beyond those at the start
LONGEST, LINES = 2000, 25  # of a message, in characters and lines: a screen
_EXPECTED = (OSError, ValueError, TypeError)
_KINDS = ("uncaught", "slow", "large", "long", "unnamed")


@dataclass
class Counts:
    """What came of a reader's executions.

    Attributes:
        done, read, refused: all; those whose file was read after all, and was refused.
        uncaught, slow, large, long, unnamed: failures, see :mod:`fuzzing.__main__`.
        examples: of each failure the first, by its type and the place that raised it.
    """

    done: int = 0
    read: int = 0
    refused: int = 0
    uncaught: int = 0
    slow: int = 0
    large: int = 0
    long: int = 0
    unnamed: int = 0
    examples: dict[str, str] = field(default_factory=dict)

    @property
    def failures(self) -> int:
        """All failures."""
        return sum(getattr(self, kind) for kind in _KINDS)

    @staticmethod
    def head() -> str:
        """The columns of the failures."""
        return "".join(f"{kind:>10}" for kind in _KINDS)

    def row(self) -> str:
        """The counts, a line."""
        failures = "".join(f"{getattr(self, kind):10}" for kind in _KINDS)
        return f"{self.done:7}{self.read:7}{self.refused:9}{failures}"

    def add(self, other: Counts) -> None:
        """Add another reader's."""
        for name in ("done", "read", "refused", *_KINDS):
            setattr(self, name, getattr(self, name) + getattr(other, name))


class _SlowError(BaseException):
    """An execution took longer than :data:`SECONDS`."""


def fuzz(reader: Reader, executions: int, seed: int, keep: str | None = None) -> Counts:
    """Damage a reader's file so many times, and read it each time.

    Args:
        seed: with the reader's name and the number of an execution it decides the damage.
        keep: folder for the files that the reader failed on.
    """
    counts = Counts()
    with tempfile.TemporaryDirectory(prefix="fuzzing-") as temporary:
        home = Path(temporary).resolve()
        (home / "made" / "w").mkdir(parents=True)
        first = 0
        while first < executions:
            first = _child(reader, home, range(first, executions), seed, counts, keep)
    return counts


def mutated(reader: Reader, content: bytes, seed: int, number: int) -> bytes:
    """The damaged file of an execution."""
    rng = random.Random(f"{seed}/{reader.name}/{number}")
    try:
        return reader.mutate(rng, content)
    except (ValueError, IndexError, KeyError, struct.error):  # what was chosen cannot be written
        return damage(rng, content)


def _child(
    reader: Reader, home: Path, numbers: range, seed: int, counts: Counts, keep: str | None
) -> int:
    """Run executions in a child until it ends or hangs; return the number to go on with."""
    receive, send = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.close(receive)
        terminal = os.dup(2)
        try:
            _work(reader, home, numbers, seed, send)
        except BaseException:  # of the harness itself
            os.write(terminal, traceback.format_exc().encode())
            os._exit(1)
        os._exit(0)
    os.close(send)
    done, buffer = numbers.start, b""
    try:
        while True:
            ready, _, _ = select.select([receive], [], [], 3 * SECONDS)
            part = os.read(receive, 1 << 16) if ready else b""
            if not part:
                break
            *lines, buffer = (buffer + part).split(b"\n")
            for line in lines:
                _count(counts, json.loads(line), reader, home, seed, done, keep)
                done += 1
    finally:
        os.close(receive)
        if not ready:
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    if not (home / "content").exists():
        raise RuntimeError(f"{reader.name}: the valid file was not made")
    if done < numbers.stop:  # it was killed, or died
        kind = "slow" if not ready else "uncaught"
        _count(counts, {kind: f"ended with status {status}"}, reader, home, seed, done, keep)
        done += 1
    return done


def _count(
    counts: Counts, found: dict[str, Any], reader: Reader, home: Path, seed: int, number: int,
    keep: str | None,
) -> None:  # fmt: skip
    counts.done += 1
    for kind, text in found.items():
        setattr(counts, kind, getattr(counts, kind) + 1)
        if kind in _KINDS:
            counts.examples.setdefault(f"{kind}: {text}"[:160], f"{kind}, {number}: {text[:300]}")
            if keep is not None:
                Path(keep).mkdir(parents=True, exist_ok=True)
                name = f"{reader.name.replace(' ', '-').replace('/', '-')}-{kind}-{number}"
                original = (home / "content").read_bytes()
                (Path(keep) / name).write_bytes(mutated(reader, original, seed, number))


def _work(reader: Reader, home: Path, numbers: range, seed: int, send: int) -> None:
    """Execute, and write a line of JSON on each."""
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    warnings.simplefilter("ignore")
    work = home / "w"
    if not (home / "content").exists():
        work.mkdir()
        path = reader.make(work)
        (home / "content").write_bytes(path.read_bytes())
        (home / "place").write_text(str(path.relative_to(work)))
        shutil.rmtree(home / "made" / "w")
        os.chdir(home)
        shutil.copytree(work, home / "made" / "w")
    content, place = (home / "content").read_bytes(), (home / "place").read_text()
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, taken + MEMORY))

    def slow(*_: Any) -> None:
        raise _SlowError

    signal.signal(signal.SIGALRM, slow)
    if numbers.start == 0:
        shutil.copytree(home / "made" / "w", work, dirs_exist_ok=True)
        reader.read(work / place)  # the valid file is read
    for number in numbers:
        os.chdir(home)
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(home / "made" / "w", work)
        (work / place).write_bytes(mutated(reader, content, seed, number))
        signal.alarm(SECONDS)
        try:
            found = _execute(reader, work / place)
        except _SlowError:
            found = {"slow": f"over {SECONDS} s"}
        finally:
            signal.alarm(0)
        os.write(send, json.dumps(found).encode() + b"\n")


def _execute(reader: Reader, path: Path) -> dict[str, str]:
    try:
        reader.read(path)
    except _SlowError:
        return {"slow": f"over {SECONDS} s"}
    except BaseException as error:
        found = {"refused": ""}
        message = str(error)
        if not isinstance(error, _EXPECTED):
            frame = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(frame.filename).name}:{frame.lineno}"
            found["uncaught"] = f"{type(error).__name__} at {place}: {message}"
        names = (path.name, path.parent.name, "--set", "transforms[")
        if isinstance(error, ValueError) and not any(name in message for name in names):
            found["unnamed"] = f"{type(error).__name__}: {message}"
        if len(message) > LONGEST or message.count("\n") >= LINES:
            found["long"] = f"{len(message)} characters: {message}"
        cause: BaseException | None = error
        while cause is not None:
            frame = (traceback.extract_tb(cause.__traceback__) or [None])[-1]
            # Python's own parser calls it so where brackets are nested too deeply.
            if isinstance(cause, MemoryError) and frame and not frame.filename.endswith("ast.py"):
                found["large"] = f"{Path(frame.filename).name}:{frame.lineno}: {cause}"
            cause = cause.__cause__ or cause.__context__
        return found
    return {"read": ""}
