"""Mutants of the CUDA code, each with one fault that the replay of cases must catch.

    PYTHONPATH=tests python -m device mutants

Places are found by scanning the kernels, so that new code has its mutants. A barrier is left out as
the program runs, at each place and each time that a thread comes there; other faults are compiled.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from device.build import ROOT, Target, build, discard
from device.replay import Outcome, replay

# Stages: what is compiled, and the way to run it (`vary` in host/runtime.cpp).
STAGES = {
    "forwards": (Target("cuda", "address"), 0),
    "backwards": (Target("cuda", "address"), 1),
    "races": (Target("cuda", "thread"), 0),
}
# What a stage prints of a fault, and how the table calls it.
SIGNS = {
    "data race": "race",
    "SEGV": "crash",
    "AddressSanitizer": "address",
    "runtime error": "undefined behaviour",
    "HOST CUDA: ": "waiting",
    "elements differ": "bytes",
    "refused": "refusal",
}


@dataclass(frozen=True)
class Fault:
    """A kind of fault: what to look for in the kernels' files, and what to write there."""

    name: str
    pattern: str
    replacement: str


FAULTS = [
    Fault("row off by one", r"([\w.]+) \* (params\.(?:out_)?row_stride)", r"(\1 + 1) * \2"),
    Fault("sample off by one", r"\* params\.samples \+ sample\b", r"\g<0> + 1"),
    Fault("misaligned store", r"reinterpret_cast<uintptr_t>\([^;]*?\) % [^;&|]*? == 0", "true"),
    Fault("wrong partner", r"(partner_sample\(params, [^;]*?\.partner)\)", r"\1 + 1)"),
]


@dataclass(frozen=True)
class Mutant:
    """A file of the kernels with a fault at one place."""

    fault: str
    path: str
    line: int
    text: str

    @property
    def name(self) -> str:
        return f"{self.fault}, {self.path}:{self.line}"


def mutants(fault: Fault) -> list[Mutant]:
    """List a fault at each place of the GPU's files that it fits.

    Raises:
        ValueError: it fits nowhere, so that its pattern is out of date.
    """
    found = []
    for path in sorted((ROOT / "kernels").glob("*/gpu/*")):
        text = path.read_text()
        name = path.relative_to(ROOT).as_posix()
        for match in re.finditer(fault.pattern, text):
            changed = text[: match.start()] + match.expand(fault.replacement) + text[match.end() :]
            found.append(Mutant(fault.name, name, text[: match.start()].count("\n") + 1, changed))
    if not found:
        raise ValueError(f"no place for a mutant with a {fault.name}: renew its pattern")
    return found


def sign_of(outcome: Outcome) -> str:
    """Say how an outcome shows a fault; "" where it shows none."""
    if outcome.passed:
        return ""
    return next((sign for text, sign in SIGNS.items() if text in outcome.output), "no result")


def caught(mutant: Mutant, cases: Path, stage: str) -> str:
    """Build a mutant for a stage and say how it is caught there, "" where it is not."""
    target, variant = STAGES[stage]
    folder = build(target, {mutant.path: mutant.text}, f"mutant-{target.name}")
    try:
        return sign_of(replay(target, folder, cases, variant))
    finally:
        discard(folder)


def rows(cases: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Give each mutant's name, and by stage how it is caught; a compiled one stops at the first."""
    folders = {stage: build(target) for stage, (target, _) in STAGES.items()}
    target, variant = STAGES["forwards"]
    barriers = replay(target, folders["forwards"], cases, variant).barriers
    for barrier, first in barriers.items():
        leave_out = {"first": first, "WITHOUT_BARRIER": barrier}
        signs = {
            stage: sign_of(replay(target, folders[stage], cases, variant, **leave_out))
            for stage, (target, variant) in STAGES.items()
        }
        yield f"barrier left out, {barrier}", signs
    for fault in FAULTS:
        for mutant in mutants(fault):
            signs = {}
            for stage in STAGES:
                signs[stage] = caught(mutant, cases, stage)
                if signs[stage]:
                    break
            yield mutant.name, signs


def run(cases: Path) -> bool:
    """Print the table of all mutants; return whether every one is caught."""
    print(f"{'mutant':74}" + "".join(f"{stage:22}" for stage in STAGES), flush=True)
    missed = 0
    for name, signs in rows(cases):
        shown = [signs[stage] or "not seen" if stage in signs else "" for stage in STAGES]
        print(f"{name:74}" + "".join(f"{sign:22}" for sign in shown), flush=True)
        missed += not any(signs.values())
    print(f"{missed} not caught")
    return missed == 0
