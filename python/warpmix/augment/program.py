"""Compiles a list of transforms into launches: programs in the kernels' normal form.

Normal form is *whole pixels → map → whole pixels → colour → occlusion → one mix → occlusion →
normalise*, where the whole pixels before a resampling are flips; a list in that order is one
launch. Any other list is cut into several, with float32 images between them, and gives the same
result (DESIGN, "Order and fusion"). Stages that need the whole image as it enters them (section
"whole_image") are launches by themselves.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from warpmix._extension import load
from warpmix.augment.lowering import Lowerable, lower
from warpmix.augment.stages import (
    BORDERS,
    KINDS,
    MAX_STAGES,
    WORDS,
    Field,
    Stage,
    borders_of,
    compose_maps,
    units_of,
)

_C = load().module

MAX_STEPS: int = _C.max_steps  # of a section of a launch
MAX_PIXELS: int = _C.max_pixels  # of an image
_KIND_NUMBERS = {name: number for number, name in enumerate(KINDS)}

# Sections of the normal form, in order.
_BEFORE_MAP, _MAP, _AFTER_MAP, _COLOR, _BEFORE_MIX, _MIX, _AFTER_MIX = range(7)
_WHOLE_IMAGE = 7  # excludes the others
_STEPS = (_COLOR, _BEFORE_MIX, _AFTER_MIX, _WHOLE_IMAGE)  # sections of at most MAX_STEPS


def _bits(value: float) -> int:
    return int(struct.unpack("<I", struct.pack("<f", value))[0])


def _words(field: Field, value: Any) -> list[int]:
    """Return the words of a stage's field."""
    if field.type in WORDS:
        return [WORDS[field.type].index(value)]
    values = [value] if field.count == 1 else value
    if len(values) != field.count:
        raise ValueError(f"{field.name} must have {field.count} values, got {len(values)}")
    return [_bits(v) if field.type == "float" else int(v) for v in values]


