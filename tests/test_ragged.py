"""Images of mixed sizes: each image's bytes are those that it has alone."""

from __future__ import annotations

import pytest
import torch
from conftest import emulated_kernels, lists
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import Case, enlarges_twice, ragged_cases, scattered
from test_augment_parity import assert_same, expected, needs_gpu
from torch import Tensor

import warpmix
from warpmix import (
    CenterCrop,
    CutMix,
    MixUp,
    Pipeline,
    RaggedImages,
    RandomBrightness,
    RandomContrast,
    RandomCrop,
    RandomCropBlackout,
    RandomErasing,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomRotation,
    RandomShift,
    RandomVerticalFlip,
    Resize,
    ops,
)

SIZES = [(40, 50), (33, 32), (64, 40), (35, 90), (32, 32)]  # at least that of RandomCrop(32)
LISTS = [
    [RandomHorizontalFlip(), RandomResizedCrop(30), RandomContrast((1, 3)), RandomCropBlackout()],
    [Resize((20, 31), "bicubic"), RandomHorizontalFlip(), RandomRotation(20)],
    [RandomVerticalFlip(), Resize(31), RandomHorizontalFlip(), CenterCrop(28), RandomErasing()],
    [Resize(30, max_size=80), RandomCrop(29), RandomBrightness()],
    [RandomHorizontalFlip(), RandomCrop(32, 4), RandomBrightness()],
    [RandomVerticalFlip(), RandomCrop((32, 20), (3, 1), padding_mode="reflect"), RandomErasing()],
    [RandomHorizontalFlip(), CenterCrop(48), RandomShift(0.2), RandomContrast((1, 3))],
    [RandomCrop(60, (1, 0, 3, 2), True, 7, p=0.5), RandomContrast((1, 3)), RandomCropBlackout()],
]


def pictures(channels: int = 3) -> list[Tensor]:
    """[H, W, C] each."""
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randint(0, 256, (*size, channels), dtype=torch.uint8, generator=generator)
        for size in SIZES
    ]


def ragged(channels: int = 3) -> RaggedImages:
    return RaggedImages.from_list([image.numpy() for image in pictures(channels)])


# ---- bytes --------------------------------------------------------------------------------------


@settings(max_examples=lists(500))
@given(ragged_cases())
def test_cpu_and_kernel_bodies_equal_the_reference(case: Case) -> None:
    """The reference makes each image alone, like a batch of one, up to the mix."""
    want = expected(case)
    assert_same(case.run(), want, case)
    with emulated_kernels():
        assert_same(case.run(), want, case)


@settings(max_examples=100)
@given(ragged_cases())
def test_replayed_draws_give_the_same_bytes(case: Case) -> None:
    pipeline, source = case.pipeline(), case.source
    draws = pipeline.draw(images=source, **case.arguments)
    assert_same(pipeline.replay(source, draws, case.labels), case.run(), case)
    rows, draws = draws.of_rows()
    assert_same(pipeline.replay(source.select(rows), draws, case.labels[rows]), case.run(), case)


@needs_gpu
@settings(max_examples=500)
@given(ragged_cases())
def test_gpu_equals_the_cpu(case: Case) -> None:
    assert_same(case.run("cuda"), case.run(), case)


@settings(max_examples=100)
@given(ragged_cases(), st.booleans())
def test_an_image_has_the_same_bytes_in_every_batch(case: Case, training: bool) -> None:
    """Alone, in a batch of its size and in one of mixed sizes, as ``collate`` happens to make
    them; partners are others in another batch, so nothing is mixed."""
    pipeline = case.pipeline().without_mixing().train(training)
    assume(not enlarges_twice(pipeline.transforms, case.images[0].shape[2], training))
    rows = case.arguments.get("index", torch.arange(len(case.images)))
    ids, epoch = case.arguments.get("ids", rows), case.arguments["epoch"]
    pictures = [case.images[row] for row in rows]
    mixed = pipeline(scattered(pictures), ids=ids, epoch=epoch)
    for picture in pictures:
        places = [i for i, other in enumerate(pictures) if other.shape == picture.shape]
        batch = torch.stack([pictures[i] for i in places]).permute(0, 3, 1, 2)
        made = pipeline(batch, ids=ids[places], epoch=epoch)
        assert torch.equal(mixed[places], made), case
        alone = pipeline(batch[0], ids=ids[places[0]], epoch=epoch)
        assert torch.equal(alone, made[0]), case


