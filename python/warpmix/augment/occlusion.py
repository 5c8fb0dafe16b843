"""Transforms that hide a part of the image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from warpmix._numbers import shown
from warpmix.augment.stages import MAX_CHANNELS, Stage
from warpmix.augment.transform import (
    Transform,
    pixels,
    require_choice,
    require_number,
    require_range,
    require_values,
    require_whole,
    uniform,
    values_for,
)

__all__ = ["Cutout", "GridMask", "RandomCropBlackout", "RandomErasing"]


@dataclass(frozen=True)
class RandomCropBlackout(Transform):
    """Turns the border black; each axis has its own width, uniform in 0..floor(max_border · size)
    pixels, the same on both sides.

    Args:
        max_border: widest border as a fraction of the axis, in [0, 0.5].
    """

    max_border: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number(self, "max_border", 0.0, 0.5)

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        max_x, max_y = (pixels(self.max_border, size) for size in (width, height))
        return [self.stage("crop_blackout", height, width, max_x=max_x, max_y=max_y)]


@dataclass(frozen=True)
class RandomErasing(Transform):
    """Erases a box of random area and aspect (Zhong et al., 2020); torchvision's ``RandomErasing``,
    its ten attempts included. Before normalisation: ``value`` is a pixel's.

    Args:
        scale: (lowest, highest) share of the image's area, in [0, 1].
        ratio: (lowest, highest) height by width, in [0.01, 100].
        value: in [0, 255], one number, or one a channel; "mean": the mean by which the pipeline
            normalises, so that the box is 0 in the batch, as torchvision's 0 after its
            normalisation; or "random": each pixel and channel its own whole number, uniform in
            0..255 (the paper's), or for float images, which are normalised already, a standard
            normal one (torchvision's and timm's).
    """

    p: float = 0.5
    scale: tuple[float, float] = (0.02, 0.33)
    ratio: tuple[float, float] = (0.3, 3.3)
    value: float | Sequence[float] | str = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range(self, "scale", 0.0, 1.0)
        require_range(self, "ratio", 0.01, 100.0)
        if isinstance(self.value, str):
            require_choice(self, "value", ("mean", "random"))
        else:
            require_values(self, "value")

    def with_mean(self, mean: Sequence[float] | None) -> RandomErasing:
        return _filled(self, mean)

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        is_random = self.value == "random"
        values = (0.0,) if is_random else _values(self, channels)
        aspect = (math.log(self.ratio[0]), math.log(self.ratio[1]))
        return [
            self.stage(
                "erasing",
                height,
                width,
                **uniform(self.scale, "area_"),
                **uniform(aspect, "log_ratio_"),
                is_random=is_random,
                value=_of_channels(values),
                shown={name: name for name in ("x0", "y0", "x1", "y1")},
            )
        ]


@dataclass(frozen=True)
class Cutout(Transform):
    """Covers a square (DeVries & Taylor, 2017).

    Args:
        size: side of the square in pixels, at least 1.
        overhang: as published: the centre is uniform over the image and the square may overhang.
            False keeps it inside, at a uniform place.
        value: of its pixels, in [0, 255], one number, or one a channel; or "mean": the mean by
            which the pipeline normalises, so that the square is 0 in the batch, as published. Of
            float images, which are normalised already, that is 0.
    """

    size: int = 8
    overhang: bool = True
    value: float | Sequence[float] | str = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_whole(self, "size", 1, 65535)
        if not isinstance(self.overhang, bool):
            raise TypeError(f"Cutout: overhang must be a bool, got {shown(self.overhang)}")
        if isinstance(self.value, str):
            require_choice(self, "value", ("mean",))
        else:
            require_values(self, "value")

    def with_mean(self, mean: Sequence[float] | None) -> Cutout:
        return _filled(self, mean)

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        if not self.overhang and self.size > min(height, width):
            raise ValueError(
                f"Cutout: a square of {self.size} pixels does not fit inside {height} x {width}; "
                "use a smaller size or overhang=True"
            )
        return [
            self.stage(
                "cutout",
                height,
                width,
                cut_width=self.size,
                cut_height=self.size,
                overhang=self.overhang,
                value=_of_channels(_values(self, channels)),
            )
        ]


def _filled(transform: Any, mean: Sequence[float] | None) -> Any:
    """Return a transform whose value "mean" is the mean of the pipeline, if it has one."""
    if mean is None or transform.value != "mean":
        return transform
    return replace(transform, value=tuple(255.0 * of_channel for of_channel in mean))


def _values(transform: RandomErasing | Cutout, channels: int) -> tuple[float, ...]:
    """Return the values that cover: one, or one a channel."""
    if transform.value == "mean":
        raise ValueError(
            f"{type(transform).__name__}: value 'mean' is the mean by which a pipeline normalises, "
            "got none; use Pipeline(…, mean=…, std=…) of uint8 images, or value=0 for floats that "
            "are normalised already"
        )
    return values_for(transform, "value", channels)


def _of_channels(values: tuple[float, ...]) -> tuple[float, ...]:
    """Return as many values as images may have channels, of one for all or one for each."""
    return (values * MAX_CHANNELS)[:MAX_CHANNELS]


@dataclass(frozen=True)
class GridMask(Transform):
    """Turns a grid of squares black (Chen et al., 2020), without its rotation.

    Args:
        spacing: (lowest, highest) distance between squares as a fraction of the shorter side, in
            (0, 1]; at least 2 pixels.
        ratio: share of the distance that is kept along each axis, in (0, 1): the squares have side
            (1 - ratio) · distance.
    """

    spacing: tuple[float, float] = (0.4, 1.0)
    ratio: float = 0.6

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range(self, "spacing", 1e-4, 1.0)
        require_number(self, "ratio", 0.01, 0.99)

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        low, high = (max(2, pixels(s, min(height, width))) for s in self.spacing)
        return [
            self.stage(
                "grid_mask",
                height,
                width,
                period_low=low,
                period_count=high - low + 1,
                kept=self.ratio,
            )
        ]
