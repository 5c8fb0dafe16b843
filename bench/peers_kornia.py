"""Rows of Kornia: batched, parameters per sample, float32 on [0, 1]."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import kornia.augmentation as K
import torch
from augment_rows import MEAN, STD, Set, Work
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
NORMALIZE = K.Normalize(MEAN, STD)


def card_chain(images: Tensor, labels: Tensor) -> Any:
    """Kornia cannot wrap, its contrast is x · f, and black borders are pure_torch.py's."""
    batch = CONTRAST(SHIFT(images.float().div_(255.0)))
    batch, targets = CUTMIX(batch, labels)
    return NORMALIZE(crop_blackout(batch, 0.2)), targets


def heavy_chain(images: Tensor, labels: Tensor) -> Any:
    batch = ERASING(JITTER(AFFINE(images.float().div_(255.0))))
    batch, targets = MIXUP(batch, labels)
    return NORMALIZE(batch), targets


def card(work: Work, batch: Set) -> object:
    return card_chain(batch.nchw, batch.labels)


def heavy(work: Work, batch: Set) -> object:
    return heavy_chain(batch.nchw, batch.labels)


@functools.cache
def compiled(chain: Callable[..., Any]) -> Callable[..., Any]:
    return torch.compile(chain)


def card_compiled(work: Work, batch: Set) -> object:
    return compiled(card_chain)(batch.nchw, batch.labels)


def heavy_compiled(work: Work, batch: Set) -> object:
    return compiled(heavy_chain)(batch.nchw, batch.labels)
