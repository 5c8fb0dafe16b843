"""The pure-PyTorch twin of the kernels: transforms one after the other, on whole float batches.

It is the oracle of the tests: same random numbers, same float32 operations in the same order, so
that results agree bit for bit with the fused ops. Written to be read against the transforms'
definitions; it knows nothing of launches, tables or layouts.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from warpmix import _fixed_math as fixed
from warpmix._philox import uniform_below
from warpmix.augment.lowering import Lowerable, lower
from warpmix.augment.reference import pixels, whole_image
from warpmix.augment.reference.augmix import augmix
from warpmix.augment.reference.perspective import perspective
from warpmix.augment.reference.policy import policy
from warpmix.augment.reference.resample import resample
from warpmix.augment.reference.streams import Boxes, Streams, symmetric_beta
from warpmix.augment.reference.timm_policy import timm_policy
from warpmix.augment.reference.warp import shift, warp
from warpmix.augment.stages import MIXED, Stage, units_of

_Twin = Callable[[Tensor, Stage, Streams], Tensor]
_MOVES: dict[str, _Twin] = {
    "resample": resample,
    "shift": shift,
    "hflip": lambda images, stage, streams: images.flip(3),
    "vflip": lambda images, stage, streams: images.flip(2),
    "policy": policy,
    "timm_policy": timm_policy,
    "perspective": perspective,
    "augmix": augmix,
}


# ---- single images ----------------------------------------------------------------------------


def twin_of(kind: str) -> _Twin:
    """Return the function that applies a kind of stage to a batch: in ``pixels`` or
    ``whole_image``, by its name.

    Raises:
        LookupError: there is none.
    """
    twin: _Twin | None = _MOVES.get(kind) or getattr(pixels, kind, getattr(whole_image, kind, None))
    if twin is None:
        raise LookupError(
            f"kind {kind!r} of kernels/augment/stages.h has no twin: add a function {kind}(images, "
            "stage, streams) to warpmix/augment/reference/pixels.py or whole_image.py"
        )
    return twin


def _apply(images: Tensor, unit: Sequence[Stage], streams: Streams) -> Tensor:
    if unit[0].map is not None and not unit[0].resamples:
        return warp(images, unit, streams)
    stage = unit[0]
    changed = twin_of(stage.kind)(images, stage, streams)
    if stage.resizes:  # which has seen to the samples that it does not apply to
        return changed
    return torch.where(streams.applies(stage)[:, None, None, None], changed, images)


# ---- mixes ------------------------------------------------------------------------------------


def _cut(
    own: Tensor, partner: Tensor, lam: Tensor, words: tuple[Tensor, ...]
) -> tuple[Tensor, ...]:
    _, _, height, width = own.shape
    ratio = 0.5 * fixed.fixed_sqrt(1.0 - lam)
    half_width, half_height = (ratio * width).long(), (ratio * height).long()
    x, y = uniform_below(words[0], width), uniform_below(words[1], height)
    x0, x1 = (x - half_width).clamp(min=0), (x + half_width).clamp(max=width)
    y0, y1 = (y - half_height).clamp(min=0), (y + half_height).clamp(max=height)
    mixed = torch.where(Boxes(x0, y0, x1, y1).inside(height, width), partner, own)
    kept = width * height - (x1 - x0) * (y1 - y0)
    return mixed, kept.float() / float(width * height)


def _mix(own: Tensor, partner: Tensor, stage: Stage, streams: Streams) -> tuple[Tensor, ...]:
    """Return (mixed images, λ of each sample itself), as if the stage applied to all."""
    words = streams.words(stage.stream)
    lam = symmetric_beta(words[1], words[2], stage["inverse_alpha"])
    if stage.kind == "cutmix":
        return _cut(own, partner, lam, streams.words(stage.stream, block=1))
    share = lam[:, None, None, None]
    blended = own * share + partner * (1.0 - share)
    return blended.clamp(max=255.0) if streams.clips else blended, lam


# ---- images of mixed sizes --------------------------------------------------------------------


def _each_alone(
    images: Sequence[Tensor], rows: Tensor, transforms: Sequence[Lowerable], streams: Streams
) -> Tensor:
    """Return [B, C, h, w] images as they enter the mix: each by itself, like a batch of one."""
    made = []
    for position, row in enumerate(rows.tolist()):
        height, width, channels = images[row].shape
        one = images[row].permute(2, 0, 1)[None].float()
        units = units_of(lower(transforms, height, width, channels))
        for unit in itertools.takewhile(lambda unit: not unit[0].is_mix, units):
            one = _apply(one, unit, streams.of_position(position))
        made.append(one)
    return torch.cat(made)


# ---- the whole list ---------------------------------------------------------------------------


def augment(
    images: Tensor | Sequence[Tensor],
    transforms: Sequence[Lowerable],
    *,
    index: Tensor | None = None,
    ids: Tensor | None = None,
    active: Tensor | None = None,
    seed: int = 0,
    epoch: int = 0,
    p: float = 1.0,
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute what a :class:`Pipeline` of these transforms computes before it normalises.

    Args:
        images: [N, H, W, C] uint8, or floats of any range, on the CPU, or a list of N uint8 ones of
            mixed sizes; the other arguments as
            :meth:`Pipeline.forward`.

    Returns:
        ([B, C, h, w] float32, on [0, 255] where the images are uint8; [B] int64 rows of the
        partners; [B] float32 λ).
    """
    count = len(images)
    rows = torch.arange(count) if index is None else index
    ids = rows if ids is None else ids
    active = torch.ones_like(rows, dtype=torch.bool) if active is None else active
    floats = images[0].is_floating_point()
    streams = Streams(ids, active, seed, epoch, p, clips=not floats)
    pool = count if index is not None else rows.shape[0]
    mixed = not isinstance(images, Tensor)
    height, width = MIXED if mixed else images[0].shape[:2]
    units = units_of(lower(transforms, height, width, images[0].shape[-1], floats=floats))
    if mixed:
        units = list(itertools.dropwhile(lambda unit: not unit[0].is_mix, units))

    def entering_of(rows: Tensor, streams: Streams) -> Tensor:
        if isinstance(images, Tensor):
            return images[rows].permute(0, 3, 1, 2).float()
        return _each_alone(images, rows, transforms, streams)

    batch = entering_of(rows, streams)
    partner_rows, lam = rows, torch.ones(rows.shape[0])
    entering = batch
    for i, unit in enumerate(units):
        stage = unit[0]
        if not stage.is_mix:
            batch = _apply(batch, unit, streams)
            continue
        if not units[i - 1][0].is_mix or i == 0:
            entering, before = batch, units[:i]
        on = streams.applies(stage)
        chosen = uniform_below(streams.words(stage.stream)[3], pool)
        if index is None:
            partner, chosen_rows = entering[chosen], rows[chosen]
        else:
            theirs = streams.of_rows(chosen)
            partner, chosen_rows = entering_of(chosen, theirs), chosen
            for before_mix in before:
                partner = _apply(partner, before_mix, theirs)
        blend, share = _mix(batch, partner, stage, streams)
        batch = torch.where(on[:, None, None, None], blend, batch)
        lam = torch.where(on, share, lam)
        partner_rows = torch.where(on, chosen_rows, partner_rows)
    return batch, partner_rows, lam


def normalise(
    batch: Tensor, scale: Sequence[float], bias: Sequence[float], dtype: torch.dtype
) -> Tensor:
    """Return ``x · scale + bias`` per channel of [B, C, H, W] float32, rounded to nearest even."""
    scaled = batch * torch.tensor(scale)[:, None, None] + torch.tensor(bias)[:, None, None]
    return scaled.round().to(dtype) if dtype == torch.uint8 else scaled.to(dtype)
