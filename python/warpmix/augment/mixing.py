"""Transforms that mix a sample with another. λ is always the weight of the sample itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from warpmix.augment.stages import Stage
from warpmix.augment.transform import Transform, require_number

__all__ = ["CutMix", "MixUp"]


@dataclass(frozen=True)
class _Mix(Transform):
    alpha: float = 1.0
    kind: ClassVar[str]
    mixes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number(self, "alpha", 1e-3, 1e3)

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        return [self.stage(self.kind, height, width, inverse_alpha=1.0 / self.alpha)]


@dataclass(frozen=True)
class CutMix(_Mix):
    """Pastes a box of another sample (Yun et al., 2019): λ ~ Beta(alpha, alpha), sides √(1-λ),
    centre uniform, clipped; λ is then the fraction of pixels that stay, exactly. torchvision's box.

    Args:
        alpha: of the Beta distribution, in [0.001, 1000]. 1 is uniform.
    """

    kind: ClassVar[str] = "cutmix"


@dataclass(frozen=True)
class MixUp(_Mix):
    """Blends with another sample (Zhang et al., 2018): λ · own + (1-λ) · partner,
    λ ~ Beta(alpha, alpha).

    Args:
        alpha: of the Beta distribution, in [0.001, 1000]. 1 is uniform.
    """

    kind: ClassVar[str] = "mixup"
