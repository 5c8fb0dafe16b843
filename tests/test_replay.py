"""Draws and rows that do not belong to the images: refused before a kernel reads by them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from warpmix import Pipeline
from warpmix.augment import (
    AugMix,
    CutMix,
    Cutout,
    Draws,
    GaussianBlur,
    GaussianNoise,
    GridMask,
    MixUp,
    RandomAffine,
    RandomBrightness,
    RandomContrast,
    RandomCrop,
    RandomCropBlackout,
    RandomErasing,
    RandomGamma,
    RandomHorizontalFlip,
    RandomHue,
    RandomPerspective,
    RandomPosterize,
    RandomResizedCrop,
    RandomSaturation,
    RandomShift,
)

IMAGES = torch.randint(0, 256, (8, 3, 12, 10), dtype=torch.uint8)
LABELS = torch.arange(8)
LISTS = {
    "simple": [RandomShift(0.2), RandomHorizontalFlip(), RandomCropBlackout(0.2), CutMix()],
    "crop": [RandomCrop(8, 3, padding_mode="reflect"), Cutout(4), RandomErasing(p=1.0)],
    "warp": [RandomAffine(30, (0.2, 0.2), (0.5, 2.0), (-9, 9, -9, 9)), GridMask(), MixUp()],
    "colour": [RandomBrightness(), RandomSaturation(), RandomHue(), RandomPosterize(3)],
    "tones": [RandomGamma((0.1, 3)), GaussianNoise(), RandomContrast()],
    "whole": [GaussianBlur((3, 5)), RandomHorizontalFlip()],
    "places": [RandomPerspective(1.0), AugMix(3, 2, 2)],
    "launches": [RandomContrast(), RandomAffine(20), MixUp(), RandomResizedCrop(14)],
}


def drawn(name: str, **options: Any) -> tuple[Pipeline, Draws]:
    pipeline = Pipeline(LISTS[name], seed=3)
    return pipeline, pipeline.draw(images=IMAGES, **options)


# ---- replay -------------------------------------------------------------------------------------


def test_draws_for_5000_images_are_refused_on_8() -> None:
    """They read and wrote out of bounds, and gave the heap's memory as labels."""
    many = torch.zeros(5000, 3, 12, 10, dtype=torch.uint8)
    pipeline = Pipeline(LISTS["simple"], seed=3)
    draws = pipeline.draw(images=many, index=torch.arange(8))
    expected = r"images must be the 5000 that the draws were drawn for, got 8; draws.of_rows\(\)"
    with pytest.raises(ValueError, match=expected):
        pipeline.replay(many[:8], draws, LABELS)
    rows, own = draws.of_rows()
    batch, targets = pipeline.replay(many[rows], own, torch.arange(5000)[rows])
    assert batch.shape == (8, 3, 12, 10) and torch.equal(targets.y_a, LABELS)


def test_sliced_draws_are_those_of_their_rows_or_refused() -> None:
    """Partners that are positions in the batch mean nothing in a part of it."""

    def sliced(draws: Draws) -> Draws:
        assert draws.partner is not None
        parts = [words[4:] for words in draws.per_launch]
        return replace(draws, rows=draws.rows[4:], partner=draws.partner[4:], per_launch=parts)

    pipeline, draws = drawn("simple")
    with pytest.raises(ValueError, match="must be those of all 8 images, because partners are"):
        pipeline.replay(IMAGES, sliced(draws), LABELS)
    pipeline, draws = drawn("simple", index=torch.arange(8))
    whole, _ = pipeline.replay(IMAGES, draws, LABELS)
    part, targets = pipeline.replay(IMAGES, sliced(draws), LABELS)
    assert torch.equal(part, whole[4:]) and torch.equal(targets.y_a, LABELS[4:])


def altered(draws: Draws, stage: int, place: int, value: int, number: int = 0) -> Draws:
    """Draws with one word of 32 bits changed for sample 5, whose stage applies."""
    launches = [words.clone() for words in draws.per_launch]
    launches[number][5, 0, stage, 0] = 1
    launches[number][5, 0, stage, place] = value
    return replace(draws, per_launch=launches)


def bits(value: float) -> int:
    return int(torch.tensor(value).view(torch.int32))


NOT_A_NUMBER, INFINITE = bits(float("nan")), bits(float("inf"))


