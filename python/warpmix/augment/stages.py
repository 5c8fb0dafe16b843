"""Stages: what transforms are lowered to, with the numbers that the kernels read.

Which kinds there are, and which numbers each has, stands in kernels/augment/stages.h alone; it is
read from the compiled module here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from warpmix._extension import load
from warpmix._numbers import shown

_C = load().module

BORDERS = tuple(_C.borders)
PIVOTS = tuple(_C.pivots)
OPERATIONS = tuple(_C.operations)  # of automatic policies
WORDS = {
    "border": BORDERS,
    "pivot": PIVOTS,
    "space": tuple(_C.spaces),
    "operation": OPERATIONS,
    "interpolation": tuple(_C.interpolations),
}
"""What the fields of a type that is no number may be."""

MAX_STAGES: int = _C.max_stages  # of a launch
MAX_CHANNELS: int = _C.max_channels
MIXED = (0, 0)
"""Height and width where each image has its own."""

STATISTICS_BYTES: int = _C.statistics_bytes  # that a whole-image launch may keep of a channel

Value = float | str | Sequence[float]  # of a field: a number, a word, or a number a channel


@dataclass(frozen=True)
class Field:
    """A number of a stage or of a draw.

    Attributes:
        type: "int", "float", or one of WORDS.
        place, count: in words of 32 bits.
    """

    name: str
    type: str
    place: int
    count: int


@dataclass(frozen=True)
class Kind:
    """A row of the kernels' table.

    Attributes:
        section: "geometry", "color", "occlusion", "mix" or "whole_image".
        warps: it samples between pixels.
        resamples: it sums pixels under a filter.
        permutes: the result has the image's own pixels in another order.
        simple: it may be in a launch of the fewest instructions.
        needs_rgb: images of 3 channels.
        has_pivot: it may need a mean of the image that enters it.
        has_statistics: it may need other statistics of that image.
        has_passes: it may pass over the rows first and over the columns then.
        chains: it is a slot of chains of operations, which one launch mixes.
        stage: the numbers that it is given.
        draw: those that it draws for a sample.
    """

    name: str
    section: str
    warps: bool
    resamples: bool
    permutes: bool
    simple: bool
    needs_rgb: bool
    has_pivot: bool
    has_statistics: bool
    has_passes: bool
    chains: bool
    stage: tuple[Field, ...]
    draw: tuple[Field, ...]


def _kind(row: dict[str, Any]) -> Kind:
    fields = {name: tuple(Field(*of) for of in row[name]) for name in ("stage", "draw")}
    return Kind(**{**row, **fields})


KINDS = {kind.name: kind for kind in map(_kind, _C.kinds)}
"""By name, in the kernels' order."""


