"""Rows of albumentations: NumPy and OpenCV, sample by sample, uint8 until it normalises."""

from __future__ import annotations

import functools
from typing import Any

import albumentations as A
import cv2
import numpy as np
import pure_torch
import torch
from augment_rows import MEAN, STD, Set, Work

NORMALIZE = A.Normalize(MEAN, STD)


def _affine() -> A.Affine:
    return A.Affine(
        rotate=(-15, 15),
        translate_percent={"x": (-0.1, 0.1), "y": (-0.1, 0.1)},
        scale=(0.9, 1.1),
        keep_ratio=True,
        shear={"x": (-10, 10), "y": (0, 0)},
        p=1.0,
    )


def _jitter() -> A.ColorJitter:
    return A.ColorJitter(0.4, 0.4, 0.4, 0.1, p=1.0)


HEAVY = A.Compose([_affine(), _jitter(), A.Erasing(p=0.5)])
AFFINE = A.Compose(
    [
        A.HorizontalFlip(),
        _affine(),
        A.ColorJitter((0.6, 1.4), (0.6, 1.4), (1.0, 1.0), (0.0, 0.0), p=1.0),
    ]
)
FLIP = A.Compose(
    [
        A.HorizontalFlip(),
        A.ColorJitter((1.0, 1.0), (0.5, 1.5), (1.0, 1.0), (0.0, 0.0), p=1.0),
        A.Erasing(p=0.5),
    ]
)


@functools.cache
def crop_and_jitter(size: int) -> Any:
    steps = [A.Pad(4), A.RandomCrop(size, size), A.HorizontalFlip(), _jitter()]
    return A.Compose(steps)


@functools.cache
def shift_and_contrast(size: int) -> Any:
    pixels = {axis: (-int(0.2 * size), int(0.2 * size)) for axis in "xy"}
    return A.Compose(
        [
            A.Affine(
                translate_px=pixels,
                interpolation=cv2.INTER_NEAREST,
                border_mode=cv2.BORDER_WRAP,
                p=1.0,
            ),
            A.ColorJitter((1.0, 1.0), (1.0, 3.0), (1.0, 1.0), (0.0, 0.0), p=1.0),
        ]
    )


def boxes(generator: np.random.Generator, count: int, size: int) -> np.ndarray:
    """[B, 4] CutMix's x0, y0, x1, y1, vectorised; albumentations has no CutMix."""
    half = (0.5 * np.sqrt(generator.random((count, 1))) * size).astype(np.int64)
    centre = generator.integers(0, size, (count, 2))
    return np.concatenate([np.maximum(centre - half, 0), np.minimum(centre + half, size)], 1)


def basic(work: Work, batch: Set) -> object:
    count, size = len(batch.labels), work.case.size
    generator = np.random.default_rng()
    transform = shift_and_contrast(size)
    images = [transform(image=image)["image"] for image in batch.nhwc.permute(0, 2, 3, 1).numpy()]
    partner, box = generator.permutation(count), boxes(generator, count, size)
    border = generator.integers(0, int(0.2 * size) + 1, (count, 2))
    out = batch.channels_last.permute(0, 2, 3, 1).numpy()
    for i, (x0, y0, x1, y1) in enumerate(box):
        image, (x, y) = images[i].copy(), border[i]
        image[y0:y1, x0:x1] = images[partner[i]][y0:y1, x0:x1]
        image[:y], image[size - y :] = 0, 0
        image[:, :x], image[:, size - x :] = 0, 0
        out[i] = NORMALIZE(image=image)["image"]
    lam = 1.0 - (box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]) / size**2
    return batch.channels_last, batch.labels[torch.from_numpy(partner)], torch.from_numpy(lam)


def _normalised(transform: Any, batch: Set) -> torch.Tensor:
    out = batch.channels_last.permute(0, 2, 3, 1).numpy()
    for i, image in enumerate(batch.nhwc.permute(0, 2, 3, 1).numpy()):
        out[i] = NORMALIZE(image=transform(image=image)["image"])["image"]
    return batch.channels_last


def affine(work: Work, batch: Set) -> object:
    return _normalised(AFFINE, batch)


def flip(work: Work, batch: Set) -> object:
    return _normalised(FLIP, batch)


def jitter(work: Work, batch: Set) -> object:
    """CutMix by PyTorch, on the normalised batch: which pixels are replaced is the same."""
    images = _normalised(crop_and_jitter(work.case.size), batch)
    return pure_torch.cutmix(images, batch.labels)


def heavy(work: Work, batch: Set) -> object:
    """MixUp, which albumentations has no more, in PyTorch on the normalised batch, which is the
    same: both are affine in a pixel."""
    images = _normalised(HEAVY, batch)
    partner, lam = torch.randperm(len(images)), torch.rand(len(images))
    mixed = torch.lerp(images[partner], images, lam[:, None, None, None])
    return mixed, batch.labels[partner], lam
