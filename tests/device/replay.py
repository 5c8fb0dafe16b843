"""Runs case files on what ``build`` made, in as many processes as there are cores."""

from __future__ import annotations

import os
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
    def barriers(self) -> list[str]:
        """Each barrier that threads came to, as WITHOUT_BARRIER takes it to leave it out."""
        lines = self.output.splitlines()
        return sorted({line.split()[1] for line in lines if line.startswith("barrier ")})


def replay(
    target: Target, folder: Path, cases: Path, variant: int = 0, parts: int = 1, **environment: str
) -> Outcome:
    """Run all cases, in ``parts`` processes side by side."""

    def run(part: int) -> subprocess.CompletedProcess[str]:
        command = [folder / "driver", folder / "operators.so", cases, variant, part, parts]
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
