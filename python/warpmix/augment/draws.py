"""Random parameters of a batch, apart from their application: to look at, store and replay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from warpmix.augment.program import Program
from warpmix.augment.stages import KINDS, WORDS, Stage

__all__ = ["Draws", "NamedDraw"]

# Words of a StageDraw in kernels/augment/stages.h.
_ON, _PARTNER, _NUMBERS = 0, 1, 2
_FILTER = _PARTNER  # of a resample
_WIDTH, _HEIGHT = 6, 7  # of the image that enters, where each has its own

_IN_DEGREES = frozenset({"degrees", "shear_x", "shear_y"})  # as shown; drawn in turns


@dataclass(frozen=True)
class Draws:
    """What :meth:`Pipeline.draw` returns and :meth:`Pipeline.replay` takes.

    Attributes:
        rows: [B] int64 rows of the images.
        partner: [B] int64 mix partners, as rows of the images or, with ``from_batch``, positions in
            the batch; None for a pipeline without a mix.
        from_batch: how to read ``partner``.
        image_count: N of the images that they were drawn for.
        per_launch: for each launch [B, sides, stages, 8] int32, StageDraws as the kernels read
            them. Launches before the mix of a longer list hold 2B samples: partners follow.
        stages: what they are draws of, for each launch.
    """

    rows: Tensor
    partner: Tensor | None
    from_batch: bool
    image_count: int
    per_launch: list[Tensor]
    stages: list[list[Stage]]

    def named(self) -> list[NamedDraw]:
        """Return one entry a transform, in the order of the list (the children of a RandomChoice by
        themselves), with tensors of the B samples."""
        count = self.rows.shape[0]
        entries: dict[tuple[int, int], NamedDraw] = {}
        for draws, stages in zip(self.per_launch, self.stages, strict=True):
            for i, stage in enumerate(stages):
                words = draws[:count, 0, i]
                if stage.owner not in entries:
                    on = words[:, _ON].bool()
                    entries[stage.owner] = NamedDraw(stage.name, on, {})
                entries[stage.owner].values.update(_named_values(stage, words))
                entries[stage.owner].words.update(_words_of(stage))
        return [entries[owner] for owner in sorted(entries)]

    def describe(self, sample: int) -> list[str]:
        """Return the transforms that apply to one sample, with their numbers, a line each."""
        lines = []
        for entry in self.named():
            if entry.on[sample]:
                shown = (f"{name}={entry.shown(name, sample)}" for name in entry.values)
                lines.append(" ".join([entry.transform, *shown]))
        return lines

    def to(self, device: torch.device | str) -> Draws:
        """Return a copy on another device."""
        partner = None if self.partner is None else self.partner.to(device)
        moved = [draws.to(device) for draws in self.per_launch]
        return replace(self, rows=self.rows.to(device), partner=partner, per_launch=moved)

    def of_samples(self, part: slice) -> Draws:
        """Return some samples' draws, of a list that does not mix or all of them."""
        if part == slice(0, len(self.rows)):
            return self
        per_launch = [draws[part] for draws in self.per_launch]
        return replace(self, rows=self.rows[part], per_launch=per_launch)

    def of_rows(self) -> tuple[Tensor, Draws]:
        """Return which images are read, and the same draws for these images alone.

        Returns:
            ([n] int64 rows, sorted and distinct, of the samples and of their mix partners; draws to
            replay with ``images[rows]``)
        """
        count = len(self.rows)
        read = self.rows
        if self.partner is not None and not self.from_batch:
            read = torch.cat([self.rows, self.partner])
        rows, places = read.unique(return_inverse=True)
        if self.partner is None or self.from_batch:
            return rows, replace(self, rows=places, image_count=len(rows))
        partner = places[count:]
        per_launch = [
            with_partners_at(words, _mix_range(stages), partner)
            for words, stages in zip(self.per_launch, self.stages, strict=True)
        ]
        changed = {"rows": places[:count], "partner": partner, "per_launch": per_launch}
        return rows, replace(self, image_count=len(rows), **changed)


