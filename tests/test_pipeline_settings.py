"""What a pipeline is made of: read-only settings, replace, targets, the end of mixing."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from test_pipeline import CARD, IDS, batch

from warpmix import (
    CutMix,
    MixUp,
    Normalize,
    Pipeline,
    RandomChoice,
    RandomContrast,
    RandomCropBlackout,
    RandomHorizontalFlip,
    RandomShift,
)
from warpmix.augment.settings import FIELDS

# ---- read-only, and replaced --------------------------------------------------------------------


@pytest.mark.parametrize("name", [*FIELDS, "normalize"])
def test_a_setting_cannot_be_set(name: str) -> None:
    pipeline = Pipeline(CARD, p=0.5, mean=0.5, std=0.25, seed=3)
    before = getattr(pipeline, name)
    remedy = "mean=…, std=" if name == "normalize" else f"{name}="
    with pytest.raises(AttributeError, match=rf"never changes.*pipeline.replace\({remedy}…\)"):
        setattr(pipeline, name, before)
    assert getattr(pipeline, name) == before


CHANGES: list[dict[str, Any]] = [
    {"p": 0.25},
    {"transforms": [RandomShift(0.5), MixUp()]},
    {"dtype": torch.bfloat16},
    {"mean": 0.1, "std": (0.1, 0.2, 0.3)},
    {"transforms": [RandomShift(0.5), Normalize(0.1, 0.2)]},
    {"channels_last": False},
    {"seed": np.uint8(9)},
    {"targets": "onehot", "num_classes": 6, "label_smoothing": 0.1},
]


@pytest.mark.parametrize("changes", CHANGES, ids=lambda changes: ", ".join(changes))
def test_replace_makes_the_pipeline_of_the_changed_arguments(changes: dict[str, Any]) -> None:
    arguments: dict[str, Any] = {"transforms": CARD, "p": 0.5, "mean": 0.5, "std": 0.25, "seed": 3}
    pipeline = Pipeline(**arguments)
    made, _ = pipeline(batch(), IDS)
    replaced = pipeline.replace(**changes)
    if isinstance(changes.get("transforms", [None])[-1], Normalize):
        del arguments["mean"], arguments["std"]
    built = Pipeline(**{**arguments, **changes})
    assert replaced.to_dict() == built.to_dict() != pipeline.to_dict()
    assert int(replaced.samples_seen) == 6  # it goes on where the other one is
    got, want = replaced(batch(), IDS), built(batch(), IDS, ids=IDS + 6)
    assert torch.equal(got[0], want[0]) and got[0].stride() == want[0].stride()
    assert torch.equal(pipeline(batch(), IDS, ids=IDS)[0], made)  # which has not changed


def test_replace_keeps_the_mode_and_a_key_that_was_taken() -> None:
    pipeline = Pipeline(CARD).eval()
    assert not pipeline.replace(p=0.5).training
    assert pipeline.replace(p=0.5).key != pipeline.key
    assert pipeline.replace(p=0.5).key == pipeline.key
    assert pipeline.replace(seed=None).key != pipeline.key


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"meen": 1}, TypeError, "unknown setting 'meen'; did you mean 'mean'?"),
        ({"xyz": 1}, TypeError, "unknown setting 'xyz'; known: transforms, p, mean"),
        ({"p": 2}, ValueError, r"p must be in \[0, 1\], got 2"),
        ({"p": "a"}, TypeError, "p must be a number, got str"),
        ({"seed": 1.5}, TypeError, "seed must be an int, got float"),
        ({"seed": True}, TypeError, "seed must be an int, got bool"),
        ({"targets": "dense"}, ValueError, "targets must be 'pairs' or 'onehot', got 'dense'"),
        ({"targets": "onehot"}, ValueError, "num_classes must be given with targets='onehot'"),
        ({"num_classes": 10}, ValueError, "must be left out unless targets is 'onehot'"),
        ({"label_smoothing": 0.1}, ValueError, "must be left out unless targets is 'onehot'"),
        ({"label_smoothing": 2.0}, ValueError, r"label_smoothing must be in \[0, 1\]"),
        ({"targets": "onehot", "num_classes": 0}, ValueError, "num_classes must be at least 1"),
        ({"targets": "onehot", "num_classes": 2.0}, TypeError, "num_classes must be an int"),
    ],
)
def test_replace_refuses_what_a_pipeline_refuses(
    changes: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        Pipeline(CARD).replace(**changes)


# ---- state ------------------------------------------------------------------------------------


def test_a_pipeline_adds_no_key_to_a_checkpoint() -> None:
    """A model that has one since yesterday loads what it stored the day before, strictly."""
    older = torch.nn.Sequential(torch.nn.Identity(), torch.nn.Linear(3, 2))
    newer = torch.nn.Sequential(Pipeline(CARD), torch.nn.Linear(3, 2))
    newer[0](batch(), IDS)
    assert newer.state_dict().keys() == older.state_dict().keys()
    newer.load_state_dict(older.state_dict(), strict=True)
    assert int(newer[0].samples_seen) == 6


@pytest.mark.parametrize("make", [copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))])
def test_a_copy_goes_on_as_the_original(make: Any) -> None:
    pipeline = Pipeline(CARD, p=0.5, targets="onehot", num_classes=6)
    pipeline(batch(), IDS)
    copied = make(pipeline)
    assert copied.to_dict() == pipeline.to_dict()
    for got, want in zip(copied(batch(), IDS), pipeline(batch(), IDS), strict=True):
        assert torch.equal(got, want)


def test_the_count_moves_with_the_images_even_in_inference_mode() -> None:
    """A buffer that is moved in that mode must still be counted on afterwards.

    The other device is meta, whose images a call refuses.
    """
    pipeline, device = Pipeline(CARD), torch.device("meta")
    with torch.inference_mode():
        assert pipeline._counted(5, device).device == device
    assert pipeline.samples_seen.device == device
    assert pipeline._counted(5, device).shape == (5,)


# ---- one-hot targets --------------------------------------------------------------------------


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("transforms", [CARD, [RandomContrast(), RandomShift(), MixUp()]])
def test_onehot_targets_are_those_of_the_pairs(transforms: list[Any], training: bool) -> None:
    pairs = Pipeline(transforms, seed=3).train(training)
    dense = pairs.replace(targets="onehot", num_classes=np.int32(7), label_smoothing=0.1)
    made, targets = pairs(batch(), IDS, ids=IDS)
    got, rows = dense(batch(), IDS, ids=IDS)
    assert torch.equal(got, made) and torch.equal(rows, targets.to_onehot(7, 0.1))
    assert rows.shape == (6, 7) and rows.dtype == torch.float32
    draws = dense.draw(IDS, images=batch())
    assert torch.equal(dense.replay(batch(), draws, IDS)[1], rows)
    of_one = dense(batch()[2], 2, ids=2)[1]
    assert torch.equal(of_one, dense(batch()[2:3], IDS[2:3], ids=IDS[2:3])[1][0])


# ---- the end of mixing ------------------------------------------------------------------------


@pytest.mark.parametrize("mix", [CutMix(p=0.5), RandomChoice([MixUp(), CutMix(), RandomShift()])])
@pytest.mark.parametrize("tail", [[], [RandomContrast((1, 3))]])
def test_without_mixing_what_was_not_mixed_keeps_its_bytes(mix: Any, tail: list[Any]) -> None:
    listed = [RandomHorizontalFlip(), RandomShift(0.3), mix, RandomCropBlackout(), *tail]
    images, ids = batch(64), torch.arange(64)
    pipeline = Pipeline(listed, p=0.9, seed=3)
    later = pipeline.without_mixing()
    made, _ = pipeline(images, ids, ids=ids, epoch=4)
    still = later(images, ids=ids, epoch=4)  # no labels are needed any more
    drawn = pipeline.draw(ids, images=images, epoch=4).named()
    mixed = sum(d.on.int() for d in drawn if "partner" in d.values) > 0
    assert 10 < int(mixed.sum()) < 54
    assert torch.equal(made[~mixed], still[~mixed])
    assert not torch.equal(made[mixed], still[mixed])
    others = [d for d in drawn if "partner" not in d.values]
    kept = later.draw(ids, images=images, epoch=4).named()
    assert [d.transform for d in kept] == [d.transform for d in others]
    for d, other in zip(kept, others, strict=True):
        assert torch.equal(d.on, other.on)
        assert all(torch.equal(v[d.on], other[n][d.on]) for n, v in d.values.items())


def test_a_pipeline_without_a_mix_is_the_same_without_mixing() -> None:
    pipeline = Pipeline([RandomShift(0.5)], seed=3)
    assert pipeline.without_mixing().to_dict() == pipeline.to_dict()
