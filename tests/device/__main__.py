"""Run all recorded calls under the sanitizers.

    PYTHONPATH=tests python -m device cpu     the CPU operators
    PYTHONPATH=tests python -m device cuda    the CUDA code, on the host

A row a sanitizer and way of running: the cases, those that failed, and what was counted. The exit
code is 1 where a case fails or a sanitizer reports.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from device.build import FOLDER, SANITIZERS, Target, build
from device.cases import record
from device.replay import replay

# Ways to run: see `vary` of cpu_backend.cpp and host/runtime.cpp.
VARIANTS = {"cpu": [0, 1, 3], "cuda": [0, 1, 3]}


def main() -> None:
    """Record, build and replay."""
    parser = argparse.ArgumentParser(prog="device", description=__doc__.splitlines()[0])
    parser.add_argument("backend", choices=VARIANTS)
    backend = parser.parse_args().backend
    FOLDER.mkdir(parents=True, exist_ok=True)
    cases = FOLDER / "cases.bin"
    print(f"{len(record(cases).cases)} calls recorded", flush=True)
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
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
