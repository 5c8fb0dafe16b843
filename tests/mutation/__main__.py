"""Tries faults and tells which no test has noticed.

    PYTHONPATH=tests python -m mutation kernels

The subjects are "kernels", the C++ that the CPU module is made of, the GPU's bodies included, and
"python", the packages augment, ensemble and predictions. A process is for one of them. It ends with
1 where the score is below the goal.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from mutation.forks import ForkedRuns, Send, Verdict, in_child
from mutation.places import sample
from mutation.report import Result, write_result
from mutation.run import EXAMPLES, FewExamples, prepare, pytest_main, test_files, try_imported
from mutation.tree import BUILD

# The least share of faults that tests have to notice, in percent, and how many are tried.
GOALS = {"kernels": (95.0, 260), "python": (90.0, 160)}


def subject_named(name: str) -> Any:
    """Return what faults are put into; the parser of C++ is needed for the kernels alone."""
    if name == "kernels":
        from mutation.cpp import Kernels

        return Kernels()
    from mutation.python import Package

    return Package()


def tried(
    name: str, count: int, seed: int, only: list[int], at: list[str], files: list[str], quick: bool
) -> Result:
    """Put faults into a subject and try each, or those of some numbers, with the tests of files.

    Args:
        at: lines, as "kernels/random.h:17"; their faults, all of them, in place of a sample.
    """
    subject = subject_named(name)
    places = subject.places()
    drawn = sample(places, len(places), seed)
    if at:
        drawn = [place for place in sorted(places) if f"{place.path}:{place.line}" in at]
        if not drawn:
            raise SystemExit(f"no fault fits {', '.join(at)}")
        count = len(drawn)
    inside = subject.weave(drawn, count)
    result = Result(name, GOALS[name][0], seed, len(places), inside)
    prepare(str(subject.tree))
    numbers = only or list(inside)
    log = BUILD / f"{name}.log"
    imported: set[int] = set()
    tests: dict[str, tuple[float, list[int]]] = {}

    def heard(value: Any) -> None:
        if value[0] == "imported":
            imported.update(value[1])
        elif value[0] == "tests":
            tests.update(value[1])
            print(f"{len(tests)} tests, {sum(s for s, _ in tests.values()):.0f} s", flush=True)
        else:
            result.tell(value[0], Verdict(*value[1:]))

    def collect_and_try(send: Send) -> None:
        subject.load()
        few = FewExamples(EXAMPLES, quick)
        code = pytest_main(files or test_files(name), few, ForkedRuns(subject, numbers, few, send))
        if code not in (0, 5):  # 5: no test in this process, only in its children
            raise RuntimeError(f"pytest ends with {code}")

    end, _ = in_child(collect_and_try, 100_000, heard, log)
    if end != "done":
        raise RuntimeError(f"{end}; see {log}:\n{log.read_text()[-3000:]}")
    for number in sorted(imported & set(numbers)):
        beside = {n for n, place in inside.items() if place.path == inside[number].path}
        chosen = {test: s for test, (s, reached) in tests.items() if beside & set(reached)}
        result.tell(number, try_imported(subject, number, chosen, log))
    return result


def main() -> None:
    """Read the arguments, try the faults, print and write what came of them."""
    parser = argparse.ArgumentParser(prog="mutation", description=__doc__)
    parser.add_argument("subject", choices=GOALS)
    parser.add_argument("--count", type=int, help="so many faults")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    parser.add_argument("--only", type=int, nargs="*", default=[], help="these of them, by number")
    parser.add_argument("--at", nargs="*", default=[], metavar="FILE:LINE", help="all of lines")
    parser.add_argument("--tests", nargs="*", default=[], help="files, instead of all that fit")
    parser.add_argument("--quick", action="store_true", help="few examples of property tests alone")
    parser.add_argument("--out", type=Path, default=BUILD, help="a folder for the results")
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # before torch reads it
    count = given.count or GOALS[given.subject][1]
    result = tried(
        *(given.subject, count, given.seed, given.only, given.at, given.tests, given.quick)
    )
    write_result(result, given.out)
    sys.exit(0 if result.score >= result.goal else 1)


if __name__ == "__main__":
    main()
