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

from warpmix import RandomAutocontrast

FLOAT32 = 1e-5  # on [0, 1]


def autocontrast(image: Tensor, v: Values) -> Tensor:
    return F.autocontrast(image)


Case = tuple[list[Any], list[Peer], int]  # transforms, their peers, channels
CASES: list[Case] = [
    ([RandomAutocontrast()], [autocontrast], 3),
    ([RandomAutocontrast(1.0)], [autocontrast], 1),
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
    """Ours is rounded to nearest once, at the end; torchvision's autocontrast is rounded down."""
    images = narrow_images(channels)
    draws, got = replayed(transforms, images, torch.uint8)
    want = by_torchvision(images, draws, peers)
    assert want.dtype == torch.uint8
    assert (got.int() - want.int()).abs().max() <= 1
