"""What gpu_check.sh cannot say in the shell: its JSON, and whether a training reached its goal.

python bench/gpu_report.py steps FILE WORK DEVICE [STEP OUTCOME SECONDS NOTE]...
python bench/gpu_report.py accuracy LOG GOAL
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

RESULTS = ("calls", "counters", "benchmarks", "peers")  # steps that write JSON of their name


def steps(path: Path, work: Path, device: str, cells: list[str]) -> dict[str, Any]:
    """Write what happened, with the steps' own results in it; return it."""
    rows = zip(*(cells[i::4] for i in range(4)), strict=True)
    content: dict[str, Any] = {
        "device": device,
        "steps": [
            {"step": step, "outcome": outcome, "seconds": int(seconds), "note": note}
            for step, outcome, seconds, note in rows
        ],
    }
    for name in RESULTS:
        file = work / f"{name}.json"
        if file.exists():
            content[name] = json.loads(file.read_text("utf-8"))
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False), "utf-8")
    return content


def accuracy(log: Path, goal: float) -> int:
    """Print the test accuracy that `warpmix train` printed; return the exit status."""
    told = re.search(r"test accuracy\s+([\d.]+)\s*%", log.read_text("utf-8"))
    reached = float(told[1]) / 100 if told else 0.0
    print(f"{reached:.2%} on the test images, {goal:.0%} wanted")
    return 0 if reached >= goal else 1


def main(arguments: list[str]) -> int:
    """Return the exit status."""
    if arguments[0] == "accuracy":
        return accuracy(Path(arguments[1]), float(arguments[2]))
    steps(Path(arguments[1]), Path(arguments[2]), arguments[3], arguments[4:])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
