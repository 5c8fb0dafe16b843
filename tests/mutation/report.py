"""What came of the faults: a table, as JSON and as a page."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mutation.forks import Verdict
from mutation.places import Place
from mutation.tree import ROOT


@dataclass
class Result:
    """The faults of one subject.

    Attributes:
        subject: "kernels" or "python".
        goal: the least share that tests have to notice, in percent.
        seed: of the sample.
        places: how many there were to draw from.
        inside: the faults by number.
        verdicts: how each was noticed, by number.
    """

    subject: str
    goal: float
    seed: int
    places: int
    inside: dict[int, Place]
    verdicts: dict[int, Verdict] = field(default_factory=dict)

    def tell(self, number: int, verdict: Verdict) -> None:
        """Take a verdict and print it."""
        self.verdicts[number] = verdict
        caught = sum(each.caught for each in self.verdicts.values())
        done = f"{caught}/{len(self.verdicts)} of {len(self.inside)}"
        print(
            f"{done}  {verdict.kind}: {number}, {self.inside[number].name}  {verdict.by}",
            flush=True,
        )

    @property
    def score(self) -> float:
        """Percent of the faults that tests noticed."""
        return 100 * sum(v.caught for v in self.verdicts.values()) / len(self.verdicts)

    def summary(self) -> dict[str, Any]:
        """Return the result as JSON has it."""
        missed = {n: v for n, v in self.verdicts.items() if not v.caught}
        return {
            "subject": self.subject,
            "goal": self.goal,
            "score": round(self.score, 1),
            "mutants": len(self.verdicts),
            "places": self.places,
            "seed": self.seed,
            "noticed": dict(Counter(v.kind for v in self.verdicts.values() if v.caught)),
            "missed": [f"{v.kind}: {n}, {self.inside[n].name}" for n, v in sorted(missed.items())],
        }


def write_result(result: Result, folder: Path) -> None:
    """Write and print a table: ``mutants-SUBJECT.json`` and ``mutants-SUBJECT.md``."""
    describe = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    commit = subprocess.run(describe, cwd=ROOT, capture_output=True, text=True).stdout.strip()
    row = {"commit": commit, **result.summary()}
    noticed = ", ".join(f"{count} {kind}" for kind, count in row["noticed"].items())
    page = f"""# Mutants of {row["subject"]}

{row["mutants"]} faults, one at a time, of {row["places"]} that fit (seed {row["seed"]}), at commit
{commit}. Tests noticed {row["score"]} %; the goal is {row["goal"]} %. How: {noticed}.

Not noticed:

"""
    page += "".join(f"- `{each}`\n" for each in row["missed"]) or "- none\n"
    folder.mkdir(parents=True, exist_ok=True)
    for suffix, text in ((".json", f"{json.dumps(row, indent=1)}\n"), (".md", page)):
        path = folder / f"mutants-{result.subject}{suffix}"
        fresh = path.with_name(f"{path.name}.new")
        fresh.write_text(text)
        fresh.rename(path)
    print(page)