@dataclass
class Program:
    """What one launch does: its stages, by section of the normal form.

    Args:
        size: (height, width) of the images that enter it.
        clips: False for float images of any range.
        repeated: how many of the first stages stand in the map of the launch before it, too, for
            the samples that it does not resample. Here they are for the others.
    """

    size: tuple[int, int]
    clips: bool = True
    repeated: int = 0
    sections: list[list[Stage]] = field(default_factory=lambda: [[] for _ in range(8)])

    @property
    def stages(self) -> list[Stage]:
        return [stage for section in self.sections for stage in section]

    @property
    def result_size(self) -> tuple[int, int]:
        """(height, width) of the images that leave it."""
        return self.stages[-1].result_size if len(self.stages) > 0 else self.size

    @property
    def has_mix(self) -> bool:
        return len(self.sections[_MIX]) > 0

    @property
    def needs_sums(self) -> bool:
        """True when a contrast pivots on a mean of the image that enters the launch."""
        return any(s.pivots_on_mean and self.pivots_on_source(s) for s in self.sections[_COLOR])

    @property
    def entering_means(self) -> list[Stage]:
        """Contrasts that pivot on a mean of an image which only this launch makes."""
        return [s for s in self.sections[_COLOR] if not self.pivots_on_source(s)]

    @property
    def whole_images(self) -> list[Stage]:
        """Stages that need the whole image as it enters, which exclude each other and all others.

        Statistics are made before for those whose kind has them, and a pass over the rows for those
        that have passes.
        """
        return self.sections[_WHOLE_IMAGE]

    def pivots_on_source(self, stage: Stage) -> bool:
        """Return False where the mean that a colour stage needs is another than the source's."""
        if not stage.pivots_on_mean:
            return True
        stages = self.stages
        before = stages[: next(i for i, other in enumerate(stages) if other is stage)]
        return all(other.keeps_mean or other.excludes(stage) for other in before)

    @property
    def fill(self) -> tuple[float, ...]:
        """The one fill that this launch's constant borders bring in."""
        return next((s.fill for s in self.stages if s.border == "constant"), (0.0,))

    def mix_range(self) -> range:
        """Return the positions of the mix stages among :attr:`stages`."""
        begin = sum(len(section) for section in self.sections[:_MIX])
        return range(begin, begin + len(self.sections[_MIX]))

    def accept(self, stages: Sequence[Stage]) -> bool:
        """Take stages that belong together, the members of a map or one by itself, if the launch
        stays in normal form and means what the list means."""
        section = self._section_for(stages[0])
        if section is None or len(self.stages) + len(stages) > MAX_STAGES:
            return False
        if section in _STEPS and len(self.sections[section]) == MAX_STEPS:
            return False
        fills = {
            value for border, value in borders_of([*self.stages, *stages]) if border == "constant"
        }
        if len(fills) > 1:
            return False
        self.sections[section] += stages
        return True

    def _section_for(self, stage: Stage) -> int | None:
        used = [i for i, section in enumerate(self.sections) if len(section) > 0]
        last = used[-1] if used else 0
        if stage.section == "whole_image" or last == _WHOLE_IMAGE:
            alone = all(
                other.section == stage.section
                and other.excludes(stage)
                and not (stage.chains or other.chains)
                for other in self.stages
            )
            return _WHOLE_IMAGE if alone else None
        if stage.map is not None:
            whole = self.sections[_BEFORE_MAP]
            turned = not stage.resamples or all(before.permutes for before in whole)
            return _MAP if last < _MAP and turned else None
        if stage.section == "geometry":
            section = _BEFORE_MAP if last < _MAP else _AFTER_MAP
            return section if last <= section else None
        if stage.section == "color":
            return _COLOR if last <= _COLOR else None
        if stage.is_mix:
            excluded = all(other.excludes(stage) for other in self.sections[_MIX])
            return _MIX if last < _MIX or (last == _MIX and excluded) else None
        return _BEFORE_MIX if last <= _BEFORE_MIX else _AFTER_MIX

    def words(self, p: float) -> list[int]:
        """Return the op's ``program`` argument, as csrc/program.h reads it."""
        ends = [sum(len(section) for section in self.sections[: i + 1]) for i in range(8)]
        border = next((s.border for s in self.sections[_MAP] if s.border), "replicate")
        words = [ends[_WHOLE_IMAGE], *ends[:_AFTER_MIX], BORDERS.index(border)]
        words += [_bits(p), int(self.clips), len(self.fill), *map(_bits, self.fill)]
        entering = self.entering_means
        for s in self.stages:
            mean = next((i for i, other in enumerate(entering) if other is s), _C.source_mean)
            words += [_KIND_NUMBERS[s.kind], s.stream, s.block, _bits(s.p)]
            words += [s.choice_stream, _bits(s.choice_low), _bits(s.choice_high), mean]
            words += [s.width, s.height]
            for of in KINDS[s.kind].stage:
                words += _words(of, s[of.name])
        return words


def compile_programs(
    transforms: Sequence[Lowerable],
    height: int,
    width: int,
    channels: int,
    augmented: bool = True,
    floats: bool = False,
) -> list[Program]:
    """Return the fewest launches that apply the transforms in the listed order, cut greedily.

    Args:
        augmented: False: nothing applies, but images get the size that the list gives them.
        floats: the images are floats of any range, which nothing clips.

    Raises:
        ValueError: a transform does not fit.
    """
    launches = [Program((height, width), not floats)]
    for unit in units_of(lower(transforms, height, width, channels, augmented, floats)):
        _append(launches, unit)
        if unit[0].resamples and len(unit) > 1:
            behind = _behind_resampling(unit)
            launches.append(Program(launches[-1].result_size, not floats, repeated=len(unit) - 1))
            for later in behind:
                _append(launches, later)
    return launches


def _append(launches: list[Program], unit: Sequence[Stage]) -> None:
    if launches[-1].accept(unit):
        return
    launches.append(Program(launches[-1].result_size, launches[-1].clips))
    if not launches[-1].accept(unit):
        raise AssertionError(f"an empty launch takes any stages, not {unit}")


def _behind_resampling(unit: Sequence[Stage]) -> list[list[Stage]]:
    """Return the units of a resampling's map for the images that are resampled, without it."""
    first, *stages = unit
    for stage in stages:
        if stage.resizes:
            raise ValueError(
                f"images of mixed sizes must be enlarged once: let {first.name} bring them to "
                f"{stage['out_height']} x {stage['out_width']} pixels at once, got {stage.name} "
                "after it"
            )
    maps = compose_maps(stages)
    again = [
        replace(stage, map=None if number is None else ~number)  # no other map's number
        for stage, number in zip(stages, maps, strict=True)
    ]
    return units_of([again])
