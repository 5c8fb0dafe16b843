"""The exactness contract: CPU op, kernel bodies, GPU and reference agree bit for bit."""

from __future__ import annotations

import pytest
import torch
from conftest import emulated_kernels, lists, own_transforms
from hypothesis import given, settings
from strategies import Case, cases
from torch import Tensor

import warpmix
from warpmix import Targets
from warpmix.augment import reference

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def expected(case: Case) -> tuple[Tensor, Targets]:
    arguments = {k: v for k, v in case.arguments.items() if k != "sums"}
    batch, partner, lam = reference.augment(
        case.images, case.transforms, seed=case.options["seed"], p=case.options["p"], **arguments
    )
    pipeline = case.pipeline()
    compiled = pipeline._compile(*case.size)
    rows = case.arguments.get("index", torch.arange(len(case.labels)))
    return (
        reference.normalise(batch, compiled.scale, compiled.bias, case.options["dtype"]),
        Targets(case.labels[rows], case.labels[partner], lam),
    )


def assert_same(
    got: tuple[Tensor, Targets], want: tuple[Tensor, Targets], context: object = None
) -> None:
    assert got[0].dtype == want[0].dtype, context
    assert torch.equal(got[0].cpu(), want[0].cpu()), context
    for name, a, b in zip(Targets._fields, got[1], want[1], strict=True):
        assert torch.equal(a.cpu(), b.cpu()), (name, context)


def assert_both_equal_the_reference(case: Case) -> None:
    want, made = expected(case), [case.run()]
    with emulated_kernels():
        made.append(case.run())  # both are alive: neither finds the other's bytes in its memory
    for each in made:
        assert_same(each, want, case)


@settings(max_examples=lists(2000))
@given(cases())
def test_cpu_and_kernel_bodies_equal_the_reference(case: Case) -> None:
    """Random lists of up to eight transforms, in every launch that they need."""
    assert_both_equal_the_reference(case)


# Each kind with what it has of branches.
ALONE = [
    warpmix.RandomShift(0.3, "reflect"),
    warpmix.RandomShift(0.5, "constant", (9, 0, 255)),
    warpmix.RandomCrop(None, 3, padding_mode="symmetric"),
    warpmix.RandomCrop((7, 11), (1, 0, 2, 1), fill=7),
    warpmix.CenterCrop((7, 20)),
    warpmix.RandomHorizontalFlip(),
    warpmix.RandomVerticalFlip(),
    warpmix.AlternatingFlip(),
    warpmix.RandomRotation(180.0, border="symmetric"),
    warpmix.RandomRotation(45.0, fill=(9, 0, 255)),
    warpmix.RandomPerspective(0.6, 0.9),
    warpmix.RandomPerspective(0.9, 1.0, "nearest", (9, 0, 255)),
    warpmix.RandomZoom((0.5, 2.0), border="wrap"),
    warpmix.RandomAffine(15.0, (0.2, 0.4), (0.5, 2.0), (-10.0, 10.0, 5.0, 30.0)),
    warpmix.RandomResizedCrop(None),
    warpmix.RandomResizedCrop(None, (0.9, 1.0), (2.0, 3.0)),
    warpmix.RandomResizedCrop((30, 9), interpolation="bicubic"),
    warpmix.Resize((5, 31)),
    warpmix.Resize((29, 4), "bicubic"),
    warpmix.Resize((19, 22), antialias=False),
    *(warpmix.RandomContrast((0.2, 3), kind) for kind in ("channel_mean", "center", "gray_mean")),
    warpmix.RandomBrightness((0.2, 3)),
    warpmix.RandomSaturation((0.2, 3)),
    warpmix.RandomHue(0.5),
    warpmix.ColorJitter(0.4, 0.4, 0.9, 0.1),
    warpmix.RandomPosterize(3),
    warpmix.RandomSolarize(128),
    warpmix.RandomInvert(),
    warpmix.RandomGrayscale(0.9),
    warpmix.RandomGamma((0.1, 5.0)),
    warpmix.GaussianNoise(-0.2, 0.3),
    warpmix.RandomCropBlackout(0.3),
    warpmix.RandomErasing(0.9, value=(10.0, 0.5, 255.0)),
    warpmix.RandomErasing(0.9, (0.5, 0.9), value="random"),
    warpmix.Cutout(5, value=99.5),
    warpmix.Cutout(4, False),
    warpmix.GridMask((0.3, 0.7)),
    warpmix.RandomAutocontrast(0.9),
    warpmix.RandomEqualize(0.9),
    warpmix.RandomAdjustSharpness(1.9, 0.9),
    warpmix.GaussianBlur((3, 9), (0.1, 2.0)),
    warpmix.RandAugment(2, 9, fill=(9, 0, 255)),
    warpmix.TrivialAugmentWide(fill=(9, 0, 255)),
    warpmix.TimmRandAugment("rand-m9-mstd0.5-inc1-p0.9", fill=(9, 0, 255)),
    *(warpmix.AutoAugment(policy) for policy in ("imagenet", "cifar10", "svhn")),
    warpmix.AugMix(),
    warpmix.AugMix(alpha=0.3),
    warpmix.CutMix(0.7),
    warpmix.MixUp(0.4),
    warpmix.RandomChoice([warpmix.RandomInvert(), warpmix.RandomPosterize(2)]),
]
# In one launch as one map, or one after another.
TOGETHER = [
    [warpmix.RandomAffine(30.0, (0.2, 0.4), (0.5, 2.0), 20.0), warpmix.RandomRotation(180.0)],
    [warpmix.RandomResizedCrop((9, 31)), warpmix.RandomZoom((0.5, 2.0)), warpmix.Cutout(4)],
    [
        warpmix.RandomAffine(30.0),
        warpmix.RandomHorizontalFlip(),
        warpmix.RandomVerticalFlip(),
        warpmix.RandomZoom((0.5, 2.0)),
    ],
    [warpmix.GaussianBlur(3), warpmix.RandomEqualize(0.5), warpmix.MixUp(1.0)],
]


