"""Which lines of kernels/ and csrc/ have run, in a build with ``--coverage`` (``make coverage``).

    PYTHONPATH=tests python -m cpp_lines build/coverage

What only nvcc compiles is not in such a build: the CUDA code's lines are the emulation's, and the
replay of cases in tests/device.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

LEAST = 95.0  # percent, of all


def counts(tree: Path) -> dict[str, Counter[int]]:
    """Return by file how often each line has run, summed over the objects that have it.

    Raises:
        ValueError: the tree has no counts: nothing was run, or built without ``--coverage``.
    """
    found: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for data in sorted(tree.rglob("*.gcda")):
        command = ["gcov", "--json-format", "--stdout", str(data)]
        told = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=True).stdout
        for document in told.splitlines():
            for file in json.loads(document)["files"]:
                path = (tree / file["file"]).resolve()
                if any(path.is_relative_to(tree / folder) for folder in ("kernels", "csrc")):
                    for line in file["lines"]:
                        name = path.relative_to(tree).as_posix()
                        found[name][line["line_number"]] += line["count"]
    if not found:
        raise ValueError(f"no counts in {tree}: build it with --coverage and run tests with it")
    return found


def table(found: dict[str, Counter[int]]) -> tuple[list[str], float]:
    """Return a row for each file with lines that have not run, the total, and its percent."""
    rows, all_lines, all_run = [], 0, 0
    for name, lines in sorted(found.items()):
        missed = sorted(line for line, count in lines.items() if not count)
        all_lines, all_run = all_lines + len(lines), all_run + len(lines) - len(missed)
        if missed:
            share = 100 - 100 * len(missed) / len(lines)
            rows.append(f"{name:44}{len(lines):7}{share:8.1f}%  {', '.join(map(str, missed))}")
    percent = 100 * all_run / all_lines
    return [*rows, f"{'kernels and csrc':44}{all_lines:7}{percent:8.1f}%"], percent


if __name__ == "__main__":
    shown, share_run = table(counts(Path(sys.argv[1]).resolve()))
    print("\n".join(shown))
    sys.exit(0 if share_run >= LEAST else 1)
