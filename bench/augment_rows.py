"""What bench_augment.py and bench_peers.py time: one case's images and buffers, and our own rows.

On a GPU each row goes round several sets of images and outputs, so that none is found in the cache.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from pure_torch import card_chain
from torch import Tensor

import warpmix
from warpmix import CutMix, Pipeline, RandomContrast, RandomCropBlackout, RandomShift
from warpmix.augment import Transform, reference

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
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return f"{text}, {threads}" if self.device == "cpu" else text

    @property
    def moved(self) -> int:
        """Bytes: each source byte read once, each output byte written once."""
        return self.batch * 3 * self.size**2 * (1 + self.dtype.itemsize)

    @property
    def sets(self) -> int:
        return 1 if self.device == "cpu" else -(-GPU_CACHE // self.moved)


@dataclass(frozen=True)
class Set:
    """One batch [N, C, H, W] and the buffers it goes to, in both orders in memory."""

    nhwc: Tensor
    nchw: Tensor
    labels: Tensor
    index: Tensor
    sums: Tensor
    channels_last: Tensor
    planar: Tensor


class Work:
    """What the rows of one case run on: its images, and pipelines of some transforms."""

    def __init__(self, case: Case, transforms: Sequence[Transform] = CARD) -> None:
        shape = (case.batch, 3, case.size, case.size)
        rows = RESIDENT // case.size**2
        make = functools.partial(torch.randint, device=case.device)

        def one_set() -> Set:
            nchw = make(0, 256, shape, dtype=torch.uint8)
            nhwc = nchw.contiguous(memory_format=torch.channels_last)
            labels = make(0, 10, (case.batch,))
            index = make(0, rows, (case.batch,))
            planar = torch.empty(nchw.shape, dtype=case.dtype, device=case.device)
            like_nhwc = planar.to(memory_format=torch.channels_last, copy=True)
            sums = warpmix.ops.channel_sums(nhwc)
            return Set(nhwc, nchw, labels, index, sums, like_nhwc, planar)

        def pipeline(channels_last: bool) -> Pipeline:
            options = {"mean": MEAN, "std": STD, "dtype": case.dtype, "seed": 0}
            return Pipeline(transforms, channels_last=channels_last, **options).to(case.device)

        self.case, self.transforms = case, transforms
        self.sets = [one_set() for _ in range(case.sets)]
        self.nhwc, self.nchw = pipeline(channels_last=True), pipeline(channels_last=False)
        self.ids = torch.arange(case.batch, device=case.device)
        self.step = torch.zeros(1, dtype=torch.int64, device=case.device)
        resident = make(0, 256, (rows, *shape[1:]), dtype=torch.uint8)
        self.images = resident.contiguous(memory_format=torch.channels_last)
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


def fused_with_sums(work: Work, batch: Set) -> object:
    options = {"ids": work.ids, "sums": batch.sums, "step": work.step}
    return work.nhwc(batch.nhwc, batch.labels, out=batch.channels_last, **options)


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
    return card_chain(batch.nhwc, batch.labels, work.mean, work.std, work.case.dtype)


def tuned_planar(work: Work, batch: Set) -> object:
    return card_chain(batch.nchw, batch.labels, work.mean, work.std, work.case.dtype)


def package_reference(work: Work, batch: Set) -> Tensor:
    epoch = int(work.step)
    nhwc = batch.nhwc.permute(0, 2, 3, 1)
    images, _, _ = reference.augment(nhwc, work.transforms, ids=work.ids, epoch=epoch)
    scale, bias = work.nhwc.normalize.coefficients(3)
    return reference.normalise(images, scale, bias, work.case.dtype)


def floor(work: Work, batch: Set) -> object:
    return batch.planar.copy_(batch.nchw)
