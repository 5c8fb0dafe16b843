"""The pure-PyTorch twin of the kernels: transforms one after the other, on whole float batches.

It is the oracle of the tests: same random numbers, same float32 operations in the same order, so
that results agree bit for bit with the fused ops. Written to be read against the transforms'
definitions; it knows nothing of launches, tables or layouts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .. import reference_math as fixed
from .transforms import BORDERS, PIVOTS, Listed, Stage, lower

_SUM_SCALE = 65536.0  # kSumScale


@dataclass(frozen=True)
class Streams:
    """Where a batch's random numbers come from; fields as in :meth:`Pipeline.forward`."""

    ids: Tensor  # [B] int64
    active: Tensor  # [B] bool
    seed: int
    epoch: int
    p: float

    def words(self, stream: int, block: int = 0) -> tuple[Tensor, ...]:
        """Four [B] int64 tensors of 32-bit words."""
        counter = (
            self.ids & 0xFFFFFFFF,
            self.ids >> 32,
            torch.full_like(self.ids, self.epoch),
            torch.full_like(self.ids, stream << 8 | block),
        )
        return fixed.philox(counter, self.seed)

    def applies(self, stage: Stage) -> Tensor:
        """[B] bool: the samples that have this stage."""
        on = self.active & (fixed.uniform_closed_open(self.words(stage.stream)[0]) < stage.p)
        on &= fixed.uniform_closed_open(self.words(0)[0]) < self.p
        if stage.choice_stream >= 0:
            u = fixed.uniform_closed_open(self.words(stage.choice_stream)[0])
            on &= (u >= stage.choice_low) & (u < stage.choice_high)
        return on

    def at(self, positions: Tensor) -> Streams:
        """The streams of other positions of this batch."""
        return Streams(self.ids[positions], self.active[positions], self.seed, self.epoch, self.p)

    def of_rows(self, rows: Tensor) -> Streams:
        """The streams of a resident data set's rows."""
        return Streams(rows, torch.ones_like(rows, dtype=torch.bool), self.seed, self.epoch, self.p)


# ---- single images ----------------------------------------------------------------------------


def _shift(images: Tensor, stage: Stage, streams: Streams) -> Tensor:
    _, _, height, width = images.shape
    words = streams.words(stage.stream)
    dx = fixed.uniform_below(words[1], 2 * stage.extent_x + 1) - stage.extent_x
    dy = fixed.uniform_below(words[2], 2 * stage.extent_y + 1) - stage.extent_y
    x, x_outside = _bordered(torch.arange(width)[None] - dx[:, None], width, stage.mode)
    y, y_outside = _bordered(torch.arange(height)[None] - dy[:, None], height, stage.mode)
    batch = torch.arange(images.shape[0])[:, None, None]
    moved = images.permute(0, 2, 3, 1)[batch, y[:, :, None], x[:, None, :]].permute(0, 3, 1, 2)
    outside = (y_outside[:, :, None] | x_outside[:, None, :])[:, None]
    return torch.where(outside, torch.tensor(stage.low), moved)


def _bordered(source: Tensor, size: int, mode: int) -> tuple[Tensor, Tensor]:
    """Source coordinates brought inside, and which of them a constant border covers."""
    outside = (source < 0) | (source >= size)
    border = BORDERS[mode]
    if border == "wrap":
        return source % size, torch.zeros_like(outside)
    if border == "reflect":
        mirrored = source.abs()
        mirrored = torch.where(mirrored >= size, 2 * (size - 1) - mirrored, mirrored)
        return mirrored, torch.zeros_like(outside)
    clamped = source.clamp(0, size - 1)
    return clamped, outside if border == "constant" else torch.zeros_like(outside)


def _contrast(images: Tensor, stage: Stage, streams: Streams) -> Tensor:
    factor = fixed.uniform_closed_open(streams.words(stage.stream)[1]) * stage.span + stage.low
    factor = factor[:, None, None, None]
    pivot = _pivot(images, stage.mode)
    return (images * factor + (pivot - pivot * factor)).clamp(0.0, 255.0)


def _pivot(images: Tensor, mode: int) -> Tensor:
    pivot = PIVOTS[mode]
    if pivot == "center":
        return torch.full((1, 1, 1, 1), 127.5)
    steps = (images * _SUM_SCALE).round().to(torch.int64).sum((2, 3), keepdim=True)
    count = images.shape[2] * images.shape[3] * _SUM_SCALE
    mean = (steps.double() / count).float()
    if pivot == "gray_mean" and images.shape[1] == 3:
        red, green, blue = mean.unbind(1)
        return ((0.2989 * red + 0.587 * green) + 0.114 * blue)[:, None]
    return mean


def _crop_blackout(images: Tensor, stage: Stage, streams: Streams) -> Tensor:
    _, _, height, width = images.shape
    words = streams.words(stage.stream)
    border_x = fixed.uniform_below(words[1], stage.extent_x + 1)[:, None]
    border_y = fixed.uniform_below(words[2], stage.extent_y + 1)[:, None]
    x, y = torch.arange(width)[None], torch.arange(height)[None]
    keep_x = (x >= border_x) & (x < width - border_x)
    keep_y = (y >= border_y) & (y < height - border_y)
    return torch.where((keep_y[:, :, None] & keep_x[:, None, :])[:, None], images, 0.0)


