"""Whole-image stages of the pure-PyTorch twin: one on [B, C, H, W] float32 images."""

from __future__ import annotations

import torch
from torch import Tensor

from warpmix.augment.reference.streams import Streams
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
