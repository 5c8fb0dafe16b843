"""Float images of any range: moved, covered and mixed, and else untouched."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
import torch
from conftest import emulated_kernels, lists
from hypothesis import given, settings
from scipy import stats
from strategies import Case, float_cases
from torch import Tensor
from torchvision.transforms.v2 import functional as F

import warpmix
from warpmix import (
    ColorJitter,
    CutMix,
    Cutout,
    GridMask,
    MixUp,
    Pipeline,
    RandomChoice,
    RandomCrop,
    RandomCropBlackout,
    RandomErasing,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomRotation,
    RandomShift,
    Resize,
    Targets,
)
from warpmix.augment import reference

DTYPES = [torch.float32, torch.float16, torch.bfloat16]
LABELS = torch.arange(8)
MOVES = [
    RandomShift(0.3, "constant"), RandomHorizontalFlip(), RandomErasing(value="random"), CutMix(),
    RandomCropBlackout(),
]  # fmt: skip


def normal(dtype: torch.dtype = torch.float32) -> Tensor:
    """[8, 3, 12, 10], far from [0, 255]."""
    generator = torch.Generator().manual_seed(0)
    return (torch.randn(8, 3, 12, 10, generator=generator) * 1000).to(dtype)


def assert_same(got: Tensor, want: Tensor, context: object = None) -> None:
    """Compare to the bit, the sign of a zero too; of a NaN, where it is."""
    assert got.dtype == want.dtype and got.shape == want.shape, context
    known = ~want.isnan()
    assert torch.equal(~got.isnan(), known), context
    assert torch.equal(got[known].view(torch.uint8), want[known].view(torch.uint8)), context


# ---- the same on every path -------------------------------------------------------------------


def expected(case: Case) -> tuple[Tensor, Targets]:
    options = {name: case.options[name] for name in ("seed", "p")}
    batch, partner, lam = reference.augment(
        case.images, case.transforms, **options, **case.arguments
    )
    targets = Targets(case.labels, case.labels[partner], lam)
    return batch.to(case.images.dtype), targets


@settings(max_examples=lists(400))
@given(float_cases())
def test_cpu_and_kernel_bodies_equal_the_reference(case: Case) -> None:
    want, targets = expected(case)
    pipeline = case.pipeline()
    draws = pipeline.draw(images=case.source, **case.arguments)
    made = [case.run(), pipeline.replay(case.source, draws, case.labels)]
    with emulated_kernels():
        made.append(case.run())
    for batch, own in made:
        assert_same(batch, want, case)
        assert all(torch.equal(a, b) for a, b in zip(own, targets, strict=True)), case


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@settings(max_examples=200)
@given(float_cases())
def test_gpu_equals_the_cpu(case: Case) -> None:
    assert_same(case.run("cuda")[0].cpu(), case.run()[0], case)


@pytest.mark.parametrize("moves", [[], [RandomShift(0.1), CutMix()]])
def test_normals_of_rows_that_are_made_in_parts(moves: list[Any]) -> None:
    """A row of more than 256 pixels (NormalWords of plane_loops.h)."""
    images = torch.randn(3, 6, 700, 2, generator=torch.Generator().manual_seed(0))
    erasing = RandomErasing(1.0, (0.7, 0.8), (0.01, 0.012), value="random")
    case = Case([*moves, erasing], {"p": 1.0, "seed": 5}, images, LABELS[:3], planar=False)
    want = expected(case)[0]
    assert_same(case.run()[0], want)
    with emulated_kernels():
        assert_same(case.run()[0], want)


def test_draws_are_those_of_uint8_images() -> None:
    pipeline = Pipeline(MOVES, seed=3)
    draws = pipeline.draw(LABELS, images=torch.zeros(8, 3, 12, 10, dtype=torch.uint8))
    made = pipeline.replay(normal(), draws, LABELS)[0]
    assert torch.equal(made, pipeline(normal(), LABELS, ids=LABELS)[0])


# ---- torchvision's results, with the drawn parameters -----------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_cutmix_pastes_as_torchvision_does(dtype: torch.dtype) -> None:
    images, pipeline = normal(dtype), Pipeline([CutMix()], seed=1)
    images[3, 1, 5, 5], images[4] = float("nan"), float("inf")
    draws = pipeline.draw(LABELS, images=images)
    (cut,) = draws.named()
    made, targets = pipeline.replay(images, draws, LABELS)
    want = images.clone()
    for i in range(8):
        x0, y0, x1, y1 = (int(cut[name][i]) for name in ("x0", "y0", "x1", "y1"))
        want[i, :, y0:y1, x0:x1] = images[cut["partner"][i], :, y0:y1, x0:x1]
    assert (targets.lam < 1).sum() > 3
    assert_same(made, want)
    alone, _ = CutMix()(images, LABELS, seed=1)
    assert alone.dtype == dtype and alone.is_contiguous()


def test_mixup_blends_as_torchvision_does() -> None:
    images = normal()
    images[0, 0], images[1, 1] = float("inf"), float("nan")
    made, (_, partner, lam) = MixUp(0.4)(images, LABELS, seed=2)
    share = lam[:, None, None, None]
    assert_same(made, images[partner].mul(1.0 - share).add(images.mul(share)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_erasing_writes_its_value_as_torchvision_does(dtype: torch.dtype) -> None:
    images, pipeline = normal(dtype), Pipeline([RandomErasing(0.9, value=(1.5, 0, 255))], seed=5)
    draws = pipeline.draw(LABELS, images=images)
    (box,) = draws.named()
    value = torch.tensor([1.5, 0, 255], dtype=dtype)[:, None, None]
    want = images.clone()
    for i in range(8):
        if box.on[i]:
            x0, y0, x1, y1 = (int(box[name][i]) for name in ("x0", "y0", "x1", "y1"))
            want[i] = F.erase(want[i], y0, x0, y1 - y0, x1 - x0, value)
    assert_same(pipeline.replay(images, draws), want)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize(
    "transform",
    [
        RandomCropBlackout(0.5),
        RandomErasing(1.0),
        Cutout(6),
        GridMask(),
        RandomShift(0.4, "constant"),
    ],
    ids=lambda t: type(t).__name__,
)
def test_what_covers_is_the_fill_whatever_it_covers(transform: Any, value: float) -> None:
    images = torch.full((8, 3, 12, 10), value)
    for context in (None, emulated_kernels()):
        if context is not None:
            context.__enter__()
        made = transform(images, seed=3)
        covered = made == 0
        assert covered.any() and not covered.all()
        assert_same(made[~covered], torch.full((int((~covered).sum()),), value))
        if context is not None:
            context.__exit__(None, None, None)


def test_random_erasing_is_standard_normal() -> None:
    images = torch.full((64, 3, 40, 40), 77.0)
    made = RandomErasing(1.0, (0.3, 0.5), value="random")(images, seed=1)
    assert made.isfinite().all()
    noise = made[made != 77.0].double()
    assert len(noise) > 50_000
    assert stats.kstest(noise.numpy(), "norm").pvalue > 1e-4
    planes = made[:, :, 15:25, 15:25].double()
    erased = planes[(planes != 77.0).flatten(1).all(1)]
    assert len(erased) > 10
    correlation = torch.corrcoef(erased.transpose(0, 1).flatten(1))
    assert (correlation - torch.eye(3)).abs().max() < 4 / (erased.numel() / 3) ** 0.5
    assert erased.flatten(1).unique(dim=0).shape[0] == len(erased)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("channels_last", [True, False])
def test_bits_that_are_moved_stay(dtype: torch.dtype, channels_last: bool) -> None:
    """All of them: zeros of both signs, subnormal numbers, and what a NaN says beside being one."""
    bits = torch.arange(-(2**15), 2**15, dtype=torch.int16).view(8, 2, 64, 64)
    moves = [RandomShift(0.3), RandomHorizontalFlip(), CutMix()]
    pipeline = Pipeline(moves, channels_last=channels_last, seed=4)
    made = pipeline(bits.view(dtype), LABELS, ids=LABELS)[0].view(torch.int16)
    numbers = torch.arange(64 * 64 * 16, dtype=torch.float32).view(8, 2, 64, 64)
    places = pipeline(numbers, LABELS, ids=LABELS)[0].long()
    assert torch.equal(made, bits.flatten()[places])


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_nan_that_is_mixed_is_torchs(dtype: torch.dtype) -> None:
    """The quiet one without a number in it, whose sign is the processor's affair."""
    images = torch.full((8, 3, 12, 10), float("nan"), dtype=dtype)
    word = torch.int32 if dtype == torch.float32 else torch.int16
    largest = torch.iinfo(word).max
    for context in (contextlib.nullcontext(), emulated_kernels()):
        with context:
            made = Pipeline([MixUp(1.0)], seed=4)(images, LABELS)[0].contiguous()
        assert torch.equal(made.view(word) & largest, images.view(word) & largest)