_SINGLE = {
    "shift": _shift,
    "hflip": lambda images, stage, streams: images.flip(3),
    "vflip": lambda images, stage, streams: images.flip(2),
    "contrast": _contrast,
    "crop_blackout": _crop_blackout,
}


# ---- mixes ------------------------------------------------------------------------------------


def symmetric_beta(word_u: Tensor, word_v: Tensor, inverse_alpha: float) -> Tensor:
    """Beta(α, α) from two words; see symmetric_beta in kernels/augment/draw.h for the source."""
    g = fixed.fixed_exp(fixed.fixed_log(fixed.uniform_open_closed(word_u)) * inverse_alpha)
    c = fixed.fixed_cos_turns(fixed.uniform_closed_open(word_v))
    q = (1.0 - g) * c * c
    half = 0.5 * fixed.fixed_sqrt(q / (g + q))
    return torch.where(c < 0, 0.5 - half, 0.5 + half)


def _cut(
    own: Tensor, partner: Tensor, lam: Tensor, words: tuple[Tensor, ...]
) -> tuple[Tensor, ...]:
    _, _, height, width = own.shape
    ratio = 0.5 * fixed.fixed_sqrt(1.0 - lam)
    half_width, half_height = (ratio * width).long(), (ratio * height).long()
    x, y = fixed.uniform_below(words[0], width), fixed.uniform_below(words[1], height)
    x0, x1 = (x - half_width).clamp(min=0), (x + half_width).clamp(max=width)
    y0, y1 = (y - half_height).clamp(min=0), (y + half_height).clamp(max=height)
    columns, rows = torch.arange(width)[None], torch.arange(height)[None]
    in_x = (columns >= x0[:, None]) & (columns < x1[:, None])
    in_y = (rows >= y0[:, None]) & (rows < y1[:, None])
    mixed = torch.where((in_y[:, :, None] & in_x[:, None, :])[:, None], partner, own)
    kept = width * height - (x1 - x0) * (y1 - y0)
    return mixed, kept.float() / float(width * height)


def _mix(own: Tensor, partner: Tensor, stage: Stage, streams: Streams) -> tuple[Tensor, ...]:
    """(mixed images, own share) of every sample, as if the stage applied to it."""
    words = streams.words(stage.stream)
    lam = symmetric_beta(words[1], words[2], stage.low)
    if stage.kind == "cutmix":
        return _cut(own, partner, lam, streams.words(stage.stream, block=1))
    share = lam[:, None, None, None]
    return (own * share + partner * (1.0 - share)).clamp(max=255.0), lam


# ---- the whole list ---------------------------------------------------------------------------


def augment(
    images: Tensor,
    transforms: Sequence[Listed],
    *,
    index: Tensor | None = None,
    ids: Tensor | None = None,
    active: Tensor | None = None,
    seed: int = 0,
    epoch: int = 0,
    p: float = 1.0,
) -> tuple[Tensor, Tensor, Tensor]:
    """What a :class:`Pipeline` of these transforms computes before it normalises.

    Args:
        images: [N, H, W, C] uint8 on the CPU; the other arguments as :meth:`Pipeline.forward`.

    Returns:
        ([B, C, H, W] float32 on [0, 255], [B] int64 rows of the partners, [B] float32 own share).
    """
    count, height, width, channels = images.shape
    rows = torch.arange(count) if index is None else index
    ids = rows if ids is None else ids
    active = torch.ones_like(rows, dtype=torch.bool) if active is None else active
    streams = Streams(ids, active, seed, epoch, p)
    groups = list(lower(transforms, height, width, channels))
    pool = count if index is not None else rows.shape[0]
    batch = images[rows].permute(0, 3, 1, 2).float()
    partner_rows, lam = rows, torch.ones(rows.shape[0])
    for i, group in enumerate(groups):
        entering = batch
        for stage in group:
            on = streams.applies(stage)
            shown = on[:, None, None, None]
            if not stage.is_mix:
                changed = _SINGLE[stage.kind](batch, stage, streams)
                batch = torch.where(shown, changed, batch)
                continue
            chosen = fixed.uniform_below(streams.words(stage.stream)[3], pool)
            if index is None:
                partner, chosen_rows = entering[chosen], rows[chosen]
            else:
                partner, chosen_rows = _before(images, chosen, groups[:i], streams), chosen
            mixed, share = _mix(batch, partner, stage, streams)
            batch = torch.where(shown, mixed, batch)
            lam = torch.where(on, share, lam)
            partner_rows = torch.where(on, chosen_rows, partner_rows)
    return batch, partner_rows, lam


def _before(
    images: Tensor, rows: Tensor, groups: Sequence[Sequence[Stage]], streams: Streams
) -> Tensor:
    """Rows of a resident data set as they enter the mix, each with its own random numbers."""
    theirs = streams.of_rows(rows)
    batch = images[rows].permute(0, 3, 1, 2).float()
    for group in groups:
        for stage in group:
            changed = _SINGLE[stage.kind](batch, stage, theirs)
            batch = torch.where(theirs.applies(stage)[:, None, None, None], changed, batch)
    return batch


def normalise(
    batch: Tensor, scale: Sequence[float], bias: Sequence[float], dtype: torch.dtype
) -> Tensor:
    """``x · scale + bias`` per channel of [B, C, H, W] float32, rounded to nearest even."""
    scaled = batch * torch.tensor(scale)[:, None, None] + torch.tensor(bias)[:, None, None]
    return scaled.round().to(dtype) if dtype == torch.uint8 else scaled.to(dtype)
