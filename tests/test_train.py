"""Whole training runs, on images small enough for a run to take a second."""

from __future__ import annotations

import csv
import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from warpmix import predictions
from warpmix.data import load
from warpmix.train import (
    Callback,
    TrainConfig,
    Trainer,
    fit,
    load_config,
    load_model,
    predict,
)
from warpmix.train.checkpoint import load_checkpoint
from warpmix.train.run_folder import RUN_FILES

MakeConfig = Callable[..., TrainConfig]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 8x8 images in three classes that differ in their brightest quarter."""
    root = tmp_path_factory.mktemp("images")
    noise = np.random.default_rng(0)
    for split, per_class in (("train", 40), ("test", 20)):
        for label, name in enumerate(("left", "right", "below")):
            folder = root / split / name
            folder.mkdir(parents=True)
            for i in range(per_class):
                pixels = noise.integers(0, 120, (8, 8, 3))
                row, column = ((0, 0), (0, 4), (4, 2))[label]
                pixels[row : row + 4, column : column + 4] += 100
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{i}.png")
    return root


@pytest.fixture
def settings(images: Path) -> MakeConfig:
    """Makes a configuration of a short run on the images."""

    def make(**changes: Any) -> TrainConfig:
        defaults = {"epochs": 3, "batch_size": 32, "lr": 0.02, "threads": 1, "device": "cpu"}
        defaults |= {"opt": "sgd", "sched": "cosine"}
        return TrainConfig(data=str(images), **{**defaults, **changes})

    return make


class Calls(Callback):
    """Keeps what was called, in order."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def on_fit_start(self, trainer: Trainer) -> None:
        self.names.append("start")

    def on_step_end(self, trainer: Trainer) -> None:
        self.names.append("step")

    def on_epoch_end(self, trainer: Trainer) -> None:
        self.names.append(f"epoch {len(trainer.history)}")


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "history.csv").open() as file:
        return list(csv.DictReader(file))


# ---- a run and what it leaves -------------------------------------------------------------------


def test_a_run_learns_and_leaves_everything_in_its_folder(
    settings: MakeConfig, tmp_path: Path
) -> None:
    config = settings(epochs=12, augment="warsaw-shift")
    result = fit(config, tmp_path / "run")
    assert result.test_accuracy > 0.9
    assert result.ended == "epochs"
    assert {path.name for path in (tmp_path / "run").iterdir()} == RUN_FILES
    assert load_config(tmp_path / "run" / "config.json") == config
    assert [row["epoch"] for row in rows(tmp_path / "run")] == [str(i) for i in range(1, 13)]

    test = predictions.load(tmp_path / "run" / "predictions.safetensors")
    validation = predictions.load(tmp_path / "run" / "predictions-val.safetensors")
    assert (test.accuracy, validation.accuracy) == (
        result.test_accuracy,
        result.validation_accuracy,
    )
    assert (test.split, validation.split) == ("test", "val")
    assert test.classes == ("below", "left", "right")


def test_a_run_without_a_folder_is_the_same_run(settings: MakeConfig, tmp_path: Path) -> None:
    stored, unstored = fit(settings(), tmp_path / "run"), fit(settings())
    assert unstored.folder is None
    for name, tensor in unstored.model.state_dict().items():
        assert torch.equal(tensor, stored.model.state_dict()[name])


def test_seeds_give_different_models_on_the_same_split(
    settings: MakeConfig, tmp_path: Path
) -> None:
    for seed in (0, 1):
        fit(settings(seed=seed, epochs=1), tmp_path / f"{seed}")
    first, second = (
        predictions.load(tmp_path / seed / "predictions-val.safetensors") for seed in "01"
    )
    assert torch.equal(first.labels, second.labels)
    assert not torch.equal(first.predictions, second.predictions)


def test_without_validation_images_the_last_weights_count(
    settings: MakeConfig, tmp_path: Path
) -> None:
    result = fit(settings(validation=0), tmp_path / "run")
    assert (result.best_epoch, result.validation_accuracy) == (3, None)
    assert not (tmp_path / "run" / "predictions-val.safetensors").exists()
    assert rows(tmp_path / "run")[0]["validation_loss"] == ""


