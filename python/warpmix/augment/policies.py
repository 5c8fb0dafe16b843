"""Automatic policies: each sample draws its own operations from torchvision's spaces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from warpmix.augment.policy_tables import POLICIES, Entry, entry_words, uniform_entries
from warpmix.augment.stages import Stage
from warpmix.augment.transform import (
    Transform,
    require_choice,
    require_values,
    require_whole,
    values_for,
)
from warpmix.augment.warps import INTERPOLATIONS

__all__ = ["AutoAugment", "RandAugment", "TrivialAugmentWide"]

_MOST_BINS = 255
MOST_OPS = 64


def shown_of_slot(slot: int, of: int, interpolates: bool = False) -> dict[str, str]:
    """Return what a user sees of the draw of slot ``slot`` of ``of``.

    Args:
        interpolates: it draws an interpolation, too.
    """
    suffix = "" if of == 1 else f"_{slot + 1}"
    names = ["operation", "magnitude", *(["interpolation"] if interpolates else [])]
    return {f"{name}{suffix}": name for name in names}


@dataclass(frozen=True)
class _Policy(Transform):
    """What the policies have in common: the slots that they are lowered to, one an operation."""

    _interpolations: ClassVar[tuple[str, ...]] = INTERPOLATIONS

    interpolation: str
    fill: float | Sequence[float] | None

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choice(self, "interpolation", self._interpolations)
        if self.fill is not None:
            require_values(self, "fill")

    def _check_channels(self, channels: int) -> None:
        if channels not in (1, 3):
            raise ValueError(
                f"{type(self).__name__} needs images of 1 or 3 channels, as torchvision's "
                f"operations do, got {channels}"
            )

    def _slot(
        self,
        size: tuple[int, int],
        channels: int,
        entries: Sequence[Entry],
        *,
        bins: int,
        block: int = 0,
        of: int = 1,
        wide: bool = False,
        shared: bool = False,
    ) -> Stage:
        """Return slot ``block`` of ``of``: one of the entries, drawn for each sample."""
        height, width = size
        return self.stage(
            "policy",
            height,
            width,
            border="constant",
            fill=(0.0,) if self.fill is None else values_for(self, "fill", channels),
            block=block,
            shown=shown_of_slot(block, of),
            space="wide" if wide else "standard",
            bins=bins,
            count=len(entries),
            shared=int(shared),
            max_x=32.0 if wide else 150.0 / 331.0 * width,
            max_y=32.0 if wide else 150.0 / 331.0 * height,
            interpolation=self.interpolation,
            entry=entry_words(entries),
        )


@dataclass(frozen=True)
class RandAugment(_Policy):
    """Applies ``num_ops`` of fourteen operations, each drawn with equal probability and with
    replacement, all of one magnitude; half of the signed ones the other way (Cubuk et al., 2020).
    torchvision's ``RandAugment``, but for the values, which are not rounded between operations.

    The operations are Identity, ShearX, ShearY, TranslateX, TranslateY, Rotate, Brightness, Color,
    Contrast, Sharpness, Posterize, Solarize, AutoContrast and Equalize. Images of 1 or 3 channels;
    Color leaves grey ones alone.

    Args:
        num_ops: in [0, 64].
        magnitude: of all operations, a position in [0, num_magnitude_bins - 1].
        num_magnitude_bins: steps from the weakest to the strongest, in [2, 255].
        interpolation: "nearest", "bilinear" or "bicubic", or torchvision's ``InterpolationMode`` of
            these; of shears, translations and rotations. Bicubic is Pillow's, with a = -1.
        fill: what they bring in from outside, in [0, 255], one number or one a channel; None: 0.
    """

    num_ops: int
    magnitude: int
    num_magnitude_bins: int

    def __init__(
        self,
        num_ops: int = 2,
        magnitude: int = 9,
        num_magnitude_bins: int = 31,
        interpolation: Any = "nearest",
        fill: float | Sequence[float] | None = None,
        *,
        p: float = 1.0,
    ) -> None:
        self._set(
            num_ops=num_ops,
            magnitude=magnitude,
            num_magnitude_bins=num_magnitude_bins,
            interpolation=interpolation,
            fill=fill,
            p=p,
        )

    def __post_init__(self) -> None:
        super().__post_init__()
        require_whole(self, "num_ops", 0, MOST_OPS)
        require_whole(self, "num_magnitude_bins", 2, _MOST_BINS)
        require_whole(self, "magnitude", 0, self.num_magnitude_bins - 1)

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        self._check_channels(channels)
        entries = uniform_entries(self.magnitude)
        return [
            self._slot(
                (height, width),
                channels,
                entries,
                bins=self.num_magnitude_bins,
                block=slot,
                of=self.num_ops,
            )
            for slot in range(self.num_ops)
        ]


@dataclass(frozen=True)
class TrivialAugmentWide(_Policy):
    """Applies one of RandAugment's fourteen operations, drawn with equal probability, of a
    magnitude drawn from wider ranges (Müller & Hutter, 2021); torchvision's ``TrivialAugmentWide``.

    Args:
        num_magnitude_bins: magnitudes of each operation, equally probable, in [2, 255].
        interpolation, fill: as :class:`RandAugment`.
    """

    num_magnitude_bins: int

    def __init__(
        self,
        num_magnitude_bins: int = 31,
        interpolation: Any = "nearest",
        fill: float | Sequence[float] | None = None,
        *,
        p: float = 1.0,
    ) -> None:
        bins = num_magnitude_bins
        self._set(num_magnitude_bins=bins, interpolation=interpolation, fill=fill, p=p)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_whole(self, "num_magnitude_bins", 2, _MOST_BINS)

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        self._check_channels(channels)
        entries = uniform_entries(None)
        bins = self.num_magnitude_bins
        return [self._slot((height, width), channels, entries, bins=bins, wide=True)]


@dataclass(frozen=True)
class AutoAugment(_Policy):
    """Applies one of the 25 pairs of operations that were found for a data set (Cubuk et al.,
    2019), each of the two with its own probability, magnitude and a random sign; torchvision's
    ``AutoAugment``, but for the values, which are not rounded between operations.

    Args:
        policy: "imagenet", "cifar10" or "svhn", or torchvision's ``AutoAugmentPolicy``.
        interpolation, fill: as :class:`RandAugment`.
    """

    policy: str

    def __init__(
        self,
        policy: Any = "imagenet",
        interpolation: Any = "nearest",
        fill: float | Sequence[float] | None = None,
        *,
        p: float = 1.0,
    ) -> None:
        self._set(policy=policy, interpolation=interpolation, fill=fill, p=p)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choice(self, "policy", tuple(POLICIES))

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        self._check_channels(channels)
        pairs = POLICIES[self.policy]
        return [
            self._slot(
                (height, width),
                channels,
                [pair[slot] for pair in pairs],
                bins=10,
                block=slot,
                of=2,
                shared=True,
            )
            for slot in range(2)
        ]
