"""timm's RandAugment, by the string that timm's scripts have as ``--aa``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from warpmix._numbers import shown
from warpmix.augment.policies import MOST_OPS, _Policy, shown_of_slot
from warpmix.augment.stages import Stage
from warpmix.augment.transform import values_for
from warpmix.augment.warps import INTERPOLATIONS

__all__ = ["TimmRandAugment"]

_DEFAULT = "rand-m9-mstd0.5-inc1"
_UNIFORM = 100  # above it, timm's mstd stands for uniform levels
_WHOLE = r"(\d+)"
_NUMBER = r"(\d+\.?\d*)"
_SECTIONS = {
    "m": _WHOLE,
    "n": _WHOLE,
    "p": _NUMBER,
    "mstd": _NUMBER,
    "mmax": _WHOLE,
    "inc": "([01])",
}
_BOUNDS = {"m": 255, "n": MOST_OPS, "p": 1, "mmax": 255}


class _Config(NamedTuple):
    """What the sections of a string say; the defaults are timm's."""

    m: int = 10
    n: int = 2
    p: float = 0.5
    mstd: float = 0.0
    mmax: int = 0
    inc: int = 0


def _parsed(config_str: Any) -> _Config:
    """Return the settings of a string, as timm's ``rand_augment_transform`` reads it."""
    owner = "TimmRandAugment: config_str"
    example = f"such as {_DEFAULT!r}"
    if not isinstance(config_str, str):
        raise TypeError(f"{owner} must be a string {example}, got {shown(config_str)}")
    first, *sections = config_str.split("-")
    if first != "rand":
        raise ValueError(
            f"{owner} must begin with 'rand', {example}, got {shown(config_str)}; for timm's "
            "'original' and 'augmix' there are AutoAugment and AugMix"
        )
    values: dict[str, Any] = {}
    for section in sections:
        if section.startswith("t"):
            raise ValueError(
                f"{owner}: there is only timm's usual set of operations, got {shown(section)} of "
                f"{shown(config_str)}; leave it out"
            )
        name = re.match("[a-z]*", section).group()  # type: ignore[union-attr]
        match = re.fullmatch(name + _SECTIONS.get(name, "never"), section)
        if match is None or name in values:
            raise ValueError(
                f"{owner} must have sections m, n, mmax (whole numbers), p, mstd (numbers) and inc "
                f"(0 or 1), each once at most, {example}, got {shown(section)} in "
                f"{shown(config_str)}"
            )
        values[name] = float(match[1]) if _SECTIONS[name] is _NUMBER else int(match[1])
        if values[name] > _BOUNDS.get(name, values[name]):
            raise ValueError(
                f"{owner}: {name} must be in [0, {_BOUNDS[name]}], got {shown(section)} in "
                f"{shown(config_str)}"
            )
    return _Config(**values)


@dataclass(frozen=True)
class TimmRandAugment(_Policy):
    """Applies two of timm's fifteen operations, each drawn with equal probability and with
    replacement and applied with probability 0.5, at a level that may have noise: timm's
    ``rand_augment_transform`` (timm 1.0, timm/data/auto_augment.py), but for the values, which are
    not rounded between operations.

    The operations are AutoContrast, Equalize, Invert, Rotate, Posterize, Solarize, SolarizeAdd,
    Color, Contrast, Brightness, Sharpness, ShearX, ShearY, TranslateXRel and TranslateYRel. Images
    of 1 or 3 channels; Color leaves grey ones alone.

    Args:
        config_str: as timm's ``--aa``: "rand" and sections after hyphens, each of which may be
            left out. ``m9``: the level, of 10, a whole number in [0, 255]. ``mstd0.5``: the
            standard deviation of the level's normal noise, drawn for each operation; above 100 the
            level is uniform between 0 and m. ``inc1``: all operations become stronger with the
            level; without it Posterize and Solarize become weaker, and factors reach from 0.1 at
            level 0 to 1.9 at level 10. ``n2``: operations, in [0, 64]. ``p0.5``: the probability
            of each, in [0, 1]. ``mmax``: what levels are cut to, 10 without it or where it is 0.
            timm's other sets of operations, ``t``, are refused.
        interpolation: of shears, translations and rotations: "random", which draws bilinear or
            bicubic for each, as timm does unless its script names one, or "bilinear", "bicubic" or
            "nearest". Bicubic is Pillow's, with a = -1.
        fill: what they bring in from outside, in [0, 255], one number or one a channel; None: 0.
            timm's scripts have the mean colour, ImageNet's being (124, 116, 104).
    """

    _interpolations: ClassVar[tuple[str, ...]] = (*INTERPOLATIONS, "random")

    config_str: str

    def __init__(
        self,
        config_str: str = _DEFAULT,
        interpolation: Any = "random",
        fill: float | Sequence[float] | None = 128,
        *,
        p: float = 1.0,
    ) -> None:
        self._set(config_str=config_str, interpolation=interpolation, fill=fill, p=p)

    def __post_init__(self) -> None:
        super().__post_init__()
        _parsed(self.config_str)

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        self._check_channels(channels)
        config = _parsed(self.config_str)
        is_uniform = config.mstd > _UNIFORM
        return [
            self.stage(
                "timm_policy",
                height,
                width,
                border="constant",
                fill=(0.0,) if self.fill is None else values_for(self, "fill", channels),
                block=slot,
                shown=shown_of_slot(slot, config.n, self.interpolation == "random"),
                increases=config.inc,
                probability=float(config.p),
                level=float(config.m),
                sigma=0.0 if is_uniform else config.mstd,
                is_uniform=int(is_uniform),
                highest=float(config.mmax or 10),
                interpolation=self.interpolation,
            )
            for slot in range(config.n)
        ]
