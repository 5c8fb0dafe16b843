"""Operations that the automatic policies draw from, as numbers of their stages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from warpmix.augment.stages import KINDS, OPERATIONS

RANDOM_BIN = 255  # kRandomBin in kernels/augment/policy.h
# RandAugment's: torchvision's operations but for Invert, which AutoAugment alone has.
RAND_AUGMENT = OPERATIONS[: OPERATIONS.index("Invert")]


class Entry(NamedTuple):
    """One of the operations that a slot of a policy draws from.

    Attributes:
        p: probability that the operation, once drawn, is applied; a whole number of tenths.
        bin: of its magnitude; RANDOM_BIN draws one, and operations without magnitude ignore it.
    """

    operation: str
    p: float
    bin: int


def uniform_entries(magnitude: int | None) -> list[Entry]:
    """Return RandAugment's fourteen operations, with one bin or, for None, a random one."""
    bin_ = RANDOM_BIN if magnitude is None else magnitude
    return [Entry(name, 1.0, bin_) for name in RAND_AUGMENT]


def entry_words(entries: Sequence[Entry]) -> list[int]:
    """Return the field ``entry`` of a policy's stage: two entries a signed word of 32 bits."""
    field = next(of for of in KINDS["policy"].stage if of.name == "entry")
    words = [0] * field.count
    for i, (operation, p, bin_) in enumerate(entries):
        bits = OPERATIONS.index(operation) | round(p * 10) << 4 | bin_ << 8
        words[i // 2] |= bits << 16 * (i % 2)
    return [word - 2**32 if word >= 2**31 else word for word in words]


Pair = tuple[Entry, Entry]


def _pair(text: str) -> Pair:
    """Return the two entries of "Operation p bin, Operation p bin"."""
    first, second = (part.split() for part in text.split(","))
    return (
        Entry(first[0], float(first[1]), int(first[2])),
        Entry(second[0], float(second[1]), int(second[2])),
    )


# The AutoAugment paper's appendix, as torchvision has it; 0 where there is no magnitude.
POLICIES: dict[str, list[Pair]] = {
    name: [_pair(line) for line in text.strip().splitlines()]
    for name, text in {
        "imagenet": """
            Posterize 0.4 8, Rotate 0.6 9
            Solarize 0.6 5, AutoContrast 0.6 0
            Equalize 0.8 0, Equalize 0.6 0
            Posterize 0.6 7, Posterize 0.6 6
            Equalize 0.4 0, Solarize 0.2 4
            Equalize 0.4 0, Rotate 0.8 8
            Solarize 0.6 3, Equalize 0.6 0
            Posterize 0.8 5, Equalize 1.0 0
            Rotate 0.2 3, Solarize 0.6 8
            Equalize 0.6 0, Posterize 0.4 6
            Rotate 0.8 8, Color 0.4 0
            Rotate 0.4 9, Equalize 0.6 0
            Equalize 0.0 0, Equalize 0.8 0
            Invert 0.6 0, Equalize 1.0 0
            Color 0.6 4, Contrast 1.0 8
            Rotate 0.8 8, Color 1.0 2
            Color 0.8 8, Solarize 0.8 7
            Sharpness 0.4 7, Invert 0.6 0
            ShearX 0.6 5, Equalize 1.0 0
            Color 0.4 0, Equalize 0.6 0
            Equalize 0.4 0, Solarize 0.2 4
            Solarize 0.6 5, AutoContrast 0.6 0
            Invert 0.6 0, Equalize 1.0 0
            Color 0.6 4, Contrast 1.0 8
            Equalize 0.8 0, Equalize 0.6 0
        """,
        "cifar10": """
            Invert 0.1 0, Contrast 0.2 6
            Rotate 0.7 2, TranslateX 0.3 9
            Sharpness 0.8 1, Sharpness 0.9 3
            ShearY 0.5 8, TranslateY 0.7 9
            AutoContrast 0.5 0, Equalize 0.9 0
            ShearY 0.2 7, Posterize 0.3 7
            Color 0.4 3, Brightness 0.6 7
            Sharpness 0.3 9, Brightness 0.7 9
            Equalize 0.6 0, Equalize 0.5 0
            Contrast 0.6 7, Sharpness 0.6 5
            Color 0.7 7, TranslateX 0.5 8
            Equalize 0.3 0, AutoContrast 0.4 0
            TranslateY 0.4 3, Sharpness 0.2 6
            Brightness 0.9 6, Color 0.2 8
            Solarize 0.5 2, Invert 0.0 0
            Equalize 0.2 0, AutoContrast 0.6 0
            Equalize 0.2 0, Equalize 0.6 0
            Color 0.9 9, Equalize 0.6 0
            AutoContrast 0.8 0, Solarize 0.2 8
            Brightness 0.1 3, Color 0.7 0
            Solarize 0.4 5, AutoContrast 0.9 0
            TranslateY 0.9 9, TranslateY 0.7 9
            AutoContrast 0.9 0, Solarize 0.8 3
            Equalize 0.8 0, Invert 0.1 0
            TranslateY 0.7 9, AutoContrast 0.9 0
        """,
        "svhn": """
            ShearX 0.9 4, Invert 0.2 0
            ShearY 0.9 8, Invert 0.7 0
            Equalize 0.6 0, Solarize 0.6 6
            Invert 0.9 0, Equalize 0.6 0
            Equalize 0.6 0, Rotate 0.9 3
            ShearX 0.9 4, AutoContrast 0.8 0
            ShearY 0.9 8, Invert 0.4 0
            ShearY 0.9 5, Solarize 0.2 6
            Invert 0.9 0, AutoContrast 0.8 0
            Equalize 0.6 0, Rotate 0.9 3
            ShearX 0.9 4, Solarize 0.3 3
            ShearY 0.8 8, Invert 0.7 0
            Equalize 0.9 0, TranslateY 0.6 6
            Invert 0.9 0, Equalize 0.6 0
            Contrast 0.3 3, Rotate 0.8 4
            Invert 0.8 0, TranslateY 0.0 2
            ShearY 0.7 6, Solarize 0.4 8
            Invert 0.6 0, Rotate 0.8 4
            ShearY 0.3 7, TranslateX 0.9 3
            ShearX 0.1 6, Invert 0.6 0
            Solarize 0.7 2, TranslateY 0.6 7
            ShearY 0.8 4, Invert 0.8 0
            ShearX 0.7 9, TranslateY 0.8 3
            ShearY 0.8 5, AutoContrast 0.7 0
            ShearX 0.7 2, Invert 0.1 0
        """,
    }.items()
}
