"""Geometric transforms. Shifts and flips move whole pixels and are exact; the others sample between
pixels (bilinear), and consecutive ones are composed into one map and sampled once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from warpmix.augment.stages import Stage
from warpmix.augment.transform import (
    Transform,
    as_size,
    check_number,
    pixels,
    require_border,
    require_number,
    require_range,
    require_whole,
    uniform,
)

__all__ = [
    "RandomAffine",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomShift",
    "RandomVerticalFlip",
    "RandomZoom",
    "Resize",
]

# ---- whole pixels -----------------------------------------------------------------------------


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


# ---- warps ------------------------------------------------------------------------------------

# As shown, and as drawn.
_AFFINE_DRAWS = {
    "degrees": "turns",
    "dx": "dx",
    "dy": "dy",
    "scale": "scale",
    "shear_x": "shear_x",
    "shear_y": "shear_y",
}


def _affine_stage(
    transform: RandomRotation | RandomZoom | RandomAffine,
    height: int,
    width: int,
    *,
    degrees: tuple[float, float] = (0.0, 0.0),
    translate: tuple[float, float] = (0.0, 0.0),
    scale: tuple[float, float] = (1.0, 1.0),
    shear: Sequence[float] = (0.0, 0.0, 0.0, 0.0),
    clockwise: bool = True,
    shown: Sequence[str] = tuple(_AFFINE_DRAWS),
) -> Stage:
    def turns(prefix: str, low: float, high: float) -> dict[str, Any]:
        return {f"{prefix}_low": low / 360, f"{prefix}_span": (high - low) / 360}

    return transform.stage(
        "affine",
        height,
        width,
        **turns("turns", *degrees),
        max_x=translate[0] * width,
        max_y=translate[1] * height,
        **uniform(scale, "scale_"),
        **turns("shear_x", shear[0], shear[1]),
        **turns("shear_y", shear[2], shear[3]),
        direction=1.0 if clockwise else -1.0,
        border=transform.border,
        fill=float(transform.fill),
        shown={name: _AFFINE_DRAWS[name] for name in shown},
    )


@dataclass(frozen=True)
class RandomRotation(Transform):
    """Rotates about the centre, counter-clockwise, bilinear; torchvision's ``RandomRotation``.

    Args:
        degrees: (lowest, highest), or one number d for (-d, d).
        border: what comes in: "constant", "wrap", "reflect" (edge not repeated) or "replicate".
        fill: value of a constant border, a whole number in [0, 255].
    """

    degrees: float | tuple[float, float] = 15.0
    border: str = "constant"
    fill: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range(self, "degrees", -3600.0, 3600.0, mirrored=True)
        require_border(self)

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        bounds: Any = self.degrees
        return [
            _affine_stage(self, height, width, degrees=bounds, clockwise=False, shown=("degrees",))
        ]


@dataclass(frozen=True)
class RandomZoom(Transform):
    """Scales about the centre, both axes alike, bilinear: above 1 things look larger.

    Args:
        scale: (lowest, highest), in [0.05, 20].
        border, fill: as for :class:`RandomRotation`.
    """

    scale: tuple[float, float] = (0.8, 1.2)
    border: str = "constant"
    fill: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range(self, "scale", 0.05, 20.0)
        require_border(self)

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        return [_affine_stage(self, height, width, scale=self.scale, shown=("scale",))]


@dataclass(frozen=True)
class RandomAffine(Transform):
    """Rotation (clockwise), translation, scale and shear about the centre, bilinear; torchvision's
    ``RandomAffine``, its matrix and its order.

    Args:
        degrees: (lowest, highest), or one number d for (-d, d).
        translate: largest shift of each axis (x, y) as a fraction of it, in [0, 1]; shifts are
            whole pixels. None: no shift.
        scale: (lowest, highest), in [0.05, 20]. None: 1.
        shear: degrees within ±75: x from (-s, s) for one number s, x from (a, b) for two, x from
            (a, b) and y from (c, d) for four. None: no shear.
        border, fill: as for :class:`RandomRotation`.
    """

    degrees: float | tuple[float, float] = 0.0
    translate: tuple[float, float] | None = None
    scale: tuple[float, float] | None = None
    shear: float | Sequence[float] | None = None
    border: str = "constant"
    fill: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range(self, "degrees", -3600.0, 3600.0, mirrored=True)
        require_border(self)
        if self.scale is not None:
            require_range(self, "scale", 0.05, 20.0)
        if self.translate is not None:
            self._check_numbers("translate", self.translate, (2,), 0.0, 1.0)
            object.__setattr__(self, "translate", tuple(map(float, self.translate)))
        if self.shear is not None:
            shear = self.shear
            if isinstance(shear, int | float):
                shear = (-shear, shear)
            self._check_numbers("shear", shear, (2, 4), -75.0, 75.0)
            object.__setattr__(self, "shear", tuple(map(float, shear)))

    def _check_numbers(
        self, name: str, values: Any, lengths: tuple[int, ...], low: float, high: float
    ) -> None:
        if (
            isinstance(values, str)
            or not isinstance(values, Sequence)
            or len(values) not in lengths
        ):
            wanted = " or ".join(map(str, lengths))
            raise TypeError(f"RandomAffine: {name} must be {wanted} numbers, got {values!r}")
        for value in values:
            check_number("RandomAffine", name, value, low, high)

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        shear: Any = self.shear or ()
        bounds: Any = self.degrees
        return [
            _affine_stage(
                self,
                height,
                width,
                degrees=bounds,
                translate=self.translate or (0.0, 0.0),
                scale=self.scale or (1.0, 1.0),
                shear=(*shear, *(0.0,) * (4 - len(shear))),
            )
        ]


# ---- sizes ------------------------------------------------------------------------------------


def _refuse_shrinking(transform: Transform, axis: str, source: int, result: int) -> None:
    if source > result:
        raise ValueError(
            f"{type(transform).__name__}: {source} pixels of {axis} would shrink to {result}, "
            "which needs antialiasing: resize the images once, in the data cache "
            "(torchvision.transforms.v2.functional.resize), to at most the size that training needs"
        )


@dataclass(frozen=True)
class Resize(Transform):
    """Enlarges every image, bilinear, in the augmentation's own launch: no larger image lies in
    memory. torchvision's ``Resize`` (align_corners=False); shrinking is refused.

    Unaugmented samples, and those of ``eval()``, are enlarged too.

    Args:
        size: of the result in pixels, (height, width), or one int for a square.
    """

    size: int | tuple[int, int]

    def __post_init__(self) -> None:
        super().__post_init__()
        as_size(self, "size")
        if self.p != 1.0:
            raise ValueError(
                f"Resize: p must be 1, because all results have one size; got {self.p!r}"
            )

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        new_height, new_width = as_size(self, "size")
        _refuse_shrinking(self, "height", height, new_height)
        _refuse_shrinking(self, "width", width, new_width)
        if (new_height, new_width) == (height, width):
            return []
        return [
            self.stage(
                "resized_crop",
                height,
                width,
                p=0.0,  # of a crop: the whole image is resized
                **_crop_numbers((1.0, 1.0), (1.0, 1.0), new_height, new_width),
                shown={},
            )
        ]


def _crop_numbers(
    scale: tuple[float, float], ratio: tuple[float, float], height: int, width: int
) -> dict[str, Any]:
    """Of a resized crop: its share of the area, its width by height, and the size of the result."""
    low, high = ratio
    return {
        **uniform(scale, "area_"),
        **uniform((math.log(low), math.log(high)), "log_ratio_"),
        "ratio_low": low,
        "ratio_high": high,
        "out_width": width,
        "out_height": height,
    }


@dataclass(frozen=True)
class RandomResizedCrop(Transform):
    """A box of random area and aspect, enlarged to the size, bilinear; torchvision's
    ``RandomResizedCrop``, its ten attempts and its central box after them.

    Samples that it does not apply to, and those of ``eval()``, are enlarged whole.

    Args:
        size: of the result in pixels, (height, width), one int for a square, or None for the
            image's own. No box may be larger: shrinking needs antialiasing and is refused.
        scale: (lowest, highest) share of the image's area, in (0, 1].
        ratio: (lowest, highest) width by height, in [0.01, 100].
    """

    size: int | tuple[int, int] | None = None
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size is not None:
            as_size(self, "size")
        require_range(self, "scale", 1e-4, 1.0)
        require_range(self, "ratio", 0.01, 100.0)

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        new_height, new_width = (height, width) if self.size is None else as_size(self, "size")
        area = self.scale[1] * height * width
        tallest = min(height, math.ceil(math.sqrt(area / self.ratio[0])))
        widest = min(width, math.ceil(math.sqrt(area * self.ratio[1])))
        _refuse_shrinking(self, "height", tallest, new_height)
        _refuse_shrinking(self, "width", widest, new_width)
        numbers = _crop_numbers(self.scale, self.ratio, new_height, new_width)
        return [self.stage("resized_crop", height, width, **numbers)]