@pytest.mark.parametrize("transforms", LISTS)
@pytest.mark.parametrize("training", [True, False])
def test_each_image_is_what_it_is_alone(
    transforms: list[warpmix.Transform], training: bool
) -> None:
    """Alone it takes the path of images of one size, another one of the kernels."""
    pipeline = Pipeline(transforms, dtype=torch.uint8, seed=3).train(training)
    ids = torch.arange(5) + 7
    batch = pipeline(ragged(), ids=ids)
    for image, number, made in zip(pictures(), ids, batch, strict=True):
        assert torch.equal(pipeline(image.permute(2, 0, 1), ids=number), made)


def test_a_side_that_no_image_can_have() -> None:
    thin = RaggedImages.from_list(
        [torch.zeros(3, *s, dtype=torch.uint8) for s in ((9, 9), (2, 900))]
    )
    pipeline = Pipeline([Resize(200), CenterCrop(50)])
    words = (
        "image 1 of 2 x 900 pixels: Resize: size must leave sides of 1 to 65535 pixels, got 200 and"
    )
    with pytest.raises(ValueError, match=words):
        pipeline(thin)
    with pytest.raises(
        RuntimeError, match=r"sides of 1 to 65535 pixels of image 1, got 200 x 90000"
    ):
        given = arguments(thin, [Resize(200), CenterCrop(50)])
        torch.ops.warpmix.augment(*given, thin.offsets, thin.sizes)
    assert Pipeline([Resize(200, max_size=400), CenterCrop(50)])(ragged()).shape == (5, 3, 50, 50)


@pytest.mark.parametrize("mix", [CutMix(), MixUp()])
@pytest.mark.parametrize("indexed", [True, False])
def test_neither_batch_nor_order_nor_memory_matters(mix: warpmix.Transform, indexed: bool) -> None:
    images, labels = pictures(), torch.arange(5)
    pipeline = Pipeline([RandomHorizontalFlip(), RandomCrop(30, 2), mix], seed=5)
    order = torch.tensor([3, 0, 4, 1, 2])
    if indexed:
        whole, targets = pipeline(ragged(), labels, index=labels, epoch=2)
        got = pipeline(scattered(images), labels, index=order[:3], epoch=2)
        assert_same(got, (whole[order[:3]], warpmix.Targets(*(t[order[:3]] for t in targets))))
        return
    want = pipeline(ragged(), labels, ids=labels)
    assert_same(pipeline(scattered(images), labels, ids=labels), want)
    picked = scattered(images).select(order)
    again = pipeline(picked.contiguous(), labels[order], ids=order)
    assert_same(pipeline(picked, labels[order], ids=order), again)


def test_images_of_one_size_in_a_ragged_batch_are_a_batch() -> None:
    batch = torch.randint(0, 256, (6, 3, 20, 24), dtype=torch.uint8)
    pipeline = Pipeline([RandomCrop(16), CutMix()], mean=0.5, std=0.25, seed=1)
    labels = torch.arange(6)
    same = RaggedImages.from_list(list(batch))
    assert_same(pipeline(same, labels, ids=labels), pipeline(batch, labels, ids=labels))


def test_one_transform_alone() -> None:
    made = RandomCrop(20)(ragged(), seed=1)
    assert made.shape == (5, 3, 20, 20) and made.dtype == torch.uint8
    one = RandomCrop(20)(pictures()[3].permute(2, 0, 1)[None], seed=1, ids=torch.tensor([3]))
    assert torch.equal(made[3], one[0])


@pytest.mark.parametrize("channels", [1, 3, 5, 16])
def test_channel_sums(channels: int) -> None:
    images = pictures(channels)
    images.append(torch.full((180, 170, channels), 255, dtype=torch.uint8))  # many shares of a warp
    want = torch.stack([image.long().sum((0, 1)) * 65536 for image in images])
    source = scattered(images)
    assert torch.equal(ops.channel_sums(source), want)
    with emulated_kernels():
        assert torch.equal(ops.channel_sums(source), want)


