"""The pipeline as users hold it: compilation, errors, modes, buffers, torch.compile, opcheck."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import warpmix
from warpmix import (
    ColorJitter,
    CutMix,
    Cutout,
    GridMask,
    MixUp,
    Normalize,
    Pipeline,
    RandomAffine,
    RandomBrightness,
    RandomChoice,
    RandomContrast,
    RandomCrop,
    RandomCropBlackout,
    RandomErasing,
    RandomHorizontalFlip,
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
        ([RandomRotation(), RandomHorizontalFlip(), RandomZoom(), RandomShift(), Resize(64)], 2),
        ([RandomRotation(), RandomShift(border="constant"), RandomZoom(), Resize(64)], 1),
        ([RandomShift(), RandomRotation(), RandomShift(), RandomHorizontalFlip()], 1),
        ([RandomRotation(border="wrap"), RandomZoom(border="reflect")], 2),
        ([RandomAffine(10), ColorJitter(0.4, 0.4, 0.4, 0.1), RandomErasing(), MixUp()], 2),
        ([RandomChoice([ColorJitter(0.4, 0.4), RandomContrast()]), Cutout(), GridMask()], 2),
        ([RandomCropBlackout(), RandomShift(), CutMix()], 2),
        ([RandomCrop(fill=0), RandomCrop(fill=9)], 2),
        ([RandomHorizontalFlip()] * 17, 2),
    ],
)
def test_lists_compile_to_the_fewest_launches(transforms: list[Any], launches: int) -> None:
    assert Pipeline(transforms).explain().count("launch ") == launches


def test_explain_names_types_and_stages() -> None:
    text = Pipeline(CARD, mean=0.5, std=0.5, dtype=torch.bfloat16).explain()
    assert "uint8 → shift → contrast → cutmix → crop_blackout → normalise → bfloat16" in text


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
    resumed = Pipeline(CARD, seed=3)
    resumed.load_state_dict(pipeline.state_dict())
    assert torch.equal(resumed(batch(), IDS)[0], pipeline(batch(), IDS)[0])


# ---- images, labels, and what comes back --------------------------------------------------------


def test_strides_tell_the_memory_format_and_a_permuted_array_is_not_copied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Dense images of any memory format reach the op where they lie, and give one batch."""
    places: list[int] = []
    augment = warpmix.ops.augment
    monkeypatch.setattr(
        warpmix.ops, "augment", lambda x, **o: places.append(x.data_ptr()) or augment(x, **o)
    )
    pipeline = Pipeline(CARD)
    planar, strided = batch().contiguous(), batch().repeat(1, 1, 1, 2)[..., :9]
    made = [pipeline(images, IDS, ids=IDS)[0] for images in (batch(), planar, strided)]
    assert torch.equal(made[0], made[1]) and torch.equal(made[0], made[2])
    for images in (batch(), planar, batch(1), planar[:1], planar[0], batch()[0]):
        places.clear()
        pipeline(images, IDS[: len(images)] if images.dim() == 4 else 1)
        assert places == [images.data_ptr()]


