"""What a pipeline lists beside plain transforms, and how a list is lowered to stages."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from warpmix.augment.registry import register
from warpmix.augment.stages import KINDS, Stage, compose_maps
from warpmix.augment.transform import Transform, check_number

__all__ = ["Normalize", "RandomChoice"]


@register
@dataclass(frozen=True)
class RandomChoice:
    """Applies one of the transforms, chosen per sample, as torchvision's RandomChoice.

    Args:
        transforms: the candidates. Their own ``p`` holds once they are chosen. A candidate may be
            a mix: ``RandomChoice([CutMix(), MixUp()])`` is how to have both.
        p: relative weights, one a candidate; uniform where left out.
    """

    transforms: Sequence[Transform]
    p: Sequence[float] | None = None

    def __post_init__(self) -> None:
        transforms = tuple(self.transforms)
        if not transforms or not all(isinstance(t, Transform) for t in transforms):
            raise TypeError(
                f"RandomChoice: transforms must be a non-empty list of transforms, "
                f"got {self.transforms!r}"
            )
        weights = (1.0,) * len(transforms) if self.p is None else tuple(self.p)
        if len(weights) != len(transforms):
            raise ValueError(
                f"RandomChoice: p must have one weight a transform ({len(transforms)}), "
                f"got {len(weights)}"
            )
        for weight in weights:
            check_number("RandomChoice", "p", weight, 0.0, math.inf)
        if not 0.0 < sum(weights) < math.inf:
            raise ValueError(f"RandomChoice: p must have a positive, finite sum, got {weights}")
        object.__setattr__(self, "transforms", transforms)
        object.__setattr__(self, "p", None if self.p is None else weights)

    @property
    def edges(self) -> list[float]:
        """Edges of the children's shares of [0, 1]; the last is 1 exactly."""
        weights = self.p or (1.0,) * len(self.transforms)
        total = sum(weights)
        edges = [sum(weights[:i]) / total for i in range(len(weights))]
        return [*edges, 1.0]


@register
@dataclass(frozen=True)
class Normalize:
    """``(x / 255 - mean) / std`` per channel; the last of a list, as torchvision's on [0, 1].

    Args:
        mean, std: one number, or one a channel; std positive.
    """

    mean: Sequence[float] | float
    std: Sequence[float] | float

    def __post_init__(self) -> None:
        for name in ("mean", "std"):
            value = getattr(self, name)
            values = (value,) if isinstance(value, int | float) else tuple(map(float, value))
            low = 1e-6 if name == "std" else -1e6
            for v in values:
                check_number("Normalize", name, v, low, 1e6)
            object.__setattr__(self, name, values)

    def coefficients(self, channels: int) -> tuple[list[float], list[float]]:
        """(scale, bias) with ``out = x · scale + bias`` for x on [0, 255]."""
        expanded = []
        for name in ("mean", "std"):
            values = getattr(self, name)
            if len(values) not in (1, channels):
                raise ValueError(
                    f"Normalize: {name} must have 1 or {channels} values for images of "
                    f"{channels} channels, got {len(values)}"
                )
            expanded.append(list(values) if len(values) == channels else list(values) * channels)
        means, stds = expanded
        return (
            [1.0 / (255.0 * s) for s in stds],
            [-m / s for m, s in zip(means, stds, strict=True)],
        )


Listed = Transform | RandomChoice


def lower(
    transforms: Sequence[Listed], height: int, width: int, channels: int
) -> list[list[Stage]]:
    """The stages of each listed transform, with their random streams and maps, in the order in
    which they apply; a RandomChoice's children share one list. Stream 0 is the pipeline's ``p``."""
    groups: list[list[Stage]] = []
    stream = 1
    for position, listed in enumerate(transforms):
        if isinstance(listed, RandomChoice):
            group = _lower_choice(listed, height, width, channels, stream)
            stream += len(listed.transforms)
        else:
            group = [
                dataclasses.replace(stage, stream=stream)
                for stage in listed.lower(height, width, channels)
            ]
        groups.append(
            [dataclasses.replace(stage, owner=(position, stage.owner[1])) for stage in group]
        )
        stream += 1
        for stage in group:
            if KINDS[stage.kind].needs_rgb and channels != 3:
                raise ValueError(f"{stage.name} needs images of 3 channels (RGB), got {channels}")
            height, width = stage.result_size
    numbers = iter(compose_maps([stage for group in groups for stage in group]))
    return [[dataclasses.replace(s, map=next(numbers)) for s in group] for group in groups]


def _lower_choice(
    choice: RandomChoice, height: int, width: int, channels: int, stream: int
) -> list[Stage]:
    stages = []
    for i, child in enumerate(choice.transforms):
        for stage in child.lower(height, width, channels):
            if stage.result_size != (height, width):
                raise ValueError(
                    f"RandomChoice: {stage.name} must not change the size of the images, because "
                    "all results have one size; list it by itself"
                )
            stages.append(
                dataclasses.replace(
                    stage,
                    stream=stream + 1 + i,
                    choice_stream=stream,
                    choice_low=choice.edges[i],
                    choice_high=choice.edges[i + 1],
                    owner=(0, i),
                )
            )
    return sorted(stages, key=_rank)


def _rank(stage: Stage) -> int:
    """Order of a RandomChoice's children. No sample has two of them, so any order gives the same
    result, but for mixes: a partner is taken as it enters the choice, so they come first."""
    return ("mix", "geometry", "color", "occlusion").index(stage.section)