@pytest.mark.parametrize("values", ["any", "narrow", "flat"])
@pytest.mark.parametrize(
    "transforms",
    [*([transform] for transform in ALONE), *TOGETHER],
    ids=lambda listed: "+".join(type(transform).__name__ for transform in listed),
)
def test_each_transform_alone_equals_the_reference(
    transforms: list[warpmix.Transform], values: str
) -> None:
    """Random lists hide a fault in one: another covers it, or it is seldom drawn."""
    generator = torch.Generator().manual_seed(3)
    images = torch.randint(0, 256, (40, 13, 18, 3), dtype=torch.uint8, generator=generator)
    if values == "narrow":
        images = images // 8 + torch.arange(40, dtype=torch.uint8)[:, None, None, None] * 5
    if values == "flat":  # black and white among them, which sums of weights may leave
        images = torch.linspace(0, 255, 40).to(torch.uint8)[:, None, None, None].expand_as(images)
        images = images.contiguous()
    options = {"p": 1.0, "dtype": torch.float32, "seed": 11}
    case = Case(transforms, options, images, torch.arange(40), planar=False)
    assert_both_equal_the_reference(case)


def test_every_transform_is_among_them() -> None:
    listed = {type(transform) for transform in [*ALONE, *(t for one in TOGETHER for t in one)]}
    listed |= {type(transform) for *_, one in LARGE for transform in one}
    assert {name for name, cls in own_transforms().items() if cls not in listed} == {"Normalize"}


# A number of channels that no code is made for, more of them than a draw of four numbers, and more
# floats than a chunk of the CPU's general loop.
LARGE = [
    (13, 4, [warpmix.RandomShift(0.3), warpmix.CutMix(1.0)]),
    (13, 4, [warpmix.RandomRotation(90), warpmix.RandomBrightness((0.5, 2))]),
    (13, 9, [warpmix.RandomErasing(1.0, (0.5, 0.9), value="random"), warpmix.GaussianNoise()]),
    (80, 3, [warpmix.RandomRotation(20), warpmix.RandomContrast((0.5, 2)), warpmix.MixUp(1.0)]),
    (80, 3, [warpmix.RandomAffine(20, (0.1, 0.1)), warpmix.RandomAdjustSharpness(1.5, 0.5)]),
    (80, 3, [warpmix.RandomHue(0.2), warpmix.RandomContrast((0.5, 2)), warpmix.CutMix(1.0)]),
]


@pytest.mark.parametrize(("size", "channels", "transforms"), LARGE)
def test_large_images_equal_the_reference(
    size: int, channels: int, transforms: list[warpmix.Transform]
) -> None:
    generator = torch.Generator().manual_seed(4)
    shape = (8, size, size + 5, channels)
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    options = {"p": 0.8, "dtype": torch.float32, "seed": 2}
    case = Case(transforms, options, images, torch.arange(8), planar=False)
    assert_both_equal_the_reference(case)


