"""Antialiased resizing: torchvision's results, in one launch, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from conftest import emulated_kernels
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

import warpmix
from warpmix import (
    CenterCrop,
    Normalize,
    Pipeline,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomRotation,
    RandomShift,
    Resize,
)
from warpmix.augment import reference

# On [0, 255]: sums of up to some hundred products in float32.
FLOAT32 = 1e-3


def noise(count: int, size: tuple[int, int], channels: int = 3, seed: int = 0) -> Tensor:
    """[count, channels, h, w] uint8 of NHWC memory: what differs most where a weight is wrong."""
    generator = torch.Generator().manual_seed(seed)
    shape = (count, *size, channels)
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    return images.permute(0, 3, 1, 2)


def shapes(count: int) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Sizes of images and of results: shrunk up to 16 times, enlarged up to 4 times, an axis or
    both, of which one at least shrinks."""
    generator = torch.Generator().manual_seed(4)

    def size() -> tuple[int, int]:
        result = int(torch.randint(1, 40, (), generator=generator))
        times = 16 ** float(torch.rand((), generator=generator) * 1.5 - 0.5)
        return max(1, round(result * times)), result

    found: list[Any] = []
    while len(found) < count:
        (height, out_height), (width, out_width) = size(), size()
        if height > out_height or width > out_width:
            found.append(((height, width), (out_height, out_width)))
    return found


def drawn(transform: Any, images: Tensor, dtype: torch.dtype) -> tuple[list[list[int]], Tensor]:
    """Boxes (top, left, height, width), and the batch on [0, 255]."""
    unscaled = [] if dtype == torch.uint8 else [Normalize([0.0] * 3, [1 / 255] * 3)]
    pipeline = Pipeline([transform, *unscaled], dtype=dtype, seed=2)
    ids = torch.arange(len(images))
    (draw,) = pipeline.draw(ids, images=images).named()
    x0, y0, x1, y1 = (draw[name].tolist() for name in ("x0", "y0", "x1", "y1"))
    boxes = [[y0[i], x0[i], y1[i] - y0[i], x1[i] - x0[i]] for i in range(len(images))]
    return boxes, pipeline(images, ids=ids)


def resized(image: Tensor, box: list[int], size: tuple[int, int], interpolation: str) -> Tensor:
    mode = v2.InterpolationMode(interpolation)
    return F.resized_crop(image, *box, list(size), mode, antialias=True)


# ---- torchvision --------------------------------------------------------------------------------


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_boxes_of_any_size_are_resized_as_by_torchvision(interpolation: str) -> None:
    """On bytes torchvision rounds, and clips, between its two passes: what a cubic overshoots is
    lost there. Images that keep clear of both ends are the same to a level."""
    off = []
    for i, (size, result) in enumerate(shapes(200)):
        images = noise(3, size, seed=i)
        if interpolation == "bicubic":
            images = images // 3 + 85
        transform = RandomResizedCrop(result, (0.05, 1.0), (0.2, 5.0), interpolation)
        boxes, got = drawn(transform, images, torch.uint8)
        for image, box, ours in zip(images, boxes, got, strict=True):
            theirs = resized(image, box, result, interpolation)
            off.append((ours.int() - theirs.int()).abs().max().item())
    assert len(off) == 600 and max(off) <= 1


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_in_float_they_are_the_same_to_the_last_digits(interpolation: str) -> None:
    for i, (size, result) in enumerate(shapes(60)):
        images = noise(2, size, seed=i)
        transform = RandomResizedCrop(result, (0.05, 1.0), (0.2, 5.0), interpolation)
        boxes, got = drawn(transform, images, torch.float32)
        for image, box, ours in zip(images, boxes, got, strict=True):
            theirs = resized(image.double(), box, result, interpolation).clamp(0, 255)
            torch.testing.assert_close(ours.double(), theirs, rtol=0, atol=FLOAT32)


SIDES = [(375, 500), (500, 375), (37, 50), (333, 500), (400, 400), (51, 17)]


