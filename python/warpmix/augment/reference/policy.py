"""Automatic policies of the pure-PyTorch twin: each sample's own operation, from its draw."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from warpmix import _fixed_math as fixed
from warpmix._philox import uniform_below, uniform_closed_open
from warpmix.augment.policy_tables import RANDOM_BIN
from warpmix.augment.reference import pixels
from warpmix.augment.reference.streams import Streams
from warpmix.augment.reference.warp import FAR, moved
from warpmix.augment.reference.whole_image import autocontrasted, equalized, sharpened
from warpmix.augment.stages import OPERATIONS, Stage

# ---- draws ------------------------------------------------------------------------------------


def _spaced(low: float, high: float, bins: int, place: Tensor) -> Tensor:
    """Return elements of torch.linspace(low, high, bins), in one order of operations."""
    ends = torch.tensor([low, high])
    step = (ends[1] - ends[0]) / (bins - 1)
    return torch.where(
        place < bins // 2, ends[0] + step * place, ends[1] - step * (bins - 1 - place)
    )


def _has_sign(number: int) -> bool:
    """Return whether half of an operation's magnitudes are negative."""
    return OPERATIONS.index("ShearX") <= number <= OPERATIONS.index("Sharpness")


def _magnitudes_of(
    space: str, bins: int, translations: Mapping[str, float], operation: str, place: Tensor
) -> Tensor:
    """Return the magnitudes of bins of an operation, without signs."""
    wide = space == "wide"
    if operation.startswith("Shear"):
        return _spaced(0.0, 0.99 if wide else 0.3, bins, place)
    if operation in translations:
        return _spaced(0.0, translations[operation], bins, place)
    if operation == "Rotate":
        return _spaced(0.0, 135.0 if wide else 30.0, bins, place)
    if operation in ("Brightness", "Color", "Contrast", "Sharpness"):
        return _spaced(0.0, 0.99 if wide else 0.9, bins, place)
    if operation == "Posterize":
        bins_a_bit = torch.tensor(float(bins - 1)) / (6.0 if wide else 4.0)
        return ((4.0 if space == "mixed" else 8.0) - place / bins_a_bit).round()
    if operation == "Solarize":
        return _spaced(1.0, 0.0, bins, place)
    return torch.zeros(place.shape)


def signed_magnitudes(
    stage: Stage, space: str, bins: int, operations: Tensor, place: Tensor, word: Tensor
) -> Tensor:
    """Return [B] magnitudes of the samples' bins, ``place``, of their operations; a word says which
    are negative."""
    magnitudes = torch.zeros(operations.shape)
    translations = {"TranslateX": stage["max_x"], "TranslateY": stage["max_y"]}
    for number, name in enumerate(OPERATIONS):
        magnitude = _magnitudes_of(space, bins, translations, name, place)
        negative = (word >> 31 == 1) & _has_sign(number)
        magnitude = torch.where(negative, -magnitude, magnitude)
        magnitudes = torch.where(operations == number, magnitude, magnitudes)
    return magnitudes


