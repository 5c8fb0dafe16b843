"""The basic chain, shift-wrap → contrast → CutMix → crop-blackout → normalise, against PyTorch.

Rows are explained in README.md.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator

import augment_rows as rows
import pytest
import torch
from augment_rows import Case, Row, Work
from results import ON_GPU, Measure

# Name in the table: (row, the column it is the baseline of).
ROWS: dict[str, tuple[Row, str | None]] = {
    "fused, resident data": (rows.fused_resident, None),
    "fused, NHWC to channels_last": (rows.fused, None),
    "fused, the same, sums known": (rows.fused_with_sums, None),
    "fused, NCHW to NCHW": (rows.fused_planar, None),
    "PyTorch, tuned, channels_last": (rows.tuned, "tuned"),
    "PyTorch, tuned, NCHW": (rows.tuned_planar, "tuned"),
    "floor: copy_ to the output's type": (rows.floor, "floor"),
}
ON_CPU_ONLY = {"PyTorch, package's reference": (rows.package_reference, "reference")}
SHAPES = ((1024, 32), (64, 224))
GPU_SHAPES = ((512, 32), *SHAPES, (16384, 32), (256, 224))
# A busy machine delays all threads of a call by the slowest: one thread is the steadier figure.
THREADS = sorted({1, torch.get_num_threads()})


def benches() -> Iterator[object]:
    """Rows of one case follow each other, so that all of them see the same machine."""
    for shape, threads in itertools.product(SHAPES, THREADS):
        case = Case("cpu", *shape, torch.float32, threads)
        for name, (row, baseline) in (ROWS | ON_CPU_ONLY).items():
            yield pytest.param(case, name, row, baseline, False, id=f"{case}, {name}")
    for dtype, shapes in ((torch.float32, SHAPES), (torch.bfloat16, GPU_SHAPES)):
        for shape in shapes:
            case = Case("cuda", *shape, dtype)
            for name, (row, baseline) in ROWS.items():
                for suffix in ("", " (graph)"):
                    shown, column = name + suffix, baseline and baseline + suffix
                    label = f"{case}, {shown}"
                    yield pytest.param(
                        case, shown, row, column, bool(suffix), id=label, marks=ON_GPU
                    )


work_of = functools.lru_cache(maxsize=1)(Work)


@pytest.mark.parametrize(("case", "name", "row", "baseline", "graph"), list(benches()))
def test_augment(
    measure: Measure, case: Case, name: str, row: Row, baseline: str | None, graph: bool
) -> None:
    torch.set_num_threads(case.threads)
    work = work_of(case)
    call, calls = work.rounds(row)
    if graph:
        call = work.captured(row)
    measure(
        call,
        group=str(case),
        row=name,
        device=case.device,
        calls=calls,
        moved=case.moved,
        baseline=baseline,
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_rows_that_must_agree_do(shape: tuple[int, int]) -> None:
    """The fused rows give the reference's bytes: the table compares the same work."""
    work = work_of(Case("cpu", *shape, torch.float32))
    batch = work.set(0)
    want = rows.package_reference(work, batch)
    for row in (rows.fused, rows.fused_planar):
        got, _ = row(work, batch)
        assert torch.equal(got, want)
