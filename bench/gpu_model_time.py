"""From counted warp instructions to microseconds: GPUs, what an instruction costs, and the formula.

ASSUMPTIONS is what the page says. A measured time belongs beside a predicted one (gpu_model.py
--measured); what it teaches is changed here: a device's ``correction``, or a cost.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from device.ptx.counting import KernelCounts

ASSUMPTIONS = """\
The time of a launch is the longest of these, plus half of one block's path, in which the last
blocks end one after the other; the path itself at least:
- bytes: each source byte read once and each output byte written once, at the device's copy rate;
- issue: four warp instructions a cycle and multiprocessor; one lane costs as much as all;
- pipes: the integer and comparison pipe, the float pipe, float64, conversions, those of float64,
  and special functions, at the programming guide's results a cycle and multiprocessor;
- L1: a cycle for each 128-byte line of global memory that an instruction touches, and for each
  wavefront of shared memory with its bank conflicts; L2: the sectors that a block is the first
  to touch, and those it writes, at the published rate;
  Of issue, pipes and L1 the time of the multiprocessor with the most blocks;
- latency: as many blocks at once as registers, shared memory and warps allow, each as long as its
  slowest warp would take alone: 5 cycles after an arithmetic instruction, 29 after shared memory,
  40 after L1, 600 after memory that the block has not touched, 20 after a barrier. Within a basic
  block instructions have ptxas's order, not the PTX's: what waits longest comes first, with at
  most 12 registers loaded and not yet used. In the machine code of sm_90 that is what a group's
  loop and a pixel's taps load before the first use; CutMix's loop 8, 2 and 2, those of planes 3 to
  12. A sector that is on its way is waited for as long as its first load.