def test_strides_settle_which_dimension_is_channels() -> None:
    """Two channels and a width of 4 look like NHWC, and are not where the strides say so."""
    images = torch.randint(0, 256, (5, 2, 6, 4), dtype=torch.uint8)
    with pytest.raises(ValueError, match=r"memory_format=torch.channels_last"):
        Pipeline()(images)
    made = Pipeline()(images.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(made, images / 255, rtol=0, atol=1e-7, check_stride=False)


@pytest.mark.parametrize("training", [True, False])
def test_what_goes_in_comes_out(training: bool) -> None:
    pipeline = Pipeline([RandomShift(0.5)]).train(training)
    made = pipeline(batch(), ids=IDS)
    assert isinstance(made, Tensor)
    both, targets = pipeline(batch(), IDS, ids=IDS)
    assert torch.equal(both, made) and torch.equal(targets.y_a, IDS)
    draws = pipeline.draw(IDS, images=batch())
    assert torch.equal(pipeline.replay(batch(), draws), made)
    assert torch.equal(pipeline.replay(batch(), draws, IDS)[1].y_b, IDS)
    logits = torch.nn.Sequential(pipeline, torch.nn.Conv2d(3, 4, 8)).train(training)(batch())
    assert logits.shape == (6, 4, 1, 2)


@pytest.mark.parametrize("mix", [CutMix(), RandomChoice([RandomShift(), MixUp()])])
def test_a_mix_needs_labels_in_training_alone(mix: Any) -> None:
    pipeline = Pipeline([mix])
    with pytest.raises(ValueError, match=rf"{type(mix).__name__} mixes.*labels=torch.arange\(N\)"):
        pipeline(batch())
    with pytest.raises(ValueError, match="labels must be given"):
        pipeline.replay(batch(), pipeline.draw(images=batch()))
    assert isinstance(pipeline.eval()(batch()), Tensor)


@pytest.mark.parametrize("transforms", [CARD, [RandomContrast(), RandomShift(), CutMix()]])
@pytest.mark.parametrize("given", [int, torch.tensor])
def test_one_image_gives_one_image(transforms: list[Any], given: Any) -> None:
    pipeline = Pipeline(transforms, mean=0.5, std=0.25)
    sums = warpmix.ops.channel_sums(batch())
    for i, image in enumerate(batch()):
        want, targets = pipeline(batch()[i : i + 1], IDS[i : i + 1], ids=IDS[i : i + 1] + 7)
        made, (y_a, y_b, lam) = pipeline(image, given(i), ids=given(i + 7), sums=sums[i])
        assert torch.equal(made, want[0]) and made.shape == (3, 8, 9)
        assert (y_a, y_b, lam) == tuple(part[0] for part in targets) and y_a.shape == ()
        out = torch.empty(3, 8, 9)
        assert pipeline(image, given(i), ids=given(i + 7), out=out)[0] is out
        assert torch.equal(out, made)
    still = pipeline(batch()[0], 1, active=False)[0]
    assert torch.equal(still, pipeline.eval()(batch()[0]))


def test_labels_of_any_integer_dtype_and_soft_labels_go_through_mixes() -> None:
    dtypes = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.uint16, torch.int64)
    for transforms in (CARD, [RandomContrast(), RandomShift(), MixUp()]):
        pipeline = Pipeline(transforms)
        want, hard = pipeline(batch(), IDS, ids=IDS)
        assert (hard.y_a != hard.y_b).any()
        for dtype in dtypes:
            made, targets = pipeline(batch(), IDS.to(dtype), ids=IDS)
            assert torch.equal(made, want) and torch.equal(targets.y_b, hard.y_b)
            assert targets.y_a.dtype == torch.int64
        rows = torch.rand(6, 4, generator=torch.Generator().manual_seed(1))
        made, targets = pipeline(batch(), rows, ids=IDS)
        assert torch.equal(made, want) and torch.equal(targets.lam, hard.lam)
        assert torch.equal(targets.y_a, rows) and torch.equal(targets.y_b, rows[hard.y_b])
        one, of_one = pipeline(batch()[2], rows[2], ids=2)
        assert one.shape == (3, 8, 9) and torch.equal(of_one.y_a, rows[2])


def test_numpy_integers_are_integers() -> None:
    pipeline = Pipeline([RandomShift(0.5)], seed=np.uint32(5))
    want = Pipeline([RandomShift(0.5)], seed=5)(batch(), ids=IDS, epoch=3)
    assert torch.equal(pipeline(batch(), ids=IDS, epoch=np.int64(3)), want)


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
        (lambda: RandomShift(border="constant", fill=0.5), ValueError, "fill must be a whole"),
        (lambda: RandomCrop(2.0), TypeError, "padding must be an int"),
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


