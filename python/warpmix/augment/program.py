"""Compiles a list of transforms into launches: programs in the kernels' normal form.

Normal form is *geometry → contrast → occlusion → one mix → occlusion → normalise*; a list in that
order is one launch. Any other list is cut into several, with float32 images between them, and gives
the same result (DESIGN, "Order and fusion").
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from .transforms import BORDERS, GEOMETRY, MEAN_PRESERVING_BORDER, PIVOTS, Listed, Stage, lower

MAX_STAGES = 16  # kMaxStages in kernels/augment/params.h
DRAW_WORDS = 8  # kDrawWords
MAX_CHANNELS = 16  # kMaxChannels
MAX_PIXELS = 1 << 24  # kMaxPixels

# Sections of the normal form, in order.
_GEOMETRY, _CONTRAST, _BEFORE_MIX, _MIX, _AFTER_MIX = range(5)
_CONSTANT = BORDERS.index("constant")
_CENTER = PIVOTS.index("center")


def _bits(value: float) -> int:
    return int(struct.unpack("<I", struct.pack("<f", value))[0])


@dataclass
class Launch:
    """The stages of one launch, by section of the normal form."""

    sections: list[list[Stage]] = field(default_factory=lambda: [[] for _ in range(5)])

    @property
    def stages(self) -> list[Stage]:
        return [stage for section in self.sections for stage in section]

    @property
    def has_mix(self) -> bool:
        return len(self.sections[_MIX]) > 0

    @property
    def needs_sums(self) -> bool:
        """True when a contrast pivots on a mean of the image that enters the launch."""
        return any(stage.mode != _CENTER for stage in self.sections[_CONTRAST])

    @property
    def fill(self) -> float:
        """The one value that this launch's constant borders bring in."""
        return next((s.low for s in self.sections[_GEOMETRY] if s.mode == _CONSTANT), 0.0)

    def mix_range(self) -> range:
        """Positions of the mix stages among :attr:`stages`."""
        begin = sum(len(section) for section in self.sections[:_MIX])
        return range(begin, begin + len(self.sections[_MIX]))

    def accept(self, stage: Stage) -> bool:
        """Takes the stage if the launch stays in normal form and means what the list means."""
        section = self._section_for(stage)
        if section is None or len(self.stages) == MAX_STAGES:
            return False
        self.sections[section].append(stage)
        return True

    def _section_for(self, stage: Stage) -> int | None:
        last = _GEOMETRY
        for i, section in enumerate(self.sections):
            last = i if len(section) > 0 else last
        others = [s for s in self.stages if not s.excludes(stage)]
        if stage.kind in GEOMETRY:
            fills = {s.low for s in self.sections[_GEOMETRY] if s.mode == _CONSTANT}
            one_fill = stage.mode != _CONSTANT or fills <= {stage.low}
            return _GEOMETRY if last == _GEOMETRY and one_fill else None
        if stage.kind == "contrast":
            # Its mean must be that of the source: everything before it must keep the mean.
            kept = stage.mode == _CENTER or all(s.mode == MEAN_PRESERVING_BORDER for s in others)
            alone = not any(s.kind == "contrast" for s in others)
            return _CONTRAST if last <= _CONTRAST and kept and alone else None
        if stage.is_mix:
            return _MIX if last < _MIX or (last == _MIX and not _any_mix(others)) else None
        return _BEFORE_MIX if last <= _BEFORE_MIX else _AFTER_MIX

    def words(self, p: float) -> list[int]:
        """The op's ``program`` argument; read by parse_program in csrc/augment.cpp."""
        ends = [sum(len(section) for section in self.sections[: i + 1]) for i in range(5)]
        header = [ends[4], ends[_GEOMETRY], ends[_CONTRAST], ends[_BEFORE_MIX], ends[_MIX]]
        words = [*header, _bits(p), _bits(self.fill)]
        for s in self.stages:
            words += [_KIND_NUMBER[s.kind], s.stream, _bits(s.p), s.choice_stream]
            words += [_bits(s.choice_low), _bits(s.choice_high), s.extent_x, s.extent_y, s.mode]
            words += [_bits(s.low), _bits(s.span)]
        return words


_KIND_NUMBER = {
    "shift": 0,
    "hflip": 1,
    "vflip": 2,
    "contrast": 3,
    "crop_blackout": 4,
    "cutmix": 5,
    "mixup": 6,
}


def _any_mix(stages: Sequence[Stage]) -> bool:
    return any(stage.is_mix for stage in stages)


def _rank(stage: Stage) -> int:
    """Order of a RandomChoice's children. No sample has two of them, so any order gives the same
    result, but for mixes: a partner is taken as it enters the choice, so they come first."""
    if stage.is_mix:
        return 0
    if stage.kind in GEOMETRY:
        return 1
    return 2 if stage.kind == "contrast" else 3


def compile_launches(
    transforms: Sequence[Listed], height: int, width: int, channels: int
) -> list[Launch]:
    """The fewest launches, cutting greedily, that apply the transforms in the listed order."""
    launches = [Launch()]
    for group in lower(transforms, height, width, channels):
        for stage in sorted(group, key=_rank):
            if not launches[-1].accept(stage):
                launches.append(Launch())
                if not launches[-1].accept(stage):
                    raise AssertionError(f"an empty launch takes any stage, not {stage}")
    return launches