@pytest.mark.parametrize(("expand", "steps"), [(0.0, 3), (0.5, 5), (2.0, 9)])
def test_append_mode_has_longer_epochs(settings: MakeConfig, expand: float, steps: int) -> None:
    calls = Calls()
    fit(settings(epochs=1, expand=expand), callbacks=[calls])
    assert calls.names == ["start", *["step"] * steps, "epoch 1"]


@pytest.mark.parametrize(
    "changes",
    [
        {"precision": "bf16-mixed"},
        {"opt": "adam", "head": "dense", "dropout": 0.2, "lr": 0.001},
        {"opt": "adamw", "weight_decay": 0.1, "label_smoothing": 0.1, "lr": 0.001},
        {"nesterov": True, "channels_last": False, "sched": "onecycle"},
        {"frozen": True, "augment": "warsaw-all", "expand": 0.5},
        {"mean": (0.5, 0.5, 0.5), "std": (0.2, 0.2, 0.2), "warmup_epochs": 1.0},
        {"model": "resnet18", "batch_size": 95},  # of 96: batch norm cannot train on the last one
    ],
)
def test_every_setting_trains(settings: MakeConfig, changes: dict[str, Any]) -> None:
    result = fit(settings(epochs=2, **changes))
    assert len(result.history) == 2
    assert all(np.isfinite(record.train_loss) for record in result.history)


def test_the_training_loss_is_the_mean_over_all_images(settings: MakeConfig) -> None:
    """Of 96 images, in batches that differ in size, by weights that do not move."""
    odd, whole = (
        fit(settings(epochs=1, batch_size=size, lr=1e-30, sched="constant")).history[0].train_loss
        for size in (64, 96)
    )
    assert odd == pytest.approx(whole, rel=1e-6)


# ---- normalisation ------------------------------------------------------------------------------


def test_images_are_normalised_by_their_own_mean_unless_the_weights_are_pretrained(
    settings: MakeConfig, tmp_path: Path
) -> None:
    own = fit(settings(epochs=1), tmp_path / "own")
    kept = own.spec.mean
    assert all(0.2 < mean < 0.4 for mean in kept)
    again = fit(settings(epochs=1, weights=str(tmp_path / "own" / "model.safetensors")))
    assert again.spec.mean == (0.485, 0.456, 0.406)
    given = fit(settings(epochs=1, mean=(0.1,) * 3, std=(0.2,) * 3))
    assert (given.spec.mean, given.spec.std) == ((0.1,) * 3, (0.2,) * 3)


def test_a_mean_of_other_channels_is_refused(settings: MakeConfig) -> None:
    with pytest.raises(ValueError, match=r"one value for each of the 3 channels .* got 1"):
        fit(settings(mean=(0.5,), std=(0.2,)))


# ---- early stopping and best weights ------------------------------------------------------------


def test_early_stopping_ends_the_run(settings: MakeConfig) -> None:
    result = fit(settings(epochs=50, patience=2, min_delta=1.0))
    assert (len(result.history), result.ended) == (3, "early stopping")


@pytest.mark.parametrize("monitor", ["accuracy", "loss"])
def test_the_best_weights_are_restored(settings: MakeConfig, tmp_path: Path, monitor: str) -> None:
    config = settings(epochs=6, lr=0.1, sched="constant", monitor=monitor)
    result = fit(config, tmp_path / "run")
    if monitor == "accuracy":
        figures = [record.validation_accuracy for record in result.history]
        best = figures.index(max(figures)) + 1
        assert result.validation_accuracy == pytest.approx(max(figures), abs=1e-6)
    else:
        figures = [record.validation_loss for record in result.history]
        best = figures.index(min(figures)) + 1
    assert result.best_epoch == best
    state = load_checkpoint(tmp_path / "run" / "checkpoint.safetensors", result.spec)
    stored = load_file(tmp_path / "run" / "model.safetensors")
    for name, tensor in result.model.state_dict().items():
        assert torch.equal(tensor, stored[name])
        assert torch.equal(tensor, state["best_weights"][name])


def test_divergence_in_the_first_epoch_is_refused_in_words(
    settings: MakeConfig, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"diverged in epoch 1: the loss became .* an lr below 1e"):
        fit(settings(lr=1e20, sched="constant"), tmp_path / "run")
    fit(settings(), tmp_path / "run")  # nothing is in the way of another try


