"""The card's chain, shift-wrap → contrast → CutMix → crop-blackout → normalise, against PyTorch.

Rows are explained in README.md. On a GPU each row goes round several sets of images and outputs,
so that none is found in the cache.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import torch
from conftest import Measure
from pure_torch import card_chain
from results import ON_GPU
from torch import Tensor

import warpmix
from warpmix import CutMix, Pipeline, RandomContrast, RandomCropBlackout, RandomShift
from warpmix.augment import reference

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)  # of CIFAR-10
CARD = (RandomShift(0.2), RandomContrast((1.0, 3.0)), CutMix(), RandomCropBlackout(0.2))
RESIDENT = 50_000 * 32 * 32  # pixels of the resident data set: as many as CIFAR-10's
GPU_CACHE = 1 << 28  # bytes; several times the largest L2


@dataclass(frozen=True)
class Case:
    device: str
    batch: int
    size: int
    dtype: torch.dtype
    threads: int = 1  # of the CPU

    def __str__(self) -> str:
        dtype = str(self.dtype).removeprefix("torch.")
        text = f"{self.device}: {self.batch}x3x{self.size}x{self.size} to {dtype}"
        return f"{text}, {self.threads} threads" if self.device == "cpu" else text

    @property
    def moved(self) -> int:
        """Bytes: each source byte read once, each output byte written once."""
        return self.batch * 3 * self.size**2 * (1 + self.dtype.itemsize)

    @property
    def sets(self) -> int:
        return 1 if self.device == "cpu" else -(-GPU_CACHE // self.moved)


@dataclass(frozen=True)
class Set:
    """One batch and the buffers it goes to, in both layouts."""

    nhwc: Tensor
    nchw: Tensor
    labels: Tensor
    index: Tensor
    channels_last: Tensor
    planar: Tensor


class Work:
    """What the rows of one case run on."""

    def __init__(self, case: Case) -> None:
        shape = (case.batch, case.size, case.size, 3)
        rows = RESIDENT // case.size**2
        make = functools.partial(torch.randint, device=case.device)

        def one_set() -> Set:
            nhwc = make(0, 256, shape, dtype=torch.uint8)
            nchw = nhwc.permute(0, 3, 1, 2).contiguous()
            labels = make(0, 10, (case.batch,))
            index = make(0, rows, (case.batch,))
            planar = torch.empty(nchw.shape, dtype=case.dtype, device=case.device)
            like_nhwc = planar.to(memory_format=torch.channels_last, copy=True)
            return Set(nhwc, nchw, labels, index, like_nhwc, planar)

        def pipeline(**layout: object) -> Pipeline:
            return Pipeline(CARD, mean=MEAN, std=STD, dtype=case.dtype, **layout).to(case.device)

        self.case = case
        self.sets = [one_set() for _ in range(case.sets)]
        self.nhwc = pipeline()
        self.nchw = pipeline(layout="NCHW", channels_last=False)
        self.ids = torch.arange(case.batch, device=case.device)
        self.step = torch.zeros(1, dtype=torch.int64, device=case.device)
        self.images = make(0, 256, (rows, *shape[1:]), dtype=torch.uint8)
        self.labels = make(0, 10, (rows,))
        self.sums = warpmix.ops.channel_sums(self.images)
        self.mean, self.std = (torch.tensor(values, device=case.device) for values in (MEAN, STD))

    def once_through(self, row: Row) -> None:
        """The row's work on every set, with new random numbers."""
        self.step += 1
        for batch in self.sets:
            row(self, batch)

    def captured(self, row: Row) -> Callable[[], None]:
        """:meth:`once_through` as a CUDA graph to replay."""
        self.once_through(row)  # lazy initialisation must not be captured
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.once_through(row)
        return graph.replay


Row = Callable[[Work, Set], object]


def fused(work: Work, batch: Set) -> object:
    return work.nhwc(
        batch.nhwc, batch.labels, ids=work.ids, step=work.step, out=batch.channels_last
    )


def fused_planar(work: Work, batch: Set) -> object:
    return work.nchw(batch.nchw, batch.labels, ids=work.ids, step=work.step, out=batch.planar)


def fused_resident(work: Work, batch: Set) -> object:
    return work.nhwc(
        work.images,
        work.labels,
        index=batch.index,
        sums=work.sums,
        step=work.step,
        out=batch.channels_last,
    )


def tuned(work: Work, batch: Set) -> object:
    images = batch.nhwc.permute(0, 3, 1, 2)
    return card_chain(images, batch.labels, work.mean, work.std, work.case.dtype)


def tuned_planar(work: Work, batch: Set) -> object:
    return card_chain(batch.nchw, batch.labels, work.mean, work.std, work.case.dtype)


def package_reference(work: Work, batch: Set) -> Tensor:
    epoch = int(work.step)
    images, _, _ = reference.augment(batch.nhwc, CARD, ids=work.ids, epoch=epoch)
    scale, bias = work.nhwc.normalize.coefficients(3)
    return reference.normalise(images, scale, bias, work.case.dtype)


def floor(work: Work, batch: Set) -> object:
    return batch.planar.copy_(batch.nchw)


# Name in the table: (row, the column it is the baseline of).
ROWS: dict[str, tuple[Row, str | None]] = {
    "fused, resident data": (fused_resident, None),
    "fused, NHWC to channels_last": (fused, None),
    "fused, NCHW to NCHW": (fused_planar, None),
    "PyTorch, tuned, channels_last": (tuned, "tuned"),
    "PyTorch, tuned, NCHW": (tuned_planar, "tuned"),
    "floor: copy_ to the output's type": (floor, "floor"),
}
ON_CPU_ONLY = {"PyTorch, package's reference": (package_reference, "reference")}
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
                for suffix, graph in (("", False), (", graph", True)):
                    column = baseline and baseline + suffix.replace(",", "")
                    shown = name + suffix
                    yield pytest.param(
                        case, shown, row, column, graph, id=f"{case}, {shown}", marks=ON_GPU
                    )


work_of = functools.lru_cache(maxsize=1)(Work)


@pytest.fixture(autouse=True)
def threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("case", "name", "row", "baseline", "graph"), list(benches()))
def test_augment(
    measure: Measure, case: Case, name: str, row: Row, baseline: str | None, graph: bool
) -> None:
    torch.set_num_threads(case.threads)
    work = work_of(case)
    call = work.captured(row) if graph else functools.partial(work.once_through, row)
    measure(
        call,
        group=str(case),
        row=name,
        device=case.device,
        calls=case.sets,
        moved=case.moved,
        baseline=baseline,
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_rows_that_must_agree_do(shape: tuple[int, int]) -> None:
    """The fused rows give the reference's bytes: the table compares the same work."""
    work = work_of(Case("cpu", *shape, torch.float32))
    (batch,) = work.sets
    want = package_reference(work, batch)
    for row in (fused, fused_planar):
        got, _ = row(work, batch)
        assert torch.equal(got, want)