def policy_draw(stage: Stage, streams: Streams) -> tuple[Tensor, Tensor]:
    """Draw ([B] int64 positions in OPERATIONS, [B] float32 magnitudes)."""
    words = streams.words(stage.stream, stage.block)
    first = streams.words(stage.stream)[1] if stage["shared"] else words[1]
    chosen = uniform_below(first, stage["count"])
    packed = torch.tensor(stage["entry"])[chosen // 2] >> 16 * (chosen % 2)
    operations, tenths, bins = packed & 15, packed >> 4 & 15, packed >> 8 & 255
    bins = torch.where(bins == RANDOM_BIN, uniform_below(words[2], stage["bins"]), bins)
    applies = uniform_closed_open(words[2]) < tenths.float() * 0.1
    operations = torch.where(applies, operations, OPERATIONS.index("Identity"))
    magnitudes = signed_magnitudes(stage, stage["space"], stage["bins"], operations, bins, words[3])
    return operations, magnitudes


# ---- geometry ---------------------------------------------------------------------------------


def _moved(images: Tensor, matrix: tuple[Tensor | float, ...], stage: Stage) -> Tensor:
    """Take each pixel from where a map has it."""
    _, _, height, width = images.shape
    columns, rows = torch.arange(width).float()[None, None], torch.arange(height).float()[None]
    a, b, c, d, e, f = (
        torch.as_tensor(number).float().expand(len(images))[:, None, None] for number in matrix
    )
    x = (a * columns + (b * rows[..., None] + c)).clamp(-FAR, FAR)
    y = (d * columns + (e * rows[..., None] + f)).clamp(-FAR, FAR)
    return moved(images, x, y, stage)


def _rotation(magnitudes: Tensor, height: int, width: int) -> tuple[Tensor | float, ...]:
    sin, cos = fixed.fixed_sincos_turns(magnitudes / 360.0)
    x, y = 0.5 * (width - 1), 0.5 * (height - 1)
    return cos, -sin, x - (cos * x - sin * y), sin, cos, y - (sin * x + cos * y)


_Change = Callable[[Tensor, Tensor, Stage], Tensor]

_MOVES: dict[str, _Change] = {
    "ShearX": lambda x, m, stage: _moved(x, (1.0, m, 0.5 * m, 0.0, 1.0, 0.0), stage),
    "ShearY": lambda x, m, stage: _moved(x, (1.0, 0.0, 0.0, m, 1.0, 0.5 * m), stage),
    "TranslateX": lambda x, m, stage: _moved(x, (1.0, 0.0, -m.trunc(), 0.0, 1.0, 0.0), stage),
    "TranslateY": lambda x, m, stage: _moved(x, (1.0, 0.0, 0.0, 0.0, 1.0, -m.trunc()), stage),
    "Rotate": lambda x, m, stage: _moved(x, _rotation(m, *x.shape[2:]), stage),
    "TranslateXRel": lambda x, m, stage: _moved(
        x, (1.0, 0.0, m * x.shape[3], 0.0, 1.0, 0.0), stage
    ),
    "TranslateYRel": lambda x, m, stage: _moved(
        x, (1.0, 0.0, 0.0, 0.0, 1.0, m * x.shape[2]), stage
    ),
}

# ---- colour -----------------------------------------------------------------------------------


def _factors(magnitudes: Tensor) -> Tensor:
    return (1.0 + magnitudes)[:, None, None, None]


_COLORS: dict[str, _Change] = {
    "Identity": lambda x, m, stage: x,
    "Brightness": lambda x, m, stage: pixels.brightened(x, _factors(m)),
    "Color": lambda x, m, stage: pixels.saturated(x, _factors(m)) if x.shape[1] == 3 else x,
    "Contrast": lambda x, m, stage: pixels.contrasted(x, _factors(m), "gray_mean"),
    "Sharpness": lambda x, m, stage: sharpened(x, _factors(m)),
    "Posterize": lambda x, m, stage: pixels.posterized(x, 2.0 ** (8.0 - m)[:, None, None, None]),
    "Solarize": lambda x, m, stage: pixels.solarized(x, 255.0 * m[:, None, None, None]),
    "AutoContrast": lambda x, m, stage: autocontrasted(x),
    "Equalize": lambda x, m, stage: equalized(x),
    "Invert": lambda x, m, stage: 255.0 - x,
    "SolarizeAdd": lambda x, m, stage: torch.where(
        x < 128.0, (x + m[:, None, None, None]).clamp(max=255.0), x
    ),
}


def policy(images: Tensor, stage: Stage, streams: Streams) -> Tensor:
    return operated(images, *policy_draw(stage, streams), stage)


def operated(images: Tensor, operations: Tensor, magnitudes: Tensor, stage: Stage) -> Tensor:
    """Apply to each image its own operation."""
    changed = images.clone()
    for number in operations.unique().tolist():
        change = (_MOVES | _COLORS)[OPERATIONS[number]]
        of = operations == number
        changed[of] = change(images[of], magnitudes[of], stage)
    return changed
