"""Perspective of the pure-PyTorch twin: corners that are drawn, and the projection to them."""

from __future__ import annotations

import torch
from torch import Tensor

from warpmix._philox import uniform_below
from warpmix.augment.reference.streams import Streams
from warpmix.augment.reference.warp import FAR, moved
from warpmix.augment.stages import Stage

_AT_HORIZON = 1e-20  # kAtHorizon in kernels/augment/projection.h


def corner_draw(stage: Stage, streams: Streams) -> Tensor:
    """Draw [B, 4, 2] int64: x and y of the upper left, upper right, lower right and lower left."""
    words = [*streams.words(stage.stream, 1), *streams.words(stage.stream, 2)]
    reach = stage["reach_x"], stage["reach_y"]
    inwards = [uniform_below(word, reach[i % 2]) for i, word in enumerate(words)]
    right, bottom = stage.width - reach[0], stage.height - reach[1]
    first = torch.tensor([[0, 0], [right, 0], [right, bottom], [0, bottom]])
    return torch.stack(inwards, 1).view(-1, 4, 2) + first


def _cross(ax: Tensor, ay: Tensor, bx: Tensor, by: Tensor) -> Tensor:
    return ax * by - ay * bx


def projection(corners: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Return ([B, 9] float32 matrices from a result's pixel centres to the image's, [B] bool where
    there is one); see perspective_projection in kernels/augment/perspective.h."""
    x0, x1, x2, x3 = corners[..., 0].double().unbind(1)
    y0, y1, y2, y3 = corners[..., 1].double().unbind(1)
    left_second = _cross(x3 - x0, y3 - y0, x1 - x0, y1 - y0)
    left_third = _cross(x3 - x0, y3 - y0, x2 - x0, y2 - y0)
    top_third = _cross(x1 - x0, y1 - y0, x2 - x0, y2 - y0)
    area = _cross(x1 - x2, y1 - y2, x3 - x2, y3 - y2)
    top_area, left_area = top_third * area, left_third * area
    whole = left_third * top_area
    exists = (left_second != 0) & (whole != 0)
    rise_right = (left_second - left_third) * top_third
    rise_bottom = (left_second + top_third) * left_third
    g = rise_right * (y3 - y2) + rise_bottom * (y1 - y2)
    h = -(rise_bottom * (x1 - x2) + rise_right * (x3 - x2))
    u, v = width - 1, height - 1
    a, b = (u * (y0 - y3)) * top_area, (u * (x3 - x0)) * top_area
    d, e = (v * (y0 - y1)) * left_area, (v * (x1 - x0)) * left_area
    c = (u * -((y0 - y3) * x0 + (x3 - x0) * y0)) * top_area + 0.5 * (a + b)
    f = (v * -((y0 - y1) * x0 + (x1 - x0) * y0)) * left_area + 0.5 * (d + e)
    i = (whole - (g * x2 + h * y2)) + 0.5 * (g + h)
    rows = (a - 0.5 * g, b - 0.5 * h, c - 0.5 * i), (d - 0.5 * g, e - 0.5 * h, f - 0.5 * i)
    scale = 1.0 / torch.where(exists, whole, 1.0)
    return (torch.stack([*rows[0], *rows[1], g, h, i], 1) * scale[:, None]).float(), exists


def perspective(images: Tensor, stage: Stage, streams: Streams) -> Tensor:
    _, _, height, width = images.shape
    matrices, exists = projection(corner_draw(stage, streams), height, width)
    columns, rows = torch.arange(width).float(), torch.arange(height).float()[:, None]
    a, b, c, d, e, f, g, h, i = matrices[:, :, None, None].unbind(1)
    divisor = g * columns + (h * rows + i)
    divisor = torch.where(divisor == 0, _AT_HORIZON, divisor)
    x = ((a * columns + (b * rows + c)) / divisor).clamp(-FAR, FAR)
    y = ((d * columns + (e * rows + f)) / divisor).clamp(-FAR, FAR)
    return torch.where(exists[:, None, None, None], moved(images, x, y, stage), images)
