"""What all transforms have in common, and the checks of their parameters."""

from __future__ import annotations

import dataclasses
import math
import numbers
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from torch import Tensor

from warpmix._numbers import as_int, as_number, shown
from warpmix.augment._checks import check_call
from warpmix.augment.keys import check_seed, key_of_call
from warpmix.augment.launches import Compiled, Samples, compile_list, unchanged
from warpmix.augment.ragged import Images, RaggedImages
from warpmix.augment.registry import register
from warpmix.augment.run import Form, run
from warpmix.augment.sizes import check_sizes
from warpmix.augment.stages import BORDERS, KINDS, MIXED, Stage, Value

__all__ = ["Transform"]


@dataclass(frozen=True)
class Transform(ABC):
    """Base of all transforms: frozen dataclasses that validate themselves and lower to stages.

    Names and parameters follow torchvision.transforms.v2 where it has the transform. ``p`` is the
    probability that the transform applies to a sample; all random parameters are drawn per sample.
    Values are float32 on [0, 255] throughout, never rounded between transforms.
    """

    p: float = dataclasses.field(default=1.0, kw_only=True)
    mixes: ClassVar[bool] = False
    takes_mixed_sizes: ClassVar[bool] = False

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        register(cls)

    def __post_init__(self) -> None:
        require_number(self, "p", 0.0, 1.0)

    def _set(self, **fields: Any) -> None:
        """Set the fields and check them, for an ``__init__`` that ends with ``p`` as torchvision's.

        A dataclass puts the fields of its base first, where ``p`` has a default and so no parameter
        without one could follow.
        """
        for name, value in fields.items():
            object.__setattr__(self, name, value)
        self.__post_init__()

    @abstractmethod
    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        """Return the stages for images of this size, MIXED where it ``takes_mixed_sizes``; raise
        ValueError where they do not fit."""

    def with_mean(self, mean: Sequence[float] | None) -> Transform:
        """Return the transform for a pipeline that normalises by ``mean``, of images on [0, 1]."""
        return self

    @property
    def streams(self) -> int:
        """How many streams of random numbers the transform has."""
        return 1

    def __call__(
        self,
        images: Images,
        labels: Tensor | int | None = None,
        *,
        seed: int | None = None,
        epoch: int = 0,
        ids: Tensor | int | None = None,
    ) -> Any:
        """Apply this transform alone to a batch, each sample with its own parameters.

        Args:
            images: [B, C, H, W] uint8 in any memory format, one image [C, H, W], or RaggedImages.
                What only moves whole pixels, covers or mixes takes float32, float16 and bfloat16
                too, of any values, which it does not clip.
            labels, epoch: as for :class:`warpmix.Pipeline`; mixes need labels.
            seed: in [0, 2^63). The call's numbers then depend on (seed, epoch, ids) alone; None
                takes another key from torch's generator at each call.
            ids: [B] int64 sample ids, at least 0; left out, they are 0, 1, ... in each call.

        Returns:
            [B, C, h, w] of their dtype, bytes rounded, in their memory format; or (images, targets)

        Raises:
            TypeError, ValueError: as :class:`warpmix.Pipeline`.
        """
        call = check_call(images, labels=labels, ids=ids, epoch=epoch)
        compiled = _compile_alone(self, *call.size, call.floats)
        check_sizes(call.images, [self])
        key = 0
        if seed is not None:
            key = check_seed(seed)
        elif compiled.is_random:
            key = key_of_call()
        samples = Samples(None, call.ids, None, call.count, None, key, call.epoch, True)
        channels_last = isinstance(call.images, RaggedImages) or call.images.is_contiguous()
        return run(call, compiled, samples, Form(images.dtype, channels_last))

    def stage(
        self,
        kind: str,
        height: int,
        width: int,
        *,
        p: float | None = None,
        border: str | None = None,
        fill: tuple[float, ...] = (0.0,),
        block: int = 0,
        shown: Mapping[str, str] | None = None,
        **numbers: Value,
    ) -> Stage:
        """Return a stage of a kind, by its name in kernels/augment/stages.h, with its numbers.

        Args:
            height, width: of the image that enters it.
            p, border, fill, block: as in :class:`Stage`; without p the transform's.
            shown: what a user sees of its draws; left out, all of them under their own names.
        """
        if shown is None:
            shown = {of.name: of.name for of in KINDS[kind].draw}
        if border is not None and any(of.name == "border" for of in KINDS[kind].stage):
            numbers["border"] = border
        return Stage(
            kind,
            self.p if p is None else p,
            width,
            height,
            numbers,
            block=block,
            border=border,
            fill=fill,
            name=type(self).__name__,
            shown=shown,
        )


@lru_cache(maxsize=64)
def _compile_alone(
    transform: Transform, height: int, width: int, channels: int, floats: bool
) -> Compiled:
    """Compile the transform as a list of its own, whose values are not scaled."""
    size = (height, width, channels)
    return compile_list([transform], size, unchanged(channels, floats), floats=floats)


# ---- checks -----------------------------------------------------------------------------------


def check_number(owner: str, name: str, value: Any, low: float, high: float) -> None:
    """Raise TypeError unless value is a number, ValueError unless it is in [low, high]."""
    if not low <= as_number(f"{owner}: {name}", value) <= high:
        raise ValueError(f"{owner}: {name} must be in [{low:g}, {high:g}], got {shown(value)}")