@pytest.mark.parametrize(
    ("name", "stage", "place", "value", "words"),
    [
        ("simple", 0, 2, 99, r"shift of 12 x 10 pixels a dx in \[-10, 10\], got 99"),
        ("simple", 0, 3, -2147483648, r"shift .* a dy in \[-12, 12\], got -2147483648"),
        ("simple", 1, 0, 7, r"hflip .* a on in \[0, 1\], got 7"),
        ("simple", 2, 2, -1, r"crop_blackout .* a border_x in \[0, 10\], got -1"),
        ("simple", 3, 1, 8, r"cutmix .* a partner in \[0, 7\], got 8"),
        ("simple", 3, 2, -1, r"cutmix .* a x0 in \[0, 10\], got -1"),
        ("simple", 3, 4, 11, r"cutmix .* a x1 in \[.*, 10\], got 11"),
        ("simple", 3, 6, bits(1.5), r"cutmix .* a lam in \[0, 1\], got 1.5"),
        ("crop", 0, 2, 12, r"shift .* a dx in \[-11, 9\], got 12"),
        ("crop", 1, 5, 9, r"cutout of 8 x 8 pixels a y1 in \[.*, 8\], got 9"),
        ("crop", 2, 4, 1 << 30, r"erasing .* a x1 in"),
        ("warp", 0, 2, NOT_A_NUMBER, "affine a finite turns, got nan"),
        ("warp", 0, 3, 1 << 30, "affine .* a dx in"),
        ("warp", 0, 5, INFINITE, "affine a finite scale, got inf"),
        ("warp", 1, 4, 0, r"grid_mask .* a period in \[1, 8388608\], got 0"),
        ("warp", 1, 2, 100, "grid_mask .* a offset_x in"),
        ("warp", 2, 2, NOT_A_NUMBER, "mixup a finite lam, got nan"),
        ("tones", 0, 2, NOT_A_NUMBER, "gamma a finite factor, got nan"),
        ("whole", 0, 2, bits(0.0), r"gaussian_blur .* a sigma in \[0.001, 4.1943e\+06\], got 0"),
        ("whole", 0, 2, NOT_A_NUMBER, "gaussian_blur a finite sigma, got nan"),
        ("places", 0, 5, 10, r"perspective of 12 x 10 pixels a x in \[0, 9\], got 10"),
        ("places", 0, 2, 12 << 16, r"perspective .* a y in \[0, 11\], got 12"),
        ("colour", 2, 2, INFINITE, "hue a finite factor, got inf"),
    ],
)
def test_altered_numbers_are_refused(
    name: str, stage: int, place: int, value: int, words: str
) -> None:
    pipeline, draws = drawn(name)
    with pytest.raises(ValueError, match=f"draws must hold for {words}"):
        pipeline.replay(IMAGES, altered(draws, stage, place, value), LABELS)


def test_rows_partners_and_shapes_are_checked() -> None:
    pipeline, draws = drawn("launches")
    for name in ("rows", "partner"):
        wrong = getattr(draws, name).clone()
        wrong[2] = 8
        with pytest.raises(ValueError, match=rf"draws.{name} must be in \[0, 8\), got 8"):
            pipeline.replay(IMAGES, replace(draws, **{name: wrong}), LABELS)
        with pytest.raises(ValueError, match=rf"draws.{name} must be \[8\] torch.int64 as drawn"):
            pipeline.replay(IMAGES, replace(draws, **{name: wrong.int()}), LABELS)
    with pytest.raises(ValueError, match="one a launch"):
        pipeline.replay(IMAGES, replace(draws, per_launch=draws.per_launch[:1]), LABELS)
    cut = [words[:, :, :, :7] for words in draws.per_launch]
    with pytest.raises(ValueError, match=r"per_launch\[0\] must be \[16, 1, 1, 8\] torch.int32"):
        pipeline.replay(IMAGES, replace(draws, per_launch=cut), LABELS)
    with pytest.raises(TypeError, match=r"draws must be what Pipeline.draw\(\) returns, got dict"):
        pipeline.replay(IMAGES, {"rows": draws.rows}, LABELS)  # type: ignore[arg-type]


@settings(max_examples=300, deadline=None)
@given(data=st.data(), name=st.sampled_from(sorted(LISTS)))
def test_any_word_is_replayed_or_refused(data: st.DataObject, name: str) -> None:
    """What is replayed stays finite and within the images' range."""
    pipeline, draws = drawn(name)
    number = data.draw(st.integers(0, len(draws.per_launch) - 1))
    _, _, stages, size = draws.per_launch[number].shape
    stage, place = data.draw(st.integers(0, stages - 1)), data.draw(st.integers(0, size - 1))
    near = st.integers(-20, 20) | st.sampled_from([NOT_A_NUMBER, INFINITE, bits(-1.0), bits(1e30)])
    value = data.draw(near | st.integers(-(2**31), 2**31 - 1))
    try:
        batch, targets = pipeline.replay(
            IMAGES, altered(draws, stage, place, value, number), LABELS
        )
    except ValueError:
        return
    assert torch.isfinite(batch).all() and batch.min() >= 0 and batch.max() <= 1
    for labels in targets[:2]:
        assert labels.min() >= 0 and labels.max() < 8


# ---- rows ---------------------------------------------------------------------------------------


def make(images: Tensor, index: Tensor) -> Tensor:
    return Pipeline([RandomHorizontalFlip()], seed=1)(images, index=index)


@pytest.mark.parametrize("row", [8, -1, 10**7, 2**40])
def test_rows_out_of_range_are_refused_compiled_too(row: int) -> None:
    index = torch.tensor([0, row])
    with pytest.raises(ValueError, match=r"index must be in \[0, 8\)"):
        make(IMAGES, index)
    torch.compiler.reset()
    compiled = torch.compile(make, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(IMAGES, LABELS), make(IMAGES, LABELS))
    with pytest.raises(RuntimeError, match=r"index must be in \[0, 8\), got"):
        compiled(IMAGES, index)


