"""Whole-image transforms beside torchvision.transforms.v2's, as test_augment_torchvision.py does:
in float64 on [0, 1], where ours is that number but for float32's rounding, and on bytes, where
torchvision rounds in between or rounds down."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as F
from torchvision_peers import Peer, Values, by_torchvision, replayed, sample_images

from warpmix import (
    GaussianBlur,
    Pipeline,
    RandomAdjustSharpness,
    RandomAutocontrast,
    RandomBrightness,
    RandomEqualize,
)

FLOAT32 = 1e-5  # on [0, 1]


def autocontrast(image: Tensor, v: Values) -> Tensor:
    return F.autocontrast(image)


def sharpness(factor: float) -> Peer:
    return lambda image, v: F.adjust_sharpness(image, factor)


def blur(*kernel_size: int) -> Peer:
    return lambda image, v: F.gaussian_blur(image, list(kernel_size), [v["sigma"]])


Case = tuple[list[Any], list[Peer], int]  # transforms, their peers, channels
CASES: list[Case] = [
    ([RandomAutocontrast()], [autocontrast], 3),
    ([RandomAutocontrast(1.0)], [autocontrast], 1),
    ([RandomAdjustSharpness(0.0)], [sharpness(0.0)], 3),
    ([RandomAdjustSharpness(1.9, 1.0)], [sharpness(1.9)], 3),
    ([RandomAdjustSharpness(0.3, 1.0)], [sharpness(0.3)], 1),
    ([GaussianBlur(3, p=0.9)], [blur(3, 3)], 3),
    ([GaussianBlur((5, 9), (0.001, 5.0))], [blur(5, 9)], 3),
    ([GaussianBlur((55, 39), 7.5)], [blur(55, 39)], 1),
]


def narrow_images(channels: int) -> Tensor:
    """[B, 20, 28, C] uint8: of the samples, and of a few of their values in the middle."""
    images = sample_images(channels, 24)
    return torch.cat([images, images // 4 + 60])


@pytest.mark.parametrize(("transforms", "peers", "channels"), CASES)
def test_results_are_those_of_torchvision_in_float(
    transforms: list[Any], peers: list[Peer], channels: int
) -> None:
    images = narrow_images(channels)
    draws, got = replayed(transforms, images, torch.float32)
    want = by_torchvision(images.double() / 255, draws, peers)
    torch.testing.assert_close(got.double(), want, rtol=0, atol=FLOAT32)


@pytest.mark.parametrize(("transforms", "peers", "channels"), CASES)
def test_uint8_results_are_within_a_level_of_torchvision(
    transforms: list[Any], peers: list[Peer], channels: int
) -> None:
    """Ours is rounded to nearest once, at the end. torchvision's autocontrast and adjust_sharpness
    are rounded down, the smooth image before to nearest: at factors from 0 to 2 that is half a
    level more. Its blur is rounded to nearest, from one sum over the window where ours are two."""
    images = narrow_images(channels)
    draws, got = replayed(transforms, images, torch.uint8)
    want = by_torchvision(images, draws, peers)
    assert want.dtype == torch.uint8
    assert (got.int() - want.int()).abs().max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (15, 17), (16, 16), (64, 33), (120, 90)])
@pytest.mark.parametrize("channels", [1, 3])
def test_whole_numbers_are_equalized_to_the_bytes_of_torchvision(
    size: tuple[int, int], channels: int
) -> None:
    """Of images with more and with fewer pixels than a step needs, with few and many levels."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (24, channels, *size), dtype=torch.uint8, generator=generator)
    images[:8] //= 9
    images[8:16] = images[8:16] // 40 * 17 + 50
    images[16:18] = images[16:18] // 200 * 255
    images[18] = 255
    got = RandomEqualize(1.0)(images)
    assert torch.equal(got, torch.stack([F.equalize(image) for image in images]))


def test_fractions_are_rounded_before_they_are_equalized() -> None:
    images = narrow_images(3).permute(0, 3, 1, 2)
    dimmed = RandomBrightness((0.77, 0.77))
    got = Pipeline([dimmed, RandomEqualize(1.0)], dtype=torch.uint8)(images)
    assert torch.equal(got, torch.stack([F.equalize(image) for image in dimmed(images)]))
