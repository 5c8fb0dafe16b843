"""Colour transforms, in torchvision's arithmetic on [0, 255], clipped after each step."""

from __future__ import annotations

import numbers
from dataclasses import dataclass, replace
from typing import Any

from warpmix.augment.stages import PIVOTS, Stage
from warpmix.augment.transform import (
    Transform,
    check_number,
    require_choice,
    require_number,
    require_range,
    require_whole,
    uniform,
)

__all__ = [
    "ColorJitter",
    "RandomBrightness",
    "RandomContrast",
    "RandomGamma",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPosterize",
    "RandomSaturation",
    "RandomSolarize",
]


def _contrast_stage(
    transform: Transform,
    factor: tuple[float, float],
    pivot: str,
    height: int,
    width: int,
    channels: int,
) -> Stage:
    if pivot == "gray_mean" and channels not in (1, 3):
        raise ValueError(
            f"{type(transform).__name__}: pivot 'gray_mean' needs 1 or 3 channels, got {channels}; "
            "use RandomContrast with 'channel_mean' or 'center'"
        )
    return transform.stage("contrast", height, width, **uniform(factor), pivot=pivot)


@dataclass(frozen=True)
class RandomContrast(Transform):
    """Scales the distance to a pivot: ``(x - pivot) · f + pivot``, clipped to [0, 255].

    Args:
        factor: (lowest, highest); f is uniform between them. 1 leaves the image alone.
        pivot: "channel_mean" (tf.image.adjust_contrast, Keras), "gray_mean" (torchvision's
            adjust_contrast: ITU-R 601 grey) or "center" (127.5). Means are of the image as it
            enters this transform.
    """

    factor: tuple[float, float] = (1.0, 3.0)
    pivot: str = "channel_mean"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choice(self, "pivot", PIVOTS)
        require_range(self, "factor", 0.0, 1e6)

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        return [_contrast_stage(self, self.factor, self.pivot, height, width, channels)]


@dataclass(frozen=True)
class RandomBrightness(Transform):
    """``x · f``, clipped; torchvision's adjust_brightness.

    Args:
        factor: (lowest, highest); f is uniform between them. 0 is black, 1 the image.
    """

    factor: tuple[float, float] = (0.6, 1.4)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range(self, "factor", 0.0, 1e6)

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        return [self.stage("brightness", height, width, **uniform(self.factor))]


@dataclass(frozen=True)
class RandomGamma(Transform):
    """``(x / 255)^g · 255``; torchvision's adjust_gamma.

    Args:
        gamma: (lowest, highest) in [0.01, 100]; g is uniform between them. Below 1 the image gets
            lighter, above 1 darker.
    """

    gamma: tuple[float, float] = (0.8, 1.2)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range(self, "gamma", 0.01, 100.0)

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        return [
            self.stage("gamma", height, width, **uniform(self.gamma), shown={"gamma": "factor"})
        ]


@dataclass(frozen=True)
class RandomSaturation(Transform):
    """``x · f + grey · (1 - f)``, clipped, with each pixel's own ITU-R 601 grey; torchvision's
    adjust_saturation. RGB images.

    Args:
        factor: (lowest, highest); f is uniform between them. 0 is grey, 1 the image.
    """

    factor: tuple[float, float] = (0.6, 1.4)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range(self, "factor", 0.0, 1e6)

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        return [self.stage("saturation", height, width, **uniform(self.factor))]


@dataclass(frozen=True)
class RandomHue(Transform):
    """Turns the hue in HSV and keeps saturation and value; torchvision's adjust_hue. RGB images.

    Args:
        hue: (lowest, highest) in turns within ±0.5, or one number h for (-h, h).
    """

    hue: float | tuple[float, float] = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range(self, "hue", -0.5, 0.5, mirrored=True)

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        bounds: Any = self.hue
        return [self.stage("hue", height, width, **uniform(bounds), shown={"hue": "factor"})]


@dataclass(frozen=True)
class RandomPosterize(Transform):
    """Keeps the highest bits of each value: ``floor(x / s) · s`` with s = 2^(8 - bits); on whole
    values torchvision's posterize of uint8 images.

    Args:
        bits: in [0, 8]. 0 is black; 8 leaves whole values alone and rounds others down.
    """

    bits: int

    def __init__(self, bits: int, p: float = 0.5) -> None:
        self._set(bits=bits, p=p)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_whole(self, "bits", 0, 8)

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        return [self.stage("posterize", height, width, step=2.0 ** (8 - self.bits))]


@dataclass(frozen=True)
class RandomSolarize(Transform):
    """Inverts bright values: ``255 - x`` where x is at least a threshold; torchvision's solarize.

    Args:
        threshold: in [0, 255], as for torchvision's uint8 images. 0 inverts the whole image.
    """

    threshold: float

    def __init__(self, threshold: float, p: float = 0.5) -> None:
        self._set(threshold=threshold, p=p)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number(self, "threshold", 0.0, 255.0)

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        return [self.stage("solarize", height, width, threshold=float(self.threshold))]


@dataclass(frozen=True)
class RandomInvert(Transform):
    """``255 - x``; torchvision's ``RandomInvert``, its invert of uint8 images."""

    p: float = 0.5

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        return [self.stage("solarize", height, width, threshold=0.0)]


@dataclass(frozen=True)
class RandomGrayscale(Transform):
    """Each pixel's ITU-R 601 grey in all three channels; torchvision's ``RandomGrayscale``. RGB
    images; those of one channel are grey already, and stay as they are."""

    p: float = 0.1

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        if channels == 1:
            return []
        return [self.stage("saturation", height, width, **uniform((0.0, 0.0)), shown={})]


@dataclass(frozen=True)
class ColorJitter(Transform):
    """Brightness, then contrast (pivot "gray_mean"), then saturation, then hue, each drawn by
    itself; torchvision's ``ColorJitter`` in this one order (torchvision draws an order a call).

    Args:
        brightness, contrast, saturation: (lowest, highest) factor, or one number v for
            (max(0, 1 - v), 1 + v). None or 0 leaves the step out.
        hue: (lowest, highest) in turns within ±0.5, or one number h for (-h, h). None or 0 leaves
            it out.
    """

    brightness: float | tuple[float, float] | None = None
    contrast: float | tuple[float, float] | None = None
    saturation: float | tuple[float, float] | None = None
    hue: float | tuple[float, float] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("brightness", "contrast", "saturation"):
            value = getattr(self, name)
            if isinstance(value, numbers.Real):
                check_number("ColorJitter", name, value, 0.0, 1e6)
                value = (max(0.0, 1.0 - float(value)), 1.0 + float(value))
                object.__setattr__(self, name, value)
            if value is not None:
                require_range(self, name, 0.0, 1e6)
        if self.hue is not None:
            require_range(self, "hue", -0.5, 0.5, mirrored=True)

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        size = (height, width)
        steps: dict[str, Any] = {
            name: getattr(self, name) for name in ("brightness", "contrast", "saturation", "hue")
        }
        stages = []
        for block, (name, bounds) in enumerate(steps.items()):
            if bounds in (None, (0.0, 0.0) if name == "hue" else (1.0, 1.0)):
                continue
            if name == "contrast":
                stage = _contrast_stage(self, bounds, "gray_mean", *size, channels)
            else:
                stage = self.stage(name, *size, **uniform(bounds))
            stages.append(replace(stage, block=block, shown={name: "factor"}))
        return stages
