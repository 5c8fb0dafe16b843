"""Runs every GPU kernel once on tiny inputs and compares with the CPU; for compute-sanitizer.

    compute-sanitizer --tool memcheck --error-exitcode 1 python bench/sanitize.py
    compute-sanitizer --tool racecheck --error-exitcode 1 python bench/sanitize.py

Odd sizes, so that every tail is reached. Set PYTORCH_NO_CUDA_MEMORY_CACHING=1, else PyTorch's
allocator rounds every tensor up into memory that memcheck takes for valid. --every 8 runs every
eighth case, which of all kinds has some: a sanitizer makes a kernel tens of times slower. On
--device cpu the cases run against themselves, to see that they run at all.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterable
from typing import TypeVar

import torch

import warpmix
from warpmix import (
    ColorJitter,
    CutMix,
    Cutout,
    GridMask,
    MixUp,
    Pipeline,
    RandomAffine,
    RandomBrightness,
    RandomContrast,
    RandomCropBlackout,
    RandomErasing,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomShift,
    Resize,
)
from warpmix.ensemble import bootstrap_intervals, select_greedy, vote, vote_curve

DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.uint8)
CHANNELS = (1, 3, 5)  # templates of 1 and 3, and the one of any number
FORMATS = (torch.channels_last, torch.contiguous_format)  # of the images, and of the batch
BATCH, HEIGHT, WIDTH = 5, 33, 259  # more than one tile of 32x256 each way
# 10 classes are a kernel of their own, and of more than 16 the sums are in memory.
MODELS, SAMPLES, CLASSES = 11, 131, (2, 10, 16, 33)
LISTS = (
    [RandomShift(0.2), RandomContrast((1.0, 3.0)), CutMix(), RandomCropBlackout(0.2)],
    # Contrast after a mix is a second launch, which reads float32.
    [RandomHorizontalFlip(), MixUp(), RandomContrast((1.0, 3.0))],
    # The general template, with a launch for the mean of the image that enters the contrast.
    [
        RandomShift(0.2),
        RandomAffine(30, (0.2, 0.2), (0.5, 2.0), 20, border="reflect"),
        Resize((HEIGHT + 7, WIDTH + 1)),
        RandomBrightness(),
        RandomContrast((1.0, 3.0)),
        RandomErasing(1.0, value=200),
        CutMix(),
        GridMask(),
    ],
    # A map between sixteen pixels, with a launch for the mean likewise.
    [
        RandomShift(0.2, "constant", 9),
        RandomAffine(30, (0.2, 0.2), (0.5, 2.0), 20, border="reflect", interpolation="bicubic"),
        RandomContrast((1.0, 3.0)),
        MixUp(),
    ],
    # Antialiased: an axis shrinks, the other one grows.
    [
        RandomHorizontalFlip(),
        RandomResizedCrop((HEIGHT // 2, WIDTH + 9), interpolation="random"),
        RandomContrast((1.0, 3.0)),
        CutMix(),
    ],
)
RGB_LISTS = ([RandomResizedCrop(None), ColorJitter(0.4, 0.4, 0.4, 0.1), Cutout(9), MixUp()],)


T = TypeVar("T")


def some(cases: Iterable[T], every: int) -> list[T]:
    """Each ``every``-th case; 17 is prime to the sizes of the tables, so that no value of a column
    is left out of a long list."""
    listed = list(cases)
    order = [listed[i * 17 % len(listed)] for i in range(len(listed))]
    return order[:: min(every, len(listed))]


def check_augment(device: str, every: int) -> int:
    """Every source type, output type, channel count and memory format; returns the number of
    cases."""
    formats = (FORMATS, FORMATS, (False, True))
    every_case = itertools.chain(
        itertools.product(LISTS, DTYPES, CHANNELS, *formats),
        itertools.product(RGB_LISTS, DTYPES, (3,), *formats),
    )
    cases = some(every_case, every)
    labels = torch.arange(BATCH)
    for case in cases:
        transforms, dtype, channels, of_images, of_batch, resident = case
        images = torch.randint(0, 256, (BATCH, channels, HEIGHT, WIDTH), dtype=torch.uint8)
        images = images.contiguous(memory_format=of_images)
        ids = {"ids": labels}
        if resident:
            ids = {"index": torch.tensor([4, 0, 3]), "sums": warpmix.ops.channel_sums(images)}
        channels_last = of_batch == torch.channels_last
        pipeline = Pipeline(transforms, dtype=dtype, channels_last=channels_last, seed=0)
        want, _ = pipeline(images, labels, **ids)
        moved = {name: tensor.to(device) for name, tensor in ids.items()}
        got, _ = pipeline.to(device)(images.to(device), labels.to(device), **moved)
        assert torch.equal(got.cpu(), want), case
        drawn = pipeline.draw(
            images=images.to(device), **{k: v for k, v in moved.items() if k != "sums"}
        )
        replayed, _ = pipeline.replay(images.to(device), drawn, labels.to(device))
        assert torch.equal(replayed, got), case
    return len(cases)


def check_vote(device: str, every: int) -> int:
    """Every type and both methods, sums in registers and not; returns the number of cases."""
    cases = some(itertools.product(DTYPES[:3], CLASSES, (False, True)), every)
    for dtype, classes, logits in cases:
        predictions = torch.randn(MODELS, SAMPLES, classes)
        predictions = (predictions if logits else predictions.softmax(2)).to(dtype)
        on_gpu = predictions.to(device)
        options = {"logits": logits, "temperature": (torch.rand(MODELS) + 0.5).tolist()}
        weights = torch.rand(MODELS).tolist()
        for method in ("soft", "hard"):
            want = vote(predictions, method, weights, **options)
            got = vote(on_gpu, method, weights, **options)
            assert torch.equal(got.labels.cpu(), want.labels), (dtype, classes, logits, method)
            assert torch.equal(got.scores.cpu(), want.scores), (dtype, classes, logits, method)
        targets, ranking = torch.randint(0, classes, (SAMPLES,)), torch.randperm(MODELS)
        options["weights"] = weights
        curve = vote_curve(predictions, targets, ranking, **options)
        of_gpu = vote_curve(on_gpu, targets.to(device), ranking.to(device), **options)
        assert torch.equal(of_gpu.soft.cpu(), curve.soft), (dtype, classes, logits)
        assert torch.equal(of_gpu.hard.cpu(), curve.hard), (dtype, classes, logits)
    return len(cases)


def check_select(device: str, every: int) -> int:
    """Greedy selection by both metrics, and the bootstrap; returns the number of cases."""
    cases = some(itertools.product(DTYPES[:3], CLASSES, ("accuracy", "log_loss")), every)
    for dtype, classes, metric in cases:
        predictions = torch.randn(MODELS, SAMPLES, classes).softmax(2).to(dtype)
        targets = torch.randint(0, classes, (SAMPLES,))
        want = select_greedy(predictions, targets, 5, metric=metric).paths[0]
        got = select_greedy(predictions.to(device), targets.to(device), 5, metric=metric).paths[0]
        assert torch.equal(got.members, want.members), (dtype, classes, metric)
        assert torch.equal(got.scores, want.scores), (dtype, classes, metric)
    right = torch.rand(9, SAMPLES) < 0.5
    want_intervals = bootstrap_intervals(right, replicates=17)
    got_intervals = bootstrap_intervals(right.to(device), replicates=17)
    assert torch.equal(got_intervals.replicates.cpu(), want_intervals.replicates)
    return len(cases) + 1


def check_all(device: str, every: int) -> None:
    """Print how many cases agree; raise AssertionError with the first that does not."""
    torch.manual_seed(0)
    checks = {"augmentation": check_augment, "voting": check_vote, "selection": check_select}
    counts = [f"{name} {check(device, every)}" for name, check in checks.items()]
    print(f"cases that agree with the CPU: {', '.join(counts)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", choices=["cpu", "cuda"])
    parser.add_argument("--every", type=int, default=1)
    typed = parser.parse_args()
    check_all(typed.device, typed.every)
