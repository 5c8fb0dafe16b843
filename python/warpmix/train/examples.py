"""Training images beside what the augmentation of a run makes of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from warpmix.augment import Pipeline, RaggedImages, from_config
from warpmix.data import Dataset, Variant
from warpmix.train.automatic import settle
from warpmix.train.config import TrainConfig
from warpmix.train.data import load_images
from warpmix.train.loaders import make_variant, to_size
from warpmix.train.preprocessing import preprocessing


@dataclass(frozen=True)
class Form:
    """The images as one pipeline makes them.

    Attributes:
        name: of the variant; empty for the augmentation of the images themselves.
        images: uint8 [n, H, W, C].
        captions: for each image, the lines that say what was drawn.
    """

    name: str
    images: np.ndarray
    captions: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Examples:
    """Images before and after.

    Attributes:
        originals: uint8 [n, H, W, C], or a list of n of mixed sizes.
        titles: n names of classes.
        forms: what is made of them: by the augmentation, and by each of the variants. With
            variants and without an augmentation the originals themselves are no form.
    """

    originals: Sequence[np.ndarray]
    titles: tuple[str, ...]
    forms: tuple[Form, ...]


def augment_examples(config: TrainConfig, count: int = 8, epoch: int = 0) -> Examples:
    """Augment ``count`` training images, of as many classes as can be.

    Args:
        config: its data, augmentation, variants and seed are used.
        count: images; all of them if there are fewer.
        epoch: whose random numbers are drawn; 0 with copies that are made once.

    Raises:
        FileNotFoundError, ValueError: as :func:`warpmix.data.load`.
    """
    dataset = load_images(config, "train")
    config = settle(config, dataset)
    rows = torch.tensor(_one_of_each(dataset.labels.tolist(), count))
    unscaled = {"mean": (0.0,) * dataset.channels, "std": (1.0,) * dataset.channels}
    prepared = preprocessing(config.model_copy(update=unscaled), dataset)
    resize = to_size(prepared) if prepared.keeps_proportions else []
    pipeline = Pipeline(
        from_config([*resize, *config.augment]), p=config.p, dtype=torch.uint8, seed=config.seed
    )
    ways = {"": Variant(pipeline)}
    ways |= {
        name: make_variant(config, name, pipeline, dataset, resize) for name in config.variants
    }
    drawn = 0 if config.copies == "once" else epoch
    forms = [
        _make_form(name, variant, dataset, rows, rows + copy * len(dataset), drawn)
        for copy, (name, variant) in enumerate(ways.items())
    ]
    originals: Any = [dataset.picture(row).numpy() for row in rows.tolist()]
    if dataset.image_size is not None:
        originals = np.stack(originals)
    return Examples(
        originals,
        tuple(dataset.classes[label] for label in dataset.labels[rows]),
        tuple(forms if config.augment or not config.variants else forms[1:]),
    )


def _make_form(
    name: str, variant: Variant, dataset: Dataset, rows: Tensor, ids: Tensor, epoch: int
) -> Form:
    source = variant.dataset or dataset
    mean = _mean_of(source)
    filled = [transform.with_mean(mean) for transform in variant.pipeline.transforms]
    pipeline = variant.pipeline.replace(transforms=filled)
    draws = pipeline.draw(ids, images=source.source, index=rows, epoch=epoch)
    made, targets = pipeline.replay(source.source, draws, source.labels, sums=source.channel_sums)
    captions = (
        tuple(_mixed_label(source.classes, *mix) + draws.describe(i) or ["unchanged"])
        for i, mix in enumerate(zip(*targets, strict=True))
    )
    return Form(name, made.permute(0, 2, 3, 1).numpy(), tuple(captions))


def _mean_of(dataset: Dataset) -> list[float]:
    """Return the images' own mean, one a channel, on [0, 1]: a run may normalise by another."""
    images = dataset.images
    if isinstance(images, RaggedImages):
        pixels = int(images.sizes.prod(1, dtype=torch.int64).sum())
    else:
        pixels = math.prod(images.shape[:3])
    means: list[float] = (dataset.channel_sums.double().sum(0) / (pixels * 2**16 * 255)).tolist()
    return means


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
