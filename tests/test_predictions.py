"""Prediction files: round trips, NumPy's files, and files that must not vote together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from warpmix.predictions import ReadOptions, load, load_many, save

CLASSES = ("ant", "bee", "cat")


def probabilities(seed: int = 0, samples: int = 7) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(samples, 3, generator=generator).softmax(1)


LABELS = torch.tensor([0, 1, 2, 0, 1, 2, 2])


def save_member(path: Path, seed: int = 0, **changes: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    contents: dict[str, Any] = {
        "predictions": probabilities(seed),
        "labels": LABELS,
        "model": f"model {seed}",
        "dataset": "insects",
        "split": "test",
        "classes": CLASSES,
        **changes,
    }
    save(path, contents.pop("predictions"), contents.pop("labels"), **contents)
    return path


# ---- one file -----------------------------------------------------------------------------------


def test_round_trip(tmp_path: Path) -> None:
    stored = load(save_member(tmp_path / "predictions.safetensors"))
    assert stored.predictions.equal(probabilities())
    assert stored.labels is not None and stored.labels.equal(LABELS)
    assert (stored.model, stored.dataset, stored.split) == ("model 0", "insects", "test")
    assert stored.classes == CLASSES and stored.are_probabilities
    assert stored.accuracy == (probabilities().argmax(1) == LABELS).double().mean()
    assert [path.name for path in tmp_path.iterdir()] == ["predictions.safetensors"]


def test_metadata_is_for_other_programs_too(tmp_path: Path) -> None:
    path = save_member(tmp_path / "predictions.safetensors")
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    assert metadata["model"] == "model 0" and json.loads(metadata["classes"]) == list(CLASSES)
    assert float(metadata["accuracy"]) == load(path).accuracy


def test_what_is_unknown_stays_unknown(tmp_path: Path) -> None:
    save(tmp_path / "p.safetensors", probabilities(), model="m")
    stored = load(tmp_path / "p.safetensors")
    assert stored.labels is stored.classes is stored.split is stored.accuracy is None


def test_half_precision_and_gradients_are_stored_as_float32(tmp_path: Path) -> None:
    half = probabilities().to(torch.bfloat16).requires_grad_()
    save(tmp_path / "p.safetensors", half, model="m")
    stored = load(tmp_path / "p.safetensors").predictions
    assert stored.dtype == torch.float32 and stored.equal(half.detach().float())


def test_ties_count_for_the_lowest_class(tmp_path: Path) -> None:
    even = torch.full((2, 2), 0.5)
    save(tmp_path / "p.safetensors", even, torch.tensor([0, 1]), model="m")
    assert load(tmp_path / "p.safetensors").accuracy == 0.5


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"predictions": torch.zeros(7, 3).long()}, TypeError, "must be floating-point, got torch"),
        ({"predictions": probabilities()[0]}, ValueError, r"must be \[N, C\] with C at least 2"),
        ({"predictions": torch.ones(7, 1), "classes": None}, ValueError, "C at least 2"),
        ({"predictions": torch.ones(0, 3), "labels": None}, ValueError, r"got the shape \(0, 3\)"),
        ({"predictions": probabilities() * 2}, ValueError, "torch.softmax"),
        ({"predictions": torch.full((7, 3), torch.nan)}, ValueError, "NaN or infinity for 7 of 7"),
        ({"labels": LABELS[:6]}, ValueError, r"labels must be \[7\]"),
        ({"labels": LABELS.int()}, TypeError, "labels must be torch.int64, got torch.int32"),
        ({"labels": LABELS + 1}, ValueError, r"labels must be in 0\.\.2, got values from 1 to 3"),
        ({"classes": ("ant", "bee")}, ValueError, "got 2 classes and 3 columns"),
    ],
)
def test_save_refuses_and_writes_nothing(
    tmp_path: Path, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        save_member(tmp_path / "p.safetensors", **changes)
    assert not list(tmp_path.iterdir())


def test_numpy_files(tmp_path: Path) -> None:
    logits = np.random.default_rng(0).normal(size=(7, 3))
    np.save(tmp_path / "alexnet.npy", logits)
    np.savez(
        tmp_path / "vgg.npz", anything=logits.astype(np.float16), labels=LABELS.to(torch.uint8)
    )
    plain, labelled = load(tmp_path / "alexnet.npy"), load(tmp_path / "vgg.npz")
    assert (plain.model, labelled.model) == ("alexnet", "vgg")
    assert plain.predictions.equal(torch.from_numpy(logits).float()) and plain.labels is None
    assert not plain.are_probabilities
    assert labelled.labels is not None and labelled.labels.equal(LABELS)


def test_load_refuses_naming_the_file(tmp_path: Path) -> None:
    def refused(name: str, message: str) -> None:
        with pytest.raises(ValueError, match=rf"{name}: .*{message}"):
            load(tmp_path / name)

    np.savez(tmp_path / "two.npz", a=np.zeros((7, 3)), b=np.zeros((7, 3)))
    refused("two.npz", r"one \[N, C\] array.*got a, b.*file of its own")
    np.save(tmp_path / "hard.npy", np.zeros(7, np.uint8))
    refused("hard.npy", r"expected predictions \[N, C\], got \[N\] labels; .*--num-classes")
    np.save(tmp_path / "code.npy", np.array([print], dtype=object))
    refused("code.npy", "it holds .*, and not numbers or text; objects and records are not read")
    np.save(tmp_path / "nan.npy", np.full((7, 3), np.nan))
    refused("nan.npy", "NaN or infinity for 7 of 7 samples, the first is 0")
    save_file({"weight": torch.zeros(2)}, tmp_path / "weights.safetensors")
    refused("weights.safetensors", "not a file of predictions, but of other tensors")
    whole = save_member(tmp_path / "whole.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[:-10])
    refused("cut.safetensors", "")
    for name in ("noise.npz", "noise.npy", "empty.npy", "noise.safetensors"):
        (tmp_path / name).write_bytes(b"" if name == "empty.npy" else b"no predictions")
        refused(name, "")
    (tmp_path / "table.txt").write_text("0.1,0.9")
    refused("table.txt", r"expected the extension .safetensors, .npy, .npz or .csv")
    with pytest.raises(FileNotFoundError, match=r"no prediction file .*absent.npy"):
        load(tmp_path / "absent.npy")


# ---- many files ---------------------------------------------------------------------------------


def test_files_and_folders_in_their_order(tmp_path: Path) -> None:
    for seed, run in enumerate(["runs/b", "runs/a/deep", "other"]):
        save_member(tmp_path / run / "predictions.safetensors", seed)
    save_file({"weight": torch.zeros(2)}, tmp_path / "runs/b/checkpoint.safetensors")
    save_member(tmp_path / "runs/b/predictions-val.safetensors", split="val")
    (tmp_path / "runs/b/.predictions.12ab.safetensors").write_bytes(b"being written")
    stack = load_many([tmp_path / "other/predictions.safetensors", tmp_path / "runs"])
    assert stack.models == ("model 2", "model 1", "model 0")
    assert stack.predictions.equal(torch.stack([probabilities(seed) for seed in (2, 1, 0)]))
    assert stack.labels is not None and stack.labels.equal(LABELS)
    assert stack.classes == CLASSES and not stack.logits
    assert stack.accuracies == tuple(load(path).accuracy for path in stack.paths)


def test_what_one_file_knows_holds_for_all(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", probabilities(1).numpy())
    files = [tmp_path / "a.npy", save_member(tmp_path / "b.safetensors")]
    with pytest.raises(ValueError, match=r"no names of classes and .*: ant, bee, cat.*--classes"):
        load_many(files)
    stack = load_many(files, options=ReadOptions(classes=CLASSES))
    assert stack.labels is not None and stack.labels.equal(LABELS)
    assert stack.classes == CLASSES
    assert stack.accuracies is not None and len(stack.accuracies) == 2
    unlabelled = load_many([tmp_path / "a.npy"])
    assert unlabelled.labels is unlabelled.accuracies is None


def test_samples_are_matched_by_id_where_all_files_know_them(tmp_path: Path) -> None:
    """A third file's order is not taken for that of a file that has no ids."""
    numbers, moved = torch.arange(7), torch.tensor([3, 1, 0, 2, 6, 5, 4])
    plain = save_member(tmp_path / "plain.safetensors")
    counted = save_member(tmp_path / "counted.safetensors", ids=numbers)
    other = save_member(
        tmp_path / "other.safetensors",
        predictions=probabilities()[moved],
        labels=LABELS[moved],
        ids=moved,
    )
    assert load_many([plain, counted]).predictions[1].equal(probabilities())
    stack = load_many([counted, other])
    assert stack.predictions[1].equal(probabilities())
    assert stack.labels is not None and stack.labels.equal(LABELS)
    for files in ([plain, other], [plain, counted, other], [other, counted, plain]):
        with pytest.raises(ValueError, match=r"no ids but row numbers.*--assume-same-order"):
            load_many(files)
    assumed = load_many([plain, counted, other], options=ReadOptions(assume_same_order=True))
    assert assumed.predictions.equal(probabilities().expand(3, 7, 3))


