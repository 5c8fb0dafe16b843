"""From images to batches: those that train a model, and those that test it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from warpmix.augment import Pipeline, from_config
from warpmix.data import Dataset, Loader, Variant
from warpmix.data.compression import compress_jpeg
from warpmix.data.dataset import output_size
from warpmix.train.config import TrainConfig
from warpmix.train.data import Images, Splits
from warpmix.train.model import ModelSpec
from warpmix.train.preprocessing import Preprocessing

Entry = str | dict[str, Any]  # of a list of transforms as plain data

EVALUATION_BATCH_SIZE = 512

# What the pipeline emits is what autocast would cast its batch to.
_BATCH_DTYPE = {
    "32-true": torch.float32,
    "bf16-mixed": torch.bfloat16,
    "16-mixed": torch.float16,
}


def training_loader(
    config: TrainConfig, splits: Splits, rank: int = 0, world_size: int = 1
) -> Loader:
    """Return shuffled, augmented batches of the training images, none of a single sample.

    Args:
        config: its augmentation, batch size, precision and seed count.
        splits: the images, and how they are normalised.
        rank, world_size: this process's place among those that share every batch.

    Raises:
        ValueError: an unknown transform, or parameters that it does not take.
    """
    prepared = splits.preprocessing
    resize = to_size(prepared)
    pipeline = Pipeline(
        from_config([*resize, *config.augment]),
        p=config.p,
        mean=prepared.mean,
        std=prepared.std,
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
        copies=config.copies,
        variants=[
            make_variant(config, name, pipeline, splits.train, resize) for name in config.variants
        ],
        seed=config.seed,
        join_last=True,  # batch norm cannot train on a lone last sample
        rank=rank,
        world_size=world_size,
    )


def to_size(prepared: Preprocessing) -> list[Entry]:
    """Return the transforms, as plain data, that bring images to the model's size before the
    augmentation; none where that does it."""
    if prepared.by_augmentation:
        return []
    return _resize(prepared.input_size, prepared.resize_size, prepared.keeps_proportions)


def make_variant(
    config: TrainConfig, name: str, pipeline: Pipeline, train: Images, resize: Sequence[Entry] = ()
) -> Variant:
    """Return how a variant is made: JPEG, of the images as they are, then its other transforms.

    Args:
        config: its variants, augmentation and seed count.
        name: of the variant.
        pipeline: of the originals.
        train: the images.
        resize: transforms, as plain data, before all others.

    Raises:
        TypeError, ValueError: a transform does not exist, or does not take its parameters.
    """
    listed, dataset = config.variants[name], None
    try:
        if listed and (quality := _jpeg_quality(listed[0])) is not None:
            if not isinstance(train, Dataset):
                raise ValueError("JPEG needs images in memory: set loading to resident")
            listed, dataset = listed[1:], compress_jpeg(train, quality, config.seed)
        made = from_config([*resize, *listed, *config.augment])
        return Variant(pipeline.replace(transforms=made), dataset)
    except (TypeError, ValueError) as error:
        raise type(error)(f"variants, {name}: {error}") from None


def _jpeg_quality(entry: Entry) -> tuple[int, int] | None:
    """Return the range of qualities of a JPEG entry, torchvision's ``JPEG(quality)``; None of any
    other entry."""
    if not isinstance(entry, dict) or list(entry) != ["JPEG"]:
        return None
    fields = entry["JPEG"]
    if not isinstance(fields, dict) or list(fields) != ["quality"]:
        raise ValueError(f"JPEG must be given as {{quality: [lowest, highest]}}, got {fields!r}")
    quality = fields["quality"]
    low, high = quality if isinstance(quality, list | tuple) else (quality, quality)
    return low, high


def check_input_size(train: Loader, spec: ModelSpec) -> None:
    """Refuse an augmentation whose images have another size than those the model is made for.

    Raises:
        ValueError: the sizes differ.
    """
    height, width = output_size(train.pipeline, train.dataset)
    expected = spec.network_size
    if (height, width) != expected:
        raise ValueError(
            f"augment makes images of {height}x{width}, and the model is made for "
            f"{expected[0]}x{expected[1]}; set input_size to {height}"
        )


def evaluation_loader(
    dataset: Images, spec: ModelSpec, precision: str, channels_last: bool = True
) -> Loader:
    """Return every image of the data set in order, resized and normalised as ``spec`` says.

    Args:
        dataset: images of ``spec.image_size``, of any sizes where that is None, and
            ``spec.channels``.
        spec: of the model that they are for.
        precision: as in :class:`warpmix.train.TrainConfig`; the batches' dtype follows it.
        channels_last: memory format of the batches.
    """
    pipeline = Pipeline(
        from_config(_of_evaluation(spec)),
        mean=spec.mean,
        std=spec.std,
        dtype=_BATCH_DTYPE[precision],
        channels_last=channels_last,
    )
    return Loader(dataset, pipeline, EVALUATION_BATCH_SIZE, shuffle=False)


def seen_images(dataset: Dataset, spec: ModelSpec) -> Tensor:
    """Return what a model sees of images, [n, h, w, C] uint8."""
    pipeline = Pipeline(from_config(_of_evaluation(spec)), dtype=torch.uint8)
    return pipeline(dataset.source).permute(0, 2, 3, 1)


def _of_evaluation(spec: ModelSpec) -> list[Entry]:
    size = spec.test_size or spec.input_size
    return _resize(size, spec.resize_size, mixed=spec.image_size is None)


def _resize(
    size: tuple[int, int] | None, resize_size: tuple[int, int] | None, mixed: bool
) -> list[Entry]:
    """Return the transforms, as plain data, that bring images to a size in the launch; of mixed
    sizes, with their proportions."""
    if size is None:
        return []
    if mixed:
        shorter = max(resize_size or size)
        return [{"Resize": {"size": shorter}}, {"CenterCrop": {"size": list(size)}}]
    if resize_size is None:
        return [{"Resize": {"size": list(size)}}]
    return [{"Resize": {"size": list(resize_size)}}, {"CenterCrop": {"size": list(size)}}]
