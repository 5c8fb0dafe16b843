"""Random parameters of a batch, apart from their application: to look at, store and replay."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .program import Launch
from .transforms import MIXES

# Words of a StageDraw in kernels/augment/params.h.
_ON, _BOX, _VALUE, _PARTNER = 0, 1, 5, 6


@dataclass(frozen=True)
class Draws:
    """What :meth:`Pipeline.draw` returns and :meth:`Pipeline.replay` takes.

    Attributes:
        rows: [B] int64 rows of the images.
        partner: [B] int64 mix partners, as rows of the images or, with ``from_batch``, positions in
            the batch; None for a pipeline without a mix.
        from_batch: how to read ``partner``.
        per_launch: for each launch [B, sides, stages, 8] int32, StageDraws as the kernels read
            them. Launches before the mix of a longer list hold 2B samples: partners follow.
        kinds: the stages' kinds, for each launch.
    """

    rows: Tensor
    partner: Tensor | None
    from_batch: bool
    per_launch: list[Tensor]
    kinds: list[list[str]]

    def named(self) -> list[dict[str, Tensor | str]]:
        """One entry a stage, in the order of launches: its kind, ``on`` [B] bool and its numbers
        [B]: dx, dy (pixels); factor; border_x, border_y (pixels); x0, y0, x1, y1, lam, partner."""
        count = self.rows.shape[0]
        entries: list[dict[str, Tensor | str]] = []
        for draws, kinds in zip(self.per_launch, self.kinds, strict=True):
            for i, kind in enumerate(kinds):
                words = draws[:count, 0, i]
                entry: dict[str, Tensor | str] = {"kind": kind, "on": words[:, _ON].bool()}
                entry |= {name: _field(words, name) for name in _FIELDS[kind]}
                entries.append(entry)
        return entries

    def describe(self, sample: int) -> list[str]:
        """The transforms that apply to one sample, with their numbers, a line each."""
        lines = []
        for entry in self.named():
            kind, on = str(entry["kind"]), entry["on"]
            assert isinstance(on, Tensor)
            if not on[sample]:
                continue
            values = {
                name: value[sample].item()
                for name, value in entry.items()
                if isinstance(value, Tensor) and name != "on"
            }
            shown = " ".join(
                f"{name}={value:.2f}" if isinstance(value, float) else f"{name}={value}"
                for name, value in values.items()
            )
            lines.append(f"{kind} {shown}".rstrip())
        return lines

    def to(self, device: torch.device | str) -> Draws:
        """A copy on another device."""
        partner = None if self.partner is None else self.partner.to(device)
        moved = [draws.to(device) for draws in self.per_launch]
        return Draws(self.rows.to(device), partner, self.from_batch, moved, self.kinds)

    def check(self, launches: list[Launch]) -> None:
        """Raises ValueError unless these draws come from a pipeline of these launches."""
        expected = [[stage.kind for stage in launch.stages] for launch in launches]
        if self.kinds != expected:
            raise ValueError(
                f"params must come from draw() of a pipeline with the same transforms: "
                f"expected stages {expected}, got {self.kinds}"
            )


_FIELDS: dict[str, tuple[str, ...]] = {
    "shift": ("dx", "dy"),
    "hflip": (),
    "vflip": (),
    "contrast": ("factor",),
    "crop_blackout": ("border_x", "border_y"),
    "cutmix": ("lam", "x0", "y0", "x1", "y1", "partner"),
    "mixup": ("lam", "partner"),
}
_WORDS = {
    "dx": _BOX,
    "dy": _BOX + 1,
    "border_x": _BOX,
    "border_y": _BOX + 1,
    "x0": _BOX,
    "y0": _BOX + 1,
    "x1": _BOX + 2,
    "y1": _BOX + 3,
    "factor": _VALUE,
    "lam": _VALUE,
    "partner": _PARTNER,
}
assert set(_FIELDS) >= MIXES


def _field(words: Tensor, name: str) -> Tensor:
    column = words[:, _WORDS[name]]
    return column.contiguous().view(torch.float32) if _WORDS[name] == _VALUE else column


def partners_of(draws: Tensor, mixes: range, otherwise: Tensor) -> Tensor:
    """[B] int64 partner of each sample of a mix launch's draws; ``otherwise`` without one."""
    partner = otherwise
    for i in mixes:
        words = draws[:, 0, i]
        partner = torch.where(words[:, _ON] == 1, words[:, _PARTNER].long(), partner)
    return partner


def with_partners_at(draws: Tensor, mixes: range, partner: Tensor) -> Tensor:
    """A copy of a mix launch's draws whose partners are the given rows."""
    moved = draws.clone()
    for i in mixes:
        moved[:, 0, i, _PARTNER] = partner.int()
    return moved
