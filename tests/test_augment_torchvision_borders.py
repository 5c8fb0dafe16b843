"""Rotation, affine and resized crops against torchvision, and where the two differ: at borders.

A constant border of ours is hard-edged: a pixel whose nearest source pixel is none of the image's
is the fill, any other is the image's, its edge continued. torchvision blends with the fill in a
ring, where a source coordinate lies up to one pixel beyond the outermost pixel centres. Inside and
outside of that ring both are the same; in it ours is explained by torchvision on an image whose
edge is repeated, and so are the other borders, which torchvision's affine does not have.

A resized crop of ours is part of one map, so it interpolates with the image's own pixels beyond the
box; torchvision cuts first, and repeats the box's edge for half a source pixel.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision.transforms.functional import _get_inverse_affine_matrix
from torchvision.transforms.v2 import functional as F
from torchvision_peers import BILINEAR, Peer, Values, by_torchvision, replayed, sample_images

from warpmix import RandomAffine, RandomResizedCrop, RandomRotation, RandomZoom

FLOAT32 = 1e-5  # on [0, 1]; errors of a coordinate, below 1e-4 pixels, times a pixel's contrast
NEAR = 1e-4  # pixels: a coordinate this close to the hard edge may fall on either side

WARPS: list[Any] = [
    RandomRotation(180.0, p=0.9),
    RandomRotation(30.0, fill=9),
    RandomZoom((0.5, 2.0), fill=200),
    RandomAffine(15.0, translate=(0.2, 0.3), scale=(0.5, 1.5), shear=20.0),
    RandomAffine(5.0, translate=(0.5, 0.5), fill=9),
    RandomAffine(180.0, (0.1, 0.1), (0.7, 1.3), (-20.0, 20.0, -10.0, 30.0), fill=200, p=0.9),
]


def clockwise(transform: Any, v: Values) -> dict[str, Any]:
    """The arguments of torchvision's affine, which turns the other way round than its rotate."""
    degrees = v.get("degrees", 0.0)
    return {
        "angle": -degrees if isinstance(transform, RandomRotation) else degrees,
        "translate": [float(v.get("dx", 0)), float(v.get("dy", 0))],
        "scale": v.get("scale", 1.0),
        "shear": [v.get("shear_x", 0.0), v.get("shear_y", 0.0)],
    }


def warped(transform: Any) -> Peer:
    """torchvision's rotate or affine, with the transform's fill."""

    def peer(image: Tensor, v: Values) -> Tensor:
        fill = transform.fill / (255 if image.is_floating_point() else 1)
        if isinstance(transform, RandomRotation):
            return F.rotate(image, v["degrees"], BILINEAR, fill=fill)
        return F.affine(image, **clockwise(transform, v), interpolation=BILINEAR, fill=fill)

    return peer


def warped_when_padded(transform: Any, padding: tuple[int, int], mode: str) -> Peer:
    """The same about the same centre on an image that goes on (x, y) pixels at its borders."""
    x, y = padding

    def peer(image: Tensor, v: Values) -> Tensor:
        larger = torch.nn.functional.pad(image[None], (x, x, y, y), mode)[0]
        larger = F.affine(larger, **clockwise(transform, v), interpolation=BILINEAR)
        return F.center_crop(larger, list(image.shape[-2:]))

    return peer


def source_coordinates(transform: Any, draw: Any, height: int, width: int) -> tuple[Tensor, Tensor]:
    """([B, H, W] x, y) float64 of the source, pixel centres at whole numbers."""
    x = torch.arange(width).double()[None, :] - 0.5 * (width - 1)
    y = torch.arange(height).double()[:, None] - 0.5 * (height - 1)
    found = []
    for i, on in enumerate(draw.on.tolist()):
        v = {name: values[i].item() for name, values in draw.values.items()} if on else {}
        a, b, c, d, e, f = _get_inverse_affine_matrix([0.0, 0.0], **clockwise(transform, v))
        found.append(torch.stack([a * x + b * y + c, d * x + e * y + f]))
    sources = torch.stack(found, 1)
    return sources[0] + 0.5 * (width - 1), sources[1] + 0.5 * (height - 1)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("transform", WARPS, ids=str)
def test_constant_borders_are_pillows(transform: Any, interpolation: str) -> None:
    """On Pillow's images, which have our edge and round down: to a level, the ring included."""
    transform = replace(transform, interpolation=interpolation)
    images = sample_images(count=20)
    height, width = images.shape[1:3]
    draws, got = replayed([transform], images, torch.uint8)

    def peer(image: Tensor, v: Values) -> Tensor:
        mode, pillow = F.InterpolationMode(interpolation), F.to_pil_image(image)
        if isinstance(transform, RandomRotation):
            turned = F.rotate(pillow, v["degrees"], mode, fill=transform.fill)
        else:
            turned = F.affine(
                pillow, **clockwise(transform, v), interpolation=mode, fill=transform.fill
            )
        return F.pil_to_tensor(turned)

    off = (got.int() - by_torchvision(images, draws, [peer]).int()).abs().amax(1)
    x, y = source_coordinates(transform, draws[0], height, width)
    ends = torch.stack([x + 0.5, x - (width - 0.5), y + 0.5, y - (height - 0.5)])
    near = (ends.abs() < NEAR).any(0)
    assert off[~near].max() <= 1 and near.double().mean() < 0.02


