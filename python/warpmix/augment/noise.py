"""Noise that is added to pixels, counter-based as all random numbers are."""

from __future__ import annotations

from dataclasses import dataclass

from warpmix._numbers import shown
from warpmix.augment.stages import Stage
from warpmix.augment.transform import Transform, require_number

__all__ = ["GaussianNoise"]


@dataclass(frozen=True)
class GaussianNoise(Transform):
    """Adds normal noise, each pixel and channel its own, and clips; torchvision's
    ``GaussianNoise``.

    A pixel's noise depends on the seed, the epoch, the sample's id and its place in the image
    alone (Philox, then Box and Muller's transform): at most 5.77 standard deviations.

    Args:
        mean, sigma: mean, in [-1, 1], and standard deviation, in [0, 10], of the noise in units of
            the range: 0.1 is 25.5 levels.
        clip: True, as torchvision's default: values stay on the images' range throughout.
    """

    mean: float = 0.0
    sigma: float = 0.1
    clip: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number(self, "mean", -1.0, 1.0)
        require_number(self, "sigma", 0.0, 10.0)
        if not isinstance(self.clip, bool):
            raise TypeError(f"GaussianNoise: clip must be a bool, got {shown(self.clip)}")
        if not self.clip:
            raise ValueError(
                "GaussianNoise: clip must be True, because values stay in [0, 255] between "
                "transforms; got False"
            )

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        mean, sigma = 255.0 * self.mean, 255.0 * self.sigma
        return [self.stage("noise", height, width, mean=mean, sigma=sigma, shown={})]
