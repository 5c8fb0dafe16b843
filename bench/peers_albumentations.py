"""Rows of albumentations: NumPy and OpenCV, sample by sample, uint8 until it normalises."""

from __future__ import annotations

import functools
from typing import Any

import albumentations as A
import cv2
import numpy as np
import torch
from augment_rows import MEAN, STD, Set, Work

NORMALIZE = A.Normalize(MEAN, STD)
HEAVY = A.Compose(
    [
        A.Affine(
            rotate=(-15, 15),
            translate_percent={"x": (-0.1, 0.1), "y": (-0.1, 0.1)},
            scale=(0.9, 1.1),
            keep_ratio=True,
            shear={"x": (-10, 10), "y": (0, 0)},
            p=1.0,
        ),
        A.ColorJitter(0.4, 0.4, 0.4, 0.1, p=1.0),
        A.Erasing(p=0.5),
    ]
)


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


def card(work: Work, batch: Set) -> object:
    count, size = work.case.batch, work.case.size
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


def heavy(work: Work, batch: Set) -> object:
    """MixUp, which albumentations has no more, in PyTorch on the normalised batch, which is the
    same: both are affine in a pixel."""
    out = batch.channels_last.permute(0, 2, 3, 1).numpy()
    for i, image in enumerate(batch.nhwc.permute(0, 2, 3, 1).numpy()):
        out[i] = NORMALIZE(image=HEAVY(image=image)["image"])["image"]
    partner, lam = torch.randperm(work.case.batch), torch.rand(work.case.batch)
    mixed = torch.lerp(batch.channels_last[partner], batch.channels_last, lam[:, None, None, None])
    return mixed, batch.labels[partner], lam