@pytest.mark.parametrize("size", SIDES)
@pytest.mark.parametrize(
    "arguments", [(256,), ([30],), (30, "bilinear", 31), (None, "bilinear", 64)]
)
def test_the_shorter_side_is_given_as_in_torchvision(
    size: tuple[int, int], arguments: tuple[Any, ...]
) -> None:
    images = noise(1, size)
    side, *rest = arguments
    rest = [v2.InterpolationMode(v) if isinstance(v, str) else v for v in rest]
    theirs = v2.Resize(side, *rest)(images)
    ours = Resize(*arguments)(images)
    assert ours.shape == theirs.shape
    assert (ours.int() - theirs.int()).abs().max() <= 1


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_evaluation_resizes_and_cuts_in_one_launch(channels: int) -> None:
    images = noise(2, (75, 100), channels)
    pipeline = Pipeline([Resize(64), CenterCrop(56)], dtype=torch.uint8).eval()
    theirs = v2.Compose([v2.Resize(64), v2.CenterCrop(56)])(images)
    for source in (images, images.contiguous()):
        assert (pipeline(source).int() - theirs.int()).abs().max() <= 1
    assert pipeline.explain(75, 100).splitlines() == [
        "launch 1: uint8 → [resample] → shift → normalise → uint8, "
        "reads 22,500 and writes 9,408 bytes a sample"
    ]


# ---- lists --------------------------------------------------------------------------------------


def test_only_the_box_is_read() -> None:
    """A box's pixels beyond its edge have no part in it, enlarged or not."""
    images = noise(8, (40, 60))
    transform = RandomResizedCrop((30, 90), (0.05, 0.5))
    boxes, got = drawn(transform, images, torch.float32)
    alone = images.clone()
    for image, (top, left, height, width) in zip(alone, boxes, strict=True):
        kept = image[:, top : top + height, left : left + width].clone()
        image[:] = 99
        image[:, top : top + height, left : left + width] = kept
    assert {width > 90 for _, _, _, width in boxes} == {False}
    assert torch.equal(drawn(transform, alone, torch.float32)[1], got)


def test_evaluation_and_unaugmented_samples_are_resized_whole() -> None:
    images = noise(4, (40, 60))
    whole = Resize((16, 24))(images)
    crop = RandomResizedCrop((16, 24))
    evaluating = Pipeline([crop], dtype=torch.uint8).eval()
    assert torch.equal(evaluating(images), whole)
    active = torch.tensor([True, False, False, True])
    some = Pipeline([crop], dtype=torch.uint8, seed=0)(images, active=active)
    assert torch.equal(some[~active], whole[~active])
    assert not torch.equal(some[active], whole[active])


@pytest.mark.parametrize(
    "listed",
    [
        [Resize((15, 21)), RandomRotation(40)],
        [RandomRotation(40), Resize((15, 21), "bicubic"), RandomShift(0.3, "reflect")],
        [RandomShift(0.4), RandomResizedCrop((9, 70)), RandomHorizontalFlip(), Resize((30, 30))],
    ],
)
def test_a_list_of_several_launches_is_one_after_the_other(listed: list[Any]) -> None:
    images = noise(6, (40, 60))
    pipeline = Pipeline(listed, dtype=torch.float32, seed=3)
    assert len(pipeline.explain(40, 60).splitlines()) > 1
    batch, _, _ = reference.augment(images.permute(0, 2, 3, 1), listed, seed=3)
    compiled = pipeline._compile(40, 60, 3)
    want = reference.normalise(batch, compiled.scale, compiled.bias, torch.float32)
    assert torch.equal(pipeline(images, ids=torch.arange(6)), want)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("channels", [1, 2, 3, 16])
def test_sizes_at_the_ends_are_exact(channels: int, planar: bool, interpolation: str) -> None:
    """Axes of one pixel, and filters that reach over an axis of more than a tile."""
    sizes = [((1, 5), (3, 1)), ((1, 700), (1, 1)), ((700, 2), (2, 5)), ((1, 2), (1, 1))]
    sizes += [((3, 271), (2, 263)), ((40, 40), (39, 40))]
    for size, result in sizes:
        images = noise(2, size, channels)
        images = images.contiguous() if planar else images
        listed = [RandomHorizontalFlip(1.0), Resize(result, interpolation)]
        pipeline = Pipeline(listed, dtype=torch.uint8, seed=0)
        batch, _, _ = reference.augment(images.permute(0, 2, 3, 1), listed)
        want = batch.round().to(torch.uint8)
        assert torch.equal(pipeline(images), want), size
        with emulated_kernels():
            assert torch.equal(pipeline(images), want), size


