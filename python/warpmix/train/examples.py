"""Training images beside what the augmentation of a run makes of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from warpmix.augment import Pipeline, from_config
from warpmix.train.config import TrainConfig
from warpmix.train.data import load_images


@dataclass(frozen=True)
class Examples:
    """Images before and after.

    Attributes:
        originals, augmented: uint8 [n, H, W, C].
        titles: n names of classes.
        captions: for each image, the lines that say what was drawn.
    """

    originals: np.ndarray
    augmented: np.ndarray
    titles: tuple[str, ...]
    captions: tuple[tuple[str, ...], ...]


def augment_examples(config: TrainConfig, count: int = 8, epoch: int = 0) -> Examples:
    """Augment ``count`` training images, of as many classes as can be.

    Args:
        config: its data, augmentation and seed are used.
        count: images; all of them if there are fewer.
        epoch: whose random numbers are drawn.

    Raises:
        FileNotFoundError, ValueError: as :func:`warpmix.data.load`.
    """
    dataset = load_images(config, "train")
    rows = torch.tensor(_one_of_each(dataset.labels.tolist(), count))
    pipeline = Pipeline(
        from_config(config.augment), p=config.p, dtype=torch.uint8, seed=config.seed
    )
    images = dataset.images.permute(0, 3, 1, 2)
    draws = pipeline.draw(images=images, index=rows, epoch=epoch)
    augmented, targets = pipeline.replay(images, draws, dataset.labels, sums=dataset.channel_sums)
    return Examples(
        dataset.images[rows].numpy(),
        augmented.permute(0, 2, 3, 1).numpy(),
        tuple(dataset.classes[label] for label in dataset.labels[rows]),
        tuple(
            tuple(_mixed_label(dataset.classes, *mix) + draws.describe(i) or ["unchanged"])
            for i, mix in enumerate(zip(*targets, strict=True))
        ),
    )


def _mixed_label(
    classes: tuple[str, ...], own: Tensor, partner: Tensor, share: Tensor
) -> list[str]:
    """Say the label of a mixed image, e.g. ``["label: 70% cat, 30% dog"]``, else nothing."""
    if share == 1:
        return []
    return [f"label: {share:.0%} {classes[own]}, {1 - share:.0%} {classes[partner]}"]


def _one_of_each(labels: list[int], count: int) -> list[int]:
    """Choose ``count`` rows: one of every class in turn, then a second of every class, ..."""
    turns: dict[int, int] = {}
    keys = []
    for row, label in enumerate(labels):
        turns[label] = turns.get(label, 0) + 1
        keys.append((turns[label], label, row))
    return [row for _, _, row in sorted(keys)[:count]]
