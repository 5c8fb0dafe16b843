"""Transforms that move whole pixels: shifts, crops and flips. They are exact."""

from __future__ import annotations

from dataclasses import dataclass

from warpmix.augment.stages import Stage
from warpmix.augment.transform import (
    Transform,
    pixels,
    require_border,
    require_number,
    require_whole,
)

__all__ = ["RandomCrop", "RandomHorizontalFlip", "RandomShift", "RandomVerticalFlip"]


@dataclass(frozen=True)
class RandomShift(Transform):
    """Shifts by whole pixels, each axis uniform in ±floor(max_shift · size).

    Args:
        max_shift: largest shift as a fraction of the axis, in [0, 1].
        border: what comes in: "wrap", "reflect" (edge not repeated), "replicate" or "constant".
        fill: value of a constant border, a whole number in [0, 255].
    """

    max_shift: float = 0.2
    border: str = "wrap"
    fill: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number(self, "max_shift", 0.0, 1.0)
        require_border(self)

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        extent = (pixels(self.max_shift, width), pixels(self.max_shift, height))
        return [_shift_stage(self, extent, height, width)]


@dataclass(frozen=True)
class RandomCrop(Transform):
    """Pads, then crops back to the same size at a random place: torchvision's ``RandomCrop(size,
    padding=padding)`` for the common case that ``size`` is the image's own.

    Args:
        padding: pixels on each side, at least 0.
        border: as for :class:`RandomShift`; torchvision's ``padding_mode``.
        fill: value of a constant border, a whole number in [0, 255].
    """

    padding: int = 4
    border: str = "constant"
    fill: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_whole(self, "padding", 0, 2**20)
        require_border(self)

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        return [_shift_stage(self, (self.padding, self.padding), height, width)]


def _shift_stage(
    transform: RandomShift | RandomCrop, extent: tuple[int, int], height: int, width: int
) -> Stage:
    border = transform.border
    for shift, size, axis in zip(extent, (width, height), ("width", "height"), strict=True):
        limit = size - 1 if border == "reflect" else size
        if shift > limit:
            raise ValueError(
                f"{type(transform).__name__}: a shift of {shift} pixels needs border "
                f"'{border}' to reach past the image's {axis} of {size}; use a smaller shift"
            )
    max_x, max_y = extent
    return transform.stage(
        "shift",
        height,
        width,
        max_x=max_x,
        max_y=max_y,
        border=border,
        fill=float(transform.fill),
    )


@dataclass(frozen=True)
class RandomHorizontalFlip(Transform):
    """Mirrors left and right."""

    p: float = 0.5

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        return [self.stage("hflip", height, width)]


@dataclass(frozen=True)
class RandomVerticalFlip(Transform):
    """Mirrors top and bottom."""

    p: float = 0.5

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        return [self.stage("vflip", height, width)]
