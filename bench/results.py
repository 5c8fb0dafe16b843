"""What the benchmarks measured: rows, the table of them, the machine, and the JSON copy."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
import torch

from warpmix import info


def synchronized_clock() -> float:
    """Seconds; all work given to the GPU before is finished."""
    torch.cuda.synchronize()
    return time.perf_counter()


ON_GPU = (
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
    pytest.mark.benchmark(timer=synchronized_clock),
)
RATIO = 16  # width of a column of ratios
DEVICES = ("cpu", pytest.param("cuda", marks=ON_GPU))


class Measure(Protocol):
    """Times ``call`` as one row of the table and returns its last result.

    Args:
        group: heading that the rows to be compared share; row: the name in the table.
        device: "cpu" or "cuda"; on "cuda" the test must bear ``results.ON_GPU``'s marks.
        calls: how many units of work one ``call`` does; times are given a unit.
        moved: bytes read plus written by one unit.
        baseline: name of a column in which all rows of the group are compared with this one. Where
            several rows share the name, with the fastest of them.
        roof: this row's bytes per second are what the device's other rows are a share of.
    """

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


@dataclass(frozen=True)
class Row:
    """One line of the table. Times are seconds for one unit of work, over n timed rounds."""

    group: str
    row: str
    device: str
    median: float
    minimum: float
    n: int
    moved: int | None
    baseline: str | None
    roof: bool

    @property
    def rate(self) -> float | None:
        """Bytes read plus written a second, of the median."""
        return self.moved / self.median if self.moved else None


def rows_of(benchmarks: Iterable[Any]) -> list[Row]:
    """Rows of pytest-benchmark's finished measurements, in the order of the run."""
    rows = []
    for done in benchmarks:
        facts = {"device": "cpu", "moved": None, "baseline": None, "roof": False, **done.extra_info}
        calls = facts.pop("calls", 1)
        times = {"median": done.stats.median / calls, "minimum": done.stats.min / calls}
        rows.append(Row(group=done.group, n=done.stats.rounds, **times, **facts))
    return rows


def compared(rows: list[Row]) -> list[dict[str, Any]]:
    """The rows as dictionaries with what follows from their neighbours.

    ``times_as_fast`` maps each baseline of the row's group to (its median over the row's, its
    minimum over the row's); ``share_of_copy`` is the row's rate over that of the device's large
    copy.
    """
    roofs = {row.device: row.rate for row in rows if row.roof}
    found = []
    for row in rows:
        baselines: dict[str, list[Row]] = {}
        for other in rows:
            if other.group == row.group and other.baseline:
                baselines.setdefault(other.baseline, []).append(other)
        ratios = {
            name: (
                min(other.median for other in others) / row.median,
                min(other.minimum for other in others) / row.minimum,
            )
            for name, others in baselines.items()
        }
        roof = roofs.get(row.device)
        share = row.rate / roof if row.rate and roof else None
        found.append(
            {**asdict(row), "rate": row.rate, "times_as_fast": ratios, "share_of_copy": share}
        )
    return found


def table(rows: list[Row], machine: dict[str, Any]) -> str:
    """Text: one block a group, then the machine."""
    blocks = []
    entries = compared(rows)
    width = max(len(row.row) for row in rows)
    for group, members in itertools.groupby(entries, key=lambda entry: entry["group"]):
        listed = list(members)
        names = list(listed[0]["times_as_fast"])
        heading = [f"{h:>9}" for h in ("median ms", "min ms", "n", "GB/s", "of copy")]
        heading += [f"{'x ' + name:>{RATIO}}" for name in names]
        blocks += ["", group, "  ".join([" " * (width + 2), *heading])]
        blocks += [_line(entry, names, width) for entry in listed]
    facts = [f"{label:16} {text}" for label, text in machine["lines"]]
    note = "x NAME: times as fast as the fastest row that NAME stands for, by median (by minimum)"
    return "\n".join([*blocks[1:], "", note, "", *facts])


def _line(entry: dict[str, Any], names: list[str], width: int) -> str:
    rate, share = entry["rate"], entry["share_of_copy"]
    cells = [f"{entry[key] * 1e3:9.4g}" for key in ("median", "minimum")]
    cells += [f"{entry['n']:9}", f"{rate / 1e9:9.4g}" if rate else " " * 9]
    cells += [f"{share:9.0%}" if share else " " * 9]
    ratios = (entry["times_as_fast"][name] for name in names)
    cells += [f"{f'{median:.3g} ({minimum:.3g})':>{RATIO}}" for median, minimum in ratios]
    return "  ".join([f"  {entry['row']:{width}}", *cells]).rstrip()


def machine() -> dict[str, Any]:
    """Facts of `warpmix info`, the cores of this process, the load, and the host compiler."""
    facts: dict[str, Any] = info.collect()
    cores = len(os.sched_getaffinity(0))
    load = " ".join(f"{average:.1f}" for average in os.getloadavg())
    compiler = _first_line(os.environ.get("CXX", "c++"), "--version")
    lines = [*info.rows(facts), ("cores", str(cores)), ("load", f"{load} (1, 5, 15 minutes)")]
    return {**facts, "lines": [*lines, ("host compiler", compiler)]}


def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "none found"
    return done.stdout.splitlines()[0]


def write_json(path: str, rows: list[Row], machine: dict[str, Any]) -> None:
    """The table's content; seconds and bytes a second."""
    text = json.dumps({"machine": machine, "rows": compared(rows)}, indent=1, ensure_ascii=False)
    write_whole(Path(path), text)


def write_whole(path: Path, text: str) -> None:
    """The file appears whole or not at all."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text)
    temporary.replace(path)
