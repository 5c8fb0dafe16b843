"""nvcc's PTX of the kernels, run on the host: bytes, bounds, alignment, races, undefined reads.

The short form, where nvcc is; ``python -m device.ptx`` runs all of it.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from device.ptx.build import NEWEST, NVCC, ROOT, Built, build, nvcc
from device.ptx.counting import read_counts
from device.ptx.mutants import MUTANTS, Mutant
from device.ptx.parse import kernels_of, program_of

pytestmark = pytest.mark.skipif(nvcc() is None, reason="needs nvcc, to make the PTX")


@pytest.fixture(scope="module")
def built() -> Built:
    return build(NEWEST)


@pytest.mark.parametrize(("offset", "parts"), [(0, 1), (3, 4)])
def test_ptx_gives_the_bytes_of_the_cpu(
    built: Built, recorded_cases: Path, offset: int, parts: int
) -> None:
    """With tensors at the start of their memory, and, in a quarter of the cases, three elements
    after it."""
    done = built.replay(recorded_cases, variant=offset, parts=parts)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_the_order_of_the_counted_instructions_changes_no_byte(
    built: Built, recorded_cases: Path, tmp_path: Path
) -> None:
    """The model's runs have each basic block in the order of schedule.cpp."""
    counts = tmp_path / "counts"
    done = built.replay(recorded_cases, counts=counts, part=1, parts=8)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    kernels = read_counts(counts, built.kernels)
    loads = [c for k in kernels for c in k.counts if c.instruction.opcode.startswith("ld.global")]
    assert sum(c.fresh for c in loads) > 0 and all(c.issued == 0 or c.lanes for c in loads)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_reported(
    built: Built, recorded_cases: Path, mutant: Mutant, tmp_path: Path
) -> None:
    program = mutant.of((built.folder / "program").read_text())
    done = built.with_program(program, tmp_path).replay(recorded_cases, parts=4)
    assert done.returncode != 0
    assert mutant.report in done.stdout + done.stderr, done.stdout[-3000:]


def test_line_information_changes_no_instruction(tmp_path: Path) -> None:
    """-lineinfo tells the model where an instruction comes from; it must be no other for it."""
    source = ROOT / "kernels" / "ensemble" / "gpu" / "selection.cu"
    programs = []
    for flags in (NVCC, [flag for flag in NVCC if flag != "-lineinfo"]):
        made = tmp_path / "selection.ptx"
        include = f"-I{ROOT / 'kernels'}"
        arch = f"-arch=compute_{NEWEST}"
        subprocess.run(["nvcc", *flags, include, arch, "-ptx", source, "-o", made], check=True)
        code = [
            [(i.opcode, i.operands, i.offset) for i in kernel.code]
            for kernel in kernels_of(made.read_text())
        ]
        programs.append(code)
    assert programs[0] == programs[1] and programs[0]


def test_a_program_numbers_what_a_kernel_names() -> None:
    text = """
.version 9.0
.target sm_90
.entry scale(
	.param .u64 scale_param_0,
	.param .u32 scale_param_1
)
{
	.reg .pred 	%p<2>;
	ld.param.u64 	%rd1, [scale_param_0];
	ld.param.u32 	%r1, [scale_param_1];
	mov.u32 	%r2, %tid.x;
	setp.ge.s32 	%p1, %r2, %r1;
	@%p1 bra 	$L__BB0_2;
	st.global.v2.u32 	[%rd1+-8], {%r2, 7};
$L__BB0_2:
	ret;
}
"""
    (kernel,) = kernels_of(text)
    assert kernel.parameter_bytes == 12 and kernel.labels == {"$L__BB0_2": 6}
    store = kernel.code[5]
    assert store.offset == -8 and store.opcode == "st.global.v2.u32" and len(store.operands) == 3
    assert kernel.code[4].guard == str(kernel.numbers["%p1"])
    assert ("x", kernel.numbers["%tid.x"], "%tid.x") in kernel.presets
    assert program_of([kernel]).startswith("kernel scale ")
