"""Rows of NVIDIA DALI's CPU pipelines: one thread, no prefetching, so that a call is one batch.

Images are uint8 [H, W, 3] arrays, of any sizes; results are views of DALI's own memory, which the
next call overwrites.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from augment_rows import MEAN, STD, Set, Work
from torch import Tensor

CROP = 224


def crop_steps(images: Any, size: int) -> Any:
    from nvidia.dali import fn

    return fn.random_resized_crop(images, size=(CROP, CROP), antialias=True)


def flip_steps(images: Any, size: int) -> Any:
    """Contrast about the middle, and a box of RandomErasing's range; half of them are empty."""
    from nvidia.dali import fn

    images = fn.contrast(
        images, contrast=fn.random.uniform(range=(0.5, 1.5)), contrast_center=127.5
    )
    area = fn.random.uniform(range=(0.02, 0.33)) * fn.random.coin_flip()
    aspect = fn.random.uniform(range=(0.3, 3.3))
    sides = fn.stack(*(share**0.5 for share in (area * aspect, area / aspect)))
    anchor = fn.random.uniform(range=(0.0, 0.7), shape=(2,))
    return fn.erase(images, anchor=anchor, shape=sides, normalized=True, axis_names="HW")


def trivial_steps(images: Any, size: int) -> Any:
    from nvidia.dali.auto_aug.trivial_augment import trivial_augment_wide

    return trivial_augment_wide(images, shape=(size, size), fill_value=0)


def rand_steps(images: Any, size: int) -> Any:
    from nvidia.dali.auto_aug.rand_augment import rand_augment

    return rand_augment(images, n=2, m=9, shape=(size, size), fill_value=0)


STEPS: dict[str, Callable[[Any, int], Any]] = {
    "crops": crop_steps,
    "flip": flip_steps,
    "trivial_augment": trivial_steps,
    "rand_augment": rand_steps,
}
FLIPPED = ("crops", "flip")


class Runner:
    """A built pipeline of some steps, a flip where the chain has one, and normalisation."""

    def __init__(self, steps: str, count: int, size: int) -> None:
        from nvidia.dali import fn, pipeline_def, types

        def graph() -> Any:
            images = fn.external_source(lambda: self.images, layout="HWC", no_copy=True)
            mirror = fn.random.coin_flip() if steps in FLIPPED else 0
            return fn.crop_mirror_normalize(
                STEPS[steps](images, size),
                dtype=types.FLOAT,
                output_layout="HWC",
                mean=[255.0 * value for value in MEAN],
                std=[255.0 * value for value in STD],
                mirror=mirror,
            )

        options = {"batch_size": count, "num_threads": 1, "device_id": None, "seed": 0}
        options |= {"exec_async": False, "exec_pipelined": False, "prefetch_queue_depth": 1}
        decorate = pipeline_def(enable_conditionals=steps not in FLIPPED, **options)
        self.images: Sequence[np.ndarray] = ()
        self.pipeline = decorate(graph)()
        self.pipeline.build()

    def __call__(self, images: Sequence[np.ndarray]) -> Tensor:
        self.images = images
        (batch,) = self.pipeline.run()
        return torch.from_numpy(np.asarray(batch.as_tensor())).permute(0, 3, 1, 2)


@functools.cache
def runner(steps: str, count: int, size: int) -> Runner:
    return Runner(steps, count, size)


def made(steps: str, images: Sequence[np.ndarray]) -> Tensor:
    """[N, 3, h, w] float32, normalised."""
    return runner(steps, len(images), images[0].shape[0])(images)


def _row(steps: str) -> Callable[[Work, Set], object]:
    return lambda work, batch: made(steps, list(batch.nhwc.permute(0, 2, 3, 1).numpy()))


flip = _row("flip")
trivial_augment = _row("trivial_augment")
rand_augment = _row("rand_augment")
