"""From settings to images: load, split, and the two pipelines."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from warpmix.augment import Pipeline, from_config
from warpmix.data import Dataset, Loader, load, stratified_split
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
    """

    train: Dataset
    validation: Dataset | None
    test: Dataset
    mean: tuple[float, ...]
    std: tuple[float, ...]


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
    train, test = load_images(config, "train"), load_images(config, "test")
    if train.classes != test.classes:
        raise ValueError(
            f"{config.data}: training and test images must have the same classes, got "
            f"{', '.join(train.classes)} and {', '.join(test.classes)}"
        )
    validation = None
    if config.validation > 0:
        kept, held_out = stratified_split(train.labels, config.validation, config.split_seed)
        train, validation = train.subset(kept), train.subset(held_out)
    mean, std = _normalization(config, train)
    return Splits(
        train.to(device),
        None if validation is None else validation.to(device),
        test.to(device),
        mean,
        std,
    )


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


def training_loader(config: TrainConfig, splits: Splits) -> Loader:
    """Shuffled, augmented batches of the training images, none of a single sample."""
    pipeline = Pipeline(
        from_config(config.augment),
        p=config.p,
        mean=splits.mean,
        std=splits.std,
        dtype=_BATCH_DTYPE[config.precision],
        channels_last=config.channels_last,
        seed=config.seed,
    )
    loader = Loader(
        splits.train, pipeline, config.batch_size, expand=config.expand, seed=config.seed
    )
    # Batch norm cannot train on a lone last sample.
    loader.drop_last = loader.samples % config.batch_size == 1 and len(loader) > 1
    return loader


def evaluation_loader(
    dataset: Dataset, spec: ModelSpec, precision: str, channels_last: bool = True
) -> Loader:
    """Every image of the data set in order, normalised as ``spec`` says."""
    pipeline = Pipeline(
        [],
        mean=spec.mean,
        std=spec.std,
        dtype=_BATCH_DTYPE[precision],
        channels_last=channels_last,
    )
    return Loader(dataset, pipeline, _EVALUATION_BATCH_SIZE, shuffle=False)
