"""Whole-image stages of the pure-PyTorch twin: one on [B, C, H, W] float32 images."""

from __future__ import annotations

import torch
from torch import Tensor

from warpmix import _fixed_math as fixed
from warpmix.augment.reference.streams import Streams, uniform_between
from warpmix.augment.reference.warp import folded
from warpmix.augment.stages import Stage


def autocontrast(images: Tensor, stage: Stage, streams: Streams) -> Tensor:
    return autocontrasted(images)


def autocontrasted(images: Tensor) -> Tensor:
    lowest, highest = images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)
    scale = (highest - lowest) * (1.0 / 255.0)
    stretched = ((images - lowest) / torch.where(scale > 0, scale, 1.0)).clamp(0.0, 255.0)
    return torch.where(scale > 0, stretched, images)


def equalize(images: Tensor, stage: Stage, streams: Streams) -> Tensor:
    return equalized(images)


def equalized(images: Tensor) -> Tensor:
    """Pillow's equalize of the rounded values; the lowest level becomes 0."""
    levels = images.round().long().flatten(2)
    histogram = torch.zeros(*levels.shape[:2], 256, dtype=torch.int64)
    histogram.scatter_add_(2, levels, torch.ones_like(levels))
    highest = histogram.gather(2, levels.amax(2, keepdim=True))
    step = (levels.shape[2] - highest) // 255
    below = histogram.cumsum(2) - histogram
    table = ((below + step // 2) // step.clamp(min=1)).clamp(max=255)
    table = torch.where(step > 0, table, torch.arange(256))
    return table.gather(2, levels).view_as(images).float()


def sharpness(images: Tensor, stage: Stage, streams: Streams) -> Tensor:
    return sharpened(images, torch.tensor(stage["factor"], dtype=torch.float32))


def sharpened(images: Tensor, factor: Tensor) -> Tensor:
    """Away from Pillow's smooth image; the border stays."""
    _, _, height, width = images.shape
    if height < 3 or width < 3:
        return images

    def shifted(dy: int, dx: int) -> Tensor:
        return images[:, :, 1 + dy : height - 1 + dy, 1 + dx : width - 1 + dx]

    above, sides, below = (
        (shifted(-1, -1) + shifted(-1, 0)) + shifted(-1, 1),
        shifted(0, -1) + shifted(0, 1),
        (shifted(1, -1) + shifted(1, 0)) + shifted(1, 1),
    )
    own = shifted(0, 0)
    smooth = (((above + sides) + below) + 5.0 * own) * (1.0 / 13.0)
    changed = images.clone()
    changed[:, :, 1:-1, 1:-1] = (own + (1.0 - factor) * (smooth - own)).clamp(0.0, 255.0)
    return changed


def gaussian_blur(images: Tensor, stage: Stage, streams: Streams) -> Tensor:
    """Along rows, then along columns; each sum begins at the pixel and goes outwards."""
    sigma = uniform_between(streams.words(stage.stream)[1], stage["sigma_low"], stage["sigma_span"])
    passed = _blurred(images, 3, stage["radius_x"], sigma)
    return _blurred(passed, 2, stage["radius_y"], sigma).clamp(max=255.0)


def _blurred(images: Tensor, dim: int, radius: int, sigma: Tensor) -> Tensor:
    """Blur along a dimension, with the [B] standard deviations of the samples."""
    weights = []
    for distance in range(radius + 1):
        t = torch.full_like(sigma, distance) / sigma  # a number's quotient is by the reciprocal
        weights.append(fixed.fixed_exp(-0.5 * (t * t)))
    total = weights[0]
    for weight in weights[1:]:
        total = total + 2.0 * weight
    size = images.shape[dim]
    place = torch.arange(size)
    blurred = images * (weights[0] / total)[:, None, None, None]
    for distance, weight in enumerate(weights[1:], 1):
        pair = images.index_select(dim, folded(place - distance, size, "reflect"))
        pair = pair + images.index_select(dim, folded(place + distance, size, "reflect"))
        blurred = blurred + (weight / total)[:, None, None, None] * pair
    return blurred