def test_classes_are_matched_by_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = save_member(tmp_path / "first.safetensors")
    second = save_member(
        tmp_path / "second.safetensors",
        predictions=probabilities().flip(1),
        labels=2 - LABELS,
        classes=CLASSES[::-1],
    )
    stack = load_many([first, second])
    assert stack.predictions.equal(probabilities().expand(2, 7, 3))
    assert stack.labels is not None and stack.labels.equal(LABELS) and stack.classes == CLASSES
    assert caplog.messages == [f"{second}: classes were in another order, aligned by name"]
    wanted = load_many([first], options=ReadOptions(classes=CLASSES[::-1]))
    assert wanted.predictions[0].equal(probabilities().flip(1))


def test_ids_are_distinct_and_one_a_sample(tmp_path: Path) -> None:
    for ids, words in (
        ([1] * 7, "must be distinct, got 1 twice"),
        ([1, 2], r"one a sample, \[7\]"),
    ):
        with pytest.raises(ValueError, match=words):
            save_member(tmp_path / "p.safetensors", ids=ids)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"predictions": probabilities(samples=6), "labels": LABELS[:6]},
            "the second: it has 6 samples, not 7",
        ),
        (
            {"predictions": torch.full((7, 4), 0.25), "classes": None},
            "the second: it has 4 classes, not 3",
        ),
        (
            {"classes": ("ant", "bee", "cow")},
            "the second: its classes are ant, bee, cow, not ant, bee, cat",
        ),
        ({"split": "train"}, "split test and train"),
        ({"labels": LABELS.roll(1)}, "labels differ for 6 of 7 images, first for 0"),
    ],
)
def test_files_that_do_not_belong_together(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    first = save_member(tmp_path / "first.safetensors")
    second = save_member(tmp_path / "second.safetensors", **changes)
    message = rf"first.safetensors and .*second.safetensors do not belong together: {reason}"
    with pytest.raises(ValueError, match=message):
        load_many([first, second])


def test_logits_and_probabilities_do_not_mix(tmp_path: Path) -> None:
    first = save_member(tmp_path / "first.safetensors", classes=None)
    np.save(tmp_path / "logits.npy", probabilities().log().numpy())
    with pytest.raises(ValueError, match="kind of predictions probabilities and logits"):
        load_many([first, tmp_path / "logits.npy"])


def test_nothing_to_read_or_twice(tmp_path: Path) -> None:
    path = save_member(tmp_path / "runs" / "predictions.safetensors")
    with pytest.raises(ValueError, match=r"is given twice \(first as .*each model votes once"):
        load_many([path, tmp_path / "runs"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"empty holds no predictions.safetensors; name"):
        load_many([tmp_path / "empty"])
    with pytest.raises(FileNotFoundError, match="at least one file"):
        load_many([])
