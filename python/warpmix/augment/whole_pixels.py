"""Transforms that move whole pixels: shifts, crops and flips. They are exact."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from warpmix._numbers import shown
from warpmix.augment.stages import MIXED, Stage
from warpmix.augment.transform import (
    Transform,
    as_size,
    own_size,
    pixels,
    require_border,
    require_choice,
    require_every_sample,
    require_fill,
    require_number,
    require_whole,
    values_for,
)

__all__ = [
    "AlternatingFlip",
    "CenterCrop",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomShift",
    "RandomVerticalFlip",
]


@dataclass(frozen=True)
class RandomShift(Transform):
    """Shifts by whole pixels, each axis uniform in ±floor(max_shift · size).

    Args:
        max_shift: largest shift as a fraction of the axis, in [0, 1].
        border: what comes in: "wrap", "reflect" (edge not repeated), "symmetric" (repeated),
            "replicate" or "constant".
        fill: of a constant border, a whole number in [0, 255], or one a channel.
    """

    max_shift: float = 0.2
    border: str = "wrap"
    fill: int | Sequence[int] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number(self, "max_shift", 0.0, 1.0)
        require_border(self)

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        far_x, far_y = pixels(self.max_shift, width), pixels(self.max_shift, height)
        _require_reach(self, "width", width, far_x, self.border)
        _require_reach(self, "height", height, far_y, self.border)
        across, down = (width, far_x, far_x), (height, far_y, far_y)
        return [_shift_stage(self, across, down, (height, width), channels, self.border)]


# ---- crops ------------------------------------------------------------------------------------

_PADDING_MODES = {
    "constant": "constant",
    "edge": "replicate",
    "reflect": "reflect",
    "symmetric": "symmetric",
    "wrap": "wrap",
}
_Padding = tuple[int, int, int, int]


@dataclass(frozen=True)
class RandomCrop(Transform):
    """Cuts out a window at a random place, of the padded image; torchvision's ``RandomCrop``.

    All results have one size: samples that it does not apply to, and those of ``eval()``, get the
    central window of the image, which is padded where it is smaller.

    Args:
        size: of the window in pixels, (height, width), one int for a square, or None for the
            image's own size, which only padded images can be cropped to.
        padding: pixels, at least 0: of all sides, of (left and right, top and bottom), or of
            (left, top, right, bottom). None: no padding.
        pad_if_needed: an axis that is shorter than the window is padded on both sides by what it
            lacks; otherwise that is an error.
        fill: of a constant border, a whole number in [0, 255], or one a channel.
        padding_mode: "constant", "edge", "reflect" (edge not repeated), "symmetric" (repeated); and
            "wrap", which torchvision does not have.
    """

    takes_mixed_sizes = True

    size: int | tuple[int, int] | None
    padding: int | Sequence[int] | None = None
    pad_if_needed: bool = False
    fill: int | Sequence[int] = 0
    padding_mode: str = "constant"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size is not None:
            as_size(self, "size")
        if isinstance(self.padding, numbers.Integral):
            require_whole(self, "padding", 0, 2**20)
        elif self.padding is not None:
            self._check_padding(self.padding)
        if not isinstance(self.pad_if_needed, bool):
            raise TypeError(
                f"RandomCrop: pad_if_needed must be a bool, got {shown(self.pad_if_needed)}"
            )
        require_fill(self)
        require_choice(self, "padding_mode", tuple(_PADDING_MODES))

    def _check_padding(self, padding: Any) -> None:
        listed = isinstance(padding, Sequence) and len(padding) in (1, 2, 4)
        if not listed or not all(_is_padding(side) for side in padding):
            raise TypeError(
                "RandomCrop: padding must be an int of at least 0, or 1, 2 or 4 of them, "
                f"got {shown(padding)}"
            )
        object.__setattr__(self, "padding", tuple(map(int, padding)))

    @property
    def _sides(self) -> _Padding:
        """Left, top, right, bottom."""
        if self.padding is None:
            return 0, 0, 0, 0
        sides = self.padding if isinstance(self.padding, Sequence) else (self.padding,)
        left, top, right, bottom = tuple(sides) * (4 // len(sides))
        return left, top, right, bottom

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        new_height, new_width = own_size(self, height, width)
        left, top, right, bottom = self._sides
        border = _PADDING_MODES[self.padding_mode]
        across = self._range("width", width, left, right, new_width, border)
        down = self._range("height", height, top, bottom, new_height, border)
        return [_shift_stage(self, across, down, (new_height, new_width), channels, border)]

    def _range(
        self, axis: str, size: int, before: int, after: int, window: int, border: str
    ) -> tuple[int, int, int]:
        """Return the axis's size, and how far its image can be moved back and forth."""
        if size == 0:  # each image has its own: see shift_range in kernels/augment/geometry.h
            return 0, after - window, before
        lacking = window - (before + size + after)
        if lacking > 0 and not self.pad_if_needed:
            raise ValueError(
                f"RandomCrop: {window} pixels of {axis} cannot be cut out of {size}, padded by "
                f"{before} and {after}; use pad_if_needed=True, a larger padding or a smaller size"
            )
        more = max(lacking, 0)
        _require_reach(self, axis, size, max(before, after) + more, border)
        return size, size + after + more - window, before + more


