"""Transforms that need the whole image: its statistics, or the pixels round each pixel."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from warpmix._extension import load
from warpmix._numbers import as_int, shown
from warpmix.augment.stages import Stage
from warpmix.augment.transform import (
    Transform,
    check_number,
    require_number,
    require_range,
    uniform,
)

__all__ = ["GaussianBlur", "RandomAdjustSharpness", "RandomAutocontrast", "RandomEqualize"]

_MAX_KERNEL: int = 2 * load().module.max_blur_radius + 1  # pixels


@dataclass(frozen=True)
class RandomAutocontrast(Transform):
    """Stretches each channel so that its values reach from 0 to 255; torchvision's autocontrast.

    ``(x - lowest) / (highest - lowest) · 255`` with the extremes of the sample's own channel; a
    channel of one value stays as it is. Images of any number of channels.
    """

    def __init__(self, p: float = 0.5) -> None:
        self._set(p=p)

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        return [self.stage("autocontrast", height, width)]


@dataclass(frozen=True)
class RandomEqualize(Transform):
    """Spreads each channel's values so that all are about equally frequent; torchvision's equalize,
    which is Pillow's, by a histogram of the sample's own channel.

    Values are rounded to whole numbers first, half to even, where a transform before has made
    fractions of them: the histogram counts whole numbers, and the result has no others. Of images
    that hold whole numbers it is torchvision's result on uint8. Images of any number of channels.
    """

    def __init__(self, p: float = 0.5) -> None:
        self._set(p=p)

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        return [self.stage("equalize", height, width)]


@dataclass(frozen=True)
class RandomAdjustSharpness(Transform):
    """Moves each pixel away from, or towards, the smooth image: ``s + (x - s) · factor``, clipped,
    where s is (5 x + the eight pixels round it) / 13; torchvision's adjust_sharpness.

    The pixels at the image's border stay as they are, as torchvision's do. Images of any number of
    channels.

    Args:
        sharpness_factor: at least 0. 0 is the smooth image, 1 the image, 2 twice as sharp.
    """

    sharpness_factor: float

    def __init__(self, sharpness_factor: float, p: float = 0.5) -> None:
        self._set(sharpness_factor=sharpness_factor, p=p)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number(self, "sharpness_factor", 0.0, 1e6)

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        return [self.stage("sharpness", height, width, factor=float(self.sharpness_factor))]


@dataclass(frozen=True)
class GaussianBlur(Transform):
    """Blurs with a Gaussian of a random width, along the rows and then along the columns; pixels
    beyond the edge are reflected and do not repeat it. torchvision's gaussian_blur.

    Args:
        kernel_size: of the window, (width, height) in pixels or one number for both; odd, at most
            255, and with a half of it below the image's size.
        sigma: (lowest, highest) standard deviation in pixels, uniform between them and drawn for
            each sample; one number is always the same. At least 0.001.
    """

    kernel_size: int | Sequence[int]
    sigma: float | tuple[float, float] = (0.1, 2.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        value: Any = self.kernel_size
        sizes = value if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
        if len(sizes) not in (1, 2):
            raise ValueError(
                f"GaussianBlur: kernel_size must be a number or (width, height), got {shown(value)}"
            )
        for size in sizes:
            if as_int("GaussianBlur: kernel_size", size) % 2 == 0 or not 1 <= size <= _MAX_KERNEL:
                raise ValueError(
                    f"GaussianBlur: kernel_size must be odd and in [1, {_MAX_KERNEL}], "
                    f"got {shown(value)}"
                )
        object.__setattr__(self, "kernel_size", (int(sizes[0]), int(sizes[-1])))
        if isinstance(self.sigma, numbers.Real):
            check_number("GaussianBlur", "sigma", self.sigma, 0.001, 1e6)
            object.__setattr__(self, "sigma", (float(self.sigma), float(self.sigma)))
        require_range(self, "sigma", 0.001, 1e6)

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        size: Any = self.kernel_size
        across, down = size
        if across // 2 >= width or down // 2 >= height:
            raise ValueError(
                f"GaussianBlur: half of kernel_size {(across, down)} must be below the image's "
                f"(width, height) {(width, height)}, because pixels beyond the edge are reflected; "
                "use a smaller one"
            )
        sigma: Any = self.sigma
        radii = {"radius_x": across // 2, "radius_y": down // 2}
        return [self.stage("gaussian_blur", height, width, **uniform(sigma, "sigma_"), **radii)]
