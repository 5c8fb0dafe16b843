"""Transforms to another size: sampled between pixels (bilinear), as part of a map (warps.py)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from warpmix.augment.stages import Stage
from warpmix.augment.transform import (
    Transform,
    as_size,
    require_every_sample,
    require_range,
    uniform,
)

__all__ = ["RandomResizedCrop", "Resize"]


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
        require_every_sample(self)

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
    """Return a resized crop's area, its width by height, and the size of the result."""
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

    size: int | tuple[int, int] | None
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
