"""From images and settings to the two pipelines: what trains a model, and what tests it."""

from __future__ import annotations

from typing import Any

import torch

from warpmix.augment import Pipeline, from_config
from warpmix.data import Loader
from warpmix.train.config import TrainConfig
from warpmix.train.images import Images, Splits, load_images
from warpmix.train.model_file import ModelSpec

__all__ = ["check_input_size", "evaluation_loader", "load_images", "training_loader"]

_EVALUATION_BATCH_SIZE = 512

# What the pipeline emits is what autocast would cast its batch to.
_BATCH_DTYPE = {
    "32-true": torch.float32,
    "bf16-mixed": torch.bfloat16,
    "16-mixed": torch.float16,
}


def training_loader(
    config: TrainConfig, splits: Splits, rank: int = 0, world_size: int = 1
) -> Loader:
    """Shuffled, augmented batches of the training images, none of a single sample."""
    transforms = from_config([*_resize(config.input_size), *config.augment])
    pipeline = Pipeline(
        transforms,
        p=config.p,
        mean=splits.mean,
        std=splits.std,
        dtype=_BATCH_DTYPE[config.precision],
        channels_last=config.channels_last,
        seed=config.seed,
    )
    return Loader(
        splits.train,
        pipeline,
        config.batch_size,
        expand=config.expand,
        mixup_off_epoch=config.mixup_off_epoch,
        seed=config.seed,
        join_last=True,  # batch norm cannot train on a lone last sample
        rank=rank,
        world_size=world_size,
    )


def check_input_size(train: Loader, spec: ModelSpec) -> None:
    """Refuse an augmentation whose images have another size than those the model is tested on.

    Raises:
        ValueError: the sizes differ.
    """
    height, width = train.pipeline.output_size(*train.dataset.image_size, train.dataset.channels)
    expected = spec.input_size or spec.image_size
    if (height, width) != expected:
        raise ValueError(
            f"augment makes images of {height}x{width}, and the model is tested on "
            f"{expected[0]}x{expected[1]}; set input_size to {height}"
        )


def evaluation_loader(
    dataset: Images, spec: ModelSpec, precision: str, channels_last: bool = True
) -> Loader:
    """Every image of the data set in order, resized and normalised as ``spec`` says."""
    pipeline = Pipeline(
        from_config(_resize(spec.input_size)),
        mean=spec.mean,
        std=spec.std,
        dtype=_BATCH_DTYPE[precision],
        channels_last=channels_last,
    )
    return Loader(dataset, pipeline, _EVALUATION_BATCH_SIZE, shuffle=False)


def _resize(size: int | tuple[int, int] | None) -> list[str | dict[str, Any]]:
    """The transform, as plain data, that enlarges images in the augmentation launch."""
    if size is None:
        return []
    return [{"Resize": {"size": size if isinstance(size, int) else list(size)}}]
