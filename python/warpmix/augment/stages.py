"""Stages: what transforms are lowered to, as numbers that the kernels read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# In the order of Kind in kernels/augment/params.h, and likewise below of Border and Pivot.
KINDS = (
    "shift",
    "hflip",
    "vflip",
    "affine",
    "resized_crop",
    "contrast",
    "brightness",
    "saturation",
    "hue",
    "crop_blackout",
    "erasing",
    "cutout",
    "grid_mask",
    "cutmix",
    "mixup",
)
BORDERS = ("wrap", "reflect", "replicate", "constant")
PIVOTS = ("channel_mean", "gray_mean", "center")
GEOMETRY = frozenset(KINDS[:5])
WARPS = frozenset({"affine", "resized_crop"})  # these sample between pixels
FLIPS = frozenset({"hflip", "vflip"})
COLORS = frozenset(KINDS[5:9])
MIXES = frozenset({"cutmix", "mixup"})
MAX_STAGES = 16  # of a launch: kMaxStages
STAGE_NUMBERS = 11  # kStageNumbers


@dataclass(frozen=True)
class Stage:
    """One transform, or a part of one, for one image size; mirrors ``Stage`` in
    kernels/augment/params.h, where the numbers are explained.

    Attributes:
        border: of a stage that may reach outside the image; None for others.
        fill: what a constant border brings in.
        map: number of the map that the stage is composed into, see :func:`compose_maps`.
        owner: (position in the list, position in its RandomChoice) of the transform.
        name: of the transform's class.
        fields: (name, position in the draw's numbers) of what a user sees of a draw.
    """

    kind: str
    p: float
    width: int
    height: int
    numbers: tuple[float, ...] = ()
    stream: int = 0
    block: int = 0
    choice_stream: int = -1
    choice_low: float = 0.0
    choice_high: float = 1.0
    pivot: str = "center"
    overhang: bool = False
    border: str | None = None
    fill: float = 0.0
    map: int | None = None
    owner: tuple[int, int] = (0, 0)
    name: str = ""
    fields: tuple[tuple[str, int], ...] = ()

    @property
    def is_mix(self) -> bool:
        return self.kind in MIXES

    @property
    def mode(self) -> int:
        """The word that a shift, a contrast or a cutout chooses its variant by."""
        if self.kind == "shift":
            return BORDERS.index(self.border or "replicate")
        return PIVOTS.index(self.pivot) if self.kind == "contrast" else int(self.overhang)

    @property
    def result_size(self) -> tuple[int, int]:
        """(height, width) of the image that leaves the stage."""
        if self.kind == "resized_crop":
            return int(self.numbers[5]), int(self.numbers[4])
        return self.height, self.width

    @property
    def pivots_on_mean(self) -> bool:
        return self.kind == "contrast" and self.pivot != "center"

    @property
    def keeps_mean(self) -> bool:
        """True where the image's channel means leave the stage as they came, to the last bit."""
        return self.kind in FLIPS or (self.kind == "shift" and self.border == "wrap")

    def excludes(self, other: Stage) -> bool:
        """True when no sample has both: they are children of one RandomChoice."""
        of_one_choice = self.choice_stream >= 0 and self.choice_stream == other.choice_stream
        return of_one_choice and self.owner != other.owner


def borders_of(stages: Sequence[Stage]) -> set[tuple[str, float]]:
    """The different borders that some stages have, a constant one with its value."""
    return {
        (s.border, s.fill if s.border == "constant" else 0.0)
        for s in stages
        if s.border is not None
    }


def compose_maps(stages: Sequence[Stage]) -> list[int | None]:
    """The map that each stage is composed into, or None.

    A rotation, zoom, affine, resized crop or resize (a *warp*) samples between pixels. Consecutive
    geometric stages from one warp to another, with one border, are one map: the product of their
    matrices, sampled once. Whole-pixel shifts and flips before and after a map stay exact.
    """
    maps: list[int | None] = [None] * len(stages)
    number, first = 0, 0
    while first < len(stages):
        if stages[first].kind not in WARPS:
            first += 1
            continue
        last = end = first
        while (
            end < len(stages)
            and end - first < MAX_STAGES
            and stages[end].kind in GEOMETRY
            and len(borders_of(stages[first : end + 1])) <= 1
        ):
            last = end if stages[end].kind in WARPS else last
            end += 1
        maps[first : last + 1] = [number] * (last + 1 - first)
        number, first = number + 1, last + 1
    return maps


def units_of(groups: Sequence[Sequence[Stage]]) -> list[list[Stage]]:
    """Stages one by one, but for the members of a map: these are together, because they are sampled
    together and so must share a launch."""
    units: list[list[Stage]] = []
    for stage in (stage for group in groups for stage in group):
        if len(units) > 0 and stage.map is not None and units[-1][-1].map == stage.map:
            units[-1].append(stage)
        else:
            units.append([stage])
    return units
