"""One call of a pipeline: images in any memory format, labels, one image, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from test_pipeline import CARD, IDS, batch
from torch import Tensor

import warpmix
from warpmix import (
    CutMix,
    MixUp,
    Pipeline,
    RandAugment,
    RandomChoice,
    RandomContrast,
    RandomCrop,
    RandomErasing,
    RandomShift,
)
from warpmix.augment import launches

# ---- images, labels, and what comes back ------------------------------------------------------


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


@pytest.mark.parametrize("together", [1, 3])
def test_parts_of_a_batch_that_go_through_the_launches_together_do_not_show(
    together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    transforms = [RandomErasing(1.0), RandomContrast(), RandAugment(2), RandomShift()]
    pipeline = Pipeline(transforms, seed=3)
    images, index = batch(), torch.tensor([3, 0, 0, 5, 2, 1, 4])
    labels = torch.arange(len(images))
    made = [
        pipeline(images, labels, ids=IDS),
        pipeline(images, labels, index=index),
        pipeline.replay(images, pipeline.draw(index, images=images, index=index), labels),
    ]
    height, width, threads = *images.shape[2:], torch.get_num_threads()
    monkeypatch.setattr(launches, "_CACHED_BYTES", together * 4 * height * width * 3)
    calls: list[int] = []
    augment = warpmix.ops.augment
    monkeypatch.setattr(
        warpmix.ops, "augment", lambda x, **o: calls.append(len(o["out"])) or augment(x, **o)
    )
    in_parts = [
        pipeline(images, labels, ids=IDS),
        pipeline(images, labels, index=index),
        pipeline.replay(images, pipeline.draw(index, images=images, index=index), labels),
    ]
    assert max(calls) <= together * threads and sum(calls) > 2 * len(images)
    for (whole, targets), (parted, theirs) in zip(made, in_parts, strict=True):
        assert torch.equal(whole, parted)
        assert torch.equal(targets.y_a, theirs.y_a) and torch.equal(targets.y_b, theirs.y_b)
        assert torch.equal(targets.lam, theirs.lam)


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
    with pytest.raises(ValueError, match=r"(CutMix|MixUp) mixes.*labels=torch.arange\(N\)"):
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


# ---- errors -----------------------------------------------------------------------------------


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
    ],
)
def test_wrong_arguments(
    images: Any, arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    transforms = [RandomCrop(None, 4), RandomContrast(pivot="gray_mean")]
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
    with pytest.raises(ValueError, match="images must be the 6 that the draws were drawn for"):
        Pipeline([CutMix()]).replay(batch(3), draws, IDS[:3])


def test_no_rows_make_an_empty_batch() -> None:
    none = torch.arange(0)
    pipeline = Pipeline([RandomShift(0.2), CutMix()])
    made, targets = pipeline(batch(), torch.arange(len(batch())), index=none, ids=none)
    assert made.shape == (0, *batch().shape[1:])
    assert all(part.shape == (0,) for part in targets)
