"""RandomPerspective against torchvision's perspective of the same corners, which on tensors blends
with the fill in a ring round the image and on Pillow's images has our hard edge; and its draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F

from warpmix import Pipeline, RandomBrightness, RandomPerspective, RandomRotation
from warpmix.augment import Draws
from warpmix.augment.reference.perspective import projection

LEVEL = 1e-4  # chance that a right generator fails one of these tests
NEAR = 1e-3  # pixels: torchvision's coordinates are float32 numbers of [-1, 1]
CORNERS = ("top_left", "top_right", "bottom_right", "bottom_left")
SIZES = [(2, 2), (3, 8), (24, 31), (33, 16), (96, 120), (224, 224), (37, 251)]


def corners_of(draws: Draws) -> Tensor:
    """[B, 4, 2] int64 x and y, clockwise from the upper left one."""
    (named,) = draws.named()
    return torch.stack(
        [torch.stack([named[f"{c}_{axis}"] for axis in "xy"], 1) for c in CORNERS], 1
    )


def ends(corners: Tensor, height: int, width: int) -> tuple[list[Any], list[Any]]:
    """torchvision's startpoints and endpoints of one sample."""
    right, bottom = width - 1, height - 1
    return [[0, 0], [right, 0], [right, bottom], [0, bottom]], corners.tolist()


