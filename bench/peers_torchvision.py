"""Rows of torchvision.transforms.v2: per sample, as a data set would call it, and once a batch."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable

import torch
from augment_rows import MEAN, STD, Set, Work
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional as F

CLASSES = 10
CONTRAST = v2.ColorJitter(contrast=(1.0, 3.0))
HEAVY = v2.Compose(
    [
        v2.RandomAffine(15, (0.1, 0.1), (0.9, 1.1), 10, InterpolationMode.BILINEAR),
        v2.ColorJitter(0.4, 0.4, 0.4, 0.1),
        v2.RandomErasing(),
    ]
)
AFFINE = v2.Compose(
    [
        v2.RandomHorizontalFlip(),
        v2.RandomAffine(15, (0.1, 0.1), (0.9, 1.1), 10, InterpolationMode.BILINEAR),
        v2.ColorJitter(0.4, 0.4),
    ]
)
JITTER = v2.ColorJitter(0.4, 0.4, 0.4, 0.1)
FLIP = v2.Compose(
    [v2.RandomHorizontalFlip(), v2.ColorJitter(contrast=(0.5, 1.5)), v2.RandomErasing()]
)
TRIVIAL_AUGMENT, RAND_AUGMENT = v2.TrivialAugmentWide(), v2.RandAugment(2, 9)
CUTMIX, MIXUP = v2.CutMix(num_classes=CLASSES), v2.MixUp(num_classes=CLASSES)


def drawn_to(limit: int) -> int:
    return int(torch.randint(0, limit + 1, ()))


def roll(images: Tensor) -> Tensor:
    """torchvision cannot wrap; [..., C, H, W]."""
    limits = (int(0.2 * size) for size in images.shape[-2:])
    shifts = [drawn_to(2 * limit) - limit for limit in limits]
    return images.roll(shifts, (-2, -1))


def blackout(images: Tensor) -> Tensor:
    """Nor does it blacken borders: four slices, in place."""
    height, width = images.shape[-2:]
    y, x = drawn_to(int(0.2 * height)), drawn_to(int(0.2 * width))
    images[..., :y, :] = 0
    images[..., height - y :, :] = 0
    images[..., :x] = 0
    images[..., width - x :] = 0
    return images


def normalised(images: Tensor) -> Tensor:
    """[B, 3, H, W] uint8, or float on [0, 1], to the network's input."""
    return F.normalize(F.to_dtype(images, torch.float32, scale=True), MEAN, STD, inplace=True)


def each(function: Callable[[Tensor], Tensor], images: Iterable[Tensor]) -> Tensor:
    """A loop over the samples, and default_collate's stack."""
    return torch.stack([function(image) for image in images])


def basic(work: Work, batch: Set) -> object:
    images = each(lambda image: CONTRAST(roll(image)), batch.nchw)
    images, targets = CUTMIX(images, batch.labels)
    for image in images:
        blackout(image)
    return normalised(images), targets


def basic_by_batch(work: Work, batch: Set) -> object:
    images, targets = CUTMIX(CONTRAST(roll(batch.nchw)), batch.labels)
    return normalised(blackout(images)), targets


def trivial_augment(work: Work, batch: Set) -> object:
    return normalised(each(TRIVIAL_AUGMENT, batch.nchw))


def rand_augment(work: Work, batch: Set) -> object:
    return normalised(each(RAND_AUGMENT, batch.nchw))


def _heavy(batch: Set, images: Tensor) -> object:
    images, targets = MIXUP(F.to_dtype(images, torch.float32, scale=True), batch.labels)
    return normalised(images), targets


def heavy(work: Work, batch: Set) -> object:
    return _heavy(batch, each(HEAVY, batch.nchw))


def heavy_by_batch(work: Work, batch: Set) -> object:
    return _heavy(batch, HEAVY(batch.nchw))


@functools.cache
def _jitter(size: int) -> v2.Compose:
    return v2.Compose([v2.RandomCrop(size, padding=4), v2.RandomHorizontalFlip(), JITTER])


def jitter(work: Work, batch: Set) -> object:
    images, targets = CUTMIX(each(_jitter(work.case.size), batch.nchw), batch.labels)
    return normalised(images), targets


def jitter_by_batch(work: Work, batch: Set) -> object:
    images, targets = CUTMIX(_jitter(work.case.size)(batch.nchw), batch.labels)
    return normalised(images), targets


def affine(work: Work, batch: Set) -> object:
    return normalised(each(AFFINE, batch.nchw))


def affine_by_batch(work: Work, batch: Set) -> object:
    return normalised(AFFINE(batch.nchw))


def flip(work: Work, batch: Set) -> object:
    return normalised(each(FLIP, batch.nchw))


def flip_by_batch(work: Work, batch: Set) -> object:
    return normalised(FLIP(batch.nchw))


def cutmix(work: Work, batch: Set) -> object:
    images, targets = CUTMIX(batch.nchw, batch.labels)
    return normalised(images), targets
