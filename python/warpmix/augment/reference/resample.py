"""Antialiased resampling in the pure-PyTorch twin: every pixel of the result a weighted mean of its
box's, as PIL defines it (and torch's interpolate with antialias=True)."""

from __future__ import annotations

import torch
from torch import Tensor

from warpmix.augment.reference.streams import Streams, crop_boxes
from warpmix.augment.stages import Stage


def _triangle(t: Tensor) -> Tensor:
    return (1.0 - t).clamp(min=0.0)


def _cubic(t: Tensor) -> Tensor:
    """Keys's cubic with a = -1/2."""
    near = (1.5 * t - 2.5) * t * t + 1.0
    far = (((t - 5.0) * t + 8.0) * t - 4.0) * -0.5
    return torch.where(t < 1.0, near, far)


def _weights(begin: Tensor, end: Tensor, length: int, out: int, is_bicubic: Tensor) -> Tensor:
    """Return [B, out, length] float32: what each pixel of an axis counts in each of the result's.

    Pixel i has its centre at (i + 1/2) · size / out of the box, pixel j at j + 1/2: all places are
    counted in 1 / (2 · out), and so are whole numbers. The filter is as wide as the scale.
    """
    size = (end - begin)[:, None, None]
    place = torch.arange(length)[None, None, :] - begin[:, None, None]
    distance = (2 * place + 1) * out - (2 * torch.arange(out)[None, :, None] + 1) * size
    unit = 2 * size.clamp(min=out)  # of the filter
    t = distance.abs().float() * (1.0 / unit.float())
    bicubic = is_bicubic[:, None, None]
    inside = (place >= 0) & (place < size) & (distance.abs() < torch.where(bicubic, 2, 1) * unit)
    weights = torch.where(inside, torch.where(bicubic, _cubic(t), _triangle(t)), 0.0)
    total = torch.zeros(weights.shape[:2])
    for j in range(length):
        total = total + weights[:, :, j]
    return weights * (1.0 / total)[:, :, None]


def bicubic_draw(stage: Stage, streams: Streams) -> Tensor:
    """Return [B] bool: whose filter is the cubic; where it is drawn, none's that is not applied."""
    if stage["interpolation"] != "random":
        return torch.full_like(streams.active, stage["interpolation"] == "bicubic")
    return (streams.words(stage.stream)[1] >> 31 == 1) & streams.applies(stage)


def resample(images: Tensor, stage: Stage, streams: Streams) -> Tensor:
    """Resize each sample's box: rows are summed first, in order, then columns."""
    boxes, is_bicubic = crop_boxes(stage, streams), bicubic_draw(stage, streams)
    _, _, height, width = images.shape
    out_height, out_width = stage.result_size
    down = _weights(boxes.y0, boxes.y1, height, out_height, is_bicubic)[:, None]
    across = _weights(boxes.x0, boxes.x1, width, out_width, is_bicubic)[:, None]
    sums = torch.zeros(*images.shape[:2], out_height, width)
    for row in range(height):
        sums = sums + down[:, :, :, row, None] * images[:, :, None, row]
    result = torch.zeros(*images.shape[:2], out_height, out_width)
    for column in range(width):
        result = result + across[:, :, None, :, column] * sums[:, :, :, column, None]
    return result.clamp(0.0, 255.0)
