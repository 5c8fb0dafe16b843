"""What a pipeline lists beside plain transforms: a choice of several, and the normalisation."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from warpmix._numbers import shown
from warpmix.augment.registry import register
from warpmix.augment.stages import Stage
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
                f"got {shown(self.transforms)}"
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

    def with_mean(self, mean: Sequence[float] | None) -> RandomChoice:
        """Return the choice for a pipeline that normalises by ``mean``."""
        candidates = tuple(transform.with_mean(mean) for transform in self.transforms)
        return dataclasses.replace(self, transforms=candidates)

    @property
    def edges(self) -> list[float]:
        """Edges of the children's shares of [0, 1]; the last is 1 exactly."""
        weights = self.p or (1.0,) * len(self.transforms)
        total = sum(weights)
        edges = [sum(weights[:i]) / total for i in range(len(weights))]
        return [*edges, 1.0]

    @property
    def mixes(self) -> bool:
        """Whether one of the candidates mixes."""
        return any(transform.mixes for transform in self.transforms)

    @property
    def takes_mixed_sizes(self) -> bool:
        """Whether images of mixed sizes may enter each of the candidates."""
        return all(transform.takes_mixed_sizes for transform in self.transforms)

    @property
    def streams(self) -> int:
        """One stream for the choice, and those of the candidates."""
        return 1 + sum(transform.streams for transform in self.transforms)

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        """Return the candidates' stages, of which the choice's stream turns one on."""
        stages = []
        first = 1
        for i, child in enumerate(self.transforms):
            for stage in child.lower(height, width, channels):
                if stage.result_size != (height, width):
                    raise ValueError(
                        f"RandomChoice: {stage.name} must not change the size of the images, "
                        "because all results have one size; list it by itself"
                    )
                stages.append(
                    dataclasses.replace(
                        stage,
                        stream=first + stage.stream,
                        choice_stream=0,
                        choice_low=self.edges[i],
                        choice_high=self.edges[i + 1],
                        owner=(0, i),
                    )
                )
            first += child.streams
        return sorted(stages, key=_rank)


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
            try:
                values = (value,) if isinstance(value, int | float) else tuple(map(float, value))
            except (TypeError, ValueError, RuntimeError):  # RuntimeError: a tensor without memory
                raise TypeError(
                    f"Normalize: {name} must be a number, or one a channel, got {shown(value)}"
                ) from None
            low = 1e-6 if name == "std" else -1e6
            for v in values:
                check_number("Normalize", name, v, low, 1e6)
            object.__setattr__(self, name, values)

    def coefficients(self, channels: int) -> tuple[list[float], list[float]]:
        """Return (scale, bias) with ``out = x · scale + bias`` for x on [0, 255]."""
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


def _rank(stage: Stage) -> int:
    """Order a RandomChoice's children. No sample has two of them, so any order gives the same
    result, but for mixes: a partner is taken as it enters the choice, so they come first."""
    return ("mix", "geometry", "color", "occlusion", "whole_image").index(stage.section)