Instructions are the PTX's, with the number of machine instructions that each becomes (COSTS):
moves, parameters and address conversions are none. Not in it: the host's launch, instruction
fetches, spills (there are none), DRAM pages, clocks that fall under load."""


@dataclass(frozen=True)
class Device:
    """A GPU. Rates of pipes are results a cycle and multiprocessor (CUDA's programming guide)."""

    name: str
    capability: int
    multiprocessors: int
    clock: float  # Hz, boost
    copy_rate: float  # bytes read plus written a second
    copy_source: str
    l2_rate: float  # bytes a second
    warps: int  # at most, of a multiprocessor; and so on
    blocks: int
    shared: int  # bytes
    rates: dict[str, float]
    correction: float = 1.0  # measured over predicted


EVERY = {"alu": 64.0, "convert": 64.0, "special": 16.0}
HOPPER = {**EVERY, "fma": 128.0, "fp64": 64.0, "convert64": 16.0}
AMPERE = {**EVERY, "fma": 64.0, "fp64": 32.0, "convert64": 16.0}
TURING = {**EVERY, "fma": 64.0, "fp64": 2.0, "convert64": 2.0}
DEVICES = [
    Device("H100", 90, 132, 1.755e9, 3.0e12, "measured", 5.5e12, 64, 32, 233_472, HOPPER),
    Device("H200", 90, 132, 1.755e9, 4.3e12, "measured", 5.5e12, 64, 32, 233_472, HOPPER),
    Device("A100", 80, 108, 1.41e9, 1.83e12, "90 % of published", 4.0e12, 64, 32, 167_936, AMPERE),
    Device("T4", 75, 40, 1.59e9, 0.26e12, "80 % of published", 1.2e12, 32, 16, 65_536, TURING),
]
REGISTERS = 65_536  # of a multiprocessor, given out 256 a warp at a time
WARP = 32

# (opcode begins with, has in it, pipe, machine instructions): the first that fits. "64": of such
# operands.
COSTS: list[tuple[str, str, str, float]] = [
    ("mov", "", "none", 0),
    ("cvta", "", "none", 0),
    ("ld.param", "", "none", 0),
    ("ld", "", "memory", 1),
    ("st", "", "memory", 1),
    ("atom", "", "memory", 1),
    ("red.", "", "memory", 1),
    ("cp.async", "", "memory", 1),
    ("prefetch", "", "memory", 1),
    ("shfl", "", "memory", 1),
    ("match", "", "memory", 1),
    ("bra", "", "control", 1),
    ("bar", "", "control", 1),
    ("ret", "", "control", 1),
    ("div", "f64", "fp64", 25),
    ("div", "f32", "fma", 10),
    ("div", "64", "alu", 60),
    ("div", "", "alu", 20),
    ("rem", "", "alu", 20),
    ("rcp", "", "fma", 7),
    ("sqrt", "", "fma", 8),
    ("cvt", "f64", "convert64", 1),
    ("cvt.f32.bf16", "", "alu", 1),
    ("cvt.rn.f32", "", "convert", 1),
    ("cvt.r", "", "convert", 1),
    ("cvt.rn", "", "convert", 1),
    ("cvt.sat", "", "fma", 1),
    ("cvt", "64", "none", 0.5),
    ("cvt", "", "alu", 0.5),
    ("", "f64", "fp64", 1),
    ("mul.wide", "", "fma", 1),
    ("mad.wide", "", "fma", 1),
    ("mul", "64", "fma", 4),
    ("mad", "64", "fma", 4),
    ("min", "", "alu", 1),
    ("max", "", "alu", 1),
    ("setp", "64", "alu", 2),
    ("setp", "", "alu", 1),
    ("selp", "64", "alu", 2),
    ("selp", "", "alu", 1),
    ("", "f32", "fma", 1),
    ("mul", "", "fma", 1),
    ("mad", "", "fma", 1),
    ("dp4a", "", "fma", 1),
    ("", "64", "alu", 2),
    ("", "", "alu", 1),
]


@dataclass(frozen=True)
class Resources:
    """Of a kernel, from ptxas: registers a thread, bytes of shared memory a block, instructions."""

    registers: int
    shared: int
    instructions: int = 0


@dataclass(frozen=True)
class Time:
    """Seconds of a kernel's launches, by what would limit them, and together."""

    issue: float
    pipes: dict[str, float]
    l1: float
    l2: float
    latency: float
    path: float
    blocks_at_once: int
    predicted: float

    @property
    def limit(self) -> str:
        """Name the longest but the bytes."""
        busiest, pipe = max(self.pipes.items(), key=lambda item: item[1])
        terms = {"issue": self.issue, busiest: pipe, "L1": self.l1, "L2": self.l2}
        return max({**terms, "latency": self.latency}.items(), key=lambda item: item[1])[0]


def cost(opcode: str) -> tuple[str, float]:
    """Give the pipe and the machine instructions of a PTX instruction."""
    for beginning, part, pipe, instructions in COSTS:
        if opcode.startswith(beginning) and part in opcode:
            return pipe, instructions
    raise AssertionError(opcode)


def blocks_at_once(device: Device, resources: Resources, warps: int) -> int:
    """Give the blocks that a multiprocessor holds."""
    a_warp = -(-resources.registers * WARP // 256) * 256
    shared = resources.shared + 1024 if device.capability >= 80 else max(resources.shared, 1)
    limits = [device.blocks, device.warps // warps, REGISTERS // (a_warp * warps)]
    return min(*limits, device.shared // shared)


def kernel_time(
    device: Device, run: KernelCounts, resources: Resources, scale: float, moved: int
) -> Time:
    """Predict a kernel's time, of ``scale`` times as many blocks as were counted."""
    processors = device.multiprocessors
    pipes: Counter[str] = Counter()
    lines = sectors = 0
    for count in run.counts:
        opcode = count.instruction.opcode
        pipe, instructions = cost(opcode)
        pipes[pipe] += count.issued * instructions
        lines += count.lines
        sectors += count.sectors if opcode.startswith(("st", "red", "atom")) else count.fresh
    blocks = run.blocks * scale
    most = math.ceil(blocks / processors) / blocks  # of a multiprocessor: share of all blocks
    cycle = scale * most / device.clock  # of something counted, where it is most
    busy = {pipe: pipes[pipe] * WARP / rate * cycle for pipe, rate in device.rates.items()}
    at_once = blocks_at_once(device, resources, -(-run.warps // run.blocks))
    path = run.block_cycles / run.blocks / device.clock
    latency = max(path, path * blocks / processors / at_once)
    issue = sum(pipes.values()) / 4 * cycle
    l1 = lines * cycle
    l2 = sectors * 32 * scale / device.l2_rate
    longest = max(moved / device.copy_rate, issue, *busy.values(), l1, l2, latency - path / 2)
    predicted = (longest + path / 2) * device.correction
    return Time(issue, busy, l1, l2, latency, path, at_once, predicted)
