"""The transforms: what a user lists in a :class:`~warpmix.augment.Pipeline`.

Each is a frozen dataclass that validates itself and lowers to a :class:`Stage`, the numbers that
the kernels read. Names and parameters follow torchvision.transforms.v2 where it has the transform.
Every ``p`` is the probability that the transform applies to a sample; all random parameters are
drawn per sample. Values are float32 on [0, 255] throughout, never rounded between transforms.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

KINDS = ("shift", "hflip", "vflip", "contrast", "crop_blackout", "cutmix", "mixup")
BORDERS = ("wrap", "reflect", "replicate", "constant")
PIVOTS = ("channel_mean", "gray_mean", "center")
GEOMETRY = frozenset({"shift", "hflip", "vflip"})
MIXES = frozenset({"cutmix", "mixup"})
MEAN_PRESERVING_BORDER = BORDERS.index("wrap")


@dataclass(frozen=True)
class Stage:
    """One transform lowered for one image size; mirrors ``Stage`` in kernels/augment/params.h."""

    kind: str
    p: float
    stream: int = 0
    choice_stream: int = -1
    choice_low: float = 0.0
    choice_high: float = 1.0
    extent_x: int = 0
    extent_y: int = 0
    mode: int = 0
    low: float = 0.0
    span: float = 0.0

    @property
    def is_mix(self) -> bool:
        return self.kind in MIXES

    def excludes(self, other: Stage) -> bool:
        """True when no sample has both: they are children of one RandomChoice."""
        return self.choice_stream >= 0 and self.choice_stream == other.choice_stream


# ---- checks -----------------------------------------------------------------------------------


def _require_number(owner: str, name: str, value: Any, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{owner}: {name} must be a number, got {type(value).__name__}")
    if not low <= value <= high:
        raise ValueError(f"{owner}: {name} must be in [{low:g}, {high:g}], got {value!r}")


def _require_choice(owner: str, name: str, value: Any, choices: Sequence[str]) -> None:
    if value not in choices:
        raise ValueError(f"{owner}: {name} must be one of {', '.join(choices)}; got {value!r}")


def _pixels(fraction: float, size: int) -> int:
    """floor(fraction · size), unharmed by 0.29 · 100 being 28.999…"""
    return math.floor(fraction * size + 1e-9)


# ---- transforms -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Transform:
    """Base of all transforms."""

    p: float = dataclasses.field(default=1.0, kw_only=True)
    mixes: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _require_number(type(self).__name__, "p", self.p, 0.0, 1.0)

    def lower(self, height: int, width: int, channels: int) -> Stage:
        """The stage for images of this size; raises ValueError where they do not fit together."""
        raise NotImplementedError


@dataclass(frozen=True)
class RandomShift(Transform):
    """Shifts by whole pixels, each axis uniform in ±floor(max_shift · size).

    Args:
        max_shift: largest shift as a fraction of the axis, in [0, 1].
        border: what comes in: "wrap", "reflect" (edge not repeated), "replicate" or "constant".
        fill: value of a constant border, a whole number in [0, 255].
    """

    max_shift: float = 0.2
    border: str = "wrap"
    fill: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_number("RandomShift", "max_shift", self.max_shift, 0.0, 1.0)
        _check_border("RandomShift", self.border, self.fill)

    def lower(self, height: int, width: int, channels: int) -> Stage:
        extent = (_pixels(self.max_shift, width), _pixels(self.max_shift, height))
        return _shift_stage(self, extent, self.border, self.fill, height, width)


@dataclass(frozen=True)
class RandomCrop(Transform):
    """Pads, then crops back to the same size at a random place: torchvision's ``RandomCrop(size,
    padding=padding)`` for the common case that ``size`` is the image's own.

    Args:
        padding: pixels on each side, at least 0.
        border: as for :class:`RandomShift`; torchvision's ``padding_mode``.
        fill: value of a constant border, a whole number in [0, 255].
    """

    padding: int = 4
    border: str = "constant"
    fill: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.padding, bool) or not isinstance(self.padding, int):
            raise TypeError(
                f"RandomCrop: padding must be an int, got {type(self.padding).__name__}"
            )
        _require_number("RandomCrop", "padding", self.padding, 0, 2**20)
        _check_border("RandomCrop", self.border, self.fill)

    def lower(self, height: int, width: int, channels: int) -> Stage:
        return _shift_stage(
            self, (self.padding, self.padding), self.border, self.fill, height, width
        )


def _check_border(owner: str, border: str, fill: Any) -> None:
    _require_choice(owner, "border", border, BORDERS)
    _require_number(owner, "fill", fill, 0, 255)
    if int(fill) != fill:
        raise ValueError(f"{owner}: fill must be a whole number, as pixels are; got {fill!r}")


def _shift_stage(
    transform: Transform, extent: tuple[int, int], border: str, fill: int, height: int, width: int
) -> Stage:
    for pixels, size, axis in zip(extent, (width, height), ("width", "height"), strict=True):
        limit = size - 1 if border == "reflect" else size
        if pixels > limit:
            raise ValueError(
                f"{type(transform).__name__}: a shift of {pixels} pixels needs border "
                f"'{border}' to reach past the image's {axis} of {size}; use a smaller shift"
            )
    return Stage(
        "shift",
        transform.p,
        extent_x=extent[0],
        extent_y=extent[1],
        mode=BORDERS.index(border),
        low=float(fill) if border == "constant" else 0.0,
    )


@dataclass(frozen=True)
class RandomHorizontalFlip(Transform):
    """Mirrors left and right."""

    p: float = 0.5

    def lower(self, height: int, width: int, channels: int) -> Stage:
        return Stage("hflip", self.p)


@dataclass(frozen=True)
class RandomVerticalFlip(Transform):
    """Mirrors top and bottom."""

    p: float = 0.5

    def lower(self, height: int, width: int, channels: int) -> Stage:
        return Stage("vflip", self.p)


@dataclass(frozen=True)
class RandomContrast(Transform):
    """Scales the distance to a pivot: ``(x - pivot) · f + pivot``, clipped to [0, 255].

    Args:
        factor: (lowest, highest); f is uniform between them. 1 leaves the image alone.
        pivot: "channel_mean" (tf.image.adjust_contrast, Keras), "gray_mean" (torchvision's
            adjust_contrast: ITU-R 601 grey) or "center" (127.5). Means are of the image as it
            enters this transform.
    """

    factor: tuple[float, float] = (1.0, 3.0)
    pivot: str = "channel_mean"

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_choice("RandomContrast", "pivot", self.pivot, PIVOTS)
        if not isinstance(self.factor, Sequence) or len(self.factor) != 2:
            raise TypeError(f"RandomContrast: factor must be (low, high), got {self.factor!r}")
        for bound in self.factor:
            _require_number("RandomContrast", "factor", bound, 0.0, 1e6)
        if self.factor[0] > self.factor[1]:
            raise ValueError(f"RandomContrast: factor must be (low, high), got {self.factor!r}")
        object.__setattr__(self, "factor", (float(self.factor[0]), float(self.factor[1])))

    def lower(self, height: int, width: int, channels: int) -> Stage:
        if self.pivot == "gray_mean" and channels not in (1, 3):
            raise ValueError(
                f"RandomContrast: pivot 'gray_mean' needs 1 or 3 channels, got {channels}; "
                "use 'channel_mean' or 'center'"
            )
        low, high = self.factor
        return Stage("contrast", self.p, mode=PIVOTS.index(self.pivot), low=low, span=high - low)


@dataclass(frozen=True)
class RandomCropBlackout(Transform):
    """Turns the border black; each axis has its own width, uniform in 0..floor(max_border · size)
    pixels, the same on both sides.

    Args:
        max_border: widest border as a fraction of the axis, in [0, 0.5].
    """

    max_border: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_number("RandomCropBlackout", "max_border", self.max_border, 0.0, 0.5)

    def lower(self, height: int, width: int, channels: int) -> Stage:
        extent_x, extent_y = _pixels(self.max_border, width), _pixels(self.max_border, height)
        return Stage("crop_blackout", self.p, extent_x=extent_x, extent_y=extent_y)


@dataclass(frozen=True)
class _Mix(Transform):
    alpha: float = 1.0
    kind: ClassVar[str]
    mixes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_number(type(self).__name__, "alpha", self.alpha, 1e-3, 1e3)

    def lower(self, height: int, width: int, channels: int) -> Stage:
        return Stage(self.kind, self.p, low=1.0 / self.alpha)


@dataclass(frozen=True)
class CutMix(_Mix):
    """Pastes a box of another sample (Yun et al., 2019): λ ~ Beta(alpha, alpha), sides √(1-λ),
    centre uniform, clipped; λ is then the own share of pixels, exactly. torchvision's box.

    Args:
        alpha: of the Beta distribution, in [0.001, 1000]. 1 is uniform.
    """

    kind: ClassVar[str] = "cutmix"


@dataclass(frozen=True)
class MixUp(_Mix):
    """Blends with another sample (Zhang et al., 2018): λ · own + (1-λ) · partner,
    λ ~ Beta(alpha, alpha), λ the own share.

    Args:
        alpha: of the Beta distribution, in [0.001, 1000]. 1 is uniform.
    """

    kind: ClassVar[str] = "mixup"


@dataclass(frozen=True)
class RandomChoice:
    """Applies one of the transforms, chosen per sample, as torchvision's RandomChoice.

    Args:
        transforms: the candidates. Their own ``p`` holds once they are chosen. A candidate may be
            a mix: ``RandomChoice([CutMix(), MixUp()])`` is how to have both.
        p: relative weights, one a candidate; uniform where left out.
    """

    transforms: Sequence[Transform]
    p: Sequence[float] | None = None

    def __post_init__(self) -> None:
        transforms = tuple(self.transforms)
        if not transforms or not all(isinstance(t, Transform) for t in transforms):
            raise TypeError(
                f"RandomChoice: transforms must be a non-empty list of transforms, "
                f"got {self.transforms!r}"
            )
        weights = (1.0,) * len(transforms) if self.p is None else tuple(self.p)
        if len(weights) != len(transforms):
            raise ValueError(
                f"RandomChoice: p must have one weight a transform ({len(transforms)}), "
                f"got {len(weights)}"
            )
        for weight in weights:
            _require_number("RandomChoice", "p", weight, 0.0, math.inf)
        if not 0.0 < sum(weights) < math.inf:
            raise ValueError(f"RandomChoice: p must have a positive, finite sum, got {weights}")
        object.__setattr__(self, "transforms", transforms)
        object.__setattr__(self, "p", None if self.p is None else weights)

    @property
    def edges(self) -> list[float]:
        """Edges of the children's shares of [0, 1]; the last is 1 exactly."""
        weights = self.p or (1.0,) * len(self.transforms)
        total = sum(weights)
        edges = [sum(weights[:i]) / total for i in range(len(weights))]
        return [*edges, 1.0]


