"""What lies between pixels: Pillow's cubic, and a filter that each sample draws. Of policies and
perspectives beside their other tests, of warps beside torchvision's borders."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from policy_peers import LEVEL, checksum
from scipy import stats
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode

import warpmix
from warpmix import (
    AugMix,
    Pipeline,
    RaggedImages,
    RandAugment,
    RandomAffine,
    RandomContrast,
    RandomPerspective,
    RandomResizedCrop,
    RandomRotation,
    RandomShift,
    RandomZoom,
    Resize,
    TimmRandAugment,
    TrivialAugmentWide,
)


def noise(count: int, size: tuple[int, int], channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(4)
    return torch.randint(0, 256, (count, channels, *size), dtype=torch.uint8, generator=generator)


# ---- the cubic ----------------------------------------------------------------------------------


def test_the_cubic_is_pillows() -> None:
    """In float32 and nothing rounded, with a = -1: Pillow's images of floats, turned as ours."""
    values = noise(1, (19, 24), 1)[0, 0]
    pipeline = Pipeline([RandomRotation((20.0, 20.0), interpolation="bicubic")], mean=0.0, std=1.0)
    ours = 255.0 * pipeline(values[None, None])[0, 0]
    image = Image.fromarray(values.float().numpy())
    theirs = torch.from_numpy(np.array(image.rotate(20.0, Image.Resampling.BICUBIC)))
    off = (ours.double() - theirs.clamp(0, 255).double()).abs()
    assert (off > 0.02).sum() == 0  # the error of a coordinate, 4e-5 pixels, times a contrast


MOVES: list[Any] = [
    RandomRotation(40.0, interpolation="bicubic"),
    RandomZoom((0.5, 2.0), border="wrap", interpolation="bicubic"),
    RandomPerspective(0.5, 1.0, "bicubic"),
    TrivialAugmentWide(interpolation="bicubic"),
]


@pytest.mark.parametrize("value", [0, 1, 77, 255])
def test_a_flat_image_stays_flat(value: int) -> None:
    """To the last bit: what stands behind a move may be a step."""
    images = torch.full((8, 3, 17, 20), value, dtype=torch.uint8)
    moves = [
        RandomRotation(40.0, fill=value, interpolation="bicubic"),
        RandomZoom((0.5, 2.0), border="wrap", interpolation="bicubic"),
        RandomPerspective(0.5, 1.0, "bicubic", value),
    ]
    batch = Pipeline(moves, mean=0.0, std=1.0, seed=0)(images)
    still = Pipeline([], mean=0.0, std=1.0)(images)
    assert torch.equal(batch, still)


def test_whole_pixels_come_as_they_are() -> None:
    images = noise(4, (9, 12))
    still = RandomAffine(0.0, interpolation="bicubic")
    assert torch.equal(Pipeline([still], dtype=torch.uint8)(images), images)
    turned = RandomRotation((180.0, 180.0), interpolation="bicubic")
    result = Pipeline([turned], dtype=torch.uint8)(images)
    assert torch.equal(result, images.flip(2, 3))


@pytest.mark.parametrize("move", MOVES, ids=str)
def test_overshoots_are_cut(move: Any) -> None:
    images = noise(30, (24, 31)) // 128 * 255
    batch = Pipeline([move], mean=0.0, std=1.0, seed=1)(images)
    assert batch.min() == 0.0 and batch.max() == 1.0


def test_maps_are_of_one_interpolation() -> None:
    cubic = RandomRotation(20, interpolation="bicubic")

    def launches(*listed: Any) -> list[str]:
        lines = Pipeline(list(listed)).explain(32, 32).splitlines()
        return [line.split(" → ")[1] for line in lines]

    assert launches(cubic, RandomShift(0.2, "constant"), cubic) == [
        "[bicubic affine · shift · bicubic affine]"
    ]
    assert launches(cubic, RandomRotation(20)) == ["[bicubic affine]", "[affine]"]
    assert launches(RandomResizedCrop(64), cubic) == ["[resized_crop]", "[bicubic affine]"]


def test_a_program_of_two_interpolations_is_refused() -> None:
    images = torch.zeros(1, 8, 8, 3, dtype=torch.uint8)
    (words,) = Pipeline([RandomRotation(9), RandomRotation(9)])._compile(8, 8, 3).words

    def draw(words: list[int]) -> None:
        warpmix.ops.draw(
            images, index=None, ids=None, active=None, step=None, seed=0, epoch=0,
            from_batch=False, program=words, batch_size=1, sides=1,
        )  # fmt: skip

    draw(words)
    for last, message in ((2, "a map of one interpolation, got affine"), (3, "interpolation in")):
        with pytest.raises((RuntimeError, ValueError), match=message):
            draw([*words[:-1], last])


@pytest.mark.parametrize(
    "make",
    [
        lambda: RandomRotation(9, interpolation="nearest"),
        lambda: RandomAffine(9, interpolation="random"),
        lambda: RandomZoom(interpolation="lanczos"),
    ],
)
def test_maps_refuse_other_words(make: Any) -> None:
    with pytest.raises(ValueError, match="interpolation must be one of bilinear, bicubic; got"):
        make()


# ---- a filter that is drawn ---------------------------------------------------------------------