def test_without_mixing() -> None:
    pipeline = Pipeline([RandomCrop(20), CutMix()], seed=1)
    alone = Pipeline([RandomCrop(20)], seed=1)
    ids = torch.arange(5)
    assert torch.equal(pipeline.without_mixing()(ragged(), ids=ids), alone(ragged(), ids=ids))


# ---- sizes --------------------------------------------------------------------------------------


def test_output_size_and_explain() -> None:
    pipeline = Pipeline([RandomHorizontalFlip(), RandomCrop((20, 24))])
    assert pipeline.output_size(None, None) == (20, 24)
    words = "uint8 → hflip → shift → normalise → float32, reads its images and writes 5,760 bytes"
    assert words in pipeline.explain(None, None)
    lines = Pipeline([Resize(9), CenterCrop(8), RandomRotation(9)]).explain(None, None)
    assert "[resample] → shift → float32" in lines
    lines = Pipeline([Resize((9, 8)), RandomHorizontalFlip(), RandomRotation(9)]).explain(
        None, None
    )
    assert "[resample · hflip · affine] → float32" in lines
    assert "hflip of the resampled → [affine of the resampled] → normalise" in lines


@pytest.mark.parametrize(
    ("transforms", "words"),
    [
        ([], r"must come to one size in the list, .*: put RandomResizedCrop, Resize\("),
        ([RandomHorizontalFlip()], "must come to one size in the list"),
        ([RandomContrast((1, 3)), CenterCrop(8)], "RandomContrast needs images of one size"),
        ([RandomShift(), CenterCrop(8)], "RandomShift needs images of one size, got mixed ones"),
        ([CutMix(), CenterCrop(8)], "CutMix needs images of one size"),
        ([Resize(20)], "must come to one size in the list, before they are resized a second time"),
        ([Resize(20), RandomResizedCrop(9)], "before they are resized a second time"),
        (
            [Resize((8, 8), antialias=False)],
            "images of mixed sizes may shrink to 8 x 8, which needs",
        ),
        (
            [RandomResizedCrop(8), RandomRotation(9), Resize((9, 16))],
            "must be enlarged once: let RandomResizedCrop bring them to 9 x 16 pixels at once, "
            "got Resize after it",
        ),
        ([RandomResizedCrop(None)], "RandomResizedCrop: size must be given for images of mixed"),
        ([RandomCrop(None, 2)], "RandomCrop: size must be given for images of mixed sizes"),
    ],
)
def test_lists_that_do_not_fix_the_size(transforms: list[warpmix.Transform], words: str) -> None:
    pipeline = Pipeline(transforms)
    with pytest.raises(ValueError, match=words):
        pipeline(ragged(), torch.arange(5))
    with pytest.raises(ValueError, match=words):
        pipeline.output_size(None, None)


@pytest.mark.parametrize(
    ("crop", "words"),
    [
        (RandomCrop(33), "image 1 of 33 x 32 pixels: RandomCrop: 33 pixels of width cannot be cut"),
        (RandomCrop((33, 20)), "image 4 of 32 x 32 pixels: RandomCrop: 33 pixels of height"),
        (
            RandomCrop(30, 32, padding_mode="reflect"),
            "image 1 of 33 x 32 pixels: .* use at most 31",
        ),
    ],
)
def test_a_small_image_is_named(crop: RandomCrop, words: str) -> None:
    pipeline = Pipeline([crop])
    for call in (pipeline, crop, lambda images: pipeline.draw(images=images)):
        with pytest.raises(ValueError, match=words):
            call(ragged())
    larger = ragged().select(torch.tensor([0, 2, 3]))
    assert len(pipeline(larger)) == 3


def test_the_smallest_sides_may_be_of_different_images() -> None:
    images = RaggedImages.from_list([torch.zeros(3, 40, 10, dtype=torch.uint8) for _ in range(2)])
    assert images.smallest == (40, 10)
    wide = RaggedImages.from_list(
        [torch.zeros(3, *size, dtype=torch.uint8) for size in ((40, 10), (10, 40))]
    )
    assert wide.smallest == (10, 10)
    assert Pipeline([RandomCrop(10)])(wide).shape == (2, 3, 10, 10)