def places(corners: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """([H, W] x, y) float64 of the source, by the definition: the eight numbers that take the
    corners to the image's, solved in float64."""
    start, end = ends(corners, height, width)
    rows = []
    for (u, v), (x, y) in zip(start, end, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    matrix = torch.tensor(rows, dtype=torch.float64)
    a, b, c, d, e, f, g, h = torch.linalg.solve(matrix, torch.tensor(start).double().view(8))
    x, y = torch.arange(width).double() + 0.5, torch.arange(height).double()[:, None] + 0.5
    w = g * x + h * y + 1
    return (a * x + b * y + c) / w - 0.5, (d * x + e * y + f) / w - 0.5


def pictures(count: int, height: int, width: int) -> Tensor:
    generator = torch.Generator().manual_seed(height)
    shape = (count, 3, height, width)
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    ramp = 5 * torch.arange(height)[:, None] + 3 * torch.arange(width)
    images[::2] = (ramp + 11 * torch.arange(3)[:, None, None]).to(torch.uint8)
    return images


def drawn(transform: RandomPerspective, images: Tensor, dtype: torch.dtype) -> Any:
    """(corners, results [B, 3, H, W])."""
    pipeline = Pipeline([transform], dtype=dtype, channels_last=False, seed=7)
    draws = pipeline.draw(torch.arange(len(images)), images=images)
    return corners_of(draws), pipeline.replay(images, draws)


def near_an_edge(x: Tensor, y: Tensor, height: int, width: int) -> Tensor:
    """Places that may fall on either side of a constant border."""
    return (
        ((x + 0.5).abs() < NEAR)
        | ((y + 0.5).abs() < NEAR)
        | ((x - width + 0.5).abs() < NEAR)
        | ((y - height + 0.5).abs() < NEAR)
    )


@pytest.mark.parametrize("scale", [0.2, 0.5, 0.9])
def test_bilinear_results_are_torchvisions_but_in_the_ring(scale: float) -> None:
    """On tensors, within a level everywhere but in the ring; on Pillow's images, which have our
    edge and round down, in the ring too."""
    ring_pixels = compared = 0
    for height, width in SIZES:
        images = pictures(4, height, width)
        fill = [9, 200, 77]
        transform = RandomPerspective(scale, 1.0, InterpolationMode.BILINEAR, fill)
        corners, results = drawn(transform, images, torch.uint8)
        for image, of, result in zip(images, corners, results, strict=True):
            points = ends(of, height, width)
            if len(set(map(tuple, points[1]))) < 4:
                continue
            x, y = places(of, height, width)
            inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
            outside = (x <= -1) | (x >= width) | (y <= -1) | (y >= height)
            ring = ~inside & ~outside
            tensors = F.perspective(image, *points, fill=fill)
            off = (result.int() - tensors.int()).abs().amax(0)
            assert off[~ring].max() <= 1
            pillow = F.pil_to_tensor(F.perspective(F.to_pil_image(image), *points, fill=fill))
            off = (result.int() - pillow.int()).abs().amax(0)
            assert off[~near_an_edge(x, y, height, width)].max() <= 1
            ring_pixels += int(ring.sum())
            compared += ring.numel()
    assert 0 < ring_pixels < 0.05 * compared


@pytest.mark.parametrize("scale", [0.2, 0.5, 0.9])
def test_nearest_results_are_torchvisions_pixels(scale: float) -> None:
    """All of them but where a place lies between two pixels: there torchvision's choice is its
    rounding errors', in float32 on [-1, 1]."""
    deviating = compared = 0
    for height, width in SIZES:
        images = pictures(4, height, width)
        transform = RandomPerspective(scale, 1.0, "nearest", 17)
        corners, results = drawn(transform, images, torch.uint8)
        for image, of, result in zip(images, corners, results, strict=True):
            points = ends(of, height, width)
            if len(set(map(tuple, points[1]))) < 4:
                continue
            theirs = F.perspective(image, *points, InterpolationMode.NEAREST, fill=17)
            differs = (result != theirs).any(0)
            x, y = places(of, height, width)
            ties = [(t - t.floor() - 0.5).abs() < NEAR for t in (x, y)]
            assert not (differs & ~(ties[0] | ties[1])).any()
            deviating += int(differs.sum())
            compared += differs.numel()
    assert deviating < 1e-3 * compared


def test_coefficients_are_rounded_once() -> None:
    """Of places in the image, beside the definition's in float64: an ulp or two of float32."""
    generator = torch.Generator().manual_seed(1)
    for height, width in [(24, 31), (224, 224), (700, 1000)]:
        reach = torch.tensor([width // 2, height // 2])
        inwards = (torch.rand(5, 4, 2, generator=generator) * reach).long()
        far = torch.tensor([width - 1, height - 1])
        corners = torch.stack([inwards, far - inwards])
        corners = torch.where(torch.tensor([[0, 0], [1, 0], [1, 1], [0, 1]]) == 1, *corners.flip(0))
        matrices, exists = projection(corners, height, width)
        assert exists.all()
        columns, rows = torch.arange(width).double(), torch.arange(height).double()[:, None]
        for matrix, of in zip(matrices.double(), corners, strict=True):
            a, b, c, d, e, f, g, h, i = matrix
            w = g * columns + h * rows + i
            x, y = places(of, height, width)
            inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
            for own, exact in ((a * columns + b * rows + c, x), (d * columns + e * rows + f, y)):
                assert (own / w - exact)[inside].abs().max() < 1e-6 * max(height, width)


def test_corners_are_drawn_as_torchvisions() -> None:
    images = torch.zeros(1, 3, 23, 30, dtype=torch.uint8)
    ids = torch.arange(100_000)
    pipeline = Pipeline([RandomPerspective(0.6, 0.7)], seed=3)
    draws = pipeline.draw(ids, images=images, index=torch.zeros_like(ids))
    (named,) = draws.named()
    assert stats.binomtest(int(named.on.sum()), len(ids), 0.7).pvalue > LEVEL
    corners = corners_of(draws)[named.on].numpy()
    reach = int(0.6 * (30 // 2)) + 1, int(0.6 * (23 // 2)) + 1
    firsts = [(0, 0), (30 - reach[0], 0), (30 - reach[0], 23 - reach[1]), (0, 23 - reach[1])]
    columns = []
    for corner, first in enumerate(firsts):
        for axis in (0, 1):
            counts = np.bincount(corners[:, corner, axis] - first[axis], minlength=reach[axis])
            assert len(counts) == reach[axis]
            assert stats.chisquare(counts).pvalue > LEVEL
            columns.append(corners[:, corner, axis] - first[axis])
    for i in range(8):
        for j in range(i):
            table = np.histogram2d(columns[i], columns[j], bins=5)[0]
            assert stats.chi2_contingency(table).pvalue > LEVEL


def of_corners(corners: list[int], images: Tensor) -> Tensor:
    """Results of these corners: x and y of four, clockwise."""
    pipeline = Pipeline([RandomPerspective(1.0, 1.0)], dtype=torch.uint8, seed=0)
    draws = pipeline.draw(torch.arange(len(images)), images=images)
    words = [x | y << 16 for x, y in zip(corners[::2], corners[1::2], strict=True)]
    draws.per_launch[0][:, 0, 0, 2:6] = torch.tensor(words, dtype=torch.int32)
    return pipeline.replay(images, draws)


def test_corners_that_stay_change_nothing() -> None:
    for height, width in SIZES:
        images = pictures(2, height, width)
        assert torch.equal(RandomPerspective(0.0, 1.0)(images), images)


@pytest.mark.parametrize(
    "corners",
    [
        [0, 0, 0, 0, 7, 8, 0, 8],
        [3, 3, 3, 3, 3, 3, 3, 3],
        [0, 0, 7, 0, 7, 8, 7, 4],
        [0, 0, 2, 2, 7, 7, 0, 8],
        [0, 0, 7, 0, 3, 4, 0, 7],
    ],
)
def test_three_corners_on_a_line_change_nothing(corners: list[int]) -> None:
    images = pictures(2, 9, 8)
    assert torch.equal(of_corners(corners, images), images)


def test_corners_that_change_places_mirror_the_image() -> None:
    """By torchvision's corners, which are pixels by number and edges by place: a pixel further."""
    images = pictures(2, 9, 8)
    result = of_corners([7, 0, 0, 0, 0, 8, 7, 8], images)
    assert torch.equal(result[..., :-1], images.flip(3)[..., 1:])
    assert result[..., -1].max() == 0


def test_a_place_at_the_horizon_is_outside() -> None:
    """Of crossed sides, whose divisor is 0 in the image."""
    images = torch.full((1, 3, 9, 9), 200, dtype=torch.uint8)
    result = of_corners([0, 0, 8, 8, 8, 0, 0, 8], images)
    assert result[..., 4].amax() == 0


def test_it_is_a_launch_of_its_own_in_any_list() -> None:
    listed = [RandomRotation(20), RandomPerspective(), RandomBrightness()]
    launches = Pipeline(listed).explain(32, 32).splitlines()
    assert [line.split(" → ")[1] for line in launches] == ["[affine]", "perspective", "brightness"]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: RandomPerspective(1.1), ValueError, r"distortion_scale must be in \[0, 1\]"),
        (lambda: RandomPerspective("1"), TypeError, "distortion_scale must be a number"),
        (lambda: RandomPerspective(interpolation="random"), ValueError, "one of nearest, bilin"),
        (lambda: RandomPerspective(fill=0.5), ValueError, "fill must be whole numbers"),
        (lambda: RandomPerspective(fill=256), ValueError, r"fill must be in \[0, 255\]"),
    ],
)
def test_wrong_parameters_are_refused(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_images_of_one_row_are_refused() -> None:
    with pytest.raises(ValueError, match="RandomPerspective needs images of 2 to 65535 pixels a"):
        RandomPerspective()(torch.zeros(1, 3, 1, 8, dtype=torch.uint8))


def test_a_replay_refuses_a_corner_outside() -> None:
    images = pictures(1, 9, 8)
    with pytest.raises(ValueError, match=r"perspective of 9 x 8 pixels an? x in \[0, 7\], got 8"):
        of_corners([8, 0, 7, 0, 7, 8, 0, 8], images)
