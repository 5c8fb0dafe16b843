"""The card's chain, a heavy chain and mixing alone, beside the libraries that people use for them.

Rows are explained in README.md. Those of a library that is not installed are skipped, and say so.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator

import pure_torch_heavy as tuned
import pytest
import torch
from augment_rows import Case, Work
from peer_rows import ROWS, WORKS, Row
from results import ON_GPU, Measure
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F

SHAPES = ((1024, 32), (64, 224))


def benches(device: str, threads: int) -> Iterator[object]:
    """Rows of one case follow each other, so that all of them see the same machine."""
    for chain, shape in itertools.product(WORKS, SHAPES):
        case = Case(device, *shape, torch.float32, threads)
        for row in ROWS[chain]:
            if device in row.devices:
                marks = [*row.marks, *(ON_GPU if device == "cuda" else ())]
                label = f"{case}, {chain}, {row.name}"
                yield pytest.param(case, chain, row, id=label, marks=marks)


@functools.lru_cache(maxsize=1)
def work_of(case: Case, chain: str) -> Work:
    return Work(case, WORKS[chain])


ALL = [*benches("cpu", torch.get_num_threads()), *benches("cuda", torch.get_num_threads())]


@pytest.mark.parametrize(("case", "chain", "row"), ALL)
def test_peers(measure: Measure, case: Case, chain: str, row: Row) -> None:
    work, function = work_of(case, chain), row.load()
    sets = work.sets[:1] if row.loops else work.sets
    if row.loops:
        torch.set_num_threads(1)

    def once_through() -> None:
        work.step += 1
        for batch in sets:
            function(work, batch)

    measure(
        once_through,
        group=f"{chain}, {case}",
        row=row.name,
        device=case.device,
        calls=len(sets),
        moved=case.moved,
        baseline=row.baseline,
    )


# ---- the table compares what it says ------------------------------------------------------------


SMALL = Case("cpu", 64, 32, torch.float32)


@pytest.mark.parametrize(
    ("chain", "row"),
    [
        pytest.param(chain, row, id=f"{chain}, {row.name}", marks=row.marks)
        for chain, rows in ROWS.items()
        for row in rows
        if "cpu" in row.devices and row.baseline != "floor"
    ],
)
def test_every_row_makes_a_normalised_batch(chain: str, row: Row) -> None:
    work = Work(SMALL, WORKS[chain])
    (batch,) = work.sets
    before = batch.nchw.clone()
    done = row.load()(work, batch)
    images = done[0] if isinstance(done, tuple | list) else done
    assert images.shape == before.shape and images.dtype == torch.float32
    pixels = images * work.std[:, None, None] + work.mean[:, None, None]
    assert pixels.min() > -1e-4 and pixels.max() < 1 + 1e-4
    assert pixels.std() > 0.1
    assert torch.equal(batch.nchw, before)
    assert torch.equal(batch.nhwc, before)


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
