"""Run damaged files through every reader, in child processes with a limit on memory and time.

    PYTHONPATH=tests python -m fuzzing --executions 1000 --seed 0

The table counts, for each reader: errors of other types than OSError, ValueError and TypeError;
executions over the limit of time; executions that asked for, or took, more than 2 GiB; messages
that are longer than a screen; messages that name no file. The exit code is 1 where any of them is
not 0.
"""

from __future__ import annotations

import argparse
import sys
import time

from fuzzing.process import Counts, fuzz
from fuzzing.readers import READERS


def main() -> None:
    """Fuzz the readers that are named, or all."""
    parser = argparse.ArgumentParser(prog="fuzzing", description=__doc__.splitlines()[0])
    parser.add_argument("--executions", type=int, default=1000, help="of each reader")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="part of the readers' names")
    parser.add_argument("--keep", help="folder for the files that a reader failed on")
    typed = parser.parse_args()
    total, failed = Counts(), False
    print(f"{'reader':28}{'done':>7}{'read':>7}{'refused':>9}{Counts.head()}{'seconds':>9}")
    for reader in READERS:
        if typed.only not in reader.name:
            continue
        begun = time.monotonic()
        counts = fuzz(reader, typed.executions, typed.seed, keep=typed.keep)
        total.add(counts)
        failed |= counts.failures > 0
        print(f"{reader.name:28}{counts.row()}{time.monotonic() - begun:9.1f}", flush=True)
        for line in counts.examples.values():
            print(f"    {line}", flush=True)
    print(f"{'in all':28}{total.row()}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
