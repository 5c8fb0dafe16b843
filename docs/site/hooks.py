"""What the pages have made when they are built."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any

PROGRAMS = Path(__file__).parents[2] / "tests" / "programs"
MARK = re.compile(r"^<!-- (changes of|program) (\w+) -->$", re.MULTILINE)


def changes(name: str) -> str:
    """Return what warpmix changes in a tested program, as a block of a page."""
    before, after = (
        (PROGRAMS / f"{name}_{which}.py").read_text("utf-8").splitlines()
        for which in ("before", "after")
    )
    lines = list(difflib.unified_diff(before, after, n=2, lineterm=""))[2:]
    return "\n".join(
        ["```diff", *("…" if line.startswith("@@") else line for line in lines), "```"]
    )


def program(name: str) -> str:
    """Return a tested program as it is with warpmix."""
    source = (PROGRAMS / f"{name}_after.py").read_text("utf-8")
    return f"```python\n{source.rstrip()}\n```"


def on_page_markdown(markdown: str, **_: Any) -> str:
    made = {"changes of": changes, "program": program}
    return MARK.sub(lambda found: made[found[1]](found[2]), markdown)
