"""torchvision's automatic policies as peers: their spaces, read from torchvision itself, and the
operation that one drawn slot of ours stands for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms import v2

from warpmix import Pipeline
from warpmix.augment import Transform
from warpmix.augment.draws import NamedDraw

Space = dict[str, tuple[Tensor | None, bool]]  # operation: its magnitudes by bin, signed
Outcomes = dict[tuple[Any, ...], float]  # (operation, magnitude to four digits): probability


LEVEL = 1e-4  # chance that a right generator fails a test of its draws
HEIGHT, WIDTH = 24, 31  # of the image that they are for


def drawn(transform: Transform, count: int, **options: Any) -> NamedDraw:
    """What as many samples of one image draw."""
    images = torch.zeros(1, 3, HEIGHT, WIDTH, dtype=torch.uint8)
    ids = torch.arange(count)
    pipeline = Pipeline([transform], seed=14, **options)
    (named,) = pipeline.draw(ids, images=images, index=torch.zeros_like(ids)).named()
    return named


def space_of(policy: Any, bins: int, height: int, width: int) -> Space:
    return {
        name: (magnitudes(bins, height, width), signed)
        for name, (magnitudes, signed) in policy._AUGMENTATION_SPACE.items()
    }


def outcomes_of(space: Space, entries: Sequence[tuple[str, float, int | None]]) -> Outcomes:
    """What one slot may draw, from equally probable (operation, probability, bin or None)."""
    found: Outcomes = {}

    def add(name: str, magnitude: float, p: float) -> None:
        if p > 0:
            key = (name, round(magnitude, 4) + 0.0)
            found[key] = found.get(key, 0.0) + p / len(entries)

    for name, p, place in entries:
        magnitudes, signed = space[name]
        add("Identity", 0.0, 1.0 - p)
        if magnitudes is None:
            add(name, 0.0, p)
            continue
        values = [
            float(m) for m in (magnitudes if place is None else magnitudes[place : place + 1])
        ]
        for value in values:
            for sign in (1, -1) if signed else (1,):
                add(name, sign * value, p / len(values) / (2 if signed else 1))
    return found


def by_torchvision(
    image: Tensor,
    operation: str,
    magnitude: float,
    fill: Any = None,
    interpolation: str = "nearest",
) -> Tensor:
    """Apply one operation to [C, H, W] uint8 or float on [0, 1]."""
    policy = v2.RandAugment(fill=fill)
    applied: Tensor = policy._apply_image_or_video_transform(
        image, operation, magnitude, v2.InterpolationMode(interpolation), policy._fill
    )
    return applied
