"""Images a second of the whole loop of training, by who augments. Part of compare.py.

One small network, batches of 256 of 32x32 images in memory, the jitter chain: crop with padding 4,
flip, colour jitter, CutMix, normalise; forward, backward and a step of SGD. The network is small so
that augmentation shows: with a larger one all of these come closer to each other.
"""

from __future__ import annotations

import functools
import itertools
import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import measuring
import torch
import torch.nn.functional as F
from augment_rows import CLASSES, MEAN, STD, noise
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from works import TRANSFORMS, WORKS

import warpmix
from warpmix import Pipeline, mixed_cross_entropy

BATCH, SIZE = 256, 32
STEPS = {"full": 40, "quick": 12, "tiny": 2}
"""Of a round; there are ROUNDS of them, after one that is not timed."""
ROUNDS = {"full": 5, "quick": 2, "tiny": 1}
Loss = Callable[[Tensor], Tensor]
Batches = Iterator[tuple[Tensor, Loss]]


@dataclass(frozen=True)
class Data:
    """images [N, 3, 32, 32] uint8, channels_last and planar; labels [N]; of as many threads."""

    nhwc: Tensor
    nchw: Tensor
    labels: Tensor
    device: str
    threads: int

    def rows(self) -> Iterator[Tensor]:
        """Shuffled, for ever."""
        while True:
            order = torch.randperm(len(self.labels), device=self.device)
            yield from order.split(BATCH)[: len(order) // BATCH]


def _mixed(labels: Tensor, partners: Tensor, lam: Tensor) -> Loss:
    def loss(logits: Tensor) -> Tensor:
        own, other = (F.cross_entropy(logits, y, reduction="none") for y in (labels, partners))
        return torch.lerp(other, own, lam.float()).mean()

    return loss


def none(data: Data) -> Batches:
    """The batch normalised, and nothing else."""
    mean, std = (torch.tensor(v, device=data.device)[:, None, None] * 255 for v in (MEAN, STD))
    for rows in data.rows():
        labels = data.labels[rows]
        images = data.nhwc[rows].float().sub_(mean).div_(std)
        yield images, functools.partial(F.cross_entropy, target=labels)


def ours(data: Data) -> Batches:
    """`warpmix.data.Loader`."""
    pipeline = Pipeline(TRANSFORMS["jitter"], mean=MEAN, std=STD).to(data.device)
    classes = tuple(str(number) for number in range(CLASSES))
    dataset = warpmix.data.Dataset(data.nhwc.permute(0, 2, 3, 1), data.labels, classes, "noise")
    loader = warpmix.data.Loader(dataset, pipeline, batch_size=BATCH, drop_last=True)
    while True:
        for images, targets in loader:
            yield images, lambda logits, targets=targets: mixed_cross_entropy(logits, targets)


def pure_pytorch(data: Data) -> Batches:
    """pure_torch_heavy.jitter_chain on the batch."""
    from pure_torch_heavy import jitter_chain

    mean, std = (torch.tensor(v, device=data.device) for v in (MEAN, STD))
    for rows in data.rows():
        images, *targets = jitter_chain(data.nhwc[rows], data.labels[rows], mean, std)
        yield images, _mixed(*targets)


def kornia(data: Data) -> Batches:
    """Its modules on the batch."""
    from peers_kornia import jitter_chain

    for rows in data.rows():
        images, targets = jitter_chain(data.nchw[rows], data.labels[rows])
        labels, partners, lam = (
            targets[..., 0].flatten(),
            targets[..., 1].flatten(),
            targets[..., 2],
        )
        yield images, _mixed(labels.long(), partners.long(), 1.0 - lam.flatten())


class _Images(Dataset[tuple[Tensor, int]]):
    def __init__(self, data: Data) -> None:
        from peers_torchvision import _jitter

        self.images, self.labels = data.nchw.cpu(), data.labels.tolist()
        self.transform = _jitter(SIZE)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(self.images[index]), self.labels[index]


def torchvision(data: Data) -> Batches:
    """Per sample in as many of DataLoader's workers as there are threads; CutMix on the batch."""
    from peers_torchvision import CUTMIX, normalised

    loader = DataLoader(
        _Images(data), BATCH, shuffle=True, num_workers=data.threads, drop_last=True,
        persistent_workers=True, pin_memory=data.device == "cuda",
    )  # fmt: skip
    while True:
        for images, labels in loader:
            images, targets = CUTMIX(images.to(data.device), labels.to(data.device))
            yield normalised(images), functools.partial(F.cross_entropy, target=targets)


PATHS: dict[str, tuple[Callable[[Data], Batches], str | None]] = {
    "no augmentation": (none, None),
    "warpmix": (ours, None),
    "PyTorch, on the batch": (pure_pytorch, None),
    "Kornia, on the batch": (kornia, "kornia"),
    "torchvision v2, DataLoader workers": (torchvision, None),
}


def network() -> nn.Module:
    """24,000 weights; two convolutions with stride 2, so that a CPU sees 10,000 images a second."""
    layers: list[nn.Module] = []
    for before, after in ((3, 16), (16, 32), (32, 64)):
        layers += [nn.Conv2d(before, after, 3, 2, 1), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, CLASSES))


def trained(path: str, data: Data, form: str) -> dict[str, float]:
    """Return images a second: "median" and "most" of the rounds; runs in a process of its own."""
    torch.set_num_threads(data.threads)
    torch.manual_seed(0)
    model = network().to(data.device, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    batches = PATHS[path][0](data)

    def steps(count: int) -> float:
        begin = time.perf_counter()
        for images, loss in itertools.islice(batches, count):
            optimizer.zero_grad()
            loss(model(images)).backward()
            optimizer.step()
        if data.device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - begin

    count = STEPS[form]
    steps(count)
    times = [steps(count) for _ in range(ROUNDS[form])]
    images = count * BATCH
    return {
        "median": images / statistics.median(times),
        "most": images / min(times),
        "n": len(times),
    }


def throughputs(form: str, device: str) -> list[dict[str, Any]]:
    """Return a dictionary for each path and number of threads."""
    kornia_row = next(row for row in WORKS["basic chain"].rows if row.package == "kornia")
    cores = len(os.sched_getaffinity(0))
    found = []
    for threads in sorted({1, cores}) if form == "full" else [1]:
        for path, (_, package) in PATHS.items():
            one: dict[str, Any] = {"path": path, "threads": threads}
            if package and kornia_row.missing:
                found.append({**one, "left_out": kornia_row.missing})
                continue

            def child(path: str = path, threads: int = threads) -> dict[str, float]:
                nhwc, nchw = noise(device, 40 * BATCH, SIZE)
                labels = torch.randint(0, CLASSES, (len(nhwc),), device=device)
                return trained(path, Data(nhwc, nchw, labels, device, threads), form)

            try:
                one |= measuring.in_child(child, 120.0)
            except RuntimeError as error:
                one["failed"] = str(error)
            found.append(one)
            shown = one.get("failed") or f"{one['median']:10,.0f} images/s"
            print(f"         training: {path}, {threads} thread(s): {shown}", flush=True)
    return found