@settings(max_examples=100)
@given(cases())
def test_replayed_draws_give_the_same_bytes(case: Case) -> None:
    pipeline = case.pipeline()
    arguments = {k: v for k, v in case.arguments.items() if k != "sums"}
    draws = pipeline.draw(images=case.source, **arguments)
    sums = case.arguments.get("sums")
    assert_same(pipeline.replay(case.source, draws, case.labels, sums=sums), case.run(), case)


@needs_gpu
@settings(max_examples=1000)
@given(cases())
def test_gpu_equals_the_cpu(case: Case) -> None:
    assert_same(case.run("cuda"), case.run(), case)


@needs_gpu
def test_gpu_channel_sums_equal_the_cpu() -> None:
    images = torch.randint(0, 256, (3, 3, 200, 180), dtype=torch.uint8)
    nhwc = images.contiguous(memory_format=torch.channels_last)
    for batch in (images, images.float() * 0.37, nhwc):
        assert torch.equal(
            warpmix.ops.channel_sums(batch.cuda()).cpu(), warpmix.ops.channel_sums(batch)
        )


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("channels", [1, 3, 4, 7, 16])
@pytest.mark.parametrize("size", [(1, 1), (3, 11), (32, 32), (140, 150)])
def test_channel_sums_are_exact(dtype: torch.dtype, channels: int, size: tuple[int, int]) -> None:
    images = torch.randint(0, 256, (3, channels, *size), dtype=torch.uint8)
    images[0] = 255  # the largest sums
    values = images if dtype == torch.uint8 else images.float() + 0.3
    want = (values.double() * 65536).round().long().sum((2, 3))
    strided = values.repeat(1, 1, 1, 2)[..., : size[1]]
    for batch in (values, values.contiguous(memory_format=torch.channels_last), strided):
        assert torch.equal(warpmix.ops.channel_sums(batch), want)
        with emulated_kernels():
            assert torch.equal(warpmix.ops.channel_sums(batch), want)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("offset", range(16))
def test_channel_sums_of_images_at_any_address(dtype: torch.dtype, offset: int) -> None:
    """The kernel reads 16 bytes at a time, between the first and the last that divide by 16."""
    for channels, size in ((3, 35), (5, 7), (1, 3), (3, 32 * 480)):
        values = torch.randint(0, 256, (2, channels, 1, size)).to(dtype)
        memory = torch.full((values.numel() + offset + 16,), 99, dtype=dtype)
        moved = memory[offset : offset + values.numel()].view(2, 1, size, channels)
        moved.copy_(values.permute(0, 2, 3, 1))
        with emulated_kernels():
            sums = warpmix.ops.channel_sums(moved.permute(0, 3, 1, 2))
        assert torch.equal(sums, values.long().sum((2, 3)) * 65536)


# Checksums of test_random_stream_is_frozen.
GOLDEN = (390368647064, 3079318188, 1170)


# ---- the same samples, whatever is round them -------------------------------------------------

CARD = [
    warpmix.RandomShift(0.2),
    warpmix.RandomContrast((1, 3)),
    warpmix.CutMix(),
    warpmix.RandomCropBlackout(0.2),
]


def resident() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    nhwc = torch.randint(0, 256, (1000, 16, 12, 3), dtype=torch.uint8, generator=generator)
    images = nhwc.permute(0, 3, 1, 2)
    labels = torch.randint(0, 10, (1000,), generator=generator)
    return images, labels, warpmix.ops.channel_sums(images)


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
@pytest.mark.parametrize("threads", [1, 2])
def test_bytes_do_not_depend_on_batch_order_or_threads(size: int, threads: int) -> None:
    images, labels, sums = resident()
    pipeline = warpmix.Pipeline(CARD, p=0.5, mean=0.5, std=0.25, seed=5)
    order = torch.randperm(1000, generator=torch.Generator().manual_seed(2))
    whole, targets = pipeline(images, labels, index=torch.arange(1000), epoch=4, sums=sums)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for start in range(0, min(1000, 20 * size), size):
            index = order[start : start + size]
            batch, part = pipeline(images, labels, index=index, epoch=4, sums=sums)
            want = whole[index], Targets(*(t[index] for t in targets))
            assert_same((batch, part), want)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize(
    "transforms",
    [
        [*CARD[:2], warpmix.CutMix(), CARD[3]],
        [*CARD[:2], warpmix.MixUp(), CARD[3]],
        [CARD[0], warpmix.RandomRotation(9), CARD[3]],  # in one launch: between two is no stream
    ],
    ids=["CutMix", "MixUp", "RandomRotation"],
)
@pytest.mark.parametrize("size", [(32, 32), (32, 33), (31, 33)])  # whole vectors, or not
def test_a_batch_larger_than_the_cache_has_the_bytes_of_its_parts(
    size: tuple[int, int], transforms: list[warpmix.Transform], channels_last: bool
) -> None:
    """It is written past the cache where its rows are whole vectors at addresses that allow it."""
    images = torch.randint(0, 256, (500, *size, 3), dtype=torch.uint8).permute(0, 3, 1, 2)
    labels, sums = torch.zeros(500, dtype=torch.int64), warpmix.ops.channel_sums(images)
    pipeline = warpmix.Pipeline(transforms, mean=0.5, std=0.25, channels_last=channels_last)
    ids = torch.arange(2500)
    whole, _ = pipeline(images, labels, index=ids % 500, ids=ids, sums=sums)
    assert whole.nbytes > 24 << 20  # kCachedBytes of whole_pixel_renderer.h
    for part in ids.split(500):
        batch, _ = pipeline(images, labels, index=part % 500, ids=part, sums=sums)
        assert torch.equal(whole[part], batch)