@dataclass(frozen=True)
class Normalize:
    """``(x / 255 - mean) / std`` per channel; the last of a list, as torchvision's on [0, 1].

    Args:
        mean, std: one number, or one a channel; std positive.
    """

    mean: Sequence[float] | float
    std: Sequence[float] | float

    def __post_init__(self) -> None:
        for name in ("mean", "std"):
            value = getattr(self, name)
            values = (value,) if isinstance(value, int | float) else tuple(map(float, value))
            low = 1e-6 if name == "std" else -1e6
            for v in values:
                _require_number("Normalize", name, v, low, 1e6)
            object.__setattr__(self, name, values)

    def coefficients(self, channels: int) -> tuple[list[float], list[float]]:
        """(scale, bias) with ``out = x · scale + bias`` for x on [0, 255]."""
        expanded = []
        for name in ("mean", "std"):
            values = getattr(self, name)
            if len(values) not in (1, channels):
                raise ValueError(
                    f"Normalize: {name} must have 1 or {channels} values for images of "
                    f"{channels} channels, got {len(values)}"
                )
            expanded.append(list(values) if len(values) == channels else list(values) * channels)
        means, stds = expanded
        return (
            [1.0 / (255.0 * s) for s in stds],
            [-m / s for m, s in zip(means, stds, strict=True)],
        )


Listed = Transform | RandomChoice


def lower(
    transforms: Sequence[Listed], height: int, width: int, channels: int
) -> Iterator[list[Stage]]:
    """The stages of each listed transform, with their random streams: a RandomChoice's children
    share one list. Stream 0 is the pipeline's own ``p``."""
    stream = 1
    for transform in transforms:
        if isinstance(transform, RandomChoice):
            choice, edges = stream, transform.edges
            children = []
            for i, child in enumerate(transform.transforms):
                stream += 1
                children.append(
                    dataclasses.replace(
                        child.lower(height, width, channels),
                        stream=stream,
                        choice_stream=choice,
                        choice_low=edges[i],
                        choice_high=edges[i + 1],
                    )
                )
            yield children
        else:
            yield [dataclasses.replace(transform.lower(height, width, channels), stream=stream)]
        stream += 1
