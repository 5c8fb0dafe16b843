"""nvcc's PTX as a program for machine.h: registers numbered, labels resolved.

A program is text: for each kernel a head, its presets (registers that hold a constant, an address
or a special register from the start) and its instructions, a line each:

    kernel NAME REGISTERS PARAMETER_BYTES SHARED_BYTES PRESETS INSTRUCTIONS
    KIND REGISTER VALUE          KIND c: the bits VALUE; p, s: the address of a byte of the
                                 parameters or of shared memory; x: the special register VALUE;
                                 a: no register, an argument of VALUE bytes at byte REGISTER
    OPCODE LINE GUARD TARGET OFFSET N OPERAND...     GUARD, OPERAND: a register, or -1 - register
                                 where a predicate is negated; GUARD and TARGET: none without one

The machine knows what an opcode does; one that it does not know is an error when it loads it.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

SIZES = {"8": 1, "16": 2, "32": 4, "64": 8}
PARAMETER = re.compile(r"\.param (?:\.align (\d+) )?\.[a-z](\d+) ([\w$]+)(?:\[(\d+)\])?")
SHARED = re.compile(r"(?:\.extern )?\.shared \.align (\d+) \.b8 ([\w$]+)\[(\d*)\]")
LOCATION = re.compile(
    r"\.loc\s+(\d+ \d+ \d+)(?:, function_name (\S+?)(?:\+\d+)?, inlined_at (\d+ \d+ \d+))?"
)
FLOAT = re.compile(r"0([fFdD])([0-9A-Fa-f]+)")


@dataclass
class Instruction:
    """One instruction; ``functions`` are those that it was inlined from, the innermost first."""

    opcode: str
    line: int
    guard: str
    operands: list[int]
    offset: int = 0
    label: str = ""
    functions: tuple[str, ...] = ()


@dataclass
class Kernel:
    """One ``.entry``; ``text`` is its PTX without what is only said of the source."""

    name: str
    text: str = ""
    parameter_bytes: int = 0
    shared_bytes: int = 0
    symbols: dict[str, tuple[str, int]] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    presets: list[tuple[str, int, str]] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    code: list[Instruction] = field(default_factory=list)

    def number(self, text: str) -> int:
        """Give the register of an operand: one of the kernel's, or a preset."""
        known = self.numbers.get(text)
        if known is not None:
            return known
        negated = text.startswith("!")
        text = text.lstrip("!")
        if text not in self.numbers:
            self.numbers[text] = len(self.numbers)
            if preset := self._preset(text):
                self.presets.append((preset[0], self.numbers[text], preset[1]))
        found = self.numbers[text]
        return -1 - found if negated else found

    def _preset(self, text: str) -> tuple[str, str] | None:
        if bits := FLOAT.fullmatch(text):
            return "c", str(int(bits[2], 16))
        if re.fullmatch(r"-?\d+", text):
            return "c", str(int(text) % 2**64)
        if re.fullmatch(r"0[xX][0-9A-Fa-f]+", text):
            return "c", str(int(text, 16))
        if re.fullmatch(r"%[a-z]+\d*(\.[xyz])?", text) and not re.fullmatch(r"%[a-z]+\d+", text):
            return "x", text
        if text in self.symbols:
            kind, offset = self.symbols[text]
            return kind, str(offset)
        return None


def kernels_of(ptx: str) -> list[Kernel]:
    """Parse every kernel of a module."""
    lines = ptx.splitlines()
    functions = _function_names(lines)
    starts = [i for i, line in enumerate(lines) if ".entry " in line]
    module: dict[str, tuple[str, int]] = {}
    for line in lines[: starts[0] if starts else 0]:
        if shared := SHARED.search(line):
            module[shared[2]] = ("s", 0)
    kernels = [_kernel(lines, start, functions, dict(module)) for start in starts]
    for kernel in kernels:
        head = [line for line in lines[: starts[0]] if line.startswith(".")]
        kernel.text = "\n".join([*head, kernel.text, ""])
    return kernels


def program_of(kernels: list[Kernel]) -> str:
    """Write kernels as the machine reads them."""
    return "\n".join(line for kernel in kernels for line in _program_lines(kernel)) + "\n"


def _program_lines(kernel: Kernel) -> Iterator[str]:
    counts = [len(kernel.numbers), kernel.parameter_bytes, kernel.shared_bytes]
    counts += [len(kernel.presets), len(kernel.code)]
    yield " ".join(["kernel", kernel.name, *map(str, counts)])
    for kind, register, value in kernel.presets:
        yield f"{kind} {register} {value}"
    for i in kernel.code:
        target = str(kernel.labels[i.label]) if i.label else "none"
        fields = [i.opcode, i.line, i.guard, target, i.offset, len(i.operands), *i.operands]
        yield " ".join(map(str, fields))