@pytest.mark.parametrize(
    "batch_size", [1024, 4099, 8200]
)  # 2, 4 and 16 images a block; not even ones
@pytest.mark.parametrize(
    "transforms",
    [
        CARD,
        [warpmix.RandomHorizontalFlip(), warpmix.RandomCrop(4, padding=2), warpmix.MixUp()],
        [warpmix.RandomAffine(30), warpmix.ColorJitter(0.4, 0.4, 0.4, 0.1), warpmix.CutMix()],
        [warpmix.RandomResizedCrop((3, 2)), warpmix.CutMix()],
    ],
    ids=["card", "crop", "general", "resampled"],
)
def test_small_images_share_the_kernels_blocks(
    transforms: list[warpmix.Transform], batch_size: int
) -> None:
    images = torch.randint(0, 256, (batch_size, 5, 6, 3), dtype=torch.uint8).permute(0, 3, 1, 2)
    labels = torch.arange(batch_size)
    pipeline = warpmix.Pipeline(transforms, p=0.7, mean=0.5, std=0.25, seed=3)
    want = pipeline(images, labels, ids=labels, epoch=1)
    with emulated_kernels():
        assert_same(pipeline(images, labels, ids=labels, epoch=1), want)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("channels_last", [True, False])
def test_kernels_of_every_number_of_channels(channels: int, channels_last: bool) -> None:
    """One and three channels have kernels of their own, the others have one together."""
    images = torch.randint(0, 256, (8, channels, 9, 13), dtype=torch.uint8)
    labels = torch.arange(8)
    transforms = [warpmix.RandomHorizontalFlip(), warpmix.RandomCrop(None, 2), warpmix.CutMix()]
    pipeline = warpmix.Pipeline(transforms, mean=0.5, std=0.25, channels_last=channels_last)
    want = pipeline(images, labels, ids=labels, epoch=1)
    with emulated_kernels():
        assert_same(pipeline(images, labels, ids=labels, epoch=1), want)


@pytest.mark.parametrize("mix", [warpmix.CutMix(), warpmix.MixUp()], ids=["CutMix", "MixUp"])
def test_rows_that_are_black_in_one_of_two_images(mix: warpmix.Transform) -> None:
    """The CPU copies a row that is black in both."""
    images = torch.randint(1, 256, (40, 3, 31, 33), dtype=torch.uint8)
    labels = torch.arange(40)
    pipeline = warpmix.Pipeline([warpmix.RandomCropBlackout(0.4), mix], mean=0.5, std=0.25, seed=1)
    got = pipeline(images, labels, ids=labels, epoch=1)
    with emulated_kernels():
        assert_same(got, pipeline(images, labels, ids=labels, epoch=1))


def test_a_box_crosses_the_kernels_tiles() -> None:
    """A tile has 32 rows; of each below the first, the box begins above it, in it or below it."""
    images = torch.randint(0, 256, (24, 3, 101, 13), dtype=torch.uint8)
    labels = torch.arange(24)
    pipeline = warpmix.Pipeline([warpmix.RandomRotation(20), warpmix.CutMix()], seed=1)
    want = pipeline(images, labels, ids=labels, epoch=1)
    boxes = {
        name: value
        for drawn in pipeline.draw(labels, images=images, epoch=1).named()
        for name, value in drawn.values.items()
        if name in ("y0", "y1")
    }
    assert any(32 <= top < bottom for top, bottom in zip(boxes["y0"], boxes["y1"], strict=True))
    with emulated_kernels():
        assert_same(pipeline(images, labels, ids=labels, epoch=1), want)


