"""The pipeline as users hold it: compilation, errors, modes, buffers, torch.compile, opcheck."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from torch import Tensor

import warpmix
from warpmix import (
    ColorJitter,
    CutMix,
    Cutout,
    GaussianBlur,
    GridMask,
    MixUp,
    Normalize,
    Pipeline,
    RandomAdjustSharpness,
    RandomAffine,
    RandomAutocontrast,
    RandomBrightness,
    RandomChoice,
    RandomContrast,
    RandomCrop,
    RandomCropBlackout,
    RandomEqualize,
    RandomErasing,
    RandomHorizontalFlip,
    RandomPerspective,
    RandomResizedCrop,
    RandomRotation,
    RandomShift,
    RandomZoom,
    Resize,
)

CARD = [RandomShift(0.2), RandomContrast((1, 3)), CutMix(), RandomCropBlackout(0.2)]
IDS = torch.arange(6)
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def batch(count: int = 6, size: tuple[int, int] = (8, 9), channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    shape = (count, *size, channels)
    nhwc = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    return nhwc.permute(0, 3, 1, 2)


# ---- launches ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("transforms", "launches"),
    [
        ([], 1),
        (CARD, 1),
        ([RandomHorizontalFlip(), RandomShift(), RandomContrast(), MixUp()], 1),
        ([RandomCropBlackout(), CutMix(), RandomCropBlackout()], 1),
        ([RandomChoice([CutMix(), MixUp()])], 1),
        ([RandomChoice([RandomContrast(), RandomShift()])], 1),
        ([RandomShift(border="reflect"), RandomContrast(pivot="center")], 1),
        ([RandomShift(border="reflect"), RandomContrast()], 2),  # its mean is the shifted image's
        ([RandomContrast(), RandomShift()], 2),
        ([RandomContrast(), RandomContrast(pivot="center"), RandomBrightness()], 1),
        ([RandomContrast(), RandomContrast()], 2),
        ([CutMix(), RandomContrast()], 3),
        ([RandomRotation(15), RandomHorizontalFlip(), RandomZoom(), RandomShift(), Resize(64)], 2),
        ([RandomRotation(15), RandomShift(border="constant"), RandomZoom(), Resize(64)], 1),
        ([RandomHorizontalFlip(), Resize(5), RandomShift(), RandomContrast(pivot="center")], 1),
        ([RandomResizedCrop(4), RandomHorizontalFlip(), ColorJitter(0.4), CutMix()], 1),
        ([RandomRotation(15), Resize(5)], 2),
        ([Resize(5), RandomRotation(15)], 2),
        ([RandomShift(), Resize(5), Resize(4)], 3),
        ([RandomShift(), RandomRotation(15), RandomShift(), RandomHorizontalFlip()], 1),
        ([RandomRotation(15, border="wrap"), RandomZoom(border="reflect")], 2),
        ([RandomAffine(10), ColorJitter(0.4, 0.4, 0.4, 0.1), RandomErasing(), MixUp()], 2),
        ([RandomChoice([ColorJitter(0.4, 0.4), RandomContrast()]), Cutout(), GridMask()], 2),
        ([RandomCropBlackout(), RandomShift(), CutMix()], 2),
        ([RandomCrop(None, 4, fill=0), RandomCrop(None, 4, fill=9)], 2),
        ([RandomHorizontalFlip()] * 17, 2),
        # A whole-image transform is two: its statistics, and it.
        ([RandomAutocontrast()], 2),
        ([RandomShift(), RandomAutocontrast(), RandomErasing()], 4),
        ([RandomAutocontrast(), RandomAutocontrast()], 4),
        ([RandomChoice([RandomAutocontrast(), RandomAutocontrast(1.0)])], 2),
        ([RandomChoice([RandomAutocontrast(), RandomShift(), MixUp()])], 4),
        ([GaussianBlur(3)], 2),  # its rows, and it
        ([RandomPerspective()], 1),
        ([RandomAdjustSharpness(2)], 1),
        ([RandomChoice([GaussianBlur(3), RandomEqualize(), RandomAdjustSharpness(2)])], 3),
    ],
)
def test_lists_compile_to_the_fewest_launches(transforms: list[Any], launches: int) -> None:
    assert Pipeline(transforms).explain().count("launch ") == launches


def test_explain_names_types_and_stages() -> None:
    text = Pipeline(CARD, mean=0.5, std=0.5, dtype=torch.bfloat16).explain()
    assert "uint8 → shift → contrast → cutmix → crop_blackout → normalise → bfloat16" in text


def test_explain_names_the_launches_of_a_whole_image() -> None:
    text = Pipeline([RandomAutocontrast(), RandomShift()]).explain(8, 8)
    assert text.splitlines()[:2] == [
        "launch 1: uint8 → statistics of the image that enters autocontrast, "
        "reads 192 and writes 768 bytes a sample",
        "launch 2: uint8 → autocontrast → float32, reads 192 and writes 768 bytes a sample",
    ]
    either = RandomChoice([GaussianBlur(3), RandomAdjustSharpness(2)])
    assert Pipeline([either], dtype=torch.uint8).explain(8, 8).splitlines() == [
        "launch 1: uint8 → rows of gaussian_blur → float32, "
        "reads 192 and writes 768 bytes a sample",
        "launch 2: uint8 → gaussian_blur or sharpness → normalise → uint8, "
        "reads 192 and writes 192 bytes a sample",
    ]


# ---- output -----------------------------------------------------------------------------------


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.uint8])
def test_output_dtype_and_memory_format(dtype: torch.dtype, channels_last: bool) -> None:
    out, _ = Pipeline(CARD, dtype=dtype, channels_last=channels_last)(batch(), IDS)
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    assert out.dtype == dtype and out.shape == (6, 3, 8, 9)
    assert out.is_contiguous(memory_format=memory_format)


def test_without_transforms_it_only_normalises() -> None:
    images = batch()
    mean, std = torch.tensor([0.5, 0.4, 0.3]), torch.tensor([0.2, 0.3, 0.4])
    out, targets = Pipeline([Normalize(mean.tolist(), std.tolist())])(images, torch.arange(6))
    want = (images / 255 - mean[:, None, None]) / std[:, None, None]
    torch.testing.assert_close(out, want, rtol=0, atol=2e-6, check_stride=False)
    assert torch.equal(targets.y_a, targets.y_b) and torch.equal(targets.lam, torch.ones(6))


def test_float_output_without_normalize_is_on_0_1() -> None:
    torch.testing.assert_close(
        Pipeline()(batch()), batch() / 255, rtol=0, atol=1e-7, check_stride=False
    )


def test_eval_mode_only_normalises() -> None:
    pipeline = Pipeline(CARD, mean=0.5, std=0.5).eval()
    out, targets = pipeline(batch(), torch.arange(6))
    assert torch.equal(out, Pipeline([], mean=0.5, std=0.5)(batch()))
    assert torch.equal(targets.lam, torch.ones(6))


def test_out_is_written_in_place_and_must_fit() -> None:
    pipeline = Pipeline(CARD)
    out = torch.empty(6, 3, 8, 9)
    returned, _ = pipeline(batch(), IDS, out=out, ids=IDS)
    assert returned is out
    assert torch.equal(out, pipeline(batch(), IDS, ids=IDS)[0])
    with pytest.raises(ValueError, match=r"out must be \(6, 3, 8, 9\) torch.float32"):
        pipeline(batch(), IDS, out=torch.empty(6, 3, 9, 8))


@pytest.mark.parametrize("transforms", [CARD, [RandomContrast(), RandomShift(), CutMix()]])
def test_empty_batch(transforms: list[Any]) -> None:
    out, targets = Pipeline(transforms)(batch(0), torch.zeros(0, dtype=torch.int64))
    assert out.shape == (0, 3, 8, 9) and targets.lam.shape == (0,)


def test_without_ids_samples_are_counted() -> None:
    pipeline = Pipeline(CARD, seed=3)
    first, second = pipeline(batch(), IDS)[0], pipeline(batch(), IDS)[0]
    assert not torch.equal(first, second)
    assert int(pipeline.samples_seen) == 12
    assert torch.equal(second, pipeline(batch(), IDS, ids=IDS + 6)[0])


def test_describe_names_what_applies() -> None:
    pipeline = Pipeline([RandomShift(), RandomContrast(), RandomHorizontalFlip(0.0)])
    lines = pipeline.draw(torch.arange(6), images=batch()).describe(2)
    assert len(lines) == 2
    assert re.fullmatch(r"RandomShift dx=-?\d+ dy=-?\d+", lines[0])
    assert re.fullmatch(r"RandomContrast factor=\d(\.\d+)?", lines[1])


# ---- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: RandomShift(1.5), ValueError, r"max_shift must be in \[0, 1\], got 1.5"),
        (lambda: RandomShift("a"), TypeError, "max_shift must be a number, got str"),
        (lambda: RandomShift(border="mirror"), ValueError, "border must be one of wrap, reflect"),
        (lambda: RandomShift(border="constant", fill=0.5), ValueError, "fill must be whole"),
        (lambda: RandomCrop(32, 2.0), TypeError, "padding must be an int"),
        (lambda: RandomHorizontalFlip(1.2), ValueError, r"p must be in \[0, 1\]"),
        (lambda: RandomContrast((3, 1)), ValueError, r"factor must be \(low, high\)"),
        (lambda: RandomContrast(2.0), TypeError, r"factor must be \(low, high\)"),
        (lambda: RandomContrast(pivot="mean"), ValueError, "pivot must be one of channel_mean"),
        (lambda: RandomCropBlackout(0.6), ValueError, r"max_border must be in \[0, 0.5\]"),
        (lambda: CutMix(0.0), ValueError, "CutMix: alpha must be in"),
        (lambda: MixUp(-1.0), ValueError, "MixUp: alpha must be in"),
        (lambda: RandomChoice([]), TypeError, "non-empty list of transforms"),
        (lambda: RandomChoice([CutMix()], p=[1, 2]), ValueError, "one weight a transform"),
        (lambda: RandomChoice([CutMix()], p=[0]), ValueError, "positive, finite sum"),
        (lambda: Normalize(0.5, 0.0), ValueError, "std must be in"),
        (lambda: Pipeline([CutMix(), MixUp()]), ValueError, r"at most one mixing stage.*RandomCh"),
        (lambda: Pipeline([CutMix(), RandomChoice([MixUp()])]), ValueError, "at most one mixing"),
        (lambda: Pipeline([Normalize(0, 1), CutMix()]), ValueError, "Normalize must be the last"),
        (lambda: Pipeline([Normalize(0, 1)], mean=0, std=1), ValueError, "must be left out"),
        (lambda: Pipeline(mean=0.5), ValueError, "mean and std must be given together"),
        (lambda: Pipeline(mean=0, std=1, dtype=torch.uint8), ValueError, "unnormalised pixels"),
        (lambda: Pipeline(dtype=torch.float64), ValueError, "dtype must be one of"),
        (lambda: Pipeline(seed=-1), ValueError, r"seed must be in \[0, 2\^63\)"),
        (lambda: Pipeline(p=2), ValueError, r"p must be in \[0, 1\]"),
        (lambda: Pipeline(["flip"]), TypeError, r"transforms\[0\] must be a warpmix transform"),
    ],
)
def test_impossible_parameters(make: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()


# ---- torch's machinery ------------------------------------------------------------------------


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("transforms", [CARD, [RandomContrast(), RandomShift(), MixUp()]])
def test_compiled_step_gives_the_eager_bytes(transforms: list[Any], device: str) -> None:
    images, labels = batch(16).to(device), torch.arange(16, device=device)
    weight = torch.randn(16, 3 * 8 * 9, device=device)

    def step(pipeline: Pipeline, ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        out, targets = pipeline(images, labels, ids=ids, epoch=2)
        logits = torch.nn.functional.linear(out.flatten(1), weight)
        return out, targets.lam, warpmix.mixed_cross_entropy(logits, targets)

    ids = torch.arange(16, device=device)
    eager = step(Pipeline(transforms, p=0.7, seed=0), ids)
    torch._dynamo.reset()
    compiled = torch.compile(step, fullgraph=True)(Pipeline(transforms, p=0.7, seed=0), ids)
    assert torch.equal(eager[0], compiled[0]) and torch.equal(eager[1], compiled[1])
    torch.testing.assert_close(eager[2], compiled[2])


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("op", ["augment", "augment_emulated", "draw", "channel_sums"])
def test_opcheck(op: str, device: str) -> None:
    if op.endswith("emulated") and device == "cuda":
        pytest.skip("emulated kernels are the CPU's")
    images = batch().to(device)
    pipeline = Pipeline(CARD)
    nhwc = warpmix.ops.as_nhwc(images)
    compiled = pipeline._compile(8, 9, 3)
    sums = torch.empty(6, 3, dtype=torch.int64, device=device)
    labels = torch.arange(6, device=device)
    outputs = [
        torch.empty(6, 3, 8, 9, device=device),
        torch.empty(2, 6, dtype=torch.int64, device=device),
        torch.empty(6, device=device),
    ]
    words = compiled.words[0]
    arguments: dict[str, tuple[Any, ...]] = {
        "channel_sums": (nhwc, sums),
        "draw": (nhwc, None, labels, None, None, 1, 2, True, words,
                 torch.empty(6, 2, 4, 8, dtype=torch.int32, device=device)),
        "augment": (nhwc, None, labels, None, labels, warpmix.ops.channel_sums(images), None,
                    None, 1, 2, True, words, compiled.scale, compiled.bias, *outputs),
    }  # fmt: skip
    torch.library.opcheck(
        getattr(torch.ops.warpmix, op).default, arguments[op.removesuffix("_emulated")]
    )


def test_op_called_directly_checks_its_arguments() -> None:
    nhwc = warpmix.ops.as_nhwc(batch())
    with pytest.raises(RuntimeError, match="channel_sums: images must be uint8 or float32"):
        torch.ops.warpmix.channel_sums(nhwc.int(), torch.empty(6, 3, dtype=torch.int64))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_graph_replays_with_new_numbers_on_a_side_stream() -> None:
    images = batch(32).cuda()
    pipeline = Pipeline(CARD).cuda()
    ids, step = torch.arange(32).cuda(), torch.zeros(1, dtype=torch.int64).cuda()
    sums = warpmix.ops.channel_sums(images)
    out = torch.empty(32, 3, 8, 9, device="cuda")
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        pipeline(images, ids, ids=ids, step=step, sums=sums, out=out)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        pipeline(images, ids, ids=ids, step=step, sums=sums, out=out)
        step += 1
    for epoch in range(3):
        graph.replay()
        want, _ = pipeline(images, ids, ids=ids, epoch=epoch, sums=sums)
        assert torch.equal(out, want)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_graph_without_ids_counts_on() -> None:
    images, labels = batch(32).cuda(), torch.arange(32).cuda()
    pipeline = Pipeline(CARD, seed=5).cuda()
    sums = warpmix.ops.channel_sums(images)
    out = torch.empty(32, 3, 8, 9, device="cuda")
    pipeline(images, labels, sums=sums, out=out)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        pipeline(images, labels, sums=sums, out=out)
    for replay in range(1, 4):
        graph.replay()
        want, _ = pipeline(images, labels, ids=labels + 32 * replay, sums=sums)
        assert torch.equal(out, want)
