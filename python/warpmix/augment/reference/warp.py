"""Geometry of the pure-PyTorch twin: whole-pixel moves, and maps sampled between pixels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from warpmix import _fixed_math as fixed
from warpmix._philox import uniform_below
from warpmix.augment.reference.streams import Streams, crop_boxes, uniform_between
from warpmix.augment.stages import Stage, borders_of

FAR = 4194304.0  # kFar in kernels/augment/sampling.h
Matrix = tuple[
    Tensor, Tensor, Tensor, Tensor, Tensor, Tensor
]  # [B] each, rows (a, b, c), (d, e, f)


# ---- borders ----------------------------------------------------------------------------------


def folded(source: Tensor, size: int, border: str) -> Tensor:
    """Bring whole coordinates into [0, size); a constant border keeps its edge pixels."""
    if border == "wrap":
        return source.remainder(size)
    if border == "symmetric":
        rest = source.remainder(2 * size)
        return torch.where(rest >= size, 2 * size - 1 - rest, rest)
    if border == "reflect" and size > 1:
        rest = source.remainder(2 * (size - 1))
        return torch.where(rest >= size, 2 * (size - 1) - rest, rest)
    return source.clamp(0, size - 1)


def pick(images: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Return [B, C, H, W] pixels of images [B, C, h, w] at coordinates [B, H or 1, W or 1]."""
    batch = torch.arange(images.shape[0])[:, None, None]
    return images.permute(0, 2, 3, 1)[batch, y, x].permute(0, 3, 1, 2)


def of_channels(fill: Sequence[float]) -> Tensor:
    """[C or 1, 1, 1]."""
    return torch.tensor(fill)[:, None, None]


# ---- whole pixels -----------------------------------------------------------------------------


def shift_draw(stage: Stage, streams: Streams) -> tuple[Tensor, Tensor]:
    """Draw [B] int64 (dx, dy); of a crop to another size, its window's where it does not apply."""
    words = streams.words(stage.stream)
    dx = uniform_below(words[1], stage["count_x"]) + stage["low_x"]
    dy = uniform_below(words[2], stage["count_y"]) + stage["low_y"]
    if not stage.resizes:
        return dx, dy
    on = streams.applies(stage)
    return torch.where(on, dx, stage["center_x"]), torch.where(on, dy, stage["center_y"])


def shift(images: Tensor, stage: Stage, streams: Streams) -> Tensor:
    _, _, height, width = images.shape
    dx, dy = shift_draw(stage, streams)
    x = torch.arange(stage["out_width"])[None] - dx[:, None]
    y = torch.arange(stage["out_height"])[None] - dy[:, None]
    border = stage.border or "replicate"
    moved = pick(
        images, folded(y, height, border)[:, :, None], folded(x, width, border)[:, None, :]
    )
    if border != "constant":
        return moved
    outside = ((y < 0) | (y >= height))[:, :, None] | ((x < 0) | (x >= width))[:, None, :]
    return torch.where(outside[:, None], of_channels(stage.fill), moved)


# ---- matrices ---------------------------------------------------------------------------------


def _affine(stage: Stage, streams: Streams) -> Matrix:
    """Return torchvision's inverse matrix about the centre; see compose_affine in kernels."""
    words, more = streams.words(stage.stream), streams.words(stage.stream, 1)
    turns = uniform_between(words[1], stage["turns_low"], stage["turns_span"])
    dx = (uniform_between(words[2], -1.0, 2.0) * stage["max_x"]).round()
    dy = (uniform_between(words[3], -1.0, 2.0) * stage["max_y"]).round()
    scale = uniform_between(more[0], stage["scale_low"], stage["scale_span"])
    shear_x = uniform_between(more[1], stage["shear_x_low"], stage["shear_x_span"])
    shear_y = uniform_between(more[2], stage["shear_y_low"], stage["shear_y_span"])
    turns = turns * stage["direction"]
    sin, cos = fixed.fixed_sincos_turns(turns)
    sin_x, cos_x = fixed.fixed_sincos_turns(shear_x)
    _, cos_y = fixed.fixed_sincos_turns(shear_y)
    sin_between, cos_between = fixed.fixed_sincos_turns(turns - shear_y)
    tan_x = sin_x / cos_x
    cosine, sine = cos_between / cos_y, sin_between / cos_y
    a, b = (cos - sine * tan_x) / scale, (cosine * tan_x + sin) / scale
    d, e = -sine / scale, cosine / scale
    x, y = 0.5 * (stage.width - 1), 0.5 * (stage.height - 1)
    to_x, to_y = x + dx, y + dy
    return a, b, x - (a * to_x + b * to_y), d, e, y - (d * to_x + e * to_y)


def _resized_crop(stage: Stage, streams: Streams) -> Matrix:
    boxes = crop_boxes(stage, streams)
    a = (boxes.x1 - boxes.x0).float() / float(stage["out_width"])
    e = (boxes.y1 - boxes.y0).float() / float(stage["out_height"])
    zero = torch.zeros_like(a)
    c, f = (0.5 * a - 0.5) + boxes.x0.float(), (0.5 * e - 0.5) + boxes.y0.float()
    return a, zero, c, zero, e, f


