"""timm's RandAugment of the pure-PyTorch twin: levels, and what an operation makes of them."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from warpmix._philox import uniform_below, uniform_closed_open
from warpmix.augment.reference.policy import operated
from warpmix.augment.reference.streams import Streams, standard_normals
from warpmix.augment.stages import OPERATIONS, Stage

_LEVEL = 64  # kLevelBlock in kernels/augment/timm_policy.h
_DRAWN = [
    {"TranslateX": "TranslateXRel", "TranslateY": "TranslateYRel"}.get(name, name)
    for name in OPERATIONS[OPERATIONS.index("ShearX") : OPERATIONS.index("SolarizeAdd") + 1]
]
_RANGES = {  # at level 10, of those with a sign
    "ShearX": 0.3, "ShearY": 0.3, "TranslateXRel": 0.45, "TranslateYRel": 0.45, "Rotate": 30.0
}  # fmt: skip


def _magnitudes_of(operation: str, increases: bool, level: Tensor, sign: Tensor) -> Tensor:
    """Return [B] magnitudes of an operation at the samples' levels."""
    share = level / 10.0
    if operation in _RANGES:
        return sign * (_RANGES[operation] * share)
    if operation in ("Brightness", "Color", "Contrast", "Sharpness"):
        return (sign * (0.9 * share)).clamp(min=-0.9) if increases else 1.8 * share - 0.9
    if operation == "Posterize":
        bits = (4.0 * share).trunc()
        return 4.0 - bits if increases else bits
    if operation == "Solarize":
        threshold = (256.0 * share).trunc().clamp(max=256.0)
        return (256.0 - threshold if increases else threshold) / 255.0
    if operation == "SolarizeAdd":
        return (11.0 * level).trunc().clamp(max=128.0)
    return torch.zeros_like(level)


def level_draw(stage: Stage, streams: Streams) -> Tensor:
    """Draw [B] float32 levels."""
    words = streams.words(stage.stream, _LEVEL + stage.block)
    level = torch.full(streams.ids.shape, stage["level"], dtype=torch.float32)
    if stage["is_uniform"]:
        level = uniform_closed_open(words[0]) * level
    elif stage["sigma"] > 0:
        level = level + stage["sigma"] * standard_normals(words[0], words[1])[0]
    return level.clamp(0.0, stage["highest"])


def timm_policy(images: Tensor, stage: Stage, streams: Streams) -> Tensor:
    words = streams.words(stage.stream, stage.block)
    places = torch.tensor([OPERATIONS.index(name) for name in _DRAWN])
    operations = places[uniform_below(words[1], len(_DRAWN))]
    probability = torch.tensor(stage["probability"], dtype=torch.float32)
    applies = uniform_closed_open(words[2]) < probability
    operations = torch.where(applies, operations, OPERATIONS.index("Identity"))
    level = level_draw(stage, streams)
    sign = torch.where(words[3] >> 31 == 1, -1.0, 1.0)
    magnitudes = torch.zeros_like(level)
    for name, place in zip(_DRAWN, places.tolist(), strict=True):
        of = _magnitudes_of(name, bool(stage["increases"]), level, sign)
        magnitudes = torch.where(operations == place, of, magnitudes)
    if stage["interpolation"] != "random":
        return operated(images, operations, magnitudes, stage)
    bilinear, bicubic = (
        operated(images, operations, magnitudes, replace(stage, numbers={**stage.numbers, **of}))
        for of in ({"interpolation": "bilinear"}, {"interpolation": "bicubic"})
    )
    return torch.where((words[3] >> 30 & 1 == 1)[:, None, None, None], bicubic, bilinear)
