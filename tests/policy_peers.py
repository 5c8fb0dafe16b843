"""torchvision's automatic policies as peers: their spaces, read from torchvision itself, and the
operation that one drawn slot of ours stands for. And of ours, single operations on images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms import v2

from warpmix import Pipeline
from warpmix.augment import Transform
from warpmix.augment.draws import NamedDraw
from warpmix.augment.stages import KINDS, OPERATIONS

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


def of_operation(
    name: str, magnitudes: list[float], images: Tensor, transform: Transform
) -> Tensor:
    """Ours, uint8 in and out: images [C, H, W], one for each magnitude, to [B, C, H, W].

    Args:
        transform: of one slot, which does what is put in place of its draw.
    """
    pipeline = Pipeline([transform], dtype=torch.uint8, channels_last=False, seed=0)
    batch = images.expand(len(magnitudes), -1, -1, -1).contiguous()
    draws = pipeline.draw(torch.arange(len(batch)), images=batch)
    fields = {of.name: 2 + of.place for of in KINDS["policy"].draw}
    words = draws.per_launch[0][:, 0, 0]
    words[:, fields["operation"]] = OPERATIONS.index(name)
    words[:, fields["magnitude"]] = torch.tensor(magnitudes, dtype=torch.float32).view(torch.int32)
    return pipeline.replay(batch, draws)


def images_of(channels: int) -> Iterator[Tensor]:
    """Noise, noise in a narrow range, a ramp and a flat image, some larger, none square."""
    generator = torch.Generator().manual_seed(3)
    for height, width in ((24, 31), (33, 16), (96, 120)):
        shape = (channels, height, width)
        yield torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
        yield torch.randint(90, 160, shape, dtype=torch.uint8, generator=generator)
        ramp = 3 * torch.arange(height)[:, None] + 2 * torch.arange(width)
        yield (ramp + 11 * torch.arange(channels)[:, None, None]).to(torch.uint8)
        yield torch.full(shape, 77, dtype=torch.uint8)


def checksum(transform: Transform) -> int:
    """Of 256 results, uint8: it changes with the random stream and with the arithmetic."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (256, 3, 16, 12), dtype=torch.uint8, generator=generator)
    pipeline = Pipeline([transform], dtype=torch.uint8, channels_last=False, seed=7)
    batch = pipeline(images, ids=torch.arange(256), epoch=1)
    weights = torch.arange(batch.numel(), dtype=torch.int64) % 65521
    return int((batch.flatten().long() * weights).sum())
