"""Every work of works.py beside the libraries that people use for it: `make bench`'s table.

Rows of a library that is not installed are skipped, and say so. `make compare` measures the same
rows with more sizes, and their memory and processor time.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pure_torch_heavy as tuned
import pytest
import torch
from augment_rows import Case
from peer_rows import FLOOR, OURS, Row
from photo_rows import SIZES, PhotoCase, PhotoWork
from results import ON_GPU, Measure
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F
from works import ALL, WORKS, Compared, check_batch

SHAPES = ((1024, 32), (64, 224))
CHAINS = [work for work in ALL if isinstance(work.make, functools.partial)]
COMPILED = ("basic chain", "heavy chain")
"""Chains whose compiled rows are measured, on a GPU alone: each compiles for half a minute."""
PHOTOS = WORKS["crops"]


def benches(device: str, threads: int) -> Iterator[object]:
    """Rows of one case follow each other, so that all of them see the same machine."""
    cases: list[tuple[Compared, Any]] = [
        (work, Case(device, *shape, threads=threads))
        for work, shape in itertools.product(CHAINS, SHAPES)
    ]
    cases += [(PHOTOS, PhotoCase(device, 64, sizes, threads)) for sizes in SIZES]
    for work, case in cases:
        for row in work.rows:
            if row.compiled and (device == "cpu" or work.name not in COMPILED):
                continue
            if device in row.devices:
                marks = [*row.marks, *(ON_GPU if device == "cuda" else ())]
                label = f"{case}, {work.name}, {row.name}"
                yield pytest.param(case, work, row, id=label, marks=marks)


@functools.lru_cache(maxsize=1)
def work_of(case: Any, name: str) -> Any:
    return WORKS[name].make(case)


ROWS = [*benches("cpu", torch.get_num_threads()), *benches("cuda", torch.get_num_threads())]


@pytest.mark.parametrize(("case", "compared", "row"), ROWS)
def test_peers(measure: Measure, case: Any, compared: Compared, row: Row) -> None:
    work, function = work_of(case, compared.name), row.load()
    torch.set_num_threads(1 if row.loops else case.threads)
    calls = 1 if row.loops or case.device == "cpu" else case.sets
    number = 0

    def call() -> None:
        nonlocal number
        for _ in range(calls):
            work.step += 1
            number += 1
            function(work, work.set(number))

    measure(
        call,
        group=f"{compared.name}, {case}",
        row=row.name,
        device=case.device,
        calls=calls,
        moved=case.moved,
        baseline=None if (row.baseline or "").startswith(OURS) else row.baseline,
    )


# ---- the table compares what it says ------------------------------------------------------------


@pytest.mark.parametrize(
    ("compared", "row"),
    [
        pytest.param(work, row, id=f"{work.name}, {row.name}", marks=row.marks)
        for work in CHAINS
        for row in work.rows
        if "cpu" in row.devices and row.baseline != FLOOR and not row.compiled
    ],
)
def test_every_row_makes_a_normalised_batch(compared: Compared, row: Row) -> None:
    case = Case("cpu", 64, 32)
    work = compared.make(case)
    batch = work.set(0)
    before = batch.nchw.clone()
    check_batch(case, row.load()(work, batch), work.mean, work.std)
    assert torch.equal(batch.nchw, before)
    assert torch.equal(batch.nhwc, before)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, id=row.name, marks=row.marks)
        for row in PHOTOS.rows
        if "cpu" in row.devices and row.baseline != FLOOR
    ],
)
def test_every_row_crops(sizes: str, row: Row) -> None:
    case = PhotoCase("cpu", 16, sizes)
    work = PhotoWork(case)
    batch = row.load()(work, work.set(0))
    check_batch(case, batch, work.mean, work.std)
    pixels = batch * work.std[:, None, None] + work.mean[:, None, None]
    assert abs(float(pixels.mean()) - 0.5) < 0.02  # of noise; and its spread is less than noise's
    assert pixels.std() < 0.28


STEPS: list[tuple[Callable[..., Tensor], Callable[..., Tensor], float, float]] = [
    (tuned.brightness, F.adjust_brightness, 0.5, 1.5),
    (tuned.contrast, F.adjust_contrast, 0.5, 1.5),
    (tuned.saturation, F.adjust_saturation, 0.5, 1.5),
    (tuned.hue, F.adjust_hue, -0.5, 0.5),
]


@pytest.mark.parametrize(("step", "peer", "low", "high"), STEPS)
def test_tuned_colours_are_torchvisions(
    step: Callable[..., Tensor], peer: Callable[..., Tensor], low: float, high: float
) -> None:
    images, numbers = torch.rand(8, 3, 20, 28), torch.linspace(low, high, 8)
    want = [
        peer(image, number) * 255 for image, number in zip(images, numbers.tolist(), strict=True)
    ]
    shape = (8, 1, 1) if step is tuned.hue else (8, 1, 1, 1)
    got = step(images * 255, numbers.view(shape))
    torch.testing.assert_close(got, torch.stack(want), rtol=0, atol=1e-3)


def test_tuned_affine_is_torchvisions() -> None:
    images, n = torch.rand(8, 3, 20, 28), torch.arange(8.0)
    degrees, dx, dy, scale, shear = 10 * n - 35, n - 3, 4 - n, 0.5 + 0.125 * n, 4 * n - 14
    got = tuned.affine(images, degrees, dx, dy, scale, shear)
    for i, image in enumerate(images):
        move, lean = [float(dx[i]), float(dy[i])], [float(shear[i]), 0.0]
        bilinear = InterpolationMode.BILINEAR
        want = F.affine(image, float(degrees[i]), move, float(scale[i]), lean, bilinear)
        torch.testing.assert_close(got[i], want, rtol=0, atol=1e-4)
