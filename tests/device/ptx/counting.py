"""What the machine counted while it ran cases: of each kernel, its instructions' costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from device.ptx.parse import Instruction, Kernel


@dataclass(frozen=True)
class Count:
    """An instruction's executions by warps, summed; machine.h's Counts says what the others are."""

    instruction: Instruction
    issued: int
    lanes: int
    sectors: int
    lines: int
    fresh: int
    cycles: int


@dataclass(frozen=True)
class KernelCounts:
    """A kernel's launches of one run."""

    kernel: Kernel
    blocks: int
    warps: int
    block_cycles: int
    counts: Sequence[Count]


def read_counts(path: Path, kernels: Sequence[Kernel]) -> list[KernelCounts]:
    """Read the file that a run with ``counts=`` wrote."""
    by_name = {kernel.name: kernel for kernel in kernels}
    lines = iter(path.read_text().splitlines())
    found = []
    for head in lines:
        _, name, *numbers = head.split()
        blocks, warps, block_cycles, _ = map(int, numbers)
        kernel = by_name[name]
        counts = [Count(i, *map(int, next(lines).split())) for i in kernel.code]
        found.append(KernelCounts(kernel, blocks, warps, block_cycles, counts))
    return found
