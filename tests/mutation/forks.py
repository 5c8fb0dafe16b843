"""Tests that are collected once and run in forked children, a child for each fault.

A first child runs all tests without a fault and notes which switches each comes to, and how long it
takes. A fault is then tried with the tests that come to it, the short ones first, until one fails.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from mutation.tree import BUILD

MEASURED = BUILD / f"measured-{os.getpid()}.log"  # what the tests print without a fault


class Switches(Protocol):
    """Faults in a program that runs."""

    def load(self) -> None:
        """Find the switches, before the tests are collected."""

    def choose(self, number: int) -> None:
        """Let one fault happen from here on; 0 for none."""

    def reached(self) -> set[int]:
        """Return the switches that were come to since the last call."""


class Shortened(Protocol):
    """Tests with fewer examples than they ask for."""

    shortened: dict[str, Any]
    quick: bool

    def restore(self) -> None:
        """Let each test have the examples it asks for."""


@dataclass(frozen=True)
class Verdict:
    """How a fault was noticed.

    Attributes:
        kind: "failed", "crashed", "endless" or "survived"; "unreached" where no test comes to it.
        by: the test, if one.
    """

    kind: str
    by: str = ""

    @property
    def caught(self) -> bool:
        return self.kind not in ("survived", "unreached")


Send = Callable[[object], None]


def in_child(
    work: Callable[[Send], None],
    cpu_s: float,
    heard: Send | None = None,
    output: Path = Path(os.devnull),
) -> tuple[str, list[Any]]:
    """Run ``work(send)`` in a fork, and return how it ended and what it sent.

    The end is "done", "crashed" or "endless": past its seconds of processor time, or asleep for
    far longer.

    Args:
        heard: is called with each value as it comes.
        output: where the fork prints.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _become_child(cpu_s, output)
        code = 1
        try:
            work(lambda value: _write_all(writing, json.dumps(value).encode() + b"\n"))
            code = 0
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(code)
    os.close(writing)
    values = []
    deadline = time.monotonic() + 60 + 10 * cpu_s
    for line in _lines(reading, deadline):
        values.append(json.loads(line))
        if heard:
            heard(values[-1])
    os.close(reading)
    late = time.monotonic() >= deadline
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what it started, too
    status = os.waitpid(child, 0)[1]
    if late or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU):
        return "endless", values
    return "done" if status == 0 else "crashed", values


def _become_child(cpu_s: float, output: Path) -> None:
    """Take a process group of one's own, limits, and other streams."""
    os.setsid()
    streams = os.open(output, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    for stream in (0, 1, 2):
        os.dup2(streams, stream)
    allow(cpu_s)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def allow(cpu_s: float) -> None:
    """Let this process go on for so many seconds of processor time, and be killed then."""
    limit = int(time.process_time() + cpu_s) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def _write_all(to: int, data: bytes) -> None:
    while data:
        data = data[os.write(to, data) :]


def _lines(reading: int, deadline: float) -> Iterator[bytes]:
    """Give the lines that a pipe brings until it is closed or the time is over."""
    rest = b""
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([reading], [], [], left)[0]:
            return
        data = os.read(reading, 1 << 16)
        if not data:
            return
        *whole, rest = (rest + data).split(b"\n")
        yield from whole


class ForkedRuns:
    """A plugin of pytest that tries faults on the collected tests.

    What it sends: ["tests", by test its seconds and the switches it comes to], ["imported", the
    switches that the collection came to], and [number, verdict, by] of each fault.
    """

    def __init__(
        self, switches: Switches, numbers: Iterable[int], few: Shortened, send: Send
    ) -> None:
        self.switches = switches
        self.numbers = list(numbers)
        self.few = few
        self.send = send
        self.reach: dict[str, tuple[float, list[int]]] = {}
        self.catches: Counter[str] = Counter()
        self.tries: Counter[str] = Counter()
        self.failed = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a failure."""
        if report.failed:
            self.failed = report.nodeid

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Measure the tests, then try the faults."""
        if session.testsfailed:
            raise session.Interrupted(f"{session.testsfailed} errors while collecting")
        imported = self.switches.reached()
        self.send(["imported", sorted(imported)])
        self._measure(session.items)
        self.send(["tests", self.reach])
        for number in self.numbers:
            if number not in imported:
                verdict = self._try(session.items, number)
                self.send([number, verdict.kind, verdict.by])
        return True

    def _measure(self, items: list[pytest.Item]) -> None:
        def work(send: Send) -> None:
            for item, following in zip(items, [*items[1:], None], strict=True):
                start = time.process_time()
                _run(item, following)
                seconds = time.process_time() - start
                send([item.nodeid, seconds, sorted(self.switches.reached()), self.failed])

        end, sent = in_child(work, 7200, output=MEASURED)
        failed = sorted({row[3] for row in sent} - {""})
        if end != "done" or failed:
            raise RuntimeError(f"without a fault: {end}, and these fail: {failed}; see {MEASURED}")
        self.reach = {node: (seconds, numbers) for node, seconds, numbers, _ in sent}

    def _try(self, items: list[pytest.Item], number: int) -> Verdict:
        chosen = [item for item in items if number in self.reach[item.nodeid][1]]
        chosen.sort(key=self._promise, reverse=True)
        if not chosen:
            return Verdict("unreached")

        verdict = self._try_with(chosen, number)
        shortened = [item for item in chosen if item.nodeid in self.few.shortened]
        if not verdict.caught and shortened and not self.few.quick:
            verdict = self._try_with(shortened, number, in_full=True)
        for item in chosen:
            self.tries[item.nodeid] += 1
            if item.nodeid == verdict.by:
                self.catches[item.nodeid] += 1
                break
        return verdict

    def _promise(self, item: pytest.Item) -> float:
        """Return about how many faults a test has caught in a second; for a new one, a guess."""
        name = item.nodeid
        return (self.catches[name] + 0.2) / (self.tries[name] + 1) / (self.reach[name][0] + 1e-3)

    def _try_with(self, chosen: list[pytest.Item], number: int, in_full: bool = False) -> Verdict:
        def work(send: Send) -> None:
            self.switches.choose(number)
            if in_full:
                self.few.restore()
            for item, following in zip(chosen, [*chosen[1:], None], strict=True):
                send(item.nodeid)
                allow(600 if in_full else 10 + 5 * self.reach[item.nodeid][0])
                _run(item, following)
                if self.failed:
                    send("failed")
                    return

        return verdict_of(*in_child(work, 3600))


def verdict_of(end: str, sent: list[Any]) -> Verdict:
    """Say what a child that sent its tests, and "failed" behind the last, has shown."""
    if end != "done":
        return Verdict(end, sent[-1] if sent else "")
    return Verdict("failed", sent[-2]) if sent[-1:] == ["failed"] else Verdict("survived")


def _run(item: Any, following: Any) -> None:
    item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
