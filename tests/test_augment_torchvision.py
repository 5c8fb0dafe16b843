"""Transforms that torchvision.transforms.v2 has too, with exactly the parameters that were drawn.

Each sample is given to torchvision's functional by itself, in two ways:

- as float64 on [0, 1], rounded to uint8 once at the end. Ours is that number, but for float32's own
  rounding: a uint8 result differs, by one, only where a value lies that close to a half.
- as uint8. torchvision then rounds after every step, and its colour functions round down
  (``.to(uint8)``), the greys that they blend with too (``floor_``): it is darker by half a level on
  average, and ours lies within a level of it for one step of a mild factor. After several steps it
  is up to 6 levels from torchvision's own float result, so chains are compared in float alone.

Where sampling meets a border the two differ by definition: test_augment_torchvision_borders.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from strategies import singles
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F
from torchvision_peers import (
    Peer,
    brightness,
    by_torchvision,
    contrast,
    crop,
    erase,
    gamma,
    grayscale,
    hflip,
    hue,
    invert,
    jitter,
    replayed,
    resize,
    roll,
    sample_images,
    saturation,
    vflip,
)

from warpmix import (
    AlternatingFlip,
    ColorJitter,
    Normalize,
    RandomAdjustSharpness,
    RandomAutocontrast,
    RandomBrightness,
    RandomContrast,
    RandomCrop,
    RandomErasing,
    RandomGamma,
    RandomGrayscale,
    RandomHorizontalFlip,
    RandomHue,
    RandomInvert,
    RandomPosterize,
    RandomSaturation,
    RandomShift,
    RandomSolarize,
    RandomVerticalFlip,
    Resize,
    Transform,
)
from warpmix.augment.stages import KINDS

FLOAT32 = 1e-5  # on [0, 1]; up to 6e-6 where a float32 hue (torchvision's own, too) is stretched
MILD = (0.6, 1.4)  # ColorJitter(0.4)

# ---- transforms ---------------------------------------------------------------------------------

Case = tuple[list[Any], list[Peer], int]  # transforms, their peers, channels


MILD_COLORS: list[Case] = [
    ([RandomContrast(MILD, "gray_mean", p=0.9)], [contrast], 3),
    ([RandomContrast(MILD, "gray_mean")], [contrast], 1),
    ([RandomBrightness((0.0, 3.0), p=0.9)], [brightness], 3),
    ([RandomBrightness((0.0, 3.0))], [brightness], 1),
    ([RandomSaturation(MILD, p=0.9)], [saturation], 3),
    ([RandomGamma((0.5, 2.0), p=0.9)], [gamma], 3),
    ([RandomGamma((0.5, 2.0))], [gamma], 1),
    ([RandomGrayscale(0.9)], [grayscale], 3),
    ([RandomInvert(0.9)], [invert], 4),
    ([RandomHue(0.5, p=0.9)], [hue], 3),
]
STRONG_COLORS: list[Case] = [
    ([RandomContrast((0.0, 3.0), "gray_mean")], [contrast], 3),
    ([RandomSaturation((0.0, 3.0))], [saturation], 3),
]
CHAINS: list[Case] = [
    ([ColorJitter(0.4, 0.4, 0.4, 0.1, p=0.9)], [jitter], 3),
    (
        [RandomHue(0.1), RandomContrast((1, 3), "gray_mean"), RandomHorizontalFlip(),
         RandomBrightness((0.5, 2.0)), RandomContrast(MILD, "gray_mean")],
        [hue, contrast, hflip, brightness, contrast],
        3,
    ),
    (
        [
            RandomCrop(None, 4),
            RandomHorizontalFlip(),
            ColorJitter(0.4, 0.4, 0.4, 0.1),
            RandomErasing(),
        ],
        [crop(4, 4, "constant"), hflip, jitter, erase(0)],
        3,
    ),
]  # fmt: skip
WHOLE_PIXELS: list[Case] = [
    ([RandomHorizontalFlip()], [hflip], 3),
    ([RandomVerticalFlip()], [vflip], 4),
    ([AlternatingFlip(p=0.9)], [hflip], 3),
    ([RandomCrop(None, 4, p=0.9)], [crop(4, 4, "constant")], 3),
    ([RandomCrop(None, 4, fill=9)], [crop(4, 4, "constant", 9)], 1),
    ([RandomCrop(None, 4, padding_mode="reflect")], [crop(4, 4, "reflect")], 3),
    ([RandomCrop(None, 6, padding_mode="edge")], [crop(6, 6, "edge")], 2),
    ([RandomShift(0.2, "reflect")], [crop(5, 4, "reflect")], 3),
    ([RandomShift(1.0)], [roll], 3),
    ([RandomErasing(0.9)], [erase(0)], 3),
    ([RandomErasing(value=(3, 250, 101))], [erase(3, 250, 101)], 3),
    (
        [RandomCrop(None, 4), RandomVerticalFlip(), RandomErasing(), RandomHorizontalFlip()],
        [crop(4, 4, "constant"), vflip, erase(0), hflip],
        3,
    ),
]
RESIZES: list[Case] = [
    ([Resize((33, 57))], [resize(33, 57)], 3),
    ([Resize((80, 112))], [resize(80, 112, antialias=False)], 3),
    ([Resize((20, 61))], [resize(20, 61)], 1),
]


def parametrize(cases: list[Case]) -> pytest.MarkDecorator:
    ids = [" ".join(type(t).__name__ for t in case[0]) + f" C={case[2]}" for case in cases]
    return pytest.mark.parametrize(("transforms", "peers", "channels"), cases, ids=ids)


# ---- tests --------------------------------------------------------------------------------------


@parametrize([*MILD_COLORS, *STRONG_COLORS, *CHAINS, *WHOLE_PIXELS, *RESIZES])
def test_results_are_those_of_torchvision_in_float(
    transforms: list[Any], peers: list[Peer], channels: int
) -> None:
    images = sample_images(channels)
    draws, got = replayed(transforms, images, torch.float32)
    want = by_torchvision(images.double() / 255, draws, peers)
    torch.testing.assert_close(got.double(), want, rtol=0, atol=FLOAT32)
    rounded = replayed(transforms, images, torch.uint8)[1]
    assert (rounded - want * 255).abs().max() <= 0.5 + 255 * FLOAT32


@parametrize([*MILD_COLORS, *RESIZES])
def test_uint8_results_are_within_a_level_of_torchvision(
    transforms: list[Any], peers: list[Peer], channels: int
) -> None:
    images = sample_images(channels)
    draws, got = replayed(transforms, images, torch.uint8)
    want = by_torchvision(images, draws, peers)
    assert want.dtype == torch.uint8
    assert (got.int() - want.int()).abs().max() <= 1


@parametrize(WHOLE_PIXELS)
def test_whole_pixels_are_moved_as_torchvision_moves_them(
    transforms: list[Any], peers: list[Peer], channels: int
) -> None:
    images = sample_images(channels)
    draws, got = replayed(transforms, images, torch.uint8)
    assert torch.equal(got, by_torchvision(images, draws, peers))


@parametrize(STRONG_COLORS)
def test_strong_factors_differ_by_what_torchvision_rounds_down(
    transforms: list[Any], peers: list[Peer], channels: int
) -> None:
    """Half a level of our rounding, one of torchvision's, and its greys' times |1 - factor|."""
    images = sample_images(channels)
    draws, got = replayed(transforms, images, torch.uint8)
    off = (got.int() - by_torchvision(images, draws, peers).int()).abs().amax((1, 2, 3))
    assert (off < 1.5 + (1 - draws[0]["factor"]).abs()).all()


def test_a_training_chain_normalises_as_torchvision() -> None:
    images, mean, std = sample_images(), [0.49, 0.48, 0.45], [0.25, 0.24, 0.26]
    for transforms, peers, _ in CHAINS:
        draws, got = replayed([*transforms, Normalize(mean, std)], images, torch.float32)
        want = by_torchvision(images.double() / 255, draws, peers)
        want = F.normalize(want, mean, std)
        torch.testing.assert_close(got.double(), want, rtol=0, atol=FLOAT32 / min(std))


# ---- transforms without random numbers ----------------------------------------------------------


ROUND_DOWN = (
    RandomAutocontrast,
    RandomAdjustSharpness,
)  # torchvision's: test_augment_torchvision_whole_images.py


def is_fixed_in_torchvision(transform: Any) -> bool:
    """Whether torchvision has the transform, and it draws nothing but whether it applies."""
    if not isinstance(transform, Transform) or not hasattr(v2, type(transform).__name__):
        return False
    if isinstance(transform, ROUND_DOWN):
        return False
    stages = transform.lower(20, 28, 3)
    return len(stages) > 0 and not any(KINDS[stage.kind].draw for stage in stages)


@settings(max_examples=100, suppress_health_check=[HealthCheck.filter_too_much])
@given(singles(3).filter(is_fixed_in_torchvision))
def test_what_draws_nothing_is_torchvisions_own(transform: Transform) -> None:
    """torchvision's class with the same arguments, on bytes, to the bit."""
    always = replace(transform, p=1.0)
    peer = getattr(v2, type(always).__name__)(**vars(always))
    images = sample_images().permute(0, 3, 1, 2)
    assert torch.equal(always(images), peer(images))


@pytest.mark.parametrize(
    ("ours", "peer"),
    [(RandomPosterize(bits, 1.0), v2.RandomPosterize(bits, 1.0)) for bits in range(9)]
    + [(RandomInvert(1.0), v2.RandomInvert(1.0))]
    + [(RandomSolarize(t, 1.0), v2.RandomSolarize(t, 1.0)) for t in (0, 0.5, 1, 127.5, 128, 255)],
    ids=repr,
)
def test_every_byte_is_posterized_solarized_and_inverted_as_by_torchvision(
    ours: Transform, peer: Any
) -> None:
    images = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    assert torch.equal(ours(images), peer(images))
