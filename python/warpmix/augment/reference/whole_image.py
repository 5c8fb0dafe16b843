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
