"""Transforms that need the whole image: its statistics, or the pixels round each pixel."""

from __future__ import annotations

from dataclasses import dataclass

from warpmix.augment.stages import Stage
from warpmix.augment.transform import Transform

__all__ = ["RandomAutocontrast", "RandomEqualize"]


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
