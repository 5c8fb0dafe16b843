"""Lists that need several launches: their draws, and their images in between.

Launches before the mix make the samples *and* their partners, as one batch of 2B float32 images;
the mix launch then finds sample b's partner at row B + b. Launches after the mix make B.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from warpmix import ops
from warpmix.augment.draws import Draws, partners_of, with_partners_at
from warpmix.augment.program import Launch


@dataclass(frozen=True)
class Compiled:
    """The launches for one image shape, with their op arguments."""

    launches: list[Launch]
    words: list[list[int]]
    scale: list[float]  # of the last launch, one a channel
    bias: list[float]
    needs_sums: bool  # of the first launch; this and result_size are read at every call
    result_size: tuple[int, int]  # of the last launch

    @property
    def mix(self) -> int | None:
        """Number of the launch that mixes, if one does."""
        return next((i for i, launch in enumerate(self.launches) if launch.has_mix), None)


@dataclass(frozen=True)
class Samples:
    """Which samples a call makes, and from which random streams: the ops' arguments."""

    index: Tensor | None
    ids: Tensor | None
    active: Tensor | None
    count: int
    step: Tensor | None
    seed: int
    epoch: int

    @property
    def from_batch(self) -> bool:
        return self.index is None

    def rows(self, device: torch.device) -> Tensor:
        return torch.arange(self.count, device=device) if self.index is None else self.index

    def beside(self, partner: Tensor, device: torch.device) -> Samples:
        """These samples and behind them their partners."""
        rows = self.rows(device)
        ids = rows if self.ids is None else self.ids
        active = torch.ones_like(rows, dtype=torch.bool) if self.active is None else self.active
        if self.from_batch:
            behind = rows[partner], ids[partner], active[partner]
        else:
            behind = partner, partner, torch.ones_like(active)
        index, ids, active = (
            torch.cat(both) for both in zip((rows, ids, active), behind, strict=True)
        )
        return Samples(index, ids, active, 2 * self.count, self.step, self.seed, self.epoch)


def draw_launches(images: Tensor, compiled: Compiled, samples: Samples) -> Draws:
    """Draws every launch; images [N, H, W, C] give the shape and the pool of partners."""

    def draw(number: int, of: Samples) -> Tensor:
        return ops.draw(
            images,
            index=of.index,
            ids=of.ids,
            active=of.active,
            step=of.step,
            seed=of.seed,
            epoch=of.epoch,
            from_batch=of.from_batch,
            program=compiled.words[number],
            batch_size=of.count,
            sides=2 if compiled.launches[number].has_mix else 1,
        )

    mix = compiled.mix
    rows = samples.rows(images.device)
    partner, mixed, early = None, None, samples
    if mix is not None:
        mixed = draw(mix, samples)
        own = torch.arange(samples.count, device=rows.device) if samples.from_batch else rows
        partner = partners_of(mixed, compiled.launches[mix].mix_range(), own)
        early = samples.beside(partner, images.device)
    per_launch = [
        mixed if mixed is not None and i == mix else draw(i, early if i < (mix or 0) else samples)
        for i in range(len(compiled.launches))
    ]
    stages = [launch.stages for launch in compiled.launches]
    return Draws(rows, partner, samples.from_batch, per_launch, stages)


def apply_launches(
    images: Tensor,
    compiled: Compiled,
    draws: Draws,
    labels: Tensor | None,
    sums: Tensor | None,
    out: Tensor,
) -> tuple[Tensor, Tensor]:
    """Runs every launch into ``out`` [B, C, H, W]; returns (pair [2, B], lam [B])."""
    mix = compiled.mix or 0
    index: Tensor | None = draws.rows
    if mix > 0 and draws.partner is not None:
        partner_rows = draws.rows[draws.partner] if draws.from_batch else draws.partner
        index = torch.cat([draws.rows, partner_rows])
        labels = index if labels is None else labels[index]
    own = torch.arange(draws.rows.shape[0], device=images.device)
    source, targets = images, None
    for number, launch in enumerate(compiled.launches):
        drawn, from_batch = draws.per_launch[number], draws.from_batch
        if number > 0:
            index = own if number == mix else None
            sums = ops.channel_sums(source) if launch.needs_sums else None
            if number == mix:
                drawn = with_partners_at(drawn, launch.mix_range(), own + own.shape[0])
                from_batch = False
        last = number == len(compiled.launches) - 1
        target = out if last else _between(source, index, launch.result_size)
        written = ops.augment(
            source,
            index=index,
            ids=None,
            active=None,
            labels=labels if number == mix else None,
            sums=sums,
            draws=drawn,
            step=None,
            seed=0,
            epoch=0,
            from_batch=from_batch,
            program=compiled.words[number],
            scale=compiled.scale if last else _ones(images),
            bias=compiled.bias if last else _zeros(images),
            out=target,
        )
        targets = written if number == mix else targets
        source = target.permute(0, 2, 3, 1)
    assert targets is not None  # the launch number `mix` exists
    return targets


def _between(source: Tensor, index: Tensor | None, size: tuple[int, int]) -> Tensor:
    """A float32 batch for the next launch, dense as NHWC."""
    count = source.shape[0] if index is None else index.shape[0]
    shape = (count, *size, source.shape[3])
    return torch.empty(shape, dtype=torch.float32, device=source.device).permute(0, 3, 1, 2)


def _ones(images: Tensor) -> Sequence[float]:
    return [1.0] * images.shape[3]


def _zeros(images: Tensor) -> Sequence[float]:
    return [0.0] * images.shape[3]