def crops_of(images: Any, count: int, *others: Any, **options: Any) -> tuple[Any, Tensor]:
    """(what a crop with a drawn filter draws, its results)."""
    crop = RandomResizedCrop((12, 9), (0.5, 0.9), interpolation="random", **options)
    pipeline = Pipeline([crop, *others], seed=6)
    draws = pipeline.draw(torch.arange(count), images=images)
    return draws.named()[0], pipeline.replay(images, draws)


def test_filters_are_drawn_with_even_odds() -> None:
    images, count = noise(1, (16, 20)), 60_000
    pipeline = Pipeline([RandomResizedCrop(8, interpolation="random", p=0.9)], seed=3)
    ids = torch.arange(count)
    (named,) = pipeline.draw(ids, images=images, index=torch.zeros_like(ids)).named()
    assert named.words["interpolation"][1:3] == ("bilinear", "bicubic")
    drawn = named["interpolation"]
    assert set(drawn.tolist()) == {1, 2}
    pipeline = Pipeline([RandomResizedCrop(8, interpolation="random")], seed=3)
    (named,) = pipeline.draw(ids, images=images, index=torch.zeros_like(ids)).named()
    drawn = named["interpolation"] - 1
    assert stats.binomtest(int(drawn.sum()), count, 0.5).pvalue > LEVEL
    for other in ("x0", "y0"):
        table = torch.zeros(2, 20)
        table.index_put_((drawn, named[other]), torch.ones(count), accumulate=True)
        assert stats.chi2_contingency(table[:, table.sum(0) > 5]).pvalue > LEVEL


@pytest.mark.parametrize("mixed", [False, True])
def test_a_drawn_filter_is_the_one_that_is_named(mixed: bool) -> None:
    """Of a box that shrinks as of one that is enlarged, of images of one size and of several."""
    images: Any = noise(40, (24, 17))
    if mixed:
        images = RaggedImages.from_list([images[i, :, : 9 + i % 12] for i in range(40)])
    named, random = crops_of(images, 40, RandomContrast((0.5, 2.0)))
    results = {}
    for interpolation in ("bilinear", "bicubic"):
        crop = RandomResizedCrop((12, 9), (0.5, 0.9), interpolation=interpolation)
        pipeline = Pipeline([crop, RandomContrast((0.5, 2.0))], seed=6)
        results[interpolation] = pipeline(images, ids=torch.arange(40))
    is_bicubic = (named["interpolation"] == 2)[:, None, None, None]
    assert 10 < is_bicubic.sum() < 30
    if mixed:  # bilinear images that cannot shrink see beyond their box
        wide = torch.tensor([9 + i % 12 > 12 for i in range(40)])
        is_bicubic, random = is_bicubic[wide], random[wide]
        results = {name: result[wide] for name, result in results.items()}
    assert torch.equal(random, torch.where(is_bicubic, results["bicubic"], results["bilinear"]))


def test_samples_without_a_crop_are_resized_bilinearly() -> None:
    """As timm resizes what it evaluates, where its filter is "random"."""
    images = noise(8, (24, 17))
    whole = Pipeline([Resize((12, 9))])(images)
    for options in ({"p": 0.0}, {}):
        pipeline = Pipeline([RandomResizedCrop((12, 9), interpolation="random", **options)])
        assert torch.equal((pipeline if options else pipeline.eval())(images), whole)


def test_a_replay_refuses_a_filter_that_is_none() -> None:
    images = noise(2, (24, 17))
    pipeline = Pipeline([RandomResizedCrop(8, interpolation="random")], seed=0)
    draws = pipeline.draw(torch.arange(2), images=images)
    draws.per_launch[0][0, 0, 0, 1] = 0
    with pytest.raises(ValueError, match=r"resample of 24 x 17 pixels an? interpolation in \[1, 2"):
        pipeline.replay(images, draws)


def test_lists_keep_the_words() -> None:
    listed = [RandomResizedCrop(8, interpolation="random"), *MOVES, AugMix(interpolation="bicubic")]
    assert warpmix.augment.from_config(warpmix.augment.to_config(listed)) == listed
    mode = RandomRotation(9, interpolation="bicubic")
    assert RandomRotation(9, interpolation=InterpolationMode.BICUBIC) == mode
    assert RandAugment(interpolation=InterpolationMode.BICUBIC).interpolation == "bicubic"
    assert TimmRandAugment() == TimmRandAugment(interpolation="random")


@pytest.mark.parametrize(
    ("transform", "frozen"),
    [
        (RandomAffine(30.0, (0.1, 0.1), (0.7, 1.3), 20.0, interpolation="bicubic"), 447382752943),
        (RandomRotation(30.0, border="reflect", interpolation="bicubic"), 564875604108),
        (RandomPerspective(0.5, 0.9, "bicubic", 9), 341474666860),
        (RandAugment(2, 20, interpolation="bicubic"), 464974674116),
        (RandomResizedCrop((9, 14), interpolation="random"), 335798926560),
    ],
    ids=str,
)
def test_arithmetic_is_frozen(transform: Any, frozen: int) -> None:
    """A change of a stream or of the arithmetic changes users' runs."""
    assert checksum(transform) == frozen