def test_the_ops_refuse_rows_and_places_out_of_range() -> None:
    """Who calls torch.ops.warpmix directly has no Python in front of it."""
    ops = torch.ops.warpmix
    draws = torch.empty(2, 1, 0, 8, dtype=torch.int32)
    empty = [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0]
    nhwc = IMAGES.permute(0, 2, 3, 1).contiguous()
    with pytest.raises(RuntimeError, match=r"index must be in \[0, 8\), got 99"):
        ops.draw(nhwc, torch.tensor([0, 99]), None, None, None, 0, 0, False, empty, draws)
    probabilities = torch.full((3, 4, 20), 1 / 20)
    for targets, ranking, words in (
        (torch.tensor([0, 1, 2, 20]), torch.arange(3), r"targets must be in \[0, 20\), got 20"),
        (torch.arange(4), torch.tensor([0, 3, 1]), r"ranking must be in \[0, 3\), got 3"),
    ):
        counts = torch.zeros(3, dtype=torch.int64)
        invalid = torch.zeros(1, dtype=torch.int64)
        with pytest.raises(RuntimeError, match=words):
            ops.vote_curve(probabilities, targets, ranking, False, counts, counts, invalid)


def test_a_programs_numbers_are_checked() -> None:
    pipeline = Pipeline(LISTS["simple"], seed=1)
    words = list(pipeline._compile(12, 10, 3).words[0])
    draws = torch.empty(8, 2, 4, 8, dtype=torch.int32)
    nhwc = IMAGES.permute(0, 2, 3, 1).contiguous()

    def draw(program: list[int]) -> None:
        torch.ops.warpmix.draw(nhwc, None, None, None, None, 0, 0, True, program, draws)

    draw(words)
    low_x = 11 + 1 + 10  # after the header, the fill, and the stage's common words
    assert words[low_x] == -2
    for value, expected in ((-11, r"a low_x in \[-10, 10\], got -11"), (8, "a last x in")):
        with pytest.raises(RuntimeError, match=f"program must hold for shift .* {expected}"):
            draw([*words[:low_x], value, *words[low_x + 1 :]])


# ---- tensors of other kinds ---------------------------------------------------------------------

OUT = torch.empty(8, 3, 12, 10)


@pytest.mark.filterwarnings("ignore:.*(quant|nested|sparse|beta).*")
@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"step": torch.zeros(1, dtype=torch.int64, device="meta")}, ValueError, "step must be on"),
        ({"step": 3}, TypeError, "step must be a torch.Tensor, got int"),
        ({"step": torch.zeros(2, dtype=torch.int64)}, ValueError, r"step must have shape \[1\]"),
        ({"step": torch.zeros(1)}, TypeError, "step must be torch.int64, got torch.float32"),
        ({"sums": [[1, 2, 3]] * 8}, TypeError, "sums must be a torch.Tensor, got list"),
        ({"ids": torch.arange(8).to_sparse()}, TypeError, "ids must be dense, .*to_dense"),
        ({"active": torch.ones(8, dtype=torch.bool, device="meta")}, ValueError, "active must be"),
        ({"labels": torch.arange(8.0).cfloat()}, TypeError, "labels must be class numbers"),
        ({"labels": "cat"}, TypeError, "labels must be a torch.Tensor, got str"),
        ({"out": OUT.numpy()}, TypeError, "out must be a torch.Tensor, got ndarray"),
        ({"out": OUT.clone().requires_grad_()}, ValueError, "out must not require a gradient"),
        ({"out": OUT.transpose(2, 3).contiguous().transpose(2, 3)}, ValueError, "strides"),
        ({"out": OUT[:1].expand(8, 3, 12, 10)}, ValueError, "strides"),
        ({"out": OUT.to("meta")}, ValueError, "out must be on a CPU or a CUDA device, got meta"),
    ],
)
def test_tensors_of_another_kind_are_refused_in_words(
    given: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        Pipeline([RandomHorizontalFlip()], seed=1)(IMAGES, **given)


def test_a_batch_may_not_be_written_over_its_images() -> None:
    """Images that follow, and mix partners, would be read half overwritten."""
    pipeline = Pipeline([RandomHorizontalFlip()], seed=1, dtype=torch.uint8)
    with pytest.raises(ValueError, match="out must have memory of its own, got the images'"):
        pipeline(IMAGES, out=IMAGES)


@pytest.mark.parametrize(
    ("images", "error", "words"),
    [
        (IMAGES.to("meta"), ValueError, "images must be on a CPU or a CUDA device, got meta"),
        (IMAGES.to_sparse(), TypeError, "images must be dense"),
        (IMAGES.float().cfloat(), TypeError, "images must be uint8"),
    ],
)
def test_images_of_another_kind_are_refused_in_words(
    images: Tensor, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        Pipeline([RandomHorizontalFlip()], seed=1)(images)