@dataclass(frozen=True)
class Stage:
    """One transform, or a part of one, for one image size; ``Stage`` in kernels/augment/stages.h.

    Attributes:
        numbers: the kind's own, by their names in kernels/augment/stages.h.
        width, height: of the image that enters; 0 where each sample's has its own size.
        border: of a stage that may reach outside the image; None for others.
        fill: what a constant border brings in, one number or one a channel.
        map: number of the map that the stage is composed into, see :func:`compose_maps`.
        owner: (position in the list, position in its RandomChoice) of the transform.
        name: of the transform's class.
        shown: what a user sees of a draw, by the names of the draw's numbers.
    """

    kind: str
    p: float
    width: int
    height: int
    numbers: Mapping[str, Value] = field(default_factory=dict)
    stream: int = 0
    block: int = 0
    choice_stream: int = -1
    choice_low: float = 0.0
    choice_high: float = 1.0
    border: str | None = None
    fill: tuple[float, ...] = (0.0,)
    map: int | None = None
    owner: tuple[int, int] = (0, 0)
    name: str = ""
    shown: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = [of.name for of in KINDS[self.kind].stage]
        if sorted(self.numbers) != sorted(known):
            raise ValueError(
                f"a stage of kind {shown(self.kind)} must have the numbers {known} that "
                f"kernels/augment/stages.h names, got {list(self.numbers)}"
            )

    def __getitem__(self, number: str) -> Any:
        return self.numbers[number]

    @property
    def section(self) -> str:
        return KINDS[self.kind].section

    @property
    def warps(self) -> bool:
        return KINDS[self.kind].warps

    @property
    def resamples(self) -> bool:
        return KINDS[self.kind].resamples

    @property
    def chains(self) -> bool:
        return KINDS[self.kind].chains

    @property
    def may_join_map(self) -> bool:
        """True where images of mixed sizes are resampled, but for those that cannot shrink: of them
        it is a part of a map, as it is of a batch of their size."""
        return (
            self.resamples
            and (self.height, self.width) == MIXED
            and self["interpolation"] == "bilinear"
        )

    @property
    def sampling(self) -> str | None:
        """How a map that it is part of samples between pixels; None where it has no say in it."""
        if self.kind == "affine":
            return str(self["interpolation"])
        return "bilinear" if self.warps or self.may_join_map else None

    @property
    def permutes(self) -> bool:
        return KINDS[self.kind].permutes

    @property
    def is_mix(self) -> bool:
        return self.section == "mix"

    @property
    def takes_floats(self) -> bool:
        """True where pixels are only moved, covered or mixed, whatever their values are."""
        moved = not (self.warps or self.resamples)
        return self.section in ("geometry", "occlusion", "mix") and moved

    @property
    def result_size(self) -> tuple[int, int]:
        """(height, width) of the image that leaves the stage; MIXED where each has its own."""
        if "out_height" in self.numbers:
            return MIXED if self["out_height"] < 1 else (self["out_height"], self["out_width"])
        return self.height, self.width

    @property
    def resizes(self) -> bool:
        """True where the image that leaves has another size, as that of every sample must."""
        own_sizes = "out_height" in self.numbers and self.result_size == MIXED
        return own_sizes or self.result_size != (self.height, self.width)

    @property
    def pivots_on_mean(self) -> bool:
        return KINDS[self.kind].has_pivot and self["pivot"] != "center"

    @property
    def keeps_mean(self) -> bool:
        """True where the image's channel means leave the stage as they came, to the last bit."""
        if self.section != "geometry" or self.warps or self.resamples or self.resizes:
            return False
        return self.permutes or self.border == "wrap"

    def excludes(self, other: Stage) -> bool:
        """Return whether no sample has both: they are children of one RandomChoice."""
        of_one_choice = self.choice_stream >= 0 and self.choice_stream == other.choice_stream
        return of_one_choice and self.owner != other.owner


def borders_of(stages: Sequence[Stage]) -> set[tuple[str, tuple[float, ...]]]:
    """Return the different borders that some stages have, a constant one with its fill."""
    return {
        (s.border, s.fill if s.border == "constant" else (0.0,))
        for s in stages
        if s.border is not None
    }


def compose_maps(stages: Sequence[Stage]) -> list[int | None]:
    """Return the map that each stage is composed into, or None.

    A rotation, zoom, affine, resized crop or resize (a *warp*) samples between pixels. Consecutive
    geometric stages from one warp to another, with one border and one interpolation, are one map:
    the product of their matrices, sampled once. Whole-pixel shifts and flips before and after a map
    stay exact. A crop of whole pixels ends a map, so that nothing beyond its window comes back. A
    resampling is a map of its own, or the first of one where images of mixed sizes may join it.
    """
    maps: list[int | None] = [None] * len(stages)
    number, first = 0, 0
    while first < len(stages):
        if stages[first].resamples and not stages[first].may_join_map:
            maps[first] = number
            number += 1
        if not (stages[first].warps or stages[first].may_join_map):
            first += 1
            continue
        last, end = first, first + 1
        while (
            end < len(stages)
            and end - first < MAX_STAGES
            and stages[end].section == "geometry"
            and (stages[end].warps or not (stages[end].resizes or stages[end].resamples))
            and len(borders_of(stages[first : end + 1])) <= 1
            and stages[end].sampling in (None, stages[first].sampling)
        ):
            last = end if stages[end].warps else last
            end += 1
        maps[first : last + 1] = [number] * (last + 1 - first)
        number, first = number + 1, last + 1
    return maps


def units_of(groups: Sequence[Sequence[Stage]]) -> list[list[Stage]]:
    """List stages one by one, but the members of a map together, because they are sampled together
    and so must share a launch, and likewise the slots of chains, which are mixed."""
    units: list[list[Stage]] = []
    for stage in (stage for group in groups for stage in group):
        last = units[-1][-1] if units else None
        of_map = last is not None and stage.map is not None and last.map == stage.map
        of_chains = last is not None and stage.chains and last.stream == stage.stream
        if of_map or of_chains:
            units[-1].append(stage)
        else:
            units.append([stage])
    return units