def require_number(transform: Any, name: str, low: float, high: float) -> None:
    """Check a field by :func:`check_number`; store it as an int or a float."""
    value = getattr(transform, name)
    check_number(type(transform).__name__, name, value, low, high)
    object.__setattr__(transform, name, as_number(name, value))


def require_whole(transform: Any, name: str, low: int, high: int) -> None:
    """Check that a field is an int in [low, high]."""
    as_int(f"{type(transform).__name__}: {name}", getattr(transform, name))
    require_number(transform, name, low, high)


def require_every_sample(transform: Transform) -> None:
    """Raise ValueError unless a transform to another size applies to every sample."""
    if transform.p != 1.0:
        raise ValueError(
            f"{type(transform).__name__}: p must be 1, because all results have one size; "
            f"got {shown(transform.p)}"
        )


def require_choice(transform: Any, name: str, choices: Sequence[str]) -> None:
    """Check that a field is one of some words, or torchvision's enum of one; store the word."""
    value = getattr(transform, name)
    word = getattr(value, "value", value)
    if word not in choices:
        raise ValueError(
            f"{type(transform).__name__}: {name} must be one of {', '.join(choices)}; "
            f"got {shown(value)}"
        )
    object.__setattr__(transform, name, word)


def require_range(
    transform: Any, name: str, low: float, high: float, mirrored: bool = False
) -> None:
    """Check that a field is (lowest, highest) within [low, high]; store it as two floats. Where
    ``mirrored``, one number x of at least 0 stands for (-x, x), as in torchvision."""
    owner, value = type(transform).__name__, getattr(transform, name)
    if mirrored and isinstance(value, numbers.Real) and not isinstance(value, bool):
        check_number(owner, name, value, 0.0, high)
        value = (-value, value)
    if isinstance(value, str) or not isinstance(value, Sequence) or len(value) != 2:
        raise TypeError(f"{owner}: {name} must be (low, high), got {shown(value)}")
    for bound in value:
        check_number(owner, name, bound, low, high)
    if value[0] > value[1]:
        raise ValueError(f"{owner}: {name} must be (low, high), got {shown(value)}")
    object.__setattr__(transform, name, (float(value[0]), float(value[1])))


def require_border(transform: Any) -> None:
    """Check the fields ``border`` and ``fill``."""
    require_choice(transform, "border", BORDERS)
    require_fill(transform)


def require_fill(transform: Any) -> None:
    """Check the field ``fill``: a whole number in [0, 255], or one a channel."""
    require_values(transform, "fill")
    for value in values_of(transform.fill):
        if int(value) != value:
            raise ValueError(
                f"{type(transform).__name__}: fill must be whole numbers, as pixels are; "
                f"got {shown(transform.fill)}"
            )


def require_values(transform: Any, name: str) -> None:
    """Check that a field is a number in [0, 255] or a list of one a channel, stored as a tuple."""
    owner, value = type(transform).__name__, getattr(transform, name)
    if isinstance(value, numbers.Real):
        return require_number(transform, name, 0, 255)
    if isinstance(value, str) or not isinstance(value, Sequence) or not value:
        raise TypeError(f"{owner}: {name} must be a number, or one a channel, got {shown(value)}")
    for of_channel in value:
        check_number(owner, name, of_channel, 0, 255)
    object.__setattr__(transform, name, tuple(as_number(name, v) for v in value))


def values_of(value: Any) -> tuple[float, ...]:
    """Return a number, or one a channel, as floats."""
    return tuple(map(float, value)) if isinstance(value, Sequence) else (float(value),)


def values_for(transform: Any, name: str, channels: int) -> tuple[float, ...]:
    """Return the values of a checked field: one, or one for each of the images' channels."""
    values = values_of(getattr(transform, name))
    if len(values) not in (1, channels):
        raise ValueError(
            f"{type(transform).__name__}: {name} must be one number, or one for each of the "
            f"images' channels ({channels}), got {len(values)}"
        )
    return values


def as_size(transform: Any, name: str) -> tuple[int, int]:
    """Return a field as (height, width); one int is a square. Store it as a tuple."""
    value = getattr(transform, name)
    sizes = (value, value) if isinstance(value, numbers.Integral) else value
    owner = type(transform).__name__
    wrong = TypeError(f"{owner}: {name} must be an int or (height, width), got {shown(value)}")
    if isinstance(sizes, str) or not isinstance(sizes, Sequence) or len(sizes) != 2:
        raise wrong
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, numbers.Integral):
            raise wrong
        check_number(owner, name, size, 1, 65535)
    height, width = (as_int(name, size) for size in sizes)
    object.__setattr__(transform, name, (height, width))
    return height, width


def own_size(transform: Any, height: int, width: int) -> tuple[int, int]:
    """Return the field ``size`` as (height, width); None is the images' own, which must be one."""
    if transform.size is not None:
        return as_size(transform, "size")
    if (height, width) == MIXED:
        raise ValueError(
            f"{type(transform).__name__}: size must be given for images of mixed sizes, got None"
        )
    return height, width


def uniform(bounds: tuple[float, float], prefix: str = "") -> dict[str, Any]:
    """Return the numbers of a stage that draws from [low, high)."""
    return {f"{prefix}low": bounds[0], f"{prefix}span": bounds[1] - bounds[0]}


def pixels(fraction: float, size: int) -> int:
    """Return floor(fraction · size), unharmed by 0.29 · 100 being 28.999…."""
    return math.floor(fraction * size + 1e-9)