def _kernel(
    lines: list[str], start: int, functions: dict[str, str], module: dict[str, tuple[str, int]]
) -> Kernel:
    name = re.search(r"\.entry ([\w$]+)", lines[start])
    assert name
    kernel = Kernel(name[1], symbols=module)
    at = start + 1
    while not lines[at].startswith("{"):
        if parameter := PARAMETER.search(lines[at]):
            size = SIZES[parameter[2]] * int(parameter[4] or 1)
            alignment = int(parameter[1] or size)
            offset = -(-kernel.parameter_bytes // alignment) * alignment
            kernel.symbols[parameter[3]] = ("p", offset)
            kernel.parameter_bytes = offset + size
            kernel.presets.append(("a", offset, str(size)))
        at += 1
    end = _Body(kernel, functions).read(lines, at + 1)
    kept = (line for line in lines[start:end] if not line.startswith("\t.loc"))
    kernel.text = "\n".join(kept)
    return kernel


class _Body:
    """Reads a kernel's statements."""

    def __init__(self, kernel: Kernel, functions: dict[str, str]) -> None:
        self.kernel = kernel
        self.names = functions
        self.chains: dict[str, tuple[str, ...]] = {}  # of the places that functions are inlined at
        self.places: dict[str, tuple[str, Any, Any]] = {}  # of the texts of .loc
        self.functions: tuple[str, ...] = ()
        self.depth = 0

    def read(self, lines: list[str], at: int) -> int:
        """Read from the line after the kernel's brace to the brace that ends it; return its end."""
        pending = ""
        while True:
            line = lines[at].split("//")[0].strip()
            at += 1
            if line.startswith(".loc"):
                self._locate(line)
                continue
            if not pending and line.endswith(";") and line[0] not in "{}":
                self._statement(line[:-1], at)
                continue
            pending = f"{pending} {line}".strip() if pending else line
            while pending:
                if pending[0] == "}" and self.depth == 0:
                    return at
                if pending[0] in "{}":
                    self.depth += 1 if pending[0] == "{" else -1
                    pending = pending[1:].strip()
                elif label := re.match(r"(\$?\w+):", pending):
                    self.kernel.labels[label[1]] = len(self.kernel.code)
                    pending = pending[label.end() :].strip()
                elif ";" in pending:
                    statement, pending = (part.strip() for part in pending.split(";", 1))
                    self._statement(statement, at)
                elif pending.startswith(".pragma"):
                    pending = ""
                else:
                    break

    def _locate(self, line: str) -> None:
        if line not in self.places:
            found = LOCATION.match(line)
            self.places[line] = (found[1], found[2], found[3]) if found else ("", None, None)
        place, function, inlined_at = self.places[line]
        if function:
            self.functions = (self.names[function], *self.chains.get(inlined_at, ()))
        else:
            self.functions = ()
        self.chains[place] = self.functions

    def _statement(self, text: str, line: int) -> None:
        if declared := re.match(r"\.reg \.\w+ (%\w+)$", text):  # not a special register
            self.kernel.numbers.setdefault(declared[1], len(self.kernel.numbers))
        if not text or text.startswith((".reg", ".pragma")):
            return
        if shared := SHARED.match(text):
            alignment, size = int(shared[1]), int(shared[3] or 0)
            offset = -(-self.kernel.shared_bytes // alignment) * alignment
            self.kernel.symbols[shared[2]] = ("s", offset)
            self.kernel.shared_bytes = offset + size
            return
        guard = "none"
        if condition := re.match(r"@(!?%p\d+)\s+", text):
            guard = str(self.kernel.number(condition[1]))
            text = text[condition.end() :]
        opcode, _, rest = text.partition(" ") if "\t" not in text else text.partition("\t")
        self._instruction(opcode.strip(), rest.strip(), guard, line)

    def _instruction(self, opcode: str, rest: str, guard: str, line: int) -> None:
        instruction = Instruction(opcode, line, guard, [], functions=self.functions)
        self.kernel.code.append(instruction)
        if opcode.startswith("bra"):
            instruction.label = rest
            return
        operands = _split(rest)
        for place, operand in enumerate(operands):
            if operand.startswith("["):
                base, _, offset = operand[1:-1].partition("+")
                instruction.operands.append(self.kernel.number(base.strip()))
                if instruction.offset:
                    raise ValueError(f"two offsets: {opcode} {rest}")
                instruction.offset = int(offset or 0)
            elif operand.startswith("{"):
                parts = [part.strip() for part in operand[1:-1].split(",")]
                instruction.operands += [self.kernel.number(part) for part in parts]
                if opcode.startswith("mov"):
                    which = "unpack" if place == 0 else "pack"
                    instruction.opcode += f".{which}{len(parts)}"
            elif "|" in operand:
                instruction.operands += [self.kernel.number(o) for o in operand.split("|")]
                instruction.opcode += ".pair"
            elif operand != "_":
                instruction.operands.append(self.kernel.number(operand))


def _split(text: str) -> list[str]:
    """Split operands at the commas outside brackets and braces."""
    if "{" not in text:
        return text.split(", ") if text else []
    return [part.strip() for part in re.findall(r"(?:\{[^}]*\}|\[[^\]]*\]|[^,])+", text)]


def _function_names(lines: list[str]) -> dict[str, str]:
    """Give the demangled names, without their arguments, of what .loc calls functions."""
    names: dict[str, str] = {}
    for at, line in enumerate(lines):
        if line.startswith("$L__info_string"):
            codes: list[int] = []
            for following in lines[at + 1 :]:
                if not following.startswith(".b8"):
                    break
                codes += [int(code) for code in following[4:].split(",")]
            names[line.rstrip(":")] = bytes(codes).partition(b"\0")[0].decode()
    if not names:
        return names
    done = subprocess.run(
        ["c++filt"], input="\n".join(names.values()), capture_output=True, text=True, check=True
    )
    return {k: _identifier(v) for k, v in zip(names, done.stdout.splitlines(), strict=True)}


def _identifier(demangled: str) -> str:
    """Give ``join`` of ``int warpmix::Tally<1, 16>::join(Params const&, int) const``."""
    text = demangled.replace("(anonymous namespace)", "anonymous").replace("operator()", "call")
    while "<" in text:
        shorter = re.sub(r"<[^<>]*>", "", text)
        if shorter == text:
            break
        text = shorter
    return text.split("(")[0].split("::")[-1].split(" ")[-1]