def test_divergence_in_the_first_epoch_can_end_with_the_first_weights(
    settings: MakeConfig, tmp_path: Path
) -> None:
    config = settings(lr=1e20, sched="constant", on_divergence="first-weights")
    result = fit(config, tmp_path / "run")
    assert (result.ended, result.best_epoch, len(result.history)) == ("diverged", 0, 1)
    begun = fit(
        settings(lr=1e-30, sched="constant", epochs=1)
    )  # whose steps change next to nothing
    for name, tensor in begun.model.state_dict().items():
        torch.testing.assert_close(result.model.state_dict()[name], tensor, rtol=0, atol=1e-25)
    assert result.test_accuracy == begun.test_accuracy
    assert fit(config, tmp_path / "run", resume=True).test_accuracy == result.test_accuracy


def test_divergence_later_keeps_the_best_weights(settings: MakeConfig) -> None:
    result = fit(settings(epochs=9, lr=0.01, sched="constant", switch_epoch=2, switch_lr=1e20))
    assert result.ended == "diverged"
    assert len(result.history) == 3
    assert result.best_epoch < 3
    assert all(torch.isfinite(tensor).all() for tensor in result.model.state_dict().values())


# ---- resuming -----------------------------------------------------------------------------------


class Interrupt(Callback):
    """Stops a run as Ctrl-C does, after so many optimiser steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def on_step_end(self, trainer: Trainer) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("steps", [2, 9])  # in the first epoch, in a later one
@pytest.mark.parametrize(
    "changes",
    [
        {"augment": "warsaw-all", "sched": "onecycle"},
        {"augment": "warsaw-all", "opt": "adam", "lr": 0.001, "head": "dense", "dropout": 0.3},
        {
            "augment": "warsaw-cutmix",
            "expand": 0.5,
            "opt": "adamw",
            "lr": 0.001,
            "model": "vgg3_bn",
        },
    ],
)
def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(
    settings: MakeConfig, tmp_path: Path, changes: dict[str, Any], steps: int
) -> None:
    config = settings(epochs=4, **changes)
    whole = fit(config, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        fit(config, tmp_path / "killed", callbacks=[Interrupt(steps)])
    (tmp_path / "killed" / ".checkpoint.0123abcd.safetensors").touch()  # a kill while writing
    resumed = fit(config, tmp_path / "killed", resume=True)
    assert {path.name for path in (tmp_path / "killed").iterdir()} == RUN_FILES

    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, resumed.model.state_dict()[name]), name
    assert resumed.test_accuracy == whole.test_accuracy
    for one, other in zip(rows(tmp_path / "whole"), rows(tmp_path / "killed"), strict=True):
        assert {**one, "seconds": ""} == {**other, "seconds": ""}
    checkpoints = [
        load_file(tmp_path / run / "checkpoint.safetensors") for run in ("whole", "killed")
    ]
    assert checkpoints[0].keys() == checkpoints[1].keys()
    assert all(torch.equal(checkpoints[0][key], checkpoints[1][key]) for key in checkpoints[0])


def test_a_finished_run_goes_on_when_given_more_epochs(
    settings: MakeConfig, tmp_path: Path
) -> None:
    fit(settings(sched="constant"), tmp_path / "run")
    longer = fit(settings(sched="constant", epochs=5), tmp_path / "run", resume=True)
    assert len(longer.history) == 5
    straight = fit(settings(sched="constant", epochs=5))
    for name, tensor in straight.model.state_dict().items():
        assert torch.equal(tensor, longer.model.state_dict()[name])


@pytest.mark.parametrize("changes", [{}, {"schedule_epochs": 3}])
def test_more_epochs_say_what_they_do_to_the_schedule(
    settings: MakeConfig,
    tmp_path: Path,
    changes: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    first = fit(settings(), tmp_path / "run")
    longer = fit(settings(epochs=5, **changes), tmp_path / "run", resume=True)
    before, after = first.history[-1].lr, longer.history[3].lr
    if changes:
        assert not caplog.records
        assert after == before == longer.history[4].lr
    else:
        (record,) = caplog.records
        assert (
            f"the learning rate goes from {before:.2g} at the end of epoch 3 to" in record.message
        )
        assert after < 0.02 and after > 2 * before
    fit(settings(epochs=5, **changes), tmp_path / "run", resume=True)
    assert len(caplog.records) == (0 if changes else 1)  # said once


def test_resuming_a_finished_run_trains_nothing(settings: MakeConfig, tmp_path: Path) -> None:
    first = fit(settings(), tmp_path / "run")
    calls = Calls()
    again = fit(settings(), tmp_path / "run", resume=True, callbacks=[calls])
    assert calls.names == ["start"]
    assert again.test_accuracy == first.test_accuracy


def test_folders_that_do_not_fit_are_refused(settings: MakeConfig, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.raises(FileNotFoundError, match=r"holds no run: there is no config\.json in it"):
        fit(settings(), run, resume=True)
    assert not run.exists()
    with pytest.raises(ValueError, match="resume needs the folder"):
        fit(settings(), resume=True)
    fit(settings(epochs=1), run)
    with pytest.raises(ValueError, match="holds a run already; choose another --out"):
        fit(settings(epochs=1), run)
    with pytest.raises(ValueError, match=r"of other settings: lr 0\.02, not 0\.5\. A resumed run"):
        fit(settings(epochs=1, lr=0.5), run, resume=True)


def test_a_full_disk_leaves_the_last_checkpoint(
    settings: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(self: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    fit(settings(sched="constant", epochs=1), tmp_path)
    checkpoint = (tmp_path / "checkpoint.safetensors").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.write_bytes", write)
        with pytest.raises(OSError, match="No space left"):
            fit(settings(sched="constant"), tmp_path, resume=True)
    assert {path.name for path in tmp_path.iterdir()} == RUN_FILES
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == checkpoint
    assert len(fit(settings(sched="constant"), tmp_path, resume=True).history) == 3


def test_a_checkpoint_of_another_model_is_refused(settings: MakeConfig, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    fit(settings(epochs=1), one)
    fit(settings(epochs=1, model="vgg3_bn"), other)
    (one / "checkpoint.safetensors").write_bytes((other / "checkpoint.safetensors").read_bytes())
    with pytest.raises(ValueError, match="another model: model 'vgg3_bn', not 'vgg3'"):
        fit(settings(epochs=1), one, resume=True)


# ---- callbacks ----------------------------------------------------------------------------------


def test_the_documented_callback_runs(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[1] / "docs" / "training.md").read_text("utf-8")
    (example,) = (part for part in page.split("```python\n") if "(Callback)" in part)
    exec(example.partition("```")[0], {})
    # rich before 14 ends a table with an empty line.
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line]
    epochs, accuracies, distances = zip(*lines, strict=True)
    assert epochs == ("1", "2", "3")
    assert all(0 <= float(accuracy) <= 1 for accuracy in accuracies)
    assert 0 < float(distances[0]) < float(distances[-1])


# ---- prediction ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    fit(TrainConfig(data=str(images), epochs=2, batch_size=32, device="cpu"), folder)
    return folder


def test_predictions_of_a_run_are_those_it_stored(run: Path, images: Path) -> None:
    stored = predictions.load(run / "predictions.safetensors").predictions
    dataset = load(images, "test")
    assert torch.equal(predict(run, dataset), stored)
    assert torch.equal(predict(run / "model.safetensors", dataset), stored)
    assert torch.equal(predict(run / "checkpoint.safetensors", dataset), stored)


def test_an_unfinished_run_has_no_model_yet(run: Path, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.safetensors").write_bytes((run / "checkpoint.safetensors").read_bytes())
    with pytest.raises(FileNotFoundError, match="the run has not finished; continue it with"):
        load_model(tmp_path)


def test_images_that_the_model_was_not_trained_for_are_refused(run: Path, images: Path) -> None:
    with pytest.raises(ValueError, match=r"the classes of .*: below, left, right; got 0, 1"):
        predict(run, load("digits", "test"))
    with pytest.raises(ValueError, match=r"images of 8x8 pixels .* got 12x12 .*image_size=8"):
        predict(run, load(images, "test", image_size=12))


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_what_needs_a_gpu_says_so(run: Path, images: Path) -> None:
    dataset = load(images, "test")
    with pytest.raises(ValueError, match="device must be cpu or auto on this machine"):
        predict(run, dataset, device="cuda")
    with pytest.raises(ValueError, match="16-mixed needs a CUDA device; use bf16-mixed"):
        predict(run, dataset, precision="16-mixed")
