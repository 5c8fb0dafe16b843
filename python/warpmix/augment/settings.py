"""What a pipeline is made of: its settings, checked once and never changed."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, NoReturn, TypeVar

import torch

from warpmix._numbers import as_int, as_number, shown
from warpmix.augment.keys import check_seed
from warpmix.augment.launches import unchanged
from warpmix.augment.run import Form
from warpmix.augment.transforms import Listed, Normalize, RandomChoice, Transform

_DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.uint8)

T = TypeVar("T")


class Setting(Generic[T]):
    """An attribute of a pipeline that shows one of its settings, and can't be set.

    Args:
        arguments: of ``replace`` that change it; its own name where left out.
        shown: the attribute of :class:`Settings`; likewise.
    """

    def __init__(self, arguments: str | None = None, shown: str | None = None) -> None:
        self._arguments, self._shown = arguments, shown

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, pipeline: Any, owner: type) -> T:
        value: T = getattr(pipeline._settings, self._shown or self._name)
        return value

    def __set__(self, pipeline: Any, value: object) -> NoReturn:
        raise AttributeError(
            f"{self._name} of a pipeline can't be set, because a pipeline never changes: "
            f"use pipeline = pipeline.replace({self._arguments or f'{self._name}=…'})"
        )


@dataclass(frozen=True)
class Settings:
    """The arguments of a :class:`warpmix.Pipeline`, checked, as they are used.

    Attributes:
        transforms: without a Normalize at the end, which becomes ``mean`` and ``std``.
    """

    transforms: Sequence[Any]
    p: float
    mean: Sequence[float] | float | None
    std: Sequence[float] | float | None
    dtype: torch.dtype | None
    channels_last: bool
    seed: int | None
    targets: str
    num_classes: int | None
    label_smoothing: float

    def __post_init__(self) -> None:
        if not 0.0 <= as_number("p", self.p) <= 1.0:
            raise ValueError(f"p must be in [0, 1], got {shown(self.p)}")
        if self.dtype is not None and self.dtype not in _DTYPES:
            raise ValueError(
                f"dtype must be one of {', '.join(map(str, _DTYPES))}; got {self.dtype}"
            )
        listed, normalize = _split(self.transforms, self.mean, self.std, self.dtype)
        self._store(
            transforms=listed,
            p=float(self.p),
            mean=None if normalize is None else normalize.mean,
            std=None if normalize is None else normalize.std,
            seed=None if self.seed is None else check_seed(self.seed),
        )
        self._check_targets()

    def _check_targets(self) -> None:
        if self.targets not in ("pairs", "onehot"):
            raise ValueError(f"targets must be 'pairs' or 'onehot', got {shown(self.targets)}")
        if not 0.0 <= self.label_smoothing <= 1.0:
            raise ValueError(
                f"label_smoothing must be in [0, 1], got {shown(self.label_smoothing)}"
            )
        if self.targets == "pairs":
            if self.num_classes is not None or self.label_smoothing != 0.0:
                raise ValueError(
                    "num_classes and label_smoothing must be left out unless targets is 'onehot'; "
                    "warpmix.mixed_cross_entropy takes pairs, and label_smoothing itself"
                )
            return
        if self.num_classes is None:
            raise ValueError("num_classes must be given with targets='onehot', got None")
        self._store(num_classes=as_int("num_classes", self.num_classes))
        if self.num_classes < 1:
            raise ValueError(f"num_classes must be at least 1, got {self.num_classes}")

    def _store(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def normalize(self) -> Normalize | None:
        """mean and std as a transform, if they are given."""
        if self.mean is None or self.std is None:
            return None
        return Normalize(self.mean, self.std)

    @property
    def dtype_of_bytes(self) -> torch.dtype:
        """Of the batch that is made of uint8 images."""
        return torch.float32 if self.dtype is None else self.dtype

    @property
    def resolved(self) -> list[Listed]:
        """The transforms, with what they take from the normalisation."""
        return [listed.with_mean(self.mean) for listed in self.transforms]

    def form(self, images: torch.dtype) -> Form:
        """Return what comes out of a call with images of a dtype.

        Raises:
            ValueError: float images are to become another dtype.
        """
        dtype = self.dtype_of_bytes
        if images != torch.uint8:
            dtype = images if self.dtype is None else self.dtype
            if dtype != images:
                raise ValueError(
                    f"dtype must be left out, or be {images} as the images are, because float "
                    f"images keep theirs; got {dtype}: use pipeline.replace(dtype=None), and "
                    "batch.to(…) behind it"
                )
        return Form(dtype, self.channels_last, self.num_classes, self.label_smoothing)

    def coefficients(self, channels: int, floats: bool = False) -> tuple[list[float], list[float]]:
        """Return (scale, bias), one a channel: the batch is ``x · scale + bias``, x on [0, 255].

        Args:
            floats: the images are floats, which are neither scaled nor normalised.

        Raises:
            ValueError: floats are to be normalised.
        """
        if floats and self.normalize is not None:
            raise ValueError(
                "mean and std must be left out for float images, which are taken as they are; use "
                "pipeline.replace(mean=None, std=None), or give it uint8 images to normalise"
            )
        if floats:
            return unchanged(channels, floats)
        if self.normalize is not None:
            return self.normalize.coefficients(channels)
        scale = 1.0 if self.dtype == torch.uint8 else 1.0 / 255.0
        return [scale] * channels, [0.0] * channels

    def changed(self, changes: dict[str, Any]) -> Settings:
        """Return these settings with some others; a Normalize that ends a new list replaces mean
        and std.

        Raises:
            TypeError: an unknown setting, with the nearest known one.
        """
        for name in changes:
            if name not in FIELDS:
                close = difflib.get_close_matches(name, FIELDS, n=1)
                hint = (
                    f"did you mean {shown(close[0])}?" if close else f"known: {', '.join(FIELDS)}"
                )
                raise TypeError(f"replace: unknown setting {shown(name)}; {hint}")
        listed = list(changes.get("transforms", ()))
        if listed and isinstance(listed[-1], Normalize):
            changes = {"mean": None, "std": None, **changes}
        return dataclasses.replace(self, **changes)


FIELDS = tuple(field.name for field in dataclasses.fields(Settings))


def unmixed(transform: Listed) -> Listed:
    """Return the transform without what mixes: a mix of p 0, which keeps its random streams."""
    if isinstance(transform, RandomChoice):
        rest: Any = tuple(map(unmixed, transform.transforms))
        return dataclasses.replace(transform, transforms=rest)
    return dataclasses.replace(transform, p=0.0) if transform.mixes else transform


def _split(
    transforms: Sequence[Listed | Normalize],
    mean: Sequence[float] | float | None,
    std: Sequence[float] | float | None,
    dtype: torch.dtype | None,
) -> tuple[tuple[Listed, ...], Normalize | None]:
    """Return the transforms without Normalize, and the Normalize of the list or of mean and std."""
    if not isinstance(transforms, Sequence) or isinstance(transforms, str | bytes):
        raise TypeError(
            f"transforms must be a list of warpmix transforms, got {type(transforms).__name__}"
        )
    listed: list[Any] = list(transforms)
    for i, transform in enumerate(listed):
        if not isinstance(transform, Transform | RandomChoice | Normalize):
            raise TypeError(
                f"transforms[{i}] must be a warpmix transform, got {type(transform).__name__}"
            )
        if isinstance(transform, Normalize) and i < len(listed) - 1:
            raise ValueError(
                f"transforms: Normalize must be the last one, found at {i} of {len(listed)}"
            )
    normalize = None
    if listed and isinstance(listed[-1], Normalize):
        normalize = listed.pop()
    if (mean is None) != (std is None):
        raise ValueError("mean and std must be given together, got one of them")
    if mean is not None and std is not None:
        if normalize is not None:
            raise ValueError("mean and std must be left out where the list ends in Normalize")
        normalize = Normalize(mean, std)
    if normalize is not None and dtype == torch.uint8:
        raise ValueError(
            "dtype torch.uint8 holds unnormalised pixels: leave mean, std and Normalize out, "
            "or use a float dtype"
        )
    mixing = [t for t in listed if t.mixes]
    if len(mixing) > 1:
        names = ", ".join(type(t).__name__ for t in mixing)
        raise ValueError(
            f"transforms must hold at most one mixing stage, got {len(mixing)} ({names}); "
            "choose between them per sample with RandomChoice([CutMix(), MixUp()])"
        )
    return tuple(listed), normalize
