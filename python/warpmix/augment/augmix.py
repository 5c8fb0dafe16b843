"""AugMix: each sample is mixed with its own chains of a policy's operations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from warpmix._numbers import shown
from warpmix.augment.policies import _Policy
from warpmix.augment.stages import MAX_STAGES, Stage
from warpmix.augment.transform import require_number, require_whole, values_for

__all__ = ["AugMix"]


@dataclass(frozen=True)
class AugMix(_Policy):
    """Mixes the image with chains of operations on it: m · image + (1 - m) · Σ w_i · chain_i, where
    m is from Beta(alpha, alpha) and w from Dirichlet(alpha, …, alpha) (Hendrycks et al., 2020);
    torchvision's ``AugMix``, but for the values, which are rounded once, at the end, to nearest.
    torchvision rounds every operation's result, and the mix down.

    The operations are RandAugment's without Identity, each drawn with equal probability and with
    replacement. Images of 1 or 3 channels; Color leaves grey ones alone.

    Args:
        severity: bins of the magnitude that are drawn from, the weakest of ten, in [1, 10].
        mixture_width: chains, at least 1.
        chain_depth: operations of each chain; below 1: drawn for each chain from 1, 2 and 3. All
            chains together may have 16, at their longest.
        alpha: of both distributions, in [0.001, 1000].
        all_ops: False: without Brightness, Color, Contrast and Sharpness.
        interpolation, fill: as :class:`RandAugment`.
    """

    severity: int
    mixture_width: int
    chain_depth: int
    alpha: float
    all_ops: bool

    def __init__(
        self,
        severity: int = 3,
        mixture_width: int = 3,
        chain_depth: int = -1,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: Any = "bilinear",
        fill: float | Sequence[float] | None = None,
        *,
        p: float = 1.0,
    ) -> None:
        self._set(
            severity=severity,
            mixture_width=mixture_width,
            chain_depth=chain_depth,
            alpha=alpha,
            all_ops=all_ops,
            interpolation=interpolation,
            fill=fill,
            p=p,
        )

    def __post_init__(self) -> None:
        super().__post_init__()
        require_whole(self, "severity", 1, 10)
        require_whole(self, "mixture_width", 1, MAX_STAGES)
        require_whole(self, "chain_depth", -MAX_STAGES, MAX_STAGES)
        require_number(self, "alpha", 0.001, 1000.0)
        if not isinstance(self.all_ops, bool):
            raise TypeError(f"AugMix: all_ops must be a bool, got {shown(self.all_ops)}")
        if self.mixture_width * self._slots > MAX_STAGES:
            raise ValueError(
                "AugMix: mixture_width chains of chain_depth operations (3 where it is below 1) "
                f"must be at most {MAX_STAGES} operations, got {self.mixture_width} · {self._slots}"
            )

    @property
    def _slots(self) -> int:
        """Operations of the longest chain."""
        return self.chain_depth if self.chain_depth > 0 else 3

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        self._check_channels(channels)
        return [
            self._link(chain, slot, height, width, channels)
            for chain in range(self.mixture_width)
            for slot in range(self._slots)
        ]

    def _link(self, chain: int, slot: int, height: int, width: int, channels: int) -> Stage:
        shown = {f"{of}_{chain + 1}_{slot + 1}": of for of in ("operation", "magnitude")}
        if slot == 0:
            shown[f"share_{chain + 1}"] = "share"
        if (chain, slot) == (0, 0):
            shown["own_share"] = "own"
        return self.stage(
            "augmix",
            height,
            width,
            border="constant",
            fill=(0.0,) if self.fill is None else values_for(self, "fill", channels),
            block=chain * self._slots + slot,
            shown=shown,
            chain=chain,
            chains=self.mixture_width,
            slot=slot,
            slots=self._slots,
            draws_depth=int(self.chain_depth < 1),
            all_ops=int(self.all_ops),
            severity=self.severity,
            alpha=float(self.alpha),
            max_x=width / 3.0,
            max_y=height / 3.0,
            interpolation=self.interpolation,
        )
