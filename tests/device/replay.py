"""Runs case files on what ``build`` made, in as many processes as there are cores."""

from __future__ import annotations

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from device.build import ENVIRONMENT, Target


@dataclass
class Outcome:
    """What the driver printed, and whether every case had the bytes of the file."""

    passed: bool
    output: str

    @property
    def summary(self) -> str:
        """The last line of each process."""
        return "\n".join(line for line in self.output.splitlines() if " cases, " in line)

    @property
    def barriers(self) -> dict[str, int]:
        """Map each barrier that threads came to, as WITHOUT_BARRIER takes it to leave it out, to
        the first case in which they did.

        Not the last time that they come to one of a loop: there may be nothing behind it to guard.
        """
        first: dict[tuple[str, int], int] = {}
        for barrier, case in self._told("barrier"):
            place, _, time = barrier.rpartition(":")
            met = first.setdefault((place, int(time)), int(case))
            first[place, int(time)] = min(met, int(case))
        return {
            f"{place}:{time}": case
            for (place, time), case in first.items()
            if time == 0 or (place, time + 1) in first
        }

    def never_launched(self, folder: Path) -> list[str]:
        """List the kernels in the library that no case has launched."""
        places = {int(place, 16) for (place,) in self._told("launched")}
        existing = kernels(folder)
        return sorted(name for place, name in existing.items() if place not in places)

    def _told(self, what: str) -> list[list[str]]:
        lines = sorted({line for line in self.output.splitlines() if line.startswith(f"{what} ")})
        return [line.split()[1:] for line in lines]


def kernels(folder: Path) -> dict[int, str]:
    """Give the kernels in a library by their place: functions of the names that are __global__."""
    sources = "".join(path.read_text() for path in folder.glob("tree/kernels/*/gpu/*"))
    names = re.findall(r"__global__ void (?:__launch_bounds__\([^)]*\)\s*)?(\w+)\(", sources)
    command = ["nm", "--demangle", "--defined-only", str(folder / "operators.so")]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    symbols = (line.split(maxsplit=2) for line in listed.splitlines())
    pattern = re.compile(rf"\b({'|'.join(names)})(<[^()]*>)?\([^()]*\)$")
    return {int(place, 16): name for place, _, name in symbols if pattern.search(name)}


def replay(
    target: Target,
    folder: Path,
    cases: Path,
    variant: int = 0,
    parts: int = 1,
    first: int = 0,
    **environment: str,
) -> Outcome:
    """Run all cases from number ``first`` on, in ``parts`` processes side by side."""

    def run(part: int) -> subprocess.CompletedProcess[str]:
        command = [folder / "driver", folder / "operators.so", cases]
        command += [variant, part, parts, first]
        return subprocess.run(
            [str(word) for word in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=3600,
            env={**os.environ, **ENVIRONMENT[target.sanitizer], **environment},
        )

    with ThreadPoolExecutor(parts) as pool:
        done = list(pool.map(run, range(parts)))
    return Outcome(all(d.returncode == 0 for d in done), "\n".join(d.stdout for d in done))
