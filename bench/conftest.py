"""Fixture ``measure`` and the table that ends a run of the benchmarks; see results.py."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Protocol

import pytest
import results
from pytest_benchmark.fixture import BenchmarkFixture

WARM_UP = 3  # calls: lazy loading, allocator, clocks
BUDGET = 1.0  # seconds of timed rounds a row
ROUNDS = (5, 500)  # at least and at most


class Measure(Protocol):
    def __call__(
        self,
        call: Callable[[], object],
        *,
        group: str,
        row: str,
        device: str = "cpu",
        calls: int = 1,
        moved: int | None = None,
        baseline: str | None = None,
        roof: bool = False,
    ) -> object: ...


@pytest.fixture
def measure(benchmark: BenchmarkFixture) -> Measure:
    """Times ``call`` as one row of the table and returns its last result.

    Args of the returned function:
        group: heading that the rows to be compared share; row: the name in the table.
        device: "cpu" or "cuda"; on "cuda" the test must bear ``results.ON_GPU``'s marks.
        calls: how many units of work one ``call`` does; times are given a unit.
        moved: bytes read plus written by one unit.
        baseline: name of a column in which all rows of the group are compared with this one. Where
            several rows share the name, with the fastest of them.
        roof: this row's bytes per second are what the device's other rows are a share of.
    """

    def run(call: Callable[[], object], *, group: str, row: str, **facts: object) -> object:
        benchmark.group = group
        benchmark.extra_info.update(row=row, **facts)
        clock = results.synchronized_clock if facts.get("device") == "cuda" else time.perf_counter
        begin = clock()
        call()  # compiles and loads
        begin, _, end = clock(), call(), clock()
        rounds = min(max(int(BUDGET / (end - begin)), ROUNDS[0]), ROUNDS[1])
        return benchmark.pedantic(call, rounds=rounds, warmup_rounds=WARM_UP)

    return run


def pytest_configure(config: pytest.Config) -> None:
    if not config.option.benchmark_verbose:
        config.option.benchmark_quiet = True  # its own table says the same, wider


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    rows = results.rows_of(config._benchmarksession.benchmarks)  # type: ignore[attr-defined]
    if not rows:
        return
    machine = results.machine()
    terminalreporter.write_line("")
    terminalreporter.write_line(results.table(rows, machine))
    if path := os.environ.get("WARPMIX_BENCH_JSON"):
        results.write_json(path, rows, machine)
