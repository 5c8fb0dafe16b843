"""Colour and occlusion of the pure-PyTorch twin: one stage on [B, C, H, W] float32 images."""

from __future__ import annotations

import torch
from torch import Tensor

from warpmix._philox import philox, uniform_below
from warpmix.augment.reference.streams import (
    BOX_ATTEMPTS,
    Boxes,
    Streams,
    fitting_boxes,
    uniform_between,
)
from warpmix.augment.stages import Stage

_SUM_SCALE = 65536.0  # kSumScale


# ---- colour -----------------------------------------------------------------------------------


def _factor(stage: Stage, streams: Streams) -> Tensor:
    """Return the stage's one number, [B, 1, 1, 1]."""
    word = streams.words(stage.stream, stage.block)[1]
    return uniform_between(word, stage["low"], stage["span"])[:, None, None, None]


def _luma(red: Tensor, green: Tensor, blue: Tensor) -> Tensor:
    return (0.2989 * red + 0.587 * green) + 0.114 * blue


def contrast(images: Tensor, stage: Stage, streams: Streams) -> Tensor:
    return contrasted(images, _factor(stage, streams), stage["pivot"])


def contrasted(images: Tensor, factor: Tensor, pivot: str) -> Tensor:
    means = _pivot(images, pivot)
    return (images * factor + (means - means * factor)).clamp(0.0, 255.0)


def _pivot(images: Tensor, pivot: str) -> Tensor:
    if pivot == "center":
        return torch.full((1, 1, 1, 1), 127.5)
    steps = (images * _SUM_SCALE).round().to(torch.int64).sum((2, 3), keepdim=True)
    count = images.shape[2] * images.shape[3] * _SUM_SCALE
    mean = (steps.double() / count).float()
    if pivot == "gray_mean" and images.shape[1] == 3:
        return _luma(*mean.unbind(1))[:, None]
    return mean


def brightness(images: Tensor, stage: Stage, streams: Streams) -> Tensor:
    return brightened(images, _factor(stage, streams))


def brightened(images: Tensor, factor: Tensor) -> Tensor:
    return (images * factor).clamp(0.0, 255.0)


def saturation(images: Tensor, stage: Stage, streams: Streams) -> Tensor:
    return saturated(images, _factor(stage, streams))


def saturated(images: Tensor, factor: Tensor) -> Tensor:
    gray = _luma(*images.unbind(1))[:, None] * (1.0 - factor)
    return (images * factor + gray).clamp(0.0, 255.0)


def hue(images: Tensor, stage: Stage, streams: Streams) -> Tensor:
    """Turn the hue in HSV, from RGB and back; see turn_hue in kernels/augment/color.h."""
    red, green, blue = images.unbind(1)
    largest, smallest = images.amax(1), images.amin(1)
    chroma = largest - smallest
    inverse = 1.0 / torch.where(chroma == 0, 1.0, chroma)
    sixths = torch.where(
        largest == green, (blue - red) * inverse + 2.0, (red - green) * inverse + 4.0
    )
    sixths = torch.where(largest == red, (green - blue) * inverse, sixths)
    sixths = sixths + _factor(stage, streams)[:, 0] * 6.0
    sixths = torch.where(sixths < 0, sixths + 6.0, sixths)
    sixths = torch.where(sixths >= 6, sixths - 6.0, sixths)
    channels = []
    for n in (5.0, 3.0, 1.0):
        k = sixths + n
        k = torch.where(k >= 6, k - 6.0, k)
        share = torch.minimum(k, 4.0 - k).clamp(0.0, 1.0)
        channels.append((largest - chroma * share).clamp(min=0.0))
    return torch.stack(channels, 1)


def posterize(images: Tensor, stage: Stage, streams: Streams) -> Tensor:
    return posterized(images, stage["step"])


def posterized(images: Tensor, step: Tensor | float) -> Tensor:
    return (images / step).floor() * step


def solarize(images: Tensor, stage: Stage, streams: Streams) -> Tensor:
    return solarized(images, stage["threshold"])


def solarized(images: Tensor, threshold: Tensor | float) -> Tensor:
    return torch.where(images >= threshold, 255.0 - images, images)


# ---- occlusion --------------------------------------------------------------------------------


def crop_blackout(images: Tensor, stage: Stage, streams: Streams) -> Tensor:
    _, _, height, width = images.shape
    words = streams.words(stage.stream)
    x = uniform_below(words[1], stage["max_x"] + 1)
    y = uniform_below(words[2], stage["max_y"] + 1)
    kept = Boxes(x, y, width - x, height - y).inside(height, width)
    return torch.where(kept, images, 0.0)


def erasing(images: Tensor, stage: Stage, streams: Streams) -> Tensor:
    _, channels, height, width = images.shape
    boxes, found = fitting_boxes(stage, streams)
    erased = boxes.inside(height, width) & found[:, None, None, None]
    if stage["is_random"]:
        return torch.where(erased, _random_bytes(stage, streams, channels), images)
    value = torch.tensor(stage["value"][:channels])
    return torch.where(erased, value[None, :, None, None], images)


def _random_bytes(stage: Stage, streams: Streams, channels: int) -> Tensor:
    """[B, C, H, W] whole float32 values, uniform in 0..255, from a key of each sample."""
    low, high, _, _ = streams.words(stage.stream, BOX_ATTEMPTS + 1)
    pixel = torch.arange(stage.height * stage.width)[None]
    zero = torch.zeros_like(pixel)
    words = philox((pixel, zero, zero, zero), (low | high << 32)[:, None])
    planes = [words[c // 4] >> 8 * (c % 4) & 255 for c in range(channels)]
    return torch.stack(planes, 1).float().unflatten(2, (stage.height, stage.width))


def cutout(images: Tensor, stage: Stage, streams: Streams) -> Tensor:
    _, _, height, width = images.shape
    words = streams.words(stage.stream)
    size = stage["cut_width"]
    if stage["overhang"]:
        x = uniform_below(words[1], width) - size // 2
        y = uniform_below(words[2], height) - size // 2
    else:
        x = uniform_below(words[1], width - size + 1)
        y = uniform_below(words[2], height - size + 1)
    return torch.where(Boxes(x, y, x + size, y + size).inside(height, width), 0.0, images)


def grid_mask(images: Tensor, stage: Stage, streams: Streams) -> Tensor:
    _, _, height, width = images.shape
    words = streams.words(stage.stream)
    period = stage["period_low"] + uniform_below(words[1], stage["period_count"])
    kept = torch.minimum((period.float() * stage["kept"]).round().long().clamp(min=1), period - 1)
    in_square = []
    for word, size in ((words[2], width), (words[3], height)):
        place = torch.arange(size)[None] + ((word * period) >> 32)[:, None]
        in_square.append(place.remainder(period[:, None]) < (period - kept)[:, None])
    black = in_square[1][:, :, None] & in_square[0][:, None, :]
    return torch.where(black[:, None], 0.0, images)
