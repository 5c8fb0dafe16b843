"""Lists that need several launches: their draws, and their images in between.

Launches before the mix make the samples *and* their partners, as one batch of 2B float32 images;
the mix launch then finds sample b's partner at row B + b. Launches after the mix make B.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from warpmix import ops
from warpmix._tensors import empty_batch
from warpmix.augment.draws import Draws, partners_of, with_partners_at, without_mapped
from warpmix.augment.lowering import BRING_TO_ONE, Lowerable
from warpmix.augment.program import Program, compile_programs
from warpmix.augment.ragged import Images
from warpmix.augment.stages import MIXED

_CACHED_BYTES = 2**20  # of images between two launches, a thread


@dataclass(frozen=True)
class Compiled:
    """The launches for one image shape, with their op arguments and what every call asks.

    Attributes:
        scale, bias: of the last launch, one a channel.
        floats: for float images of any range.
        is_random: a sample may be changed, so that random numbers are needed.
        needs_sums: of the first launch.
        result_size: (height, width) that leaves the last launch.
        mix: number of the launch that mixes, if one does.
    """

    programs: list[Program]
    words: list[list[int]]
    scale: list[float]
    bias: list[float]
    floats: bool
    is_random: bool
    needs_sums: bool
    result_size: tuple[int, int]
    mix: int | None

    @property
    def mix_names(self) -> str:
        """Names of the transforms that mix."""
        names = {s.name: None for program in self.programs for s in program.stages if s.is_mix}
        return " or ".join(names)


def unchanged(channels: int, floats: bool) -> tuple[list[float], list[float]]:
    """Return the scale and bias that leave values alone; of floats, the sign of a zero too."""
    return [1.0] * channels, [-0.0 if floats else 0.0] * channels


def compile_list(
    transforms: Sequence[Lowerable],
    size: tuple[int, int, int],
    coefficients: tuple[list[float], list[float]],
    p: float = 1.0,
    augmented: bool = True,
    floats: bool = False,
) -> Compiled:
    """Compile a list for images of (height, width, channels), or of MIXED sizes.

    Args:
        coefficients: scale and bias of the batch, one a channel.
        p: the pipeline's.
        augmented, floats: as for :func:`compile_programs`.

    Raises:
        ValueError: a transform does not fit, or images of mixed sizes stay so.
    """
    programs = compile_programs(transforms, *size, augmented, floats)
    if programs[0].result_size == MIXED:
        raise ValueError(
            "images of mixed sizes must come to one size in the list, before they are resized a "
            f"second time: {BRING_TO_ONE} into it, or "
            "bring them to one when they are loaded (image_size)"
        )
    stages = [stage for program in programs for stage in program.stages]
    return Compiled(
        programs,
        [program.words(p) for program in programs],
        *coefficients,
        floats=floats,
        is_random=p > 0 and any(stage.p > 0 for stage in stages),
        needs_sums=programs[0].needs_sums,
        result_size=programs[-1].result_size,
        mix=next((i for i, program in enumerate(programs) if program.has_mix), None),
    )


@dataclass  # not frozen, which would take ten times as long to make
class Samples:
    """Which samples a call makes, and from which random streams: the ops' arguments.

    Attributes:
        from_batch: mix partners are positions in the batch; else rows of the images.
    """

    index: Tensor | None
    ids: Tensor | None
    active: Tensor | None
    count: int
    step: Tensor | None
    seed: int
    epoch: int
    from_batch: bool

    def rows(self, device: torch.device) -> Tensor:
        return torch.arange(self.count, device=device) if self.index is None else self.index

    def beside(self, partner: Tensor, device: torch.device) -> Samples:
        """Return these samples and behind them their partners."""
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
        return replace(
            self, index=index, ids=ids, active=active, count=2 * self.count, from_batch=False
        )


def draw_launches(images: Images, compiled: Compiled, samples: Samples) -> Draws:
    """Draw every launch; images [N, H, W, C] give the shape and the pool of partners."""

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
            sides=2 if compiled.programs[number].has_mix else 1,
        )

    mix = compiled.mix
    rows = samples.rows(images.device)
    partner, mixed, early = None, None, samples
    if mix is not None:
        mixed = draw(mix, samples)
        own = torch.arange(samples.count, device=rows.device) if samples.from_batch else rows
        partner = partners_of(mixed, compiled.programs[mix].mix_range(), own)
        early = samples.beside(partner, images.device)
    per_launch = [
        mixed if mixed is not None and i == mix else draw(i, early if i < (mix or 0) else samples)
        for i in range(len(compiled.programs))
    ]
    stages = [launch.stages for launch in compiled.programs]
    per_launch = without_mapped(per_launch, compiled.programs)
    return Draws(rows, partner, samples.from_batch, len(images), per_launch, stages)


def run_launches(
    images: Images,
    compiled: Compiled,
    samples: Samples | Draws,
    labels: Tensor | None,
    sums: Tensor | None,
    out: Tensor,
) -> tuple[Tensor, Tensor]:
    """Run every launch into ``out`` [B, C, h, w].

    A single launch draws its parameters itself, unless they are given.

    Args:
        images: [N, H, W, C] uint8, or float32 where it is compiled for floats.
        samples: what to make, or its parameters, drawn already.
        labels: [N] int64; left out, the pair holds rows of the images instead.
        sums: [N, C] int64, where the first launch needs them.

    Returns:
        (pair [2, B] int64 of the own and the partner's label, lam [B] float32)
    """
    if isinstance(samples, Samples) and len(compiled.programs) > 1:
        samples = draw_launches(images, compiled, samples)
    if isinstance(samples, Samples):
        return _launch(images, compiled, 0, samples, None, labels, sums, out)
    parts = [
        _run_drawn(images, compiled, samples.of_samples(part), labels, sums, out[part])
        for part in _parts(images, compiled, samples)
    ]
    if len(parts) == 1:
        return parts[0]
    pairs, shares = zip(*parts, strict=True)
    return torch.cat(pairs, 1), torch.cat(shares)


def _parts(images: Images, compiled: Compiled, draws: Draws) -> list[slice]:
    """Return which samples go through all launches before others do: on a CPU those whose images
    in between stay in its caches, and in memory that is used again."""
    count = draws.rows.shape[0]
    together = max(1, count)
    if images.device.type == "cpu" and compiled.mix is None and not torch.compiler.is_compiling():
        pixels = max(math.prod(program.result_size) for program in compiled.programs)
        in_cache = max(1, _CACHED_BYTES // (4 * pixels * len(compiled.scale)))
        together = in_cache * torch.get_num_threads()
    return [slice(i, min(i + together, count)) for i in range(0, max(1, count), together)]


def _run_drawn(
    images: Images,
    compiled: Compiled,
    draws: Draws,
    labels: Tensor | None,
    sums: Tensor | None,
    out: Tensor,
) -> tuple[Tensor, Tensor]:
    """Run every launch with parameters that are drawn."""
    count = draws.rows.shape[0]
    drawn_for = _drawn(draws.rows, count, draws.from_batch)
    mix = compiled.mix or 0
    if mix > 0 and draws.partner is not None:
        partner_rows = draws.rows[draws.partner] if draws.from_batch else draws.partner
        index = torch.cat([draws.rows, partner_rows])
        labels = index if labels is None else labels[index]
        drawn_for = _drawn(index, 2 * count, draws.from_batch)
    own = torch.arange(count, device=images.device)
    channels = len(compiled.scale)
    source: Images = images
    targets = None
    for number, launch in enumerate(compiled.programs):
        words = draws.per_launch[number]
        if number > 0:
            drawn_for = _drawn(None, len(source), draws.from_batch)
            sums = ops.channel_sums_nhwc(source) if launch.needs_sums else None
            if number == mix:
                words = with_partners_at(words, launch.mix_range(), own + count)
                drawn_for = _drawn(own, count, from_batch=False)
        last = number == len(compiled.programs) - 1
        between = (drawn_for.count, channels, *launch.result_size)
        target = out if last else empty_batch(between, torch.float32, images.device, True)
        mixed = labels if number == mix else None
        written = _launch(source, compiled, number, drawn_for, words, mixed, sums, target)
        targets = written if number == mix else targets
        source = target.permute(0, 2, 3, 1)
    assert targets is not None  # the launch number `mix` exists
    return targets


def _launch(
    images: Images,
    compiled: Compiled,
    number: int,
    samples: Samples,
    draws: Tensor | None,
    labels: Tensor | None,
    sums: Tensor | None,
    out: Tensor,
) -> tuple[Tensor, Tensor]:
    """Run one of the launches; the last one normalises."""
    scale, bias = compiled.scale, compiled.bias
    if number < len(compiled.programs) - 1:
        scale, bias = unchanged(len(compiled.scale), compiled.floats)
    return ops.augment(
        images,
        index=samples.index,
        ids=samples.ids,
        active=samples.active,
        labels=labels,
        sums=sums,
        draws=draws,
        step=samples.step,
        seed=samples.seed,
        epoch=samples.epoch,
        from_batch=samples.from_batch,
        program=compiled.words[number],
        scale=scale,
        bias=bias,
        out=out,
    )


def _drawn(index: Tensor | None, count: int, from_batch: bool) -> Samples:
    """Return samples whose parameters are drawn already: no random stream is read."""
    return Samples(index, None, None, count, None, 0, 0, from_batch)
