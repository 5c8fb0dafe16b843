"""Transforms to another size. Where they enlarge bilinearly, they are part of a map (warps.py);
where they may shrink, or are bicubic, they resample with antialiasing. Of images of mixed sizes
each does what a batch of its size would."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from warpmix._numbers import as_int, shown
from warpmix.augment.stages import MIXED, Stage
from warpmix.augment.transform import (
    Transform,
    as_size,
    own_size,
    require_choice,
    require_every_sample,
    require_range,
    require_whole,
    uniform,
)

__all__ = ["RandomResizedCrop", "Resize"]

_FILTERS = ("bilinear", "bicubic")
_LONGEST = 65535  # pixels of an axis of a result


def _check_filter(transform: Resize | RandomResizedCrop, filters: Sequence[str] = _FILTERS) -> None:
    """Check the fields ``interpolation`` and ``antialias``."""
    require_choice(transform, "interpolation", filters)
    owner = type(transform).__name__
    if not isinstance(transform.antialias, bool):
        raise TypeError(f"{owner}: antialias must be a bool, got {shown(transform.antialias)}")
    if transform.interpolation != "bilinear" and not transform.antialias:
        raise ValueError(
            f"{owner}: antialias must be True with {transform.interpolation} interpolation, "
            "got False"
        )


def _stage(
    transform: Resize | RandomResizedCrop,
    size: tuple[int, int],
    result_size: tuple[int, int],
    scale: tuple[float, float] = (1.0, 1.0),
    ratio: tuple[float, float] = (1.0, 1.0),
    **others: Any,
) -> Stage:
    """Return the stage from one (height, width) to another: a resampling where a sample may shrink,
    if only because it is resized whole."""
    (height, width), (new_height, new_width) = size, result_size
    mixed = size == MIXED  # of which some may shrink
    shrinks = mixed or height > new_height or width > new_width
    if shrinks and not transform.antialias:
        images = "images of mixed sizes may" if mixed else f"{height} x {width} pixels would"
        result = "" if new_height < 1 else f" to {new_height} x {new_width}"
        raise ValueError(
            f"{type(transform).__name__}: {images} shrink{result}, which needs antialias=True"
        )
    low, high = ratio
    crop: dict[str, Any] = {
        **uniform(scale, "area_"),
        **uniform((math.log(low), math.log(high)), "log_ratio_"),
        "ratio_low": low,
        "ratio_high": high,
        "out_width": new_width,
        "out_height": new_height,
    }
    interpolation = transform.interpolation
    if not shrinks and interpolation == "bilinear":
        return transform.stage("resized_crop", height, width, **crop, **others)
    return transform.stage("resample", height, width, **crop, interpolation=interpolation, **others)


@dataclass(frozen=True)
class Resize(Transform):
    """Resizes every image in the augmentation's own launch, from its bytes: no image of another
    size lies in memory. torchvision's ``Resize`` (align_corners=False), on unrounded values.

    Unaugmented samples, and those of ``eval()``, are resized too.

    Args:
        size: of the result in pixels, (height, width), or one int for the shorter side, which the
            longer one follows; None: ``max_size`` is the longer one's.
        interpolation: "bilinear" or "bicubic", or torchvision's ``InterpolationMode`` of these.
        max_size: of the longer side, where ``size`` is the shorter one's; both become smaller where
            it would be longer. None: no limit.
        antialias: where the image shrinks, average what a pixel covers; always with "bicubic".
            False refuses to shrink.
    """

    takes_mixed_sizes = True

    size: int | tuple[int, int] | None
    interpolation: str = "bilinear"
    max_size: int | None = None
    antialias: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        size: Any = self.size
        if isinstance(size, Sequence) and len(size) == 1 and not isinstance(size, str):
            object.__setattr__(self, "size", size[0])
        if self.max_size is not None:
            require_whole(self, "max_size", 1, _LONGEST)
        if self.size is not None:
            sides = as_size(self, "size")
            self._check_longer_side(size)
            if not isinstance(size, Sequence) or len(size) == 1:
                object.__setattr__(self, "size", sides[0])
        elif self.max_size is None:
            raise ValueError("Resize: size must be given where max_size is None, got None")
        _check_filter(self)
        require_every_sample(self)

    def _check_longer_side(self, size: Any) -> None:
        if self.max_size is None:
            return
        if isinstance(size, Sequence) and len(size) == 2:
            raise ValueError(
                "Resize: max_size must be None where size is (height, width), "
                f"got {shown(self.max_size)}"
            )
        shorter = as_int("size", size[0] if isinstance(size, Sequence) else size)
        if self.max_size <= shorter:
            raise ValueError(
                f"Resize: max_size must be above the shorter side's size {shorter}, "
                f"got {shown(self.max_size)}"
            )

    def result_size(self, height: int, width: int) -> tuple[int, int]:
        """Return (height, width) of the result for an image of a size, as torchvision rounds it.

        Raises:
            ValueError: a side would be none of 1 to 65535 pixels.
        """
        if isinstance(self.size, tuple):
            return self.size
        shorter, longer = sorted((height, width))
        if self.size is None:
            assert self.max_size is not None  # as __post_init__ has seen to
            new = int(self.max_size * shorter / longer), self.max_size
        else:
            new = self.size, int(self.size * longer / shorter)
            if self.max_size is not None and new[1] > self.max_size:
                new = int(self.max_size * new[0] / new[1]), self.max_size
        if not 1 <= min(new) <= max(new) <= _LONGEST:
            raise ValueError(
                f"Resize: size must leave sides of 1 to {_LONGEST} pixels, got {new[0]} and "
                f"{new[1]} for images of {height} x {width}; give (height, width)"
            )
        return new if height <= width else (new[1], new[0])

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        if (height, width) == MIXED and not isinstance(self.size, tuple):
            result_size = -(self.max_size or 0), self.size or 0  # see resized_extent in geometry.h
        else:
            result_size = self.result_size(height, width)
        if result_size == (height, width):
            return []
        # Of a crop that applies to no sample the whole image is resized.
        return [_stage(self, (height, width), result_size, p=0.0, shown={})]


@dataclass(frozen=True)
class RandomResizedCrop(Transform):
    """A box of random area and aspect, resized; torchvision's ``RandomResizedCrop``, its ten
    attempts and its central box after them.

    Samples that it does not apply to, and those of ``eval()``, are resized whole.

    Args:
        size: of the result in pixels, (height, width), one int for a square, or None for the
            image's own.
        scale: (lowest, highest) share of the image's area, in (0, 1].
        ratio: (lowest, highest) width by height, in [0.01, 100].
        interpolation, antialias: as for :class:`Resize`, or "random": bilinear or bicubic, drawn
            for each sample with even odds, as timm does; bilinear where it does not apply. Where
            neither the image nor a box can shrink, "bilinear" is part of a map, and sees the image
            beyond the edge of the box.
    """

    takes_mixed_sizes = True

    size: int | tuple[int, int] | None
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    interpolation: str = "bilinear"
    antialias: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size is not None:
            as_size(self, "size")
        require_range(self, "scale", 1e-4, 1.0)
        require_range(self, "ratio", 0.01, 100.0)
        _check_filter(self, (*_FILTERS, "random"))

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        result_size = own_size(self, height, width)
        if self.p == 0 and result_size == (height, width):  # a resize, as mixed sizes have it
            return []
        return [_stage(self, (height, width), result_size, self.scale, self.ratio)]
