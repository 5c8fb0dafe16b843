"""Run all recorded calls under the sanitizers.

    PYTHONPATH=tests python -m device cpu      the CPU operators
    PYTHONPATH=tests python -m device cuda     the CUDA code, on the host
    PYTHONPATH=tests python -m device mutants  faults in the CUDA code, each of which must be caught

A row a sanitizer and way of running: the cases, those that failed, and what was counted. The exit
code is 1 where a case fails or a sanitizer reports.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from device import mutants
from device.build import FOLDER, SANITIZERS, Target, build
from device.cases import record
from device.replay import replay

# Ways to run: see `vary` of cpu_backend.cpp and host/runtime.cpp.
VARIANTS = {"cpu": [0, 1, 3], "cuda": [0, 1, 3]}


def main() -> None:
    """Record, build and replay."""
    parser = argparse.ArgumentParser(prog="device", description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=[*VARIANTS, "mutants"])
    what = parser.parse_args().what
    FOLDER.mkdir(parents=True, exist_ok=True)
    cases = FOLDER / f"{what}.bin"
    print(f"{len(record(cases, short=what == 'mutants').cases)} calls recorded", flush=True)
    sys.exit(0 if (mutants.run(cases) if what == "mutants" else run(what, cases)) else 1)


def run(backend: str, cases: Path) -> bool:
    """Replay on one backend; return whether every case has its bytes, and no sanitizer reports."""
    failed = False
    for sanitizer in SANITIZERS:
        target = Target(backend, sanitizer, "-O1")
        folder = build(target)
        for variant in VARIANTS[backend]:
            begun = time.monotonic()
            outcome = replay(target, folder, cases, variant, os.cpu_count() or 1)
            failed |= not outcome.passed
            told = outcome.summary if outcome.passed else outcome.output
            print(f"{target.name}, variant {variant}, {time.monotonic() - begun:.0f} s")
            print(told, flush=True)
    return not failed


if __name__ == "__main__":
    main()