# ---- the class ----------------------------------------------------------------------------------


def test_images_come_back_as_views() -> None:
    images, source = pictures(), ragged()
    assert len(source) == 5 and source.channels == 3
    for row, image in enumerate(images):
        assert torch.equal(source[row], image.permute(2, 0, 1))
    assert torch.equal(source[-1], source[4])
    source[2][0, 0, 0] = 7
    assert source.pixels[int(source.offsets[2]), 0] == 7
    with pytest.raises(IndexError, match=r"row must be in \[0, 5\), got 5"):
        source[5]
    picked = source.select(torch.tensor([4, 1]))
    assert torch.equal(picked[1], source[1]) and picked.pixels is source.pixels
    packed = picked.contiguous()
    assert torch.equal(packed[0], source[4]) and len(packed.pixels) == 32 * 32 + 33 * 32
    assert packed.contiguous() is packed and source.to("cpu") is source


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"pixels": torch.zeros(90, 3)}, TypeError, "pixels must be torch.uint8"),
        ({"pixels": torch.zeros(90, dtype=torch.uint8)}, ValueError, "of 2 dimensions"),
        ({"pixels": torch.zeros(90, 17, dtype=torch.uint8)}, ValueError, "1 to 16 channels"),
        ({"offsets": torch.zeros(2, dtype=torch.int32)}, TypeError, "offsets must be torch.int64"),
        ({"sizes": torch.ones(3, 2, dtype=torch.int32)}, ValueError, r"sizes must be \[2, 2\]"),
        ({"offsets": torch.tensor([0, 70])}, ValueError, "image 1 .* 5 x 5 from pixel 70"),
        ({"offsets": torch.tensor([-1, 0])}, ValueError, "image 0 .* from pixel -1"),
        (
            {"sizes": torch.tensor([[5, 5], [5, 0]], dtype=torch.int32)},
            ValueError,
            "image 1 must have 1 to .* 5 x 0",
        ),
    ],
)
def test_what_is_no_ragged_batch(
    change: dict[str, Tensor], error: type[Exception], words: str
) -> None:
    good = {
        "pixels": torch.zeros(90, 3, dtype=torch.uint8),
        "offsets": torch.tensor([0, 40]),
        "sizes": torch.full((2, 2), 5, dtype=torch.int32),
    }
    RaggedImages(**good)
    with pytest.raises(error, match=words):
        RaggedImages(**{**good, **change})


def test_lists_of_images() -> None:
    grey, colour = torch.zeros(9, 7, dtype=torch.uint8), torch.zeros(3, 9, 7, dtype=torch.uint8)
    with pytest.raises(ValueError, match=r"one number of channels, got \[1, 3\]"):
        RaggedImages.from_list([grey, colour])
    with pytest.raises(ValueError, match="at least one image"):
        RaggedImages.from_list([])
    with pytest.raises(TypeError, match="images must be a list of images, got Tensor"):
        RaggedImages.from_list(colour)  # type: ignore[arg-type]


def test_it_is_a_tree_of_tensors() -> None:
    leaves, spec = torch.utils._pytree.tree_flatten(ragged())
    assert len(leaves) == 3
    again = torch.utils._pytree.tree_unflatten(leaves, spec)
    assert isinstance(again, RaggedImages) and torch.equal(again[3], ragged()[3])


def test_compiled() -> None:
    pipeline = Pipeline([RandomHorizontalFlip(), RandomCrop(30, 2), CutMix()], seed=5)
    labels = torch.arange(5)
    compiled = torch.compile(pipeline, fullgraph=True, backend="aot_eager")
    want = pipeline(ragged(), labels, ids=labels)
    assert_same(compiled(ragged(), labels, ids=labels), want)


# ---- operators ----------------------------------------------------------------------------------


