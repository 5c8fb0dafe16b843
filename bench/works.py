"""The works that are compared: their steps, their rows (peer_rows.py), and what they run on.

`make bench` (bench_peers.py) and `make compare` (compare.py) measure these.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import photo_rows
import torch
import vote_rows
from augment_rows import BASIC, Case, Work
from peer_rows import CHAIN_ROWS, CROPS, FLOOR_ROW, Row, ours, vote

from warpmix import (
    ColorJitter,
    CutMix,
    MixUp,
    RandAugment,
    RandomAffine,
    RandomContrast,
    RandomCrop,
    RandomErasing,
    RandomHorizontalFlip,
    TimmRandAugment,
    TrivialAugmentWide,
)

AFFINE = RandomAffine(15.0, (0.1, 0.1), (0.9, 1.1), 10.0)
JITTER = ColorJitter(0.4, 0.4, 0.4, 0.1)
CONTRAST = RandomContrast((0.5, 1.5), "center")
TRANSFORMS: dict[str, tuple[Any, ...]] = {
    "basic": BASIC,
    "flip": (RandomHorizontalFlip(), CONTRAST, RandomErasing()),
    "affine": (RandomHorizontalFlip(), AFFINE, ColorJitter(0.4, 0.4)),
    "jitter": (RandomCrop(None, padding=4), RandomHorizontalFlip(), JITTER, CutMix()),
    "heavy": (AFFINE, JITTER, RandomErasing(), MixUp()),
    "cutmix": (CutMix(),),
    "trivial_augment": (TrivialAugmentWide(),),
    "rand_augment": (RandAugment(2, 9),),
    "timm_rand_augment": (TimmRandAugment("rand-m9-inc1"),),
}
"""By the name that the peers' functions have."""


@dataclass(frozen=True)
class Compared:
    """One work, its rows, and how its cases' inputs are made.

    Attributes:
        steps: what is done, in words.
        make: of a case, what its rows run on: an object with ``set(number, count=None)`` and a
            tensor ``step`` that each call counts up.
        unit: what throughput counts.
    """

    name: str
    steps: str
    rows: list[Row]
    make: Callable[[Any], Any]
    unit: str = "images"
    transforms: tuple[Any, ...] = field(default=(), repr=False)


def _of_chain(chain: str, name: str, *steps: str) -> Compared:
    transforms = TRANSFORMS[chain]
    rows = [*ours(), *CHAIN_ROWS[chain], FLOOR_ROW]
    make = functools.partial(Work, transforms=transforms)
    return Compared(name, " → ".join([*steps, "normalise"]), rows, make, transforms=transforms)


_AFFINE = "RandomAffine(15, (0.1, 0.1), (0.9, 1.1), 10)"
_JITTER, _FLIP = "ColorJitter(0.4, 0.4, 0.4, 0.1)", "RandomHorizontalFlip()"
_CONTRAST = 'RandomContrast((0.5, 1.5), "center")'
_VOTES = functools.partial(Compared, make=vote_rows.VoteWork, unit="samples")
ALL = [
    _of_chain("basic", "basic chain", "RandomShift(0.2)", "RandomContrast((1, 3))", "CutMix()",
              "RandomCropBlackout(0.2)"),
    _of_chain("flip", "flip chain", _FLIP, _CONTRAST, "RandomErasing()"),
    _of_chain("affine", "affine chain", _FLIP, _AFFINE, "ColorJitter(0.4, 0.4)"),
    _of_chain("jitter", "jitter chain", "RandomCrop(None, padding=4)", _FLIP, _JITTER, "CutMix()"),
    _of_chain("heavy", "heavy chain", _AFFINE, _JITTER, "RandomErasing()", "MixUp()"),
    _of_chain("cutmix", "CutMix alone", "CutMix()"),
    _of_chain("trivial_augment", "TrivialAugmentWide", "TrivialAugmentWide()"),
    _of_chain("rand_augment", "RandAugment", "RandAugment(2, 9)"),
    _of_chain("timm_rand_augment", "timm's RandAugment", 'TimmRandAugment("rand-m9-inc1")'),
    Compared("crops", f"RandomResizedCrop(224) → {_FLIP} → normalise, of decoded photos", CROPS,
             photo_rows.PhotoWork),
    _VOTES("soft vote", "the largest mean probability of all models", vote("soft")),
    _VOTES("hard vote", "the class that most models choose", vote("hard")),
]  # fmt: skip
WORKS = {work.name: work for work in ALL}


def check_batch(case: Case | photo_rows.PhotoCase, done: Any, mean: Any, std: Any) -> None:
    """Raise AssertionError if a row's result is no normalised batch."""
    images = done[0] if isinstance(done, tuple | list) else done
    size = case.size if isinstance(case, Case) else photo_rows.RESULT
    assert images.shape == (case.batch, 3, size, size) and images.dtype == torch.float32
    pixels = images * std[:, None, None] + mean[:, None, None]
    assert pixels.min() > -1e-4 and pixels.max() < 1 + 1e-4
    assert pixels.std() > 0.05