def test_a_flat_image_stays_flat() -> None:
    for value in (0, 1, 254, 255):
        images = torch.full((1, 3, 61, 47), value, dtype=torch.uint8)
        for interpolation in ("bilinear", "bicubic"):
            assert (Resize((13, 17), interpolation)(images) == value).all()


# ---- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Resize(8, "nearest"), ValueError, r"interpolation must be one of bilinear, bic"),
        (lambda: Resize(8, antialias=1), TypeError, r"antialias must be a bool, got 1"),
        (lambda: Resize(8, "bicubic", None, False), ValueError, r"must be True with bicubic"),
        (lambda: Resize(8, "random"), ValueError, r"interpolation must be one of bilinear, bicubi"),
        (
            lambda: RandomResizedCrop(8, interpolation="random", antialias=False),
            ValueError,
            r"antialias must be True with random interpolation, got False",
        ),
        (lambda: Resize(None), ValueError, r"size must be given where max_size is None"),
        (lambda: Resize(8, max_size=8), ValueError, r"max_size must be above .* 8, got 8"),
        (lambda: Resize((8, 9), max_size=10), ValueError, r"max_size must be None where size is"),
        (lambda: Resize("8"), TypeError, r"size must be an int or \(height, width\), got '8'"),
        (
            lambda: Resize(60000).result_size(2, 9),
            ValueError,
            r"sides of 1 to 65535 pixels, got 60000 and 270000 for images of 2 x 9",
        ),
        (
            lambda: Pipeline([RandomResizedCrop(16, antialias=False)]).output_size(16, 17),
            ValueError,
            r"16 x 17 pixels would shrink to 16 x 16, which needs antialias=True",
        ),
    ],
)
def test_impossible_parameters_are_refused(make: Any, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        make()


def test_torchvisions_words_are_taken() -> None:
    mode = v2.InterpolationMode.BICUBIC
    assert Resize(8, mode) == Resize(8, "bicubic")
    assert RandomResizedCrop(8, interpolation=mode).interpolation == "bicubic"
    assert Resize([8]) == Resize(8) and Resize([8, 9]) == Resize((8, 9))
    listed = [Resize(8, mode, 20), RandomResizedCrop(4, antialias=False)]
    assert warpmix.augment.from_config(warpmix.augment.to_config(listed)) == listed


def test_boxes_without_pixels_are_not_replayed() -> None:
    images = noise(2, (9, 8))
    pipeline = Pipeline([RandomResizedCrop(4)], seed=0)
    draws = pipeline.draw(torch.arange(2), images=images)
    (words,) = draws.per_launch
    for place, number, name in ((4, 0, "x1"), (5, 0, "y1"), (4, 9, "x1"), (2, -1, "x0")):
        changed = words.clone()
        changed[1, 0, 0, place] = number
        draws.per_launch[0] = changed
        with pytest.raises(ValueError, match=f"draws must hold for resample .* a {name} in"):
            pipeline.replay(images, draws)


def test_a_program_resamples_by_itself_and_after_flips_alone() -> None:
    images = torch.zeros(1, 8, 8, 3, dtype=torch.uint8)

    def words_of(*listed: Any) -> list[int]:
        (words,) = Pipeline(listed)._compile(8, 8, 3).words
        return list(words)

    def draw(words: list[int]) -> None:
        warpmix.ops.draw(
            images, index=None, ids=None, active=None, step=None, seed=0, epoch=0,
            from_batch=False, program=words, batch_size=1, sides=1,
        )  # fmt: skip

    flipped = words_of(RandomHorizontalFlip(), RandomResizedCrop(None, interpolation="bicubic"))
    draw(flipped)
    flipped[1] = 0  # the map begins with the flip
    with pytest.raises(RuntimeError, match=r"a resample in a map of its own"):
        draw(flipped)
    shifted = words_of(RandomResizedCrop(None, interpolation="bicubic"), RandomShift(0.2))
    header = 12
    resample = len(words_of(RandomResizedCrop(None, interpolation="bicubic"))) - header
    turned = [*shifted[:header], *shifted[header + resample :], *shifted[header:][:resample]]
    turned[1:4] = [1, 2, 2]
    with pytest.raises(RuntimeError, match=r"flips alone before a resample, got shift"):
        draw(turned)
