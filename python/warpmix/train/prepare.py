"""From settings to images: load, split, and the two pipelines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from warpmix.augment import Pipeline, from_config
from warpmix.data import Dataset, Loader, few_shot, k_fold, load, stratified_split
from warpmix.train.config import TrainConfig
from warpmix.train.model_file import ModelSpec
from warpmix.train.normalization import IMAGENET_MEAN, IMAGENET_STD, channel_statistics

_EVALUATION_BATCH_SIZE = 512

# What the pipeline emits is what autocast would cast its batch to.
_BATCH_DTYPE = {
    "32-true": torch.float32,
    "bf16-mixed": torch.bfloat16,
    "16-mixed": torch.float16,
}


@dataclass(frozen=True)
class Splits:
    """The images of a run, on its device, and how they are normalised.

    Attributes:
        train: what the model learns from.
        validation: held out of the training set; None with ``validation: 0``.
        test: the data set's own test split.
        mean, std: per channel, as fractions of 255.
        rows: rows of the data set's training split, int64 ascending, under the names of the first
            two.
    """

    train: Dataset
    validation: Dataset | None
    test: Dataset
    mean: tuple[float, ...]
    std: tuple[float, ...]
    rows: dict[str, Tensor]


def load_images(config: TrainConfig, split: str) -> Dataset:
    """The settings' images, on the CPU; errors as :func:`warpmix.data.load`."""
    return load(
        config.data,
        split=split,
        root=config.root,
        download=config.download,
        image_size=config.image_size,
        skip_bad_images=config.skip_bad_images,
    )


def load_splits(config: TrainConfig, device: torch.device) -> Splits:
    """Load the data set and hold the validation images out, before any augmentation.

    Raises:
        ValueError: train and test differ in classes or image size, or mean and std do not fit the
            number of channels.
    """
    everything, test = load_images(config, "train"), load_images(config, "test")
    if everything.classes != test.classes:
        raise ValueError(
            f"{config.data}: training and test images must have the same classes, got "
            f"{', '.join(everything.classes)} and {', '.join(test.classes)}"
        )
    rows = split_rows(config, everything.labels)
    train = everything.subset(rows["train"]) if rows else everything
    validation = everything.subset(rows["validation"]) if "validation" in rows else None
    mean, std = _normalization(config, train)
    return Splits(
        train.to(device),
        None if validation is None else validation.to(device),
        test.to(device),
        mean,
        std,
        rows,
    )


def split_rows(config: TrainConfig, labels: Tensor) -> dict[str, Tensor]:
    """Rows of the training split by the part they go to; empty where all are trained on.

    Args:
        labels: [N] int64 of the training split.

    Raises:
        ValueError: as :func:`stratified_split`, :func:`k_fold` and :func:`few_shot`.
    """
    rows: dict[str, Tensor] = {}
    if config.folds is not None:
        parts = k_fold(labels, config.folds, config.fold, config.split_seed)
        rows = dict(zip(("train", "validation"), parts, strict=True))
    elif config.validation > 0:
        parts = stratified_split(labels, config.validation, config.split_seed)
        rows = dict(zip(("train", "validation"), parts, strict=True))
    if config.few_shot is not None:
        kept = rows.get("train", torch.arange(len(labels)))
        rows["train"] = kept[few_shot(labels[kept], config.few_shot, config.split_seed)]
    return rows


def _normalization(
    config: TrainConfig, train: Dataset
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The settings' mean and std, else ImageNet's for pretrained weights, else the images' own."""
    channels = train.channels
    if config.mean is not None and config.std is not None:
        if len(config.mean) != channels:
            raise ValueError(
                f"mean and std must have one value for each of the {channels} channels of "
                f"{config.data}, got {len(config.mean)}"
            )
        return config.mean, config.std
    if config.weights is not None and channels == len(IMAGENET_MEAN):
        return IMAGENET_MEAN, IMAGENET_STD
    return channel_statistics(train.images)


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
    row = torch.zeros(1, dtype=torch.int64, device=train.dataset.device)
    batch, _ = train.pipeline(
        train.dataset.images, ids=row, index=row, sums=train.dataset.channel_sums
    )
    height, width = batch.shape[2:]
    expected = spec.input_size or spec.image_size
    if (height, width) != expected:
        raise ValueError(
            f"augment makes images of {height}x{width}, and the model is tested on "
            f"{expected[0]}x{expected[1]}; set input_size to {height}"
        )


def evaluation_loader(
    dataset: Dataset, spec: ModelSpec, precision: str, channels_last: bool = True
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