def _matrix(stage: Stage, streams: Streams) -> Matrix:
    """Map a pixel of the stage's result to one of the image that enters it, if it applies."""
    one = torch.ones(streams.ids.shape[0])
    zero = torch.zeros_like(one)
    if stage.kind == "affine":
        return _affine(stage, streams)
    if stage.kind == "resized_crop":
        return _resized_crop(stage, streams)
    if stage.kind == "hflip":
        return -one, zero, one * (stage.width - 1), zero, one, zero
    if stage.kind == "vflip":
        return one, zero, zero, zero, -one, one * (stage.height - 1)
    dx, dy = shift_draw(stage, streams)
    return one, zero, -dx.float(), zero, one, -dy.float()


def _composed(stages: Sequence[Stage], streams: Streams) -> Matrix:
    """Map a pixel of the map's result to a source coordinate; the last stage is met first."""
    one = torch.ones(streams.ids.shape[0])
    zero = torch.zeros_like(one)
    identity = (one, zero, zero, zero, one, zero)
    m = identity
    for stage in reversed(stages):
        on = torch.ones_like(streams.active) if stage.resizes else streams.applies(stage)
        matrix = _matrix(stage, streams)
        a, b, c, d, e, f = (torch.where(on, t, i) for t, i in zip(matrix, identity, strict=True))
        m = (
            a * m[0] + b * m[3], a * m[1] + b * m[4], (a * m[2] + b * m[5]) + c,
            d * m[0] + e * m[3], d * m[1] + e * m[4], (d * m[2] + e * m[5]) + f,
        )  # fmt: skip
    return m


# ---- sampling ---------------------------------------------------------------------------------


def _bilinear(images: Tensor, x: Tensor, y: Tensor, border: str) -> Tensor:
    _, _, height, width = images.shape
    x0, y0 = x.floor(), y.floor()
    across, down = (x - x0)[:, None], (y - y0)[:, None]
    left, right = (folded(x0.long() + i, width, border) for i in (0, 1))
    top, bottom = (folded(y0.long() + i, height, border) for i in (0, 1))

    def between(first: Tensor, second: Tensor, weight: Tensor) -> Tensor:
        return first + weight * (second - first)

    upper = between(pick(images, top, left), pick(images, top, right), across)
    lower = between(pick(images, bottom, left), pick(images, bottom, right), across)
    return between(upper, lower, down)


def _cubic_between(taps: Sequence[Tensor], t: Tensor) -> Tensor:
    """Sum four pixels side by side under Keys's cubic with a = -1, as Pillow's transforms do, at
    ``t`` behind the second one, whose weight is 1 less the others'."""
    rest = 1.0 - t
    weights = -(t * (rest * rest)), (rest - 2.0) * (rest * rest) + 1.0, -(rest * (t * t))
    first, second, third, fourth = taps
    before = weights[0] * (first - second) + weights[1] * (third - second)
    return second + (before + weights[2] * (fourth - second))


def _bicubic(images: Tensor, x: Tensor, y: Tensor, border: str) -> Tensor:
    _, _, height, width = images.shape
    x0, y0 = x.floor(), y.floor()
    across, down = (x - x0)[:, None], (y - y0)[:, None]
    rows = [folded(y0.long() + i, height, border) for i in (-1, 0, 1, 2)]
    columns = [
        _cubic_between(
            [pick(images, row, folded(x0.long() + i, width, border)) for row in rows], down
        )
        for i in (-1, 0, 1, 2)
    ]
    return _cubic_between(columns, across).clamp(0.0, 255.0)


def sampled(
    images: Tensor, x: Tensor, y: Tensor, border: str, fill: Sequence[float], interpolation: str
) -> Tensor:
    """Sample images [B, C, h, w] between pixels at coordinates [B, H, W]."""
    _, _, height, width = images.shape
    mixed = (_bicubic if interpolation == "bicubic" else _bilinear)(images, x, y, border)
    if border != "constant":
        return mixed
    within = (x >= -0.5) & (x < width - 0.5) & (y >= -0.5) & (y < height - 0.5)
    return torch.where(within[:, None], mixed, of_channels(fill))


def moved(images: Tensor, x: Tensor, y: Tensor, stage: Stage) -> Tensor:
    """Take pixels from places [B, H, W]: sampled, or the nearest ones, a tie from the even."""
    if stage["interpolation"] != "nearest":
        return sampled(images, x, y, "constant", stage.fill, stage["interpolation"])
    _, _, height, width = images.shape
    x, y = x.round().long(), y.round().long()
    outside = (x < 0) | (x >= width) | (y < 0) | (y >= height)
    taken = pick(images, y.clamp(0, height - 1), x.clamp(0, width - 1))
    return torch.where(outside[:, None], of_channels(stage.fill), taken)


def warp(images: Tensor, stages: Sequence[Stage], streams: Streams) -> Tensor:
    """Apply one map: the stages' matrices composed, sampled once."""
    borders = borders_of(stages)
    border, fill = next(iter(borders)) if len(borders) > 0 else ("replicate", (0.0,))
    new_height, new_width = stages[-1].result_size
    columns, rows = torch.arange(new_width).float(), torch.arange(new_height).float()
    a, b, c, d, e, f = (t[:, None, None] for t in _composed(stages, streams))
    x = (a * columns[None, None, :] + (b * rows[None, :, None] + c)).clamp(-FAR, FAR)
    y = (d * columns[None, None, :] + (e * rows[None, :, None] + f)).clamp(-FAR, FAR)
    (interpolation,) = {stage.sampling for stage in stages} - {None}
    return sampled(images, x, y, border, fill, str(interpolation))
