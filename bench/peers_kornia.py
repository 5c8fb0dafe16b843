"""Rows of Kornia: batched, parameters per sample, float32 on [0, 1]."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import kornia.augmentation as K
from augment_rows import MEAN, STD, Set, Work, compiled
from pure_torch import crop_blackout
from torch import Tensor

MIXED = {"data_keys": ["input", "class"]}
SHIFT = K.RandomTranslate(
    (-0.2, 0.2), (-0.2, 0.2), resample="nearest", padding_mode="reflection", p=1.0
)
CONTRAST = K.RandomContrast((1.0, 3.0), p=1.0)
CUTMIX = K.RandomCutMixV2(use_correct_lambda=True, **MIXED)
AFFINE = K.RandomAffine(15.0, (0.1, 0.1), (0.9, 1.1), 10.0, p=1.0)
JITTER = K.ColorJitter(0.4, 0.4, 0.4, 0.1, p=1.0)
ERASING = K.RandomErasing(p=0.5)
MIXUP = K.RandomMixUpV2(**MIXED)
FLIP = K.RandomHorizontalFlip()
CONTRAST_OF_FLIP = K.RandomContrast((0.5, 1.5), p=1.0)
BRIGHTNESS_AND_CONTRAST = K.ColorJitter(0.4, 0.4, p=1.0)
NORMALIZE = K.Normalize(MEAN, STD)


def basic_chain(images: Tensor, labels: Tensor) -> Any:
    """Kornia cannot wrap, its contrast is x · f, and black borders are pure_torch.py's."""
    batch = CONTRAST(SHIFT(images.float().div_(255.0)))
    batch, targets = CUTMIX(batch, labels)
    return NORMALIZE(crop_blackout(batch, 0.2)), targets


def heavy_chain(images: Tensor, labels: Tensor) -> Any:
    batch = ERASING(JITTER(AFFINE(images.float().div_(255.0))))
    batch, targets = MIXUP(batch, labels)
    return NORMALIZE(batch), targets


@functools.cache
def _crop(size: int) -> Any:
    return K.RandomCrop((size, size), padding=4)


def jitter_chain(images: Tensor, labels: Tensor) -> Any:
    batch = JITTER(FLIP(_crop(images.shape[-1])(images.float().div_(255.0))))
    batch, targets = CUTMIX(batch, labels)
    return NORMALIZE(batch), targets


def affine_chain(images: Tensor, labels: Tensor) -> Any:
    batch = AFFINE(FLIP(images.float().div_(255.0)))
    return NORMALIZE(BRIGHTNESS_AND_CONTRAST(batch)), labels


def flip_chain(images: Tensor, labels: Tensor) -> Any:
    batch = CONTRAST_OF_FLIP(FLIP(images.float().div_(255.0)))
    return NORMALIZE(ERASING(batch)), labels


def cutmix_chain(images: Tensor, labels: Tensor) -> Any:
    batch, targets = CUTMIX(images.float().div_(255.0), labels)
    return NORMALIZE(batch), targets


CHAINS: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "basic": basic_chain,
    "heavy": heavy_chain,
    "jitter": jitter_chain,
    "affine": affine_chain,
    "flip": flip_chain,
    "cutmix": cutmix_chain,
}


def row(chain: str, work: Work, batch: Set) -> object:
    return CHAINS[chain](batch.nchw, batch.labels)


def row_compiled(chain: str, work: Work, batch: Set) -> object:
    return compiled(CHAINS[chain])(batch.nchw, batch.labels)