def arguments(source: RaggedImages, transforms: list[warpmix.Transform]) -> list[object]:
    """Of torch.ops.warpmix.augment, without offsets and sizes."""
    compiled = Pipeline(transforms)._compile(0, 0, source.channels)
    count = len(source)
    batch = torch.empty(count, source.channels, *compiled.result_size)
    pair, lam = torch.empty(2, count, dtype=torch.int64), torch.empty(count)
    given = [None] * 7
    numbers = [1, 0, True, compiled.words[0], compiled.scale, compiled.bias]
    return [source.pixels, *given, *numbers, batch, pair, lam]


@pytest.mark.parametrize("op", ["augment", "augment_emulated", "channel_sums"])
def test_opcheck(op: str) -> None:
    source = ragged()
    given = arguments(source, [RandomCrop(30), CutMix()])
    if op == "channel_sums":
        given = [source.pixels, torch.empty(5, 3, dtype=torch.int64)]
    operator = getattr(torch.ops.warpmix, op).default
    torch.library.opcheck(operator, (*given, source.offsets, source.sizes))


@pytest.mark.parametrize(
    ("offsets", "sizes", "words"),
    [
        ([0, 2**40], [[9, 9], [9, 9]], r"offsets must be of images within 200 pixels, got 10995"),
        ([0, -1], [[9, 9], [9, 9]], "got -1 of image 1"),
        ([0, 120], [[9, 9], [9, 9]], "got 120 of image 1 of 9 x 9"),
        ([0, 0], [[9, 9], [9, 0]], "sizes must be of images of 1 to .* got 9 x 0 of image 1"),
        ([0, 0], [[9, 9], [-9, -9]], "got -9 x -9 of image 1"),
        ([0, 0], [[9, 9], [65536, 65536]], "got 65536 x 65536 of image 1"),
        ([0, 0], [[9, 9], [4, 9]], "shift down in .*, got"),  # too small for what reflects
    ],
)
@pytest.mark.parametrize("op", ["augment", "augment_emulated"])
def test_the_ops_refuse_images_outside_of_the_buffer(
    op: str, offsets: list[int], sizes: list[list[int]], words: str
) -> None:
    images = RaggedImages(
        torch.zeros(200, 3, dtype=torch.uint8),
        torch.tensor([0, 100]),
        torch.full((2, 2), 9, dtype=torch.int32),
    )
    given = arguments(images, [RandomCrop(9, 4, padding_mode="reflect")])
    bad = torch.tensor(offsets), torch.tensor(sizes, dtype=torch.int32)
    with pytest.raises(RuntimeError, match=words):
        getattr(torch.ops.warpmix, op)(*given, *bad)
    with pytest.raises(RuntimeError, match="offsets and sizes must be given together"):
        getattr(torch.ops.warpmix, op)(*given, bad[0], None)
    if "shift" not in words:
        sums = torch.empty(2, 3, dtype=torch.int64)
        with pytest.raises(RuntimeError, match=words):
            torch.ops.warpmix.channel_sums(images.pixels, sums, *bad)


def test_the_ops_refuse_programs_for_others() -> None:
    source = ragged()
    given = arguments(source, [CenterCrop(8)])
    words = [Pipeline(t)._compile(16, 16, 3).words[0] for t in ([RandomCrop(8)], [])]
    for program, message in zip(
        [*words, [*given[11][:2]]],  # type: ignore[index]
        ["program must be for images of 0 x 0", "bring images of mixed sizes to one", "at least"],
        strict=True,
    ):
        other = [*given[:11], program, *given[12:]]
        with pytest.raises(RuntimeError, match=message):
            torch.ops.warpmix.augment(*other, source.offsets, source.sizes)


def test_replayed_draws_are_checked_against_each_image() -> None:
    pipeline = Pipeline([RandomCrop(30, 2, padding_mode="reflect"), CutMix()], seed=1)
    draws = pipeline.draw(images=ragged(), ids=torch.arange(5))
    draws.per_launch[0][1, 0, 0, 2] = 40
    with pytest.raises(ValueError, match="draws must hold for shift of 33 x 32 pixels a dx"):
        pipeline.replay(ragged(), draws, torch.arange(5))


def test_of_no_images_the_sides_are_one_pixel() -> None:
    none = ragged().select(torch.arange(0))
    assert len(none) == 0 and none.smallest == (1, 1) and none.longest == 1
    assert ragged().smallest == (32, 32) and ragged().longest == 90
