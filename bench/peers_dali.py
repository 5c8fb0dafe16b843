"""Rows of NVIDIA DALI's pipelines, without prefetching, so that a call is one batch.

Images are uint8 [H, W, 3], of any sizes: NumPy arrays for the CPU's pipelines, tensors there for a
GPU's. Results are views of DALI's own memory, which the next call overwrites.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pure_torch
import torch
from augment_rows import MEAN, STD, Set, Work
from torch import Tensor

CROP = 224


def _uniform(low: float, high: float, **options: Any) -> Any:
    from nvidia.dali import fn

    return fn.random.uniform(range=(low, high), **options)


def crop_steps(images: Any, size: int) -> Any:
    from nvidia.dali import fn

    return fn.random_resized_crop(images, size=(CROP, CROP), antialias=True)


def flip_steps(images: Any, size: int) -> Any:
    """Contrast about the middle, and a box of RandomErasing's range; half of them are empty."""
    from nvidia.dali import fn

    images = fn.contrast(images, contrast=_uniform(0.5, 1.5), contrast_center=127.5)
    area = _uniform(0.02, 0.33) * fn.random.coin_flip()
    aspect = _uniform(0.3, 3.3)
    sides = fn.stack(*(share**0.5 for share in (area * aspect, area / aspect)))
    anchor = _uniform(0.0, 0.7, shape=(2,))
    return fn.erase(images, anchor=anchor, shape=sides, normalized=True, axis_names="HW")


def affine_steps(images: Any, size: int) -> Any:
    """Contrast about the middle."""
    from nvidia.dali import fn, types

    centre, tenth = (size / 2, size / 2), 0.1 * size
    scale = _uniform(0.9, 1.1)
    matrix = fn.transforms.shear(
        angles=fn.stack(_uniform(-10, 10), types.Constant(0.0)), center=centre
    )
    matrix = fn.transforms.scale(matrix, scale=fn.stack(scale, scale), center=centre)
    matrix = fn.transforms.rotation(matrix, angle=_uniform(-15, 15), center=centre)
    matrix = fn.transforms.translation(matrix, offset=_uniform(-tenth, tenth, shape=(2,)))
    images = fn.warp_affine(images, matrix=matrix, fill_value=0, inverse_map=False)
    factors = {"brightness": _uniform(0.6, 1.4), "contrast": _uniform(0.6, 1.4)}
    return fn.brightness_contrast(images, contrast_center=127.5, **factors)


def jitter_steps(images: Any, size: int) -> Any:
    """Contrast about the middle; CutMix follows outside."""
    from nvidia.dali import fn, types

    start = fn.cast(fn.random.uniform(range=(-4.49, 4.49), shape=(2,)), dtype=types.INT32)
    images = fn.slice(
        images, start=start, shape=(size, size), axes=(0, 1), out_of_bounds_policy="pad"
    )
    factors = {name: _uniform(0.6, 1.4) for name in ("brightness", "contrast", "saturation")}
    return fn.color_twist(images, hue=_uniform(-36.0, 36.0), **factors)


def trivial_steps(images: Any, size: int) -> Any:
    from nvidia.dali.auto_aug.trivial_augment import trivial_augment_wide

    return trivial_augment_wide(images, shape=(size, size), fill_value=0)


def rand_steps(images: Any, size: int) -> Any:
    from nvidia.dali.auto_aug.rand_augment import rand_augment

    return rand_augment(images, n=2, m=9, shape=(size, size), fill_value=0)


STEPS: dict[str, Callable[[Any, int], Any]] = {
    "crops": crop_steps,
    "flip": flip_steps,
    "affine": affine_steps,
    "jitter": jitter_steps,
    "trivial_augment": trivial_steps,
    "rand_augment": rand_steps,
}
POLICIES = ("trivial_augment", "rand_augment")
"""Those that choose operators, and do not flip."""


class Runner:
    """A built pipeline of some steps, a flip where the chain has one, and normalisation."""

    def __init__(self, steps: str, count: int, size: int, device: str, threads: int) -> None:
        from nvidia.dali import fn, pipeline_def, types

        on_gpu = device == "cuda"

        def graph() -> Any:
            images = fn.external_source(
                lambda: self.images, layout="HWC", no_copy=True, device="gpu" if on_gpu else "cpu"
            )
            mirror = 0 if steps in POLICIES else fn.random.coin_flip()
            return fn.crop_mirror_normalize(
                STEPS[steps](images, size),
                dtype=types.FLOAT,
                output_layout="HWC",
                mean=[255.0 * value for value in MEAN],
                std=[255.0 * value for value in STD],
                mirror=mirror,
            )

        options: dict[str, Any] = {"batch_size": count, "num_threads": threads, "seed": 0}
        options["device_id"] = torch.cuda.current_device() if on_gpu else None
        options |= {"exec_async": False, "exec_pipelined": False, "prefetch_queue_depth": 1}
        decorate = pipeline_def(enable_conditionals=steps in POLICIES, **options)
        self.images: Sequence[Any] = ()
        self.on_gpu = on_gpu
        self.pipeline = decorate(graph)()
        self.pipeline.build()

    def __call__(self, images: Sequence[Any]) -> Tensor:
        self.images = images
        (batch,) = self.pipeline.run()
        made = batch.as_tensor()
        tensor = torch.from_dlpack(made) if self.on_gpu else torch.from_numpy(np.asarray(made))
        return tensor.permute(0, 3, 1, 2)


@functools.cache
def runner(steps: str, count: int, size: int, device: str, threads: int) -> Runner:
    return Runner(steps, count, size, device, threads)


def made(steps: str, images: Sequence[Any], device: str = "cpu") -> Tensor:
    """[N, 3, h, w] float32, normalised; with as many threads as torch has."""
    size = images[0].shape[0] if steps != "crops" else CROP
    return runner(steps, len(images), size, device, torch.get_num_threads())(images)


def row(steps: str, work: Work, batch: Set) -> object:
    images = batch.nhwc.permute(0, 2, 3, 1)
    if work.case.device == "cuda":
        return made(steps, list(images), "cuda")
    return made(steps, list(images.numpy()))


def jitter(work: Work, batch: Set) -> object:
    """CutMix by PyTorch, on the normalised batch: which pixels are replaced is the same."""
    images = row("jitter", work, batch)
    assert isinstance(images, Tensor)
    return pure_torch.cutmix(images, batch.labels)
