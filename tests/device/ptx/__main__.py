"""Run all recorded calls on the PTX of the oldest and of the newest architecture, and the mutants.

    PYTHONPATH=tests python -m device.ptx

The exit code is 1 where a case fails, an access is wrong, or a mutant is not reported.
"""

from __future__ import annotations

import itertools
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from device.cases import record
from device.ptx.build import NEWEST, OLDEST, Built, build, nvcc
from device.ptx.mutants import MUTANTS, barriers

SEVERAL = 16  # a mutant runs one case of so many


def main() -> None:
    """Record, build, replay."""
    if nvcc() is None:
        print("no nvcc: the PTX is not run")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cases = folder / "cases.bin"
        print(f"{len(record(cases).cases)} calls recorded", flush=True)
        passed = True
        for capability in (OLDEST, NEWEST):
            built = build(capability)
            for variant in (0, 1, 3):
                passed &= _replayed(built, cases, variant, f"sm_{capability}, variant {variant}")
        passed &= _mutants_are_reported(built, cases, folder)
    sys.exit(0 if passed else 1)


def _replayed(built: Built, cases: Path, variant: int, name: str) -> bool:
    begun = time.monotonic()
    parts = os.cpu_count() or 1
    with ThreadPoolExecutor(parts) as pool:
        runs = list(
            pool.map(
                lambda part: built.replay(cases, variant=variant, part=part, parts=parts),
                range(parts),
            )
        )
    right = all(done.returncode == 0 for done in runs)
    print(f"{name}, {time.monotonic() - begun:.0f} s")
    for done in runs:
        told = done.stdout.splitlines()
        print("\n".join(told[-1:] if right else [*told, done.stderr]), flush=True)
    return right


def _mutants_are_reported(built: Built, cases: Path, folder: Path) -> bool:
    program = (built.folder / "program").read_text()
    mutants = itertools.chain(
        ((mutant.name, mutant.of(program), mutant.report) for mutant in MUTANTS),
        ((f"no barrier: {name}", text, "") for name, text in barriers(program)),
    )
    silent, number = [], 0
    for number, (name, text, report) in enumerate(mutants, 1):
        own = folder / str(number)
        own.mkdir()
        mutant = built.with_program(text, own)
        for part in range(SEVERAL):  # until one case shows it
            done = mutant.replay(cases, part=part, parts=SEVERAL)
            if done.returncode != 0 and report in done.stdout + done.stderr:
                break
        else:
            silent.append(name)
        (own / "program").unlink()
    print(f"{number - len(silent)} of {number} mutants reported")
    for name in silent:
        print(f"not reported: {name}")
    return not silent


if __name__ == "__main__":
    main()
