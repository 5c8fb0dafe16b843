"""Rows of fuse-augmentations (Kornia's transforms, resampled once) and of triton-augment."""

from __future__ import annotations

import functools
from typing import Any

from augment_rows import MEAN, STD, Set, Work


@functools.cache
def _fuse_augmentations() -> Any:
    import kornia.augmentation as K
    from fuse_augmentations import Compose, ReorderPolicy

    steps = [
        K.RandomHorizontalFlip(),
        K.RandomAffine(15.0, (0.1, 0.1), (0.9, 1.1), 10.0, p=1.0),
        K.ColorJitter(0.4, 0.4, p=1.0),
        K.Normalize(MEAN, STD),
    ]
    return Compose(steps, reorder=ReorderPolicy.NONE)


def affine(work: Work, batch: Set) -> object:
    return _fuse_augmentations()(batch.nchw.float().div_(255.0))


@functools.cache
def _triton_augment(size: int, options: tuple[tuple[str, Any], ...]) -> Any:
    from triton_augment import TritonFusedAugment

    return TritonFusedAugment(
        crop_size=size, horizontal_flip_p=0.5, mean=MEAN, std=STD, **dict(options)
    )


def affine_of_triton(work: Work, batch: Set) -> object:
    from torchvision.transforms import InterpolationMode

    options = {"degrees": 15, "translate": (0.1, 0.1), "scale": (0.9, 1.1), "shear": 10}
    options |= {"brightness": 0.4, "contrast": 0.4, "interpolation": InterpolationMode.BILINEAR}
    transform = _triton_augment(work.case.size, tuple(options.items()))
    return transform(batch.nchw.float().div_(255.0))