@dataclass(frozen=True)
class NamedDraw:
    """What one transform draws for B samples.

    Attributes:
        transform: the name of its class.
        on: [B] bool, whether it applies.
        values: [B] each, meaningful where ``on``. float32: factor, brightness, contrast, saturation
            (factors), gamma, hue (turns), degrees, shear_x, shear_y (degrees), scale, lam (λ),
            sigma (pixels).
            int64: dx, dy, border_x, border_y, x0, y0, x1, y1 (exclusive ends), offset_x, offset_y,
            period, square, top_left_x, top_left_y, top_right_x, … (pixels), partner (see
            :class:`Draws`); operation, whose names stand in ``words``, and its magnitude (float32,
            torchvision's), of policies with several slots operation_1, magnitude_1, ...;
            interpolation, likewise by words, where it is drawn.
        words: by the names of values that number words: those words, in order.
    """

    transform: str
    on: Tensor
    values: dict[str, Tensor]
    words: dict[str, Sequence[str]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Tensor:
        return self.values[name]

    def shown(self, name: str, sample: int) -> str:
        """Return one value of one sample as text: a number, or the word that it stands for."""
        value = self.values[name][sample].item()
        if name in self.words:
            return self.words[name][int(value)]
        return f"{value:.3g}" if isinstance(value, float) else str(value)


def _named_values(stage: Stage, words: Tensor) -> dict[str, Tensor]:
    fields = {of.name: of for of in KINDS[stage.kind].draw}
    values = {}
    for shown, name in stage.shown.items():
        value = words[:, _NUMBERS + fields[name].place]
        if fields[name].type == "point":
            values[f"{shown}_x"] = value.long() & 65535
            values[f"{shown}_y"] = value.long() >> 16 & 65535
        elif fields[name].type != "float":
            values[shown] = value.long()
        else:
            value = value.contiguous().view(torch.float32)
            values[shown] = value * 360 if shown in _IN_DEGREES else value
    if stage.is_mix:
        values["partner"] = words[:, _PARTNER].long()
    if _draws_filter(stage):
        values["interpolation"] = words[:, _FILTER].long()
    return values


def _draws_filter(stage: Stage) -> bool:
    """Return whether a sample's filter is drawn and stands in the place of a partner."""
    return stage.resamples and stage["interpolation"] == "random"


def _words_of(stage: Stage) -> dict[str, Sequence[str]]:
    """Return the words that values of a stage's draws number, by their names as shown."""
    types = {of.name: of.type for of in KINDS[stage.kind].draw}
    if _draws_filter(stage):
        return {"interpolation": WORDS["interpolation"]}
    return {
        shown: WORDS[types[name]] for shown, name in stage.shown.items() if types[name] in WORDS
    }


def _mix_range(stages: list[Stage]) -> range:
    """Return the places of the mixing stages in a launch; they are neighbours."""
    places = [i for i, stage in enumerate(stages) if stage.is_mix]
    return range(places[0], places[-1] + 1) if places else range(0)


def partners_of(draws: Tensor, mixes: range, otherwise: Tensor) -> Tensor:
    """Return the [B] int64 partners of a mix launch's draws; ``otherwise`` without one."""
    partner = otherwise
    for i in mixes:
        words = draws[:, 0, i]
        partner = torch.where(words[:, _ON] == 1, words[:, _PARTNER].long(), partner)
    return partner


def with_partners_at(draws: Tensor, mixes: range, partner: Tensor) -> Tensor:
    """Return a copy of a mix launch's draws whose partners are the given rows."""
    moved = draws.clone()
    for i in mixes:
        moved[:, 0, i, _PARTNER] = partner.int()
    return moved


def without_mapped(per_launch: list[Tensor], programs: Sequence[Program]) -> list[Tensor]:
    """Return draws in which no launch repeats what the one before it has mapped: joins_map in
    kernels/augment/geometry.h."""
    kept = list(per_launch)
    for i, program in enumerate(programs):
        if program.repeated > 0:
            stages = programs[i - 1].stages
            (at,) = [n for n, stage in enumerate(stages) if stage.resamples]
            words = per_launch[i - 1][:, 0, at]  # partners follow the samples
            fits = words[:, _WIDTH] <= stages[at]["out_width"]
            fits &= words[:, _HEIGHT] <= stages[at]["out_height"]
            kept[i] = per_launch[i].clone()
            resampled = ~((words[:, _ON] == 1) & fits).view(kept[i].shape[1], -1)  # a side a row
            kept[i][:, :, : program.repeated, _ON] *= resampled.T[:, :, None]
    return kept
