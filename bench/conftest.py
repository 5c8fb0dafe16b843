"""Fixture ``measure`` and the table that ends a run of the benchmarks; see results.py."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import pytest
import results
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from results import Measure

WARM_UP = 3  # calls at most, beside the two that estimate a call's time
BUDGET = {"cpu": 0.7, "cuda": 0.3}  # seconds of timed rounds a row
ROUNDS = (5, 500)  # at least and at most; of rows of SLOW seconds and more, at least 3
SLOW = 0.5


@pytest.fixture
def measure(benchmark: BenchmarkFixture) -> Measure:
    """See :class:`results.Measure`."""

    def run(call: Callable[[], object], *, group: str, row: str, **facts: object) -> object:
        benchmark.group = group
        benchmark.extra_info.update(row=row, **facts)
        device = str(facts.get("device", "cpu"))
        clock = results.synchronized_clock if device == "cuda" else time.perf_counter
        call()  # loads what is loaded lazily
        begin, _, end = clock(), call(), clock()
        seconds = end - begin
        fewest = ROUNDS[0] if seconds < SLOW else 3
        rounds = min(max(int(BUDGET[device] / seconds), fewest), ROUNDS[1])
        warm_up = min(int(SLOW / seconds), WARM_UP)
        return benchmark.pedantic(call, rounds=rounds, warmup_rounds=warm_up)

    return run


@pytest.fixture(autouse=True)
def threads_as_before() -> Iterator[None]:
    """Of torch: a benchmark may set them."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def pytest_configure(config: pytest.Config) -> None:
    if not config.option.benchmark_verbose:
        config.option.benchmark_quiet = True  # its own table says the same, wider


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> Iterator[None]:
    yield  # the other summaries first
    rows = results.rows_of(config._benchmarksession.benchmarks)  # type: ignore[attr-defined]
    if not rows:
        return
    machine = results.machine()
    terminalreporter.write_line("")
    terminalreporter.write_line(results.table(rows, machine))
    if path := os.environ.get("WARPMIX_BENCH_JSON"):
        results.write_json(path, rows, machine)
