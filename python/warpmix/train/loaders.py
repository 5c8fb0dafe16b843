"""From images to batches: those that train a model, and those that test it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from warpmix.augment import Pipeline, Targets, from_config
from warpmix.data import Loader
from warpmix.data.order import Share
from warpmix.train.config import TrainConfig
from warpmix.train.data import Images, Splits
from warpmix.train.model import ModelSpec

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
    """Return shuffled, augmented batches of the training images, none of a single sample.

    Args:
        config: its augmentation, batch size, precision and seed count.
        splits: the images, and how they are normalised.
        rank, world_size: this process's place among those that share every batch.

    Raises:
        ValueError: an unknown transform, or parameters that it does not take.
    """
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
    """Return every image of the data set in order, resized and normalised as ``spec`` says.

    Args:
        dataset: images of ``spec.image_size`` and ``spec.channels``.
        spec: of the model that they are for.
        precision: as in :class:`warpmix.train.TrainConfig`; the batches' dtype follows it.
        channels_last: memory format of the batches.
    """
    pipeline = Pipeline(
        from_config(_resize(spec.input_size)),
        mean=spec.mean,
        std=spec.std,
        dtype=_BATCH_DTYPE[precision],
        channels_last=channels_last,
    )
    return Loader(dataset, pipeline, _EVALUATION_BATCH_SIZE, shuffle=False)


class FeatureLoader:
    """The batches of a :class:`warpmix.data.Loader` whose images never change, as features.

    A frozen backbone computes them once, and training then costs the head alone. The order, the
    batches and the shares of the ranks are the loader's, so a head that trains on them ends with
    the weights it would have had with the whole network.

    Args:
        loader: of images that nothing augments.
        features: [N, F] of all its data set's images, in order.

    Attributes:
        epoch: of the next pass, as the loader's.
    """

    def __init__(self, loader: Loader, features: Tensor) -> None:
        self._loader = loader
        self._features = features.clone() if features.is_inference() else features
        self.epoch = 0

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[tuple[Tensor, Targets]]:
        epoch, self.epoch = self.epoch, self.epoch + 1
        labels = self._loader.dataset.labels
        assert labels is not None  # what is trained on has labels
        labels = labels.to(self._features.device)
        return (self._batch(share, labels) for share in self._loader.shares(epoch))

    def _batch(self, share: Share, labels: Tensor) -> tuple[Tensor, Targets]:
        rows = share.order.index.to(labels.device)
        own = labels[rows[: share.own]]
        return self._features[rows], Targets(own, own, torch.ones_like(own).float())


def _resize(size: int | tuple[int, int] | None) -> list[str | dict[str, Any]]:
    """Return the transform, as plain data, that enlarges images in the augmentation launch."""
    if size is None:
        return []
    return [{"Resize": {"size": size if isinstance(size, int) else list(size)}}]
