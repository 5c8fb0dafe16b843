"""The work that gpu_model.py predicts: calls of the operators, small enough to count, with the size
that is meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from warpmix import (
    ColorJitter,
    CutMix,
    GaussianBlur,
    MixUp,
    Pipeline,
    RandomAffine,
    RandomContrast,
    RandomCrop,
    RandomCropBlackout,
    RandomEqualize,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomShift,
    TrivialAugmentWide,
    ops,
)
from warpmix.augment import Transform

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)  # of CIFAR-10
JITTER = ColorJitter(0.4, 0.4, 0.4, 0.1)
CHAINS: dict[str, list[Transform]] = {
    "basic: flip, crop": [RandomHorizontalFlip(), RandomCrop(None, padding=4)],
    "card: shift, contrast, CutMix, black border": [
        RandomShift(0.2),
        RandomContrast((1.0, 3.0)),
        CutMix(),
        RandomCropBlackout(0.2),
    ],
    "flip, crop, MixUp": [RandomHorizontalFlip(), RandomCrop(None, padding=4), MixUp()],
    "flip, crop, colour jitter, CutMix": [
        RandomHorizontalFlip(),
        RandomCrop(None, padding=4),
        JITTER,
        CutMix(),
    ],
    "affine: flip, affine": [
        RandomHorizontalFlip(),
        RandomAffine(15, (0.1, 0.1), (0.9, 1.1), 10),
    ],
}
BICUBIC = RandomAffine(15, (0.1, 0.1), (0.9, 1.1), 10, interpolation="bicubic")
LARGE: dict[str, list[Transform]] = {  # of 224x224 alone
    "affine, bicubic": [RandomHorizontalFlip(), BICUBIC],
    "whole images: equalize, blur": [RandomEqualize(1.0), GaussianBlur(5)],
    "TrivialAugmentWide": [TrivialAugmentWide()],
}
CROP: list[Transform] = [RandomResizedCrop(224), RandomHorizontalFlip()]
CROPPED = 320  # side of the images that it cuts and resizes
CROP_SHARE = 0.54  # of their bytes that it reads, in the mean: of areas between 8 and 100 %
# By size of the images: the batch, and what is counted. Fewer than 8,192 small images would not
# share blocks as 16,384 do (kernels/augment/gpu/tiles.h).
BATCHES = {32: (16_384, 8_192), 224: (256, 6)}
SUMS = {32: 50_000, 224: 256}  # images whose channels are summed
MODELS, SAMPLES, CLASSES, COUNTED = 380, 10_000, 10, 256


@dataclass(frozen=True)
class Work:
    """A call.

    Attributes:
        name: what it does.
        size: what it does it to, in words.
        units: images or samples; ``counted`` of them are run.
        moved: bytes read and written, each once.
        call: runs the counted ones.
        measured: the group (after the device) and the row of the benchmark that times it, if any.
    """

    name: str
    size: str
    units: int
    counted: int
    moved: int
    call: Callable[[], object]
    measured: tuple[str, str] | None = None


def all_work() -> Sequence[Work]:
    """List everything that is predicted."""
    generator = torch.Generator().manual_seed(0)
    chains = [_chain(name, CHAINS[name], size, generator) for size in BATCHES for name in CHAINS]
    chains += [_chain(name, LARGE[name], 224, generator) for name in LARGE]
    chains.append(_chain(f"resized crop of {CROPPED}x{CROPPED}", CROP, 224, generator, CROPPED))
    curves = [_curve(logits, generator) for logits in (False, True)]
    return [*chains, *curves, *(_sums(size, generator) for size in SUMS)]


def _images(rows: int, size: int, generator: torch.Generator) -> torch.Tensor:
    shape = (rows, size, size, 3)
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    return images.permute(0, 3, 1, 2)


def _chain(
    name: str,
    transforms: list[Transform],
    size: int,
    generator: torch.Generator,
    source_size: int | None = None,
) -> Work:
    batch, counted = BATCHES[size]
    images = _images(2 * counted, source_size or size, generator)
    read = CROP_SHARE * source_size**2 if source_size else size**2
    labels = torch.randint(0, 10, (2 * counted,), generator=generator)
    index = torch.randint(0, 2 * counted, (counted,), generator=generator)
    sums = ops.channel_sums(images)
    pipeline = Pipeline(transforms, mean=MEAN, std=STD, dtype=torch.bfloat16, seed=0)
    row = "fused, resident data (graph)" if size == 32 else "fused, resident data"
    return Work(
        name,
        f"{batch:,}x3x{size}x{size} to bfloat16",
        batch,
        counted,
        batch * 3 * int(read + 2 * size**2),
        lambda: pipeline(images, labels, index=index, sums=sums),
        (f"{batch}x3x{size}x{size} to bfloat16", row) if name.startswith("card") else None,
    )


def _curve(logits: bool, generator: torch.Generator) -> Work:
    scores = torch.randn(MODELS, COUNTED, CLASSES, generator=generator)
    scores = scores if logits else torch.softmax(scores, -1)
    targets = torch.randint(0, CLASSES, (COUNTED,), generator=generator)
    ranking = torch.randperm(MODELS, generator=generator)
    return Work(
        f"both vote curves of {'logits' if logits else 'probabilities'}",
        f"{MODELS} x {SAMPLES:,} x {CLASSES} float32",
        SAMPLES,
        COUNTED,
        MODELS * SAMPLES * CLASSES * 4,
        lambda: ops.vote_curve(scores, targets, ranking, logits=logits),
        None if logits else (f"vote_curve {MODELS} x {SAMPLES:,} x {CLASSES}", "fused"),
    )


def _sums(size: int, generator: torch.Generator) -> Work:
    counted = BATCHES[size][1]
    images = _images(counted, size, generator)
    units = SUMS[size]
    return Work(
        "channel sums",
        f"{units:,}x3x{size}x{size} uint8",
        units,
        counted,
        units * 3 * size**2,
        lambda: ops.channel_sums(images),
    )