@pytest.mark.parametrize(
    ("images", "arguments", "error", "words"),
    [
        (batch().numpy(), {}, TypeError, "images must be a torch.Tensor, got ndarray"),
        (batch().float(), {}, TypeError, "images must be uint8.*convert with"),
        (batch()[0, 0], {}, ValueError, r"\[N, C, H, W\], or one image \[C, H, W\]; got .*8, 9\)"),
        (batch().permute(0, 2, 3, 1), {}, ValueError, r"in the last.*permute\(0, 3, 1, 2\)"),
        (batch()[0].permute(1, 2, 0), {}, ValueError, r"in the last.*permute\(2, 0, 1\)"),
        (batch(channels=17), {}, ValueError, r"1 to 16 channels, got 17 .*unsqueeze\(1\)"),
        (batch()[0], {"index": IDS}, ValueError, "index must be left out with one image"),
        (batch()[0], {"labels": IDS}, ValueError, r"labels must have shape \[1\], got \[1, 6\]"),
        (batch(), {"labels": IDS[:3]}, ValueError, r"labels must have shape \[6\], got \[3\]"),
        (batch(), {"labels": IDS.float()}, TypeError, r"class numbers \[6\] of an integer dtype"),
        (batch(), {"labels": IDS > 1}, TypeError, r"torch.bool; use labels.long\(\)"),
        (batch(), {"labels": [1] * 6}, TypeError, "got list; use torch.as_tensor"),
        (batch(), {"labels": torch.rand(5, 4)}, ValueError, r"shape \[6, classes\], got \[5, 4\]"),
        (batch(), {"ids": IDS.int()}, TypeError, r"ids must be torch.int64.*ids.to"),
        (batch(), {"ids": -IDS}, ValueError, "ids must be at least 0, got -5"),
        (batch(), {"index": IDS + 1}, ValueError, r"index must be in \[0, 6\), got 6"),
        (batch(), {"index": IDS}, ValueError, "sums must be given with index.*channel_sums"),
        (batch(), {"active": IDS}, TypeError, "active must be torch.bool"),
        (batch(), {"sums": IDS[:, None]}, ValueError, r"sums must be .* \[6, 3\] int64"),
        (batch(), {"epoch": -1}, ValueError, "epoch must be in"),
        (batch(), {"epoch": 0.5}, TypeError, "epoch must be an int"),
        (batch(), {"epoch": True}, TypeError, "epoch must be an int, got bool"),
        (batch(channels=2), {}, ValueError, "gray_mean' needs 1 or 3 channels, got 2"),
        (batch(size=(2, 9)), {}, ValueError, "padding|smaller shift"),
    ],
)
def test_wrong_arguments(
    images: Any, arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    transforms = [RandomCrop(4), RandomContrast(pivot="gray_mean")]
    if "sums" in arguments or "index" in arguments:
        transforms = [RandomContrast()]
    with pytest.raises(error, match=words):
        Pipeline(transforms)(images, **arguments)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_wrong_device() -> None:
    with pytest.raises(ValueError, match=r"labels must be on the images' device cuda:0, got cpu"):
        Pipeline()(batch().cuda(), IDS)


def test_draws_of_another_pipeline_are_refused() -> None:
    draws = Pipeline([CutMix()]).draw(images=batch())
    with pytest.raises(ValueError, match="same transforms"):
        Pipeline([MixUp()]).replay(batch(), draws, IDS)
    with pytest.raises(ValueError, match=r"rows of draws must be in \[0, 3\), got 5"):
        Pipeline([CutMix()]).replay(batch(3), draws, IDS[:3])


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
    eager = step(Pipeline(transforms, p=0.7), ids)
    torch._dynamo.reset()
    compiled = torch.compile(step, fullgraph=True)(Pipeline(transforms, p=0.7), ids)
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
    compiled = pipeline._compile_for(8, 9, 3)
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
    with pytest.raises(RuntimeError, match="channel_sums: images must be uint8 or float32"):
        torch.ops.warpmix.channel_sums(batch().int(), torch.empty(6, 3, dtype=torch.int64))


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
