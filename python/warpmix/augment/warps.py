"""Rotation, zoom and affine: sampled between pixels, bilinear or bicubic. Consecutive ones of one
interpolation, and bilinear resizes, are composed into one map and sampled once. A perspective is a
launch of its own."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from warpmix._numbers import shown
from warpmix.augment.stages import Stage
from warpmix.augment.transform import (
    Transform,
    check_number,
    require_border,
    require_choice,
    require_fill,
    require_number,
    require_range,
    uniform,
    values_for,
)

__all__ = [
    "RandomAffine",
    "RandomPerspective",
    "RandomRotation",
    "RandomZoom",
]

INTERPOLATIONS = ("nearest", "bilinear", "bicubic")  # of what is no part of a map
_OF_MAPS = ("bilinear", "bicubic")
_LONGEST = 65535  # pixels of a side of an image that a perspective takes

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
    channels: int,
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
        interpolation=transform.interpolation,
        border=transform.border,
        fill=values_for(transform, "fill", channels),
        shown={name: _AFFINE_DRAWS[name] for name in shown},
    )


@dataclass(frozen=True)
class RandomRotation(Transform):
    """Rotates about the centre, counter-clockwise; torchvision's ``RandomRotation``.

    Args:
        degrees: (lowest, highest), or one number d for (-d, d).
        border: what comes in: "constant", "wrap", "reflect" (edge not repeated), "symmetric"
            (repeated) or "replicate".
        fill: of a constant border, a whole number in [0, 255], or one a channel.
        interpolation: "bilinear" or "bicubic", or torchvision's ``InterpolationMode`` of these.
            Bicubic is Pillow's, Keys's cubic with a = -1; torchvision has it for Pillow's images
            alone.
    """

    degrees: float | tuple[float, float]
    border: str = field(default="constant", kw_only=True)
    fill: int | Sequence[int] = field(default=0, kw_only=True)
    interpolation: str = field(default="bilinear", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range(self, "degrees", -3600.0, 3600.0, mirrored=True)
        require_border(self)
        require_choice(self, "interpolation", _OF_MAPS)

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        bounds: Any = self.degrees
        return [
            _affine_stage(
                self, height, width, channels, degrees=bounds, clockwise=False, shown=("degrees",)
            )
        ]


@dataclass(frozen=True)
class RandomZoom(Transform):
    """Scales about the centre, both axes alike: above 1 things look larger.

    Args:
        scale: (lowest, highest), in [0.05, 20].
        border, fill, interpolation: as for :class:`RandomRotation`.
    """

    scale: tuple[float, float] = (0.8, 1.2)
    border: str = field(default="constant", kw_only=True)
    fill: int | Sequence[int] = field(default=0, kw_only=True)
    interpolation: str = field(default="bilinear", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range(self, "scale", 0.05, 20.0)
        require_border(self)
        require_choice(self, "interpolation", _OF_MAPS)

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        return [_affine_stage(self, height, width, channels, scale=self.scale, shown=("scale",))]


@dataclass(frozen=True)
class RandomAffine(Transform):
    """Rotation (clockwise), translation, scale and shear about the centre; torchvision's
    ``RandomAffine``, its matrix and its order.

    Args:
        degrees: (lowest, highest), or one number d for (-d, d).
        translate: largest shift of each axis (x, y) as a fraction of it, in [0, 1]; shifts are
            whole pixels. None: no shift.
        scale: (lowest, highest), in [0.05, 20]. None: 1.
        shear: degrees within ±75: x from (-s, s) for one number s of at least 0, x from (a, b) for
            two, x from (a, b) and y from (c, d) for four. None: no shear.
        border, fill, interpolation: as for :class:`RandomRotation`.
    """

    degrees: float | tuple[float, float]
    translate: tuple[float, float] | None = None
    scale: tuple[float, float] | None = None
    shear: float | Sequence[float] | None = None
    border: str = field(default="constant", kw_only=True)
    fill: int | Sequence[int] = field(default=0, kw_only=True)
    interpolation: str = field(default="bilinear", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range(self, "degrees", -3600.0, 3600.0, mirrored=True)
        require_border(self)
        require_choice(self, "interpolation", _OF_MAPS)
        if self.scale is not None:
            require_range(self, "scale", 0.05, 20.0)
        if self.translate is not None:
            self._check_numbers("translate", self.translate, (2,), 0.0, 1.0)
            object.__setattr__(self, "translate", tuple(map(float, self.translate)))
        if self.shear is not None:
            shear: Any = self.shear
            if isinstance(shear, numbers.Real):
                check_number("RandomAffine", "shear, as one number,", shear, 0.0, 75.0)
                shear = (-float(shear), float(shear))
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
            raise TypeError(f"RandomAffine: {name} must be {wanted} numbers, got {shown(values)}")
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
                channels,
                degrees=bounds,
                translate=self.translate or (0.0, 0.0),
                scale=self.scale or (1.0, 1.0),
                shear=(*shear, *(0.0,) * (4 - len(shear))),
            )
        ]


@dataclass(frozen=True)
class RandomPerspective(Transform):
    """Moves the four corners inwards, each by its own whole pixels, and the image with them;
    torchvision's ``RandomPerspective``.

    A sample whose corners happen to lie three on one line, as a scale of 1 allows, stays as it is.
    Images of 2 to 65535 pixels a side.

    Args:
        distortion_scale: how far a corner moves at most, as a fraction of half a side, in [0, 1].
        interpolation: "bilinear", "nearest" or "bicubic", or torchvision's ``InterpolationMode`` of
            these; bicubic as for :class:`RandomRotation`.
        fill: what comes in from outside, a whole number in [0, 255], or one a channel.
    """

    distortion_scale: float
    interpolation: str
    fill: int | Sequence[int]

    def __init__(
        self,
        distortion_scale: float = 0.5,
        p: float = 0.5,
        interpolation: Any = "bilinear",
        fill: int | Sequence[int] = 0,
    ) -> None:
        self._set(distortion_scale=distortion_scale, interpolation=interpolation, fill=fill, p=p)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number(self, "distortion_scale", 0.0, 1.0)
        require_choice(self, "interpolation", INTERPOLATIONS)
        require_fill(self)

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        if not 2 <= min(height, width) <= max(height, width) <= _LONGEST:
            raise ValueError(
                f"RandomPerspective needs images of 2 to {_LONGEST} pixels a side, got "
                f"{height} x {width}"
            )
        return [
            self.stage(
                "perspective",
                height,
                width,
                border="constant",
                fill=values_for(self, "fill", channels),
                reach_x=int(self.distortion_scale * (width // 2)) + 1,
                reach_y=int(self.distortion_scale * (height // 2)) + 1,
                interpolation=self.interpolation,
            )
        ]