def _is_padding(value: object) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and int(value) >= 0


@dataclass(frozen=True)
class CenterCrop(Transform):
    """Cuts out the central window, or pads with black where that is larger; torchvision's
    ``CenterCrop``.

    Args:
        size: of the window in pixels, (height, width), or one int for a square.
    """

    takes_mixed_sizes = True

    size: int | tuple[int, int]

    def __post_init__(self) -> None:
        super().__post_init__()
        as_size(self, "size")
        require_every_sample(self)

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        new_height, new_width = as_size(self, "size")
        if (new_height, new_width) == (height, width):
            return []
        p = 0.0 if (height, width) == MIXED else None  # of a crop: the window is the central one
        x, y = _central_shift(width, new_width), _central_shift(height, new_height)
        across, down = (width, -x, x), (height, -y, y)
        size = (new_height, new_width)
        others: dict[str, Any] = {"fill": (0.0,), "shown": {}, "p": p}
        return [_shift_stage(self, across, down, size, channels, "constant", **others)]


def _central_shift(size: int, window: int) -> int:
    """Where the image begins in its central window; torchvision's rounding."""
    return (window - size) // 2 if window > size else -round((size - window) / 2)


# ---- shifts -----------------------------------------------------------------------------------


def _require_reach(transform: Transform, axis: str, size: int, shift: int, border: str) -> None:
    """Refuse to reach further past the image than it has pixels to show there."""
    limits = {"reflect": size - 1, "symmetric": size, "wrap": size}
    if isinstance(transform, RandomShift):  # further than its size, nothing of the image is left
        limits |= {"replicate": size, "constant": size}
    if shift > limits.get(border, shift):
        raise ValueError(
            f"{type(transform).__name__}: {shift} pixels beyond the {axis} of {size} are more than "
            f"'{border}' can show; use at most {limits[border]}"
        )


def _shift_stage(
    transform: RandomShift | RandomCrop | CenterCrop,
    across: tuple[int, int, int],
    down: tuple[int, int, int],
    result_size: tuple[int, int],
    channels: int,
    border: str,
    **others: Any,
) -> Stage:
    """Return a whole-pixel move, uniform in -back … forth on each axis.

    Args:
        across, down: (size, back, forth) of the width and of the height, in pixels.
        result_size: (height, width) of the window.
    """
    (width, back_x, forth_x), (height, back_y, forth_y) = across, down
    out_height, out_width = result_size
    if "fill" not in others:
        others["fill"] = values_for(transform, "fill", channels)
    return transform.stage(
        "shift",
        height,
        width,
        low_x=-back_x,
        count_x=back_x + forth_x + 1,
        low_y=-back_y,
        count_y=back_y + forth_y + 1,
        center_x=_central_shift(width, out_width),
        center_y=_central_shift(height, out_height),
        out_width=out_width,
        out_height=out_height,
        border=border,
        **others,
    )


# ---- flips ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RandomHorizontalFlip(Transform):
    """Mirrors left and right."""

    takes_mixed_sizes = True

    p: float = 0.5

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        return [self.stage("hflip", height, width, alternates=False)]


@dataclass(frozen=True)
class RandomVerticalFlip(Transform):
    """Mirrors top and bottom."""

    takes_mixed_sizes = True

    p: float = 0.5

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        return [self.stage("vflip", height, width)]


@dataclass(frozen=True)
class AlternatingFlip(Transform):
    """Mirrors left and right in every other epoch (Jordan, 2024, airbench's ``altflip``): half of
    the samples in the even epochs, the others in the odd ones, so that two epochs in a row show
    both sides of every image.

    Which half a sample is of depends on the seed and its id, so it needs ``ids`` or ``index``. The
    epoch is ``epoch`` and ``step`` together. A sample that ``p`` leaves out is never mirrored.
    """

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        return [self.stage("hflip", height, width, alternates=True)]
