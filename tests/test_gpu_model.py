"""The model of the GPU's time: costs, occupancy, the formula, and measured times beside it."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).parents[1] / "bench"
sys.path.insert(0, str(BENCH))

import gpu_model  # noqa: E402
import gpu_model_time as model  # noqa: E402
import sass_count  # noqa: E402
from device.ptx.counting import Count, KernelCounts  # noqa: E402
from device.ptx.parse import Instruction, Kernel  # noqa: E402

from warpmix import _extension  # noqa: E402

H100, T4 = model.DEVICES[0], model.DEVICES[-1]


def one_kernel(*opcodes: str, issued: int = 4, blocks: int = 1, path: int = 100) -> KernelCounts:
    """A kernel of blocks of four warps, of which every instruction was issued so many times."""
    counts = [
        Count(Instruction(opcode, 1, "none", [], functions=("make_tile",)), issued, 32, 0, 0, 0, 1)
        for opcode in opcodes
    ]
    return KernelCounts(Kernel("k"), blocks, 4 * blocks, path * blocks, counts)


@pytest.mark.parametrize(
    ("opcode", "pipe", "instructions"),
    [
        ("mov.u32", "none", 0),
        ("ld.param.v2.u32", "none", 0),
        ("ld.global.u8", "memory", 1),
        ("add.s32", "alu", 1),
        ("add.s64", "alu", 2),
        ("mul.wide.s32", "fma", 1),
        ("mul.rn.f32", "fma", 1),
        ("setp.lt.f32", "alu", 1),
        ("add.rn.f64", "fp64", 1),
        ("cvt.rn.f32.s32", "convert", 1),
        ("bra.uni", "control", 1),
    ],
)
def test_costs(opcode: str, pipe: str, instructions: float) -> None:
    assert model.cost(opcode) == (pipe, instructions)


@pytest.mark.parametrize(
    ("device", "registers", "shared", "blocks"),
    [
        (H100, 128, 0, 4),  # 128 threads of 128 registers: a quarter of the 65,536
        (H100, 64, 0, 8),
        (H100, 118, 0, 4),  # 256 at a time: as 120
        (H100, 32, 48 * 1024, 4),  # 49 KiB with the one that the system keeps
        (H100, 16, 0, 16),  # 64 warps
        (T4, 32, 0, 8),  # 32 warps
    ],
)
def test_blocks_at_once(device: model.Device, registers: int, shared: int, blocks: int) -> None:
    assert model.blocks_at_once(device, model.Resources(registers, shared), 4) == blocks


def test_the_longest_term_is_the_time() -> None:
    """Of float64 on a T4, which has a thirty-second of its float pipe; else of the bytes."""
    run = one_kernel(*["add.rn.f64"] * 100, blocks=40)
    needs = model.Resources(32, 0)
    time = model.kernel_time(T4, run, needs, scale=1000, moved=0)
    cycles = 100 * 4 * 32 / 2 * 1000 / 40  # 2 results a cycle; each multiprocessor a fortieth
    half = 50 / T4.clock  # of a block's path
    assert time.pipes["fp64"] == pytest.approx(cycles / T4.clock)
    assert time.limit == "fp64"
    assert time.predicted == pytest.approx(time.pipes["fp64"] + half)
    moved = model.kernel_time(T4, run, needs, scale=1, moved=10**9)
    assert moved.predicted == pytest.approx(10**9 / T4.copy_rate + half)


def test_blocks_that_run_at_once_take_as_long_as_one() -> None:
    """And the multiprocessor with the most of them as long as they all."""
    needs, run = model.Resources(32, 0), one_kernel("add.s32", path=10_000)
    alone = model.kernel_time(H100, run, needs, scale=1, moved=0)
    full = model.kernel_time(H100, run, needs, scale=132, moved=0)
    assert alone.predicted == full.predicted == pytest.approx(10_000 / H100.clock)
    assert alone.issue == full.issue == model.kernel_time(H100, run, needs, 100, 0).issue


def test_a_correction_scales_the_prediction() -> None:
    run, needs = one_kernel("add.s32"), model.Resources(32, 0)
    plain = model.kernel_time(H100, run, needs, 1, 10**6)
    mended = model.kernel_time(replace(H100, correction=1.25), run, needs, 1, 10**6)
    assert mended.predicted == pytest.approx(1.25 * plain.predicted)


def test_an_instruction_has_the_phase_of_its_innermost_function() -> None:
    inlined = [("philox", "draw_images", "prepare"), ("clip", "make_images"), ("prepare",)]
    counts = [
        Count(Instruction("add.s32", 1, "none", [], functions=names), 2, 64, 0, 0, 0, 1)
        for names in inlined
    ]
    found = gpu_model.phases(KernelCounts(Kernel("k"), 1, 1, 1, counts))
    assert found == {"draw": 2, "pixels": 2, "other": 2}


def test_measured_times_stand_beside_the_predicted_ones(tmp_path: Path) -> None:
    works = [w for w in gpu_model.all_work() if w.measured]
    rows: list[dict[str, Any]] = [
        {"work": w.name, "size": w.size, "device": "H100", "predicted": 1e-4} for w in works
    ]
    group, name = works[0].measured or ("", "")
    measured = {"group": f"cuda: {group}", "row": name, "device": "cuda", "median": 1.5e-4}
    path = tmp_path / "bench.json"
    path.write_text(json.dumps({"machine": {"gpu": "NVIDIA H100 80GB"}, "rows": [measured]}))
    gpu_model.with_measured(rows, works, str(path))
    assert rows[0]["measured over predicted"] == pytest.approx(1.5)
    assert all("measured" not in one for one in rows[1:])


def test_the_benchmarks_have_the_rows_that_are_compared() -> None:
    import bench_augment
    import bench_vote

    known = {(str(bench.values[0]), bench.values[1]) for bench in bench_augment.benches()}
    sizes = f"{bench_vote.MODELS} x {bench_vote.SAMPLES:,} x {bench_vote.CLASSES}"
    known |= {(f"cuda vote_curve {sizes}", row) for row in bench_vote.ROWS}
    for work in gpu_model.all_work():
        if work.measured:
            group, row = work.measured
            assert any(k[0].endswith(group) and k[1] == row for k in known), work.name


# ---- the compiled kernels -----------------------------------------------------------------------


@pytest.mark.skipif(
    _extension.load().cuda_unavailable is not None, reason="no CUDA module is loaded"
)
def test_no_kernel_needs_local_memory() -> None:
    """For each architecture of this build; `make wheel` looks at all."""
    module = Path(_extension.load().module.__file__ or "")
    stacks = sass_count.stacks(module.with_name(module.name.replace("_C", "_cuda", 1)))
    assert len(stacks) > 40
    assert [kernel for kernel in stacks if kernel[2] > 0] == []
