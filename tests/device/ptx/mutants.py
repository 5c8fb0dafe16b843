"""Tests of the test: programs with one thing wrong, each of which a run of cases must report."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

# In a program (parse.py), an instruction is "OPCODE LINE GUARD TARGET OFFSET N OPERAND...".
OPCODE, OFFSET = 0, 4


@dataclass(frozen=True)
class Mutant:
    """A change of some instructions, and what the machine says of it."""

    name: str
    opcode: str  # pattern of the instructions that are changed
    change: Callable[[list[str]], None]
    report: str

    def of(self, program: str) -> str:
        """Give the program with the change."""
        changed = [self._line(line) for line in program.splitlines()]
        text = "\n".join(changed) + "\n"
        if text == program:
            raise ValueError(f"{self.name}: the program has no {self.opcode}")
        return text

    def _line(self, line: str) -> str:
        fields = line.split(" ")
        if not re.fullmatch(self.opcode, fields[OPCODE]):
            return line
        self.change(fields)
        return " ".join(fields)


def _nothing_instead(fields: list[str]) -> None:
    fields[OPCODE] = "membar"  # which does nothing here


def _further(elements: int) -> Callable[[list[str]], None]:
    def change(fields: list[str]) -> None:
        fields[OFFSET] = str(int(fields[OFFSET]) + elements)

    return change


def _unknown(fields: list[str]) -> None:
    fields[OPCODE] = "unheard.of"


MUTANTS = [
    Mutant("no barrier", r"bar(rier)?\.sync", _nothing_instead, "race"),
    Mutant("stores 4 bytes on", r"st\.global\.wb\.v4\.u32", _further(4), "misaligned"),
    Mutant("sums stored 8 bytes on", r"(atom|red)\.global\.add\.u64", _further(8), "out of bounds"),
    Mutant("the pixel to the right", r"ld\.global\.u8", _further(1), "differ"),
    Mutant("the next row's bytes", r"ld\.global\.u64", _further(8), "out of bounds"),
    Mutant("tables an entry on", r"ld\.shared\.u32", _further(4), "nobody wrote"),
    Mutant("an instruction that nobody knows", r"mul\.wide\.u32", _unknown, "unknown PTX"),
]


def barriers(program: str) -> Iterator[tuple[str, str]]:
    """Give (kernel and number, the program without it) of each barrier, block's and warp's."""
    lines = program.splitlines()
    kernel = ""
    for at, line in enumerate(lines):
        fields = line.split(" ")
        if fields[0] == "kernel":
            kernel, number = fields[1], 0
        elif re.fullmatch(r"bar(rier)?\.(warp\.)?sync", fields[0]):
            _nothing_instead(fields)
            text = "\n".join([*lines[:at], " ".join(fields), *lines[at + 1 :]]) + "\n"
            yield f"{kernel} {number}", text
            number += 1
