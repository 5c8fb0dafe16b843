"""What the benchmarks of augmentation time: one case's images and buffers, and our own rows.

Each row goes round several batches, so that none is found in the cache.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from pure_torch import basic_chain
from torch import Tensor

import warpmix
from warpmix import CutMix, Pipeline, RandomContrast, RandomCropBlackout, RandomShift
from warpmix.augment import Transform, reference

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)  # of CIFAR-10
BASIC = (RandomShift(0.2), RandomContrast((1.0, 3.0)), CutMix(), RandomCropBlackout(0.2))
RESIDENT = 50_000 * 32 * 32  # pixels of the resident data set: as many as CIFAR-10's
GPU_CACHE = 1 << 28  # bytes; several times the largest L2
CLASSES = 10
CPU_CACHE = 1 << 26  # bytes of images; twice the last-level cache of most processors


def with_threads(text: str, device: str, threads: int) -> str:
    """Name a case: on a CPU with its threads."""
    if device != "cpu":
        return text
    return f"{text}, {threads} thread" + "s" * (threads > 1)


@functools.cache
def compiled(chain: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a peer's chain, once for all its rows."""
    return torch.compile(chain)


@dataclass(frozen=True)
class Case:
    device: str
    batch: int
    size: int
    dtype: torch.dtype = torch.float32
    threads: int = 1  # of the CPU

    def __str__(self) -> str:
        dtype = str(self.dtype).removeprefix("torch.")
        text = f"{self.device}: {self.batch}x3x{self.size}x{self.size} to {dtype}"
        return with_threads(text, self.device, self.threads)

    @property
    def moved(self) -> int:
        """Bytes: each source byte read once, each output byte written once."""
        return self.batch * 3 * self.size**2 * (1 + self.dtype.itemsize)

    @property
    def sets(self) -> int:
        """Batches that the rows go round, so that none is found in the cache of the last round."""
        if self.device == "cpu":
            return max(2, -(-CPU_CACHE // (self.batch * 3 * self.size**2)))
        return -(-GPU_CACHE // self.moved)


@dataclass(frozen=True)
class Set:
    """One batch [N, C, H, W], in both orders in memory, and the buffers that it may go to."""

    nhwc: Tensor
    nchw: Tensor
    labels: Tensor
    ids: Tensor
    index: Tensor
    sums: Tensor
    channels_last: Tensor
    planar: Tensor


@functools.lru_cache(maxsize=1)
def noise(device: str, count: int, size: int) -> tuple[Tensor, Tensor]:
    """The same images [count, 3, size, size], uint8, channels_last and planar. The pages are drawn
    before processes are forked, which then share them."""
    make = functools.partial(torch.randint, 0, 256, dtype=torch.uint8, device=device)
    planar = make((count, 3, size, size))
    return planar.contiguous(memory_format=torch.channels_last), planar


class Work:
    """What the rows of one case run on: its images, and pipelines of some transforms."""

    def __init__(self, case: Case, transforms: Sequence[Transform] = BASIC) -> None:
        self.case, self.transforms = case, transforms
        count, device = case.batch * case.sets, case.device
        self._nhwc, self._nchw = noise(device, count, case.size)
        self._labels = torch.randint(0, CLASSES, (count,), device=device)
        self._index = torch.randint(0, self.rows, (count,), device=device)
        self._sums = warpmix.ops.channel_sums(self._nhwc)
        buffers = case.sets if device == "cuda" else 1
        shape = (buffers * case.batch, 3, case.size, case.size)
        self._planar = torch.empty(shape, dtype=case.dtype, device=device)
        self._like_nhwc = torch.empty_like(self._planar, memory_format=torch.channels_last)

        def pipeline(channels_last: bool) -> Pipeline:
            options = {"mean": MEAN, "std": STD, "dtype": case.dtype, "seed": 0}
            return Pipeline(transforms, channels_last=channels_last, **options).to(device)

        self.nhwc, self.nchw = pipeline(channels_last=True), pipeline(channels_last=False)
        self.ids = torch.arange(case.batch, device=device)
        self.step = torch.zeros(1, dtype=torch.int64, device=device)
        self.mean, self.std = (torch.tensor(values, device=device) for values in (MEAN, STD))

    @property
    def rows(self) -> int:
        """Of the resident data set."""
        return RESIDENT // self.case.size**2

    @functools.cached_property
    def resident(self) -> tuple[Tensor, Tensor, Tensor]:
        """Images, labels and channel sums of a data set as large as CIFAR-10's."""
        shape = (self.rows, 3, self.case.size, self.case.size)
        make = functools.partial(torch.randint, device=self.case.device)
        images = make(0, 256, shape, dtype=torch.uint8)
        images = images.contiguous(memory_format=torch.channels_last)
        return images, make(0, CLASSES, (self.rows,)), warpmix.ops.channel_sums(images)

    def set(self, number: int, count: int | None = None) -> Set:
        """The batch of a round; of its first ``count`` images alone, where given."""
        size, number = self.case.batch, number % self.case.sets
        rows = slice(number * size, number * size + (count or size))
        first = number * size if self.case.device == "cuda" else 0
        out = slice(first, first + (count or size))
        return Set(
            self._nhwc[rows], self._nchw[rows], self._labels[rows], self.ids[:count],
            self._index[rows], self._sums[rows], self._like_nhwc[out], self._planar[out],
        )  # fmt: skip

    @functools.cached_property
    def sets(self) -> list[Set]:
        return [self.set(number) for number in range(self.case.sets)]

    def once_through(self, row: Row) -> None:
        """The row's work on every set, with new random numbers."""
        self.step += 1
        for batch in self.sets:
            row(self, batch)

    def rounds(self, row: Row) -> tuple[Callable[[], None], int]:
        """What to time, and how many batches it makes: on a GPU all sets, else the next one."""
        if self.case.device == "cuda":
            return functools.partial(self.once_through, row), self.case.sets
        sets = itertools.cycle(self.sets)

        def one() -> None:
            self.step += 1
            row(self, next(sets))

        return one, 1

    def captured(self, row: Row) -> Callable[[], None]:
        """:meth:`once_through` as a CUDA graph to replay."""
        self.once_through(row)  # lazy initialisation must not be captured
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.once_through(row)
        return graph.replay


Row = Callable[[Work, Set], object]


def call(work: Work, batch: Set) -> object:
    """Nothing but images and labels: the rest is left to the pipeline."""
    return work.nhwc(batch.nhwc, batch.labels)


def fused(work: Work, batch: Set) -> object:
    return work.nhwc(
        batch.nhwc, batch.labels, ids=batch.ids, step=work.step, out=batch.channels_last
    )


def fused_with_sums(work: Work, batch: Set) -> object:
    options = {"ids": batch.ids, "sums": batch.sums, "step": work.step}
    return work.nhwc(batch.nhwc, batch.labels, out=batch.channels_last, **options)


def fused_planar(work: Work, batch: Set) -> object:
    return work.nchw(batch.nchw, batch.labels, ids=batch.ids, step=work.step, out=batch.planar)


def fused_resident(work: Work, batch: Set) -> object:
    images, labels, sums = work.resident
    options = {"sums": sums, "step": work.step, "out": batch.channels_last}
    return work.nhwc(images, labels, index=batch.index, **options)


def tuned(work: Work, batch: Set) -> object:
    return basic_chain(batch.nhwc, batch.labels, work.mean, work.std, work.case.dtype)


def tuned_planar(work: Work, batch: Set) -> object:
    return basic_chain(batch.nchw, batch.labels, work.mean, work.std, work.case.dtype)


def package_reference(work: Work, batch: Set) -> Tensor:
    epoch = int(work.step)
    nhwc = batch.nhwc.permute(0, 2, 3, 1)
    images, _, _ = reference.augment(nhwc, work.transforms, ids=work.ids, epoch=epoch)
    scale, bias = work.nhwc.normalize.coefficients(3)
    return reference.normalise(images, scale, bias, work.case.dtype)


def floor(work: Work, batch: Set) -> object:
    return batch.planar.copy_(batch.nchw)