@pytest.mark.parametrize("planar", [True, False])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(
    "transform",
    [
        warpmix.RandomEqualize(p=1),
        warpmix.RandomAutocontrast(p=1),
        warpmix.RandomAdjustSharpness(3, p=1),
        warpmix.GaussianBlur(5),
        [warpmix.RandomEqualize(p=1), warpmix.RandomAdjustSharpness(3, p=1)],
    ],
    ids=str,
)
def test_kernels_that_look_at_the_whole_image(
    transform: warpmix.Transform | list[warpmix.Transform], channels: int, planar: bool
) -> None:
    """Images of 540 pixels: levels are spread by steps of two where few have the highest one, of
    one and of none where more have it."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 200, (6, 20, 27, channels), dtype=torch.uint8, generator=generator)
    for number, share in enumerate((0.0, 0.02, 0.3, 0.5, 0.6, 0.99)):
        highest = torch.rand(20, 27, channels, generator=generator) < share
        images[number][highest] = 201
    images = images.permute(0, 3, 1, 2)
    images = images.contiguous() if planar else images
    transforms = transform if isinstance(transform, list) else [transform]
    pipeline = warpmix.Pipeline(transforms, dtype=torch.uint8, seed=1)
    ids = torch.arange(6)
    want = pipeline(images, ids=ids)
    assert not torch.equal(want, images)
    with emulated_kernels():
        assert torch.equal(pipeline(images, ids=ids), want)


@pytest.mark.parametrize("width", [1, 2, 37])
@pytest.mark.parametrize("border", ["constant", "replicate", "wrap"])
def test_maps_that_leave_the_image(border: str, width: int) -> None:
    """Taps beyond every edge, and those of the source's very last pixels."""
    images = torch.randint(0, 256, (6, 9, width, 3), dtype=torch.uint8).permute(0, 3, 1, 2)
    transforms = [warpmix.RandomAffine(180, (0.9, 0.9), (0.3, 3), 40, border=border, fill=77)]
    pipeline = warpmix.Pipeline(transforms, seed=5)
    want = pipeline(images, ids=torch.arange(6), epoch=1)
    with emulated_kernels():
        assert torch.equal(pipeline(images, ids=torch.arange(6), epoch=1), want)


@pytest.mark.parametrize("channels_last", [True, False])
def test_bytes_that_nothing_changes(channels_last: bool) -> None:
    images = torch.randint(0, 256, (40, 12, 37, 3), dtype=torch.uint8).permute(0, 3, 1, 2)
    labels = torch.arange(40)
    flip, crop, mix = warpmix.RandomHorizontalFlip(), warpmix.RandomCrop(None, 3), warpmix.CutMix()
    pipeline = warpmix.Pipeline([flip, crop, mix], dtype=torch.uint8, channels_last=channels_last)
    want = pipeline(images, labels, ids=labels, epoch=1)
    with emulated_kernels():
        assert_same(pipeline(images, labels, ids=labels, epoch=1), want)


def test_epoch_step_and_seed_change_the_numbers() -> None:
    images, labels, sums = resident()
    index = torch.arange(64)

    def run(seed: int, **arguments: object) -> Tensor:
        pipeline = warpmix.Pipeline(CARD, seed=seed)
        return pipeline(images, labels, index=index, sums=sums, **arguments)[0]

    first = run(0, epoch=3)
    assert not torch.equal(first, run(0, epoch=4))
    assert not torch.equal(first, run(1, epoch=3))
    assert torch.equal(first, run(0, epoch=1, step=torch.tensor([2])))


def test_random_stream_is_frozen() -> None:
    """Bytes of version 0.1: a change of the stream or of the arithmetic changes users' runs."""
    images, labels, sums = resident()
    pipeline = warpmix.Pipeline(CARD, dtype=torch.uint8, seed=7)
    batch, targets = pipeline(images, labels, index=torch.arange(256), epoch=1, sums=sums)
    weights = torch.arange(batch.numel(), dtype=torch.int64) % 65521
    checksum = int((batch.permute(0, 2, 3, 1).flatten().long() * weights).sum())
    shares = int((targets.lam.double() * 2**24).long().sum())
    assert (checksum, shares, int(targets.y_b.sum())) == GOLDEN