@pytest.mark.parametrize("transform", WARPS, ids=str)
def test_constant_borders_differ_in_the_outermost_ring_alone(transform: Any) -> None:
    images = sample_images(count=20)
    height, width = images.shape[1:3]
    exact = images.double() / 255
    draws, got = replayed([transform], images, torch.float32)
    x, y = source_coordinates(transform, draws[0], height, width)
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    outside = (x <= -1) | (x >= width) | (y <= -1) | (y >= height)

    def largest(a: Tensor, b: Tensor) -> Tensor:
        return (a.double() - b.double()).abs().amax(1)

    off = largest(got, by_torchvision(exact, draws, [warped(transform)]))
    differs = off > FLOAT32
    ring = ~inside & ~outside
    assert inside.any() and outside.any()
    assert not (differs & ~ring).any()
    assert 0 < differs.sum() <= ring.sum() < 0.2 * ring.numel()

    rounded = replayed([transform], images, torch.uint8)[1]
    levels = largest(rounded, by_torchvision(images, draws, [warped(transform)]))
    assert levels[~ring].max() <= 1
    assert (levels[~ring] == 1).double().mean() < 1e-3  # values within float32's error of a half

    continued = by_torchvision(exact, draws, [warped_when_padded(transform, (2, 2), "replicate")])
    edge = torch.minimum(torch.minimum(x, width - 1 - x), torch.minimum(y, height - 1 - y)) + 0.5
    hard = torch.where((edge >= 0)[:, None], continued, transform.fill / 255)
    assert (edge[ring] < 0).any() and (edge[ring] >= 0).any()
    assert largest(got, hard)[ring & (edge.abs() > NEAR)].max() <= FLOAT32


@pytest.mark.parametrize(
    ("border", "mode", "padding"),
    [("replicate", "replicate", (28, 20)), ("reflect", "reflect", (27, 19)),
     ("wrap", "circular", (28, 20))],
)  # fmt: skip
@pytest.mark.parametrize(
    "transform",
    [
        RandomRotation(180.0),
        RandomZoom((0.6, 1.4), p=0.9),
        RandomAffine(15.0, (0.1, 0.1), (0.8, 1.2), 10.0),
    ],
    ids=lambda transform: type(transform).__name__,
)
def test_other_borders_are_torchvision_on_a_padded_image(
    transform: Any, border: str, mode: str, padding: tuple[int, int]
) -> None:
    images = sample_images(count=20)
    bordered = type(transform)(**{**vars(transform), "border": border})
    draws, got = replayed([bordered], images, torch.float32)
    want = by_torchvision(
        images.double() / 255, draws, [warped_when_padded(bordered, padding, mode)]
    )
    assert (got - want).abs().max() <= FLOAT32


@pytest.mark.parametrize("size", [(40, 56), (20, 61)])
def test_resized_crops_differ_where_torchvision_repeats_the_edge_of_the_box(
    size: tuple[int, int],
) -> None:
    images = sample_images(count=20)
    height, width = images.shape[1:3]

    def resized_crop(image: Tensor, v: Values) -> Tensor:
        box = (v["y0"], v["x0"], v["y1"] - v["y0"], v["x1"] - v["x0"])
        return F.resized_crop(image, *box, list(size), BILINEAR, antialias=False)

    draws, got = replayed([RandomResizedCrop(size)], images, torch.float32)
    off = (got - by_torchvision(images.double() / 255, draws, [resized_crop])).abs().amax(1)

    def cut(first: Tensor, last: Tensor, length: int, pixels: int) -> Tensor:
        """[B, pixels] bool: sources beyond the outermost centres of a box within the image."""
        step = (last - first)[:, None] / pixels
        source = (torch.arange(pixels) + 0.5) * step + first[:, None] - 0.5
        before = (source < first[:, None]) & (first > 0)[:, None]
        return before | ((source > last[:, None] - 1) & (last < length)[:, None])

    of_rows = cut(draws[0]["y0"], draws[0]["y1"], height, size[0])
    of_columns = cut(draws[0]["x0"], draws[0]["x1"], width, size[1])
    ring = of_rows[:, :, None] | of_columns[:, None, :]
    assert off[~ring].max() <= FLOAT32
    assert 0 < (off > FLOAT32).sum() <= ring.sum() < 0.3 * ring.numel()
