"""What a pipeline is made of: its settings, checked once and never changed."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from warpmix.augment._checks import as_int
from warpmix.augment.transforms import Listed, Normalize, RandomChoice, Transform

_DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.uint8)


@dataclass(frozen=True)
class Settings:
    """The settings of a :class:`warpmix.Pipeline`, as they are used.

    Attributes:
        transforms: without a Normalize.
        normalize: the list's, or that of mean and std.
        p, dtype, channels_last, seed: as the pipeline's.
    """

    transforms: tuple[Listed, ...]
    normalize: Normalize | None
    p: float
    dtype: torch.dtype
    channels_last: bool
    seed: int

    @property
    def mixing(self) -> Listed | None:
        """The transform that mixes, if one does."""
        return next((t for t in self.transforms if _mixes(t)), None)

    def coefficients(self, channels: int) -> tuple[list[float], list[float]]:
        """(scale, bias), one a channel, of the batch: ``x · scale + bias`` for x on [0, 255]."""
        if self.normalize is not None:
            return self.normalize.coefficients(channels)
        scale = 1.0 if self.dtype == torch.uint8 else 1.0 / 255.0
        return [scale] * channels, [0.0] * channels


def check_settings(
    transforms: Sequence[Listed | Normalize],
    p: float,
    mean: Sequence[float] | float | None,
    std: Sequence[float] | float | None,
    dtype: torch.dtype,
    channels_last: bool,
    seed: int,
) -> Settings:
    """The settings of a pipeline's arguments; raises as :class:`warpmix.Pipeline` documents."""
    if isinstance(p, bool) or not isinstance(p, numbers.Real):
        raise TypeError(f"p must be a number, got {type(p).__name__}")
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"p must be in [0, 1], got {p!r}")
    if dtype not in _DTYPES:
        raise ValueError(f"dtype must be one of {', '.join(map(str, _DTYPES))}; got {dtype}")
    seed = as_int("seed", seed)
    if not 0 <= seed < 2**63:
        raise ValueError(f"seed must be in [0, 2^63), got {seed}")
    listed, normalize = _split(transforms, mean, std, dtype)
    return Settings(listed, normalize, float(p), dtype, channels_last, seed)


def _split(
    transforms: Sequence[Listed | Normalize],
    mean: Sequence[float] | float | None,
    std: Sequence[float] | float | None,
    dtype: torch.dtype,
) -> tuple[tuple[Listed, ...], Normalize | None]:
    """The transforms without Normalize, and the Normalize of the list or of mean and std."""
    listed: list[Any] = list(transforms)
    for i, transform in enumerate(listed):
        if not isinstance(transform, Transform | RandomChoice | Normalize):
            raise TypeError(
                f"transforms[{i}] must be a warpmix transform, got {type(transform).__name__}"
            )
        if isinstance(transform, Normalize) and i < len(listed) - 1:
            raise ValueError(
                f"transforms: Normalize must be the last one, found at {i} of {len(listed)}"
            )
    normalize = None
    if listed and isinstance(listed[-1], Normalize):
        normalize = listed.pop()
    if (mean is None) != (std is None):
        raise ValueError("mean and std must be given together, got one of them")
    if mean is not None and std is not None:
        if normalize is not None:
            raise ValueError("mean and std must be left out where the list ends in Normalize")
        normalize = Normalize(mean, std)
    if normalize is not None and dtype == torch.uint8:
        raise ValueError(
            "dtype torch.uint8 holds unnormalised pixels: leave mean, std and Normalize out, "
            "or use a float dtype"
        )
    mixing = [t for t in listed if _mixes(t)]
    if len(mixing) > 1:
        names = ", ".join(type(t).__name__ for t in mixing)
        raise ValueError(
            f"transforms must hold at most one mixing stage, got {len(mixing)} ({names}); "
            "choose between them per sample with RandomChoice([CutMix(), MixUp()])"
        )
    return tuple(listed), normalize


def _mixes(transform: Listed) -> bool:
    if isinstance(transform, RandomChoice):
        return any(_mixes(child) for child in transform.transforms)
    return transform.mixes