# ---- what comes out, and what is refused ------------------------------------------------------


def test_nothing_is_scaled_and_the_dtype_stays() -> None:
    for dtype in DTYPES:
        images = normal(dtype)
        for pipeline in (Pipeline(), Pipeline([RandomHorizontalFlip()]).eval()):
            assert_same(pipeline(images), images)
        assert_same(Pipeline(dtype=dtype)(images[2]), images[2])
        crop = Pipeline([RandomCrop(8)]).eval()
        assert_same(crop(images), images[:, :, 2:10, 1:9])
        out = torch.empty(8, 3, 12, 10, dtype=dtype)
        assert Pipeline(MOVES, seed=1)(images, LABELS, ids=LABELS, out=out)[0] is out
        made = Pipeline(MOVES, seed=1)(images, LABELS, ids=LABELS)[0]
        assert_same(made, out)
        assert made.is_contiguous(memory_format=torch.channels_last)
    bytes_ = normal().to(torch.uint8)
    assert Pipeline()(bytes_).dtype == Pipeline().dtype == torch.float32
    assert Pipeline().to_dict()["dtype"] is None


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (
            lambda x: ColorJitter(0.4)(x),
            TypeError,
            r"images must be uint8 for ColorJitter, which computes on \[0, 255\].*mean=…, std=…",
        ),
        (lambda x: Pipeline([RandomRotation(9)])(x), TypeError, "uint8 for RandomRotation"),
        (lambda x: Pipeline([RandomResizedCrop(14)]).eval()(x), TypeError, "uint8 for RandomRes"),
        (lambda x: Pipeline([Resize(5)])(x), TypeError, "uint8 for Resize"),
        (lambda x: Pipeline([Resize(5, "bicubic")])(x.half()), TypeError, "uint8 for Resize"),
        (lambda x: RandomChoice([MixUp(), ColorJitter(0.4)]) and Pipeline(
            [RandomChoice([MixUp(), ColorJitter(0.4)])])(x, LABELS), TypeError, "for ColorJitter"),
        (
            lambda x: Pipeline(mean=0.5, std=0.5)(x),
            ValueError,
            r"mean and std must be left out for float images.*replace\(mean=None, std=None\)",
        ),
        (
            lambda x: Pipeline(dtype=torch.bfloat16)(x),
            ValueError,
            r"dtype must be left out, or be torch.float32 as .*got torch.bfloat16: use",
        ),
        (lambda x: Pipeline(dtype=torch.uint8)(x), ValueError, "got torch.uint8: use"),
        (lambda x: CutMix()(x.double(), LABELS), TypeError, "got torch.float64; convert with"),
        (lambda x: Pipeline()(x.requires_grad_()), ValueError, "must not require a gradient"),
    ],
)  # fmt: skip
def test_what_floats_do_not_take_is_refused_in_words(
    make: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        make(normal())


@pytest.mark.parametrize("op", ["augment", "augment_emulated"])
def test_an_op_called_directly_checks_what_is_not_clipped(op: str) -> None:
    def call(program: list[int], images: Tensor, dtype: torch.dtype) -> None:
        batch = torch.empty(8, 3, 12, 10, dtype=dtype)
        pair, lam = torch.empty(2, 8, dtype=torch.int64), torch.empty(8)
        getattr(torch.ops.warpmix, op)(
            images, None, None, None, None, None, None, None, 0, 0, True, program, [1.0] * 3,
            [-0.0] * 3, batch, pair, lam,
        )  # fmt: skip

    words = Pipeline([CutMix()])._compile(12, 10, 3, True).words[0]
    nhwc = normal().permute(0, 2, 3, 1)
    call(words, nhwc, torch.bfloat16)
    for images, dtype in ((nhwc.to(torch.uint8), torch.float32), (nhwc, torch.uint8)):
        with pytest.raises(RuntimeError, match="of floats where no value is clipped"):
            call(words, images, dtype)
    colored = list(Pipeline([ColorJitter(0.4)])._compile(12, 10, 3).words[0])
    assert colored[9] == 1
    colored[9] = 0
    with pytest.raises(RuntimeError, match="program must clip its values for brightness"):
        call(colored, nhwc, torch.float32)
    colored[9] = 1
    with pytest.raises(RuntimeError, match="uint8 or float32 where they are not only moved"):
        call(colored, nhwc.half(), torch.float32)


# ---- torch's machinery ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_compiled_step_gives_the_eager_bytes(dtype: torch.dtype) -> None:
    def step(images: Tensor) -> tuple[Tensor, Tensor]:
        batch, targets = pipeline(images, LABELS, ids=LABELS)
        return batch, targets.lam

    pipeline = Pipeline([*MOVES, RandomHorizontalFlip()], seed=1)  # two launches
    eager = step(normal(dtype))
    torch._dynamo.reset()
    compiled = torch.compile(step, fullgraph=True, backend="aot_eager")(normal(dtype))
    assert_same(compiled[0], eager[0])
    assert torch.equal(compiled[1], eager[1])


@pytest.mark.parametrize("op", ["augment", "augment_emulated"])
def test_opcheck(op: str) -> None:
    compiled = Pipeline(MOVES)._compile(12, 10, 3, True)
    outputs = torch.empty(8, 3, 12, 10), torch.empty(2, 8, dtype=torch.int64), torch.empty(8)
    arguments = (normal().permute(0, 2, 3, 1), None, LABELS, None, LABELS, None, None, None, 1, 2,
                 True, compiled.words[0], compiled.scale, compiled.bias, *outputs)  # fmt: skip
    torch.library.opcheck(getattr(torch.ops.warpmix, op).default, arguments)


def test_it_stands_where_torchvisions_stood() -> None:
    """A collated, normalised batch and its labels, to a batch and targets of one loss."""
    logits = torch.randn(8, 8)
    batch, targets = CutMix(1.0)(normal(), LABELS)
    assert batch.shape == (8, 3, 12, 10)
    assert warpmix.mixed_cross_entropy(logits, targets).isfinite()
