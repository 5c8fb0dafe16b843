"""Runs that train as one batched model, against the same runs one after another."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from scipy import stats

from warpmix import models, predictions
from warpmix.augment import Targets
from warpmix.data import Loader
from warpmix.train import (
    Callback,
    TrainConfig,
    Trainer,
    TrainResult,
    fit,
    fit_together,
    is_faster_together,
    load_config,
    why_not_together,
)
from warpmix.train.features import FeatureLoader

# Batched products add up in another order than single ones. In float32 that decides now and then
# which of two almost equal numbers a pooling passes on, whose gradient then differs by as much as
# itself. The runs are compared in float64, where it was seen in none; logits are kept in float32. A
# model with another order, augmentation or dropout differs by more than 0.01 from its first epoch.
LOSS = 1e-6
WEIGHTS = {"atol": 1e-8, "rtol": 1e-8}  # of the last epoch


def settings(**changes: Any) -> TrainConfig:
    defaults = {"epochs": 3, "batch_size": 64, "lr": 0.02, "threads": 1, "device": "cpu"}
    defaults |= {"opt": "sgd", "sched": "cosine"}
    network = {} if "model" in changes else {"width": 8}
    return TrainConfig(**{"data": "digits", **defaults, **network, **changes})


def seeds(count: int, **changes: Any) -> list[TrainConfig]:
    return [settings(seed=seed, **changes) for seed in range(count)]


def trained(
    configs: Sequence[TrainConfig], folders: Sequence[Path] | None = None, **options: Any
) -> list[TrainResult]:
    results = []
    for result in fit_together(configs, folders, **options):
        assert isinstance(result, TrainResult)
        results.append(result)
    return results


@pytest.fixture(autouse=True)
def in_float64(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Networks and batches of the test are float64."""

    def widen(loader: type[Any]) -> None:
        batches = loader.__iter__

        def wide(own: Any) -> Iterator[tuple[torch.Tensor, Targets]]:
            return ((batch.double(), targets) for batch, targets in batches(own))

        monkeypatch.setattr(loader, "__iter__", wide)

    widen(Loader)
    widen(FeatureLoader)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def assert_same_run(one: TrainResult, other: TrainResult) -> None:
    """But for rounding."""
    assert (one.ended, one.best_epoch) == (other.ended, other.best_epoch)
    assert len(one.history) == len(other.history)
    for mine, theirs in zip(one.history, other.history, strict=True):
        assert (mine.epoch, mine.lr) == (theirs.epoch, theirs.lr)
        assert mine.train_loss == pytest.approx(theirs.train_loss, abs=LOSS)
        assert mine.validation_loss == pytest.approx(theirs.validation_loss, abs=LOSS)
    theirs_state = other.model.state_dict()
    for name, tensor in one.model.state_dict().items():
        torch.testing.assert_close(tensor, theirs_state[name], **WEIGHTS, msg=name)


# ---- the same runs ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"augment": "warsaw-all", "nesterov": True},
        {"head": "dense", "dropout": 0.3, "block_dropout": 0.2, "opt": "adam", "lr": 0.001},
        {"model": "vgg3_bn", "l1": 1e-4, "l2": 1e-3, "clip_grad": 1.0, "lr": 0.002},
        {"opt": "adagrad", "switch_epoch": 1, "switch_opt": "nadam", "switch_lr": 0.001},
        {"block_dropout": 0.2, "channels_last": False, "label_smoothing": 0.1, "expand": 0.5},
        {"model": "cnn3", "block_dropout": 0.3, "opt": "rmsprop", "lr": 0.0005},
        {"head": [24], "dropout_at": "both", "dropout": 0.2, "init": "he_truncated"}
        | {"batch_norm": "after", "bn_eps": 0.001, "bn_momentum": 0.01}
        | {"activation": "leaky_relu", "negative_slope": 0.3},
        {"head": [24], "feature_norm": True, "lr": 0.1},
        {"model": "mlp_s", "opt": "adamw", "weight_decay": 0.1, "lr": 0.001},
        {"opt": "adam", "opt_style": "keras", "lr": 0.001, "l2": 1e-3, "monitor": "total_loss"},
        {"model": "baseline1", "activation": "leaky_relu", "batch_norm": "after"},
    ],
)
def test_each_run_is_the_one_that_fit_makes(changes: dict[str, Any]) -> None:
    """First weights, order, augmentation, dropout and steps: epochs agree one by one."""
    configs = seeds(2, **changes)
    for config, result in zip(configs, trained(configs), strict=True):
        assert_same_run(result, fit(config))


def test_runs_may_differ_in_rates_penalties_and_patience() -> None:
    configs = [
        settings(head="dense", lr=0.01, epochs=6, patience=1, min_delta=0.5),
        settings(head="dense", lr=0.02, dropout=0.4, l2=0.01, seed=1, epochs=4, sched="constant"),
        settings(head="dense", weight_decay=0.1, momentum=0.0, init="glorot", monitor="loss"),
    ]
    results = trained(configs)
    assert [len(result.history) for result in results] == [2, 4, 3]
    assert results[0].ended == "early stopping"
    for config, result in zip(configs, results, strict=True):
        assert_same_run(result, fit(config))


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("weights") / "vgg3.pth"
    torch.manual_seed(0)
    network = models.create("vgg3", 10, image_size=8, in_channels=1, options={"width": 8})
    torch.save(network.state_dict(), file)
    return str(file)


def test_heads_train_on_features_that_are_computed_once(
    pretrained: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    configs = seeds(3, weights=pretrained, frozen=True, head="dense", dropout=0.2)
    alone = [fit(config) for config in configs]
    seen: list[int] = []
    forward = torch.nn.Flatten.forward

    def watched(layer: torch.nn.Flatten, images: torch.Tensor) -> torch.Tensor:
        seen.append(0 if images.is_meta else len(images))
        return forward(layer, images)

    monkeypatch.setattr(torch.nn.Flatten, "forward", watched)
    together = trained(configs)
    assert sum(seen) == 1797  # every image of the data set once: training, validation and test
    for one, other in zip(together, alone, strict=True):
        assert_same_run(one, other)
        assert one.test_accuracy == other.test_accuracy


def test_accuracies_are_distributed_as_those_of_single_runs() -> None:
    """Of other seeds, with dropout: the test is blind to which way trained a model."""
    options: dict[str, Any] = {"dropout": 0.2, "epochs": 4}
    single = [float(fit(config).test_accuracy or 0) for config in seeds(8, **options)]
    configs = [settings(seed=seed, **options) for seed in range(8, 16)]
    together = [float(result.test_accuracy or 0) for result in trained(configs)]
    assert stats.ks_2samp(single, together).pvalue > 0.05
    assert min(median(single), median(together)) > 0.5


# ---- folders ------------------------------------------------------------------------------------


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "history.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("opt", ["sgd", "adam", "ftrl"])
def test_a_folder_is_the_one_that_fit_writes(tmp_path: Path, opt: str) -> None:
    configs = seeds(2, opt=opt, lr=0.002, model="vgg3_bn", width=8, epochs=1)
    folders = [tmp_path / "together" / str(config.seed) for config in configs]
    results = trained(configs, folders, checkpoint_seconds=1000)
    for config, folder, result in zip(configs, folders, results, strict=True):
        single = tmp_path / str(config.seed)
        fit(config, single)
        assert {p.name for p in folder.iterdir()} == {p.name for p in single.iterdir()}
        assert load_config(folder / "config.json") == config
        assert [row["lr"] for row in rows(folder)] == [row["lr"] for row in rows(single)]
        for name in ("checkpoint.safetensors", "model.safetensors", "split.safetensors"):
            mine, theirs = load_file(folder / name), load_file(single / name)
            assert mine.keys() == theirs.keys()
            for key, tensor in mine.items():
                assert tensor.dtype == theirs[key].dtype
                torch.testing.assert_close(tensor, theirs[key], **WEIGHTS, msg=key)
        for name in ("predictions.safetensors", "predictions-val.safetensors"):
            stored, expected = predictions.load(folder / name), predictions.load(single / name)
            assert stored.model == expected.model
            torch.testing.assert_close(stored.predictions, expected.predictions, **WEIGHTS)
        assert result.folder == folder
        more = fit(config.model_copy(update={"epochs": 2}), folder, resume=True)
        assert_same_run(more, fit(config.model_copy(update={"epochs": 2}), single, resume=True))


class Interrupt(Callback):
    """Stops as Ctrl-C does, after the given call of ``on_epoch_end`` or ``on_step_end``."""

    def __init__(self, name: str, calls: int) -> None:
        self.left = calls
        setattr(self, name, self._count)

    def _count(self, trainer: Trainer) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize(("where", "calls"), [("on_epoch_end", 4), ("on_step_end", 100)])
def test_a_killed_group_ends_with_the_weights_of_an_undisturbed_one(
    tmp_path: Path, where: str, calls: int
) -> None:
    """After a kill one of the three is an epoch ahead of the others."""
    configs = seeds(3, head="dense", dropout=0.3, opt="adam", lr=0.002, augment="warsaw-shift")
    whole = trained(configs)
    folders = [tmp_path / str(config.seed) for config in configs]
    with pytest.raises(KeyboardInterrupt):
        fit_together(configs, folders, callbacks=[Interrupt(where, calls)])
    if where == "on_epoch_end":
        assert [len(rows(folder)) for folder in folders] == [2, 1, 1]
    resumed = trained(configs, folders, resume=True)
    for one, other in zip(whole, resumed, strict=True):
        for name, tensor in one.model.state_dict().items():
            assert torch.equal(tensor, other.model.state_dict()[name]), name


@pytest.mark.parametrize("head", ["dense", "linear"])
def test_a_run_does_not_depend_on_its_companions(head: str) -> None:
    configs = seeds(5, head=head, dropout=0.2)
    together = trained(configs)
    for some in ([0], [1, 3], [2, 0, 4]):
        for number, result in zip(some, trained([configs[i] for i in some]), strict=True):
            for name, tensor in result.model.state_dict().items():
                assert torch.equal(tensor, together[number].model.state_dict()[name]), name


def test_a_run_that_diverges_ends_alone(tmp_path: Path) -> None:
    configs = [settings(lr=lr, sched="constant") for lr in (0.02, 1e20)]
    first, second = fit_together(configs, [tmp_path / "a", tmp_path / "b"])
    assert isinstance(first, TrainResult)
    assert_same_run(first, fit(configs[0]))
    assert isinstance(second, ValueError)
    assert "diverged in epoch 1: the loss became" in str(second)
    assert not (tmp_path / "b" / "model.safetensors").exists()
    kept = [config.model_copy(update={"on_divergence": "first-weights"}) for config in configs]
    whole, ended = trained(kept)
    assert_same_run(whole, fit(kept[0]))
    alone = fit(kept[1])
    for name, tensor in ended.model.state_dict().items():
        assert torch.equal(tensor, alone.model.state_dict()[name]), name
    assert (ended.ended, ended.best_epoch, len(ended.history)) == ("diverged", 0, 1)


# ---- what cannot --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ([{}, {"batch_size": 32}], "they differ in batch_size"),
        ([{"opt": "adam"}, {}], "they differ in opt"),
        ([{"ema": 0.9}] * 2, "ema is for one model at a time"),
        ([{"model": "resnet18"}] * 2, "resnet18 has layers, or branches"),
        ([{"model": "vit6", "image_size": 8}] * 2, "vit6 has a layer VisionTransformer"),
        ([{"frozen": True}, {"frozen": True, "seed": 1}], "other features for each seed"),
        ([{"frozen": True, "augment": "warsaw-shift"}] * 2, "no features to train on"),
        ([{"frozen": True, "frozen_mode": "train"}] * 2, "no features to train on"),
        ([{"frozen": True}, {"frozen": True, "init": "normal"}], "for each seed and init"),
        ([{"head": "dense"}, {}], "they differ in head"),
        ([{"bn_momentum": 0.01}, {}], "they differ in bn_momentum"),
        ([{"block_dropout": 0.2}, {}], "differ in layers, such as dropout"),
    ],
)
def test_what_cannot_train_together_says_why(
    changes: Sequence[dict[str, Any]], reason: str
) -> None:
    configs = [settings(**change) for change in changes]
    assert reason in str(why_not_together(configs))
    with pytest.raises(ValueError, match=f"cannot train together: .*{reason}.*train each with fit"):
        fit_together(configs)


def test_folders_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    configs = seeds(2)
    for folders in ([tmp_path], [tmp_path, tmp_path]):
        with pytest.raises(ValueError, match="another one for each of the 2 configs"):
            fit_together(configs, folders)
    with pytest.raises(ValueError, match="at least one run, got none"):
        fit_together([])


@pytest.mark.parametrize(
    ("make", "count", "device", "faster"),
    [
        (lambda: settings(frozen=True, weights="a.pth"), 8, "cpu", True),
        (lambda: settings(frozen=True, weights="a.pth"), 1, "cpu", False),
        (lambda: settings(frozen=True, weights="a.pth", augment="cutmix"), 8, "cpu", False),
        (lambda: settings(), 8, "cpu", False),
        (lambda: settings(), 8, "cuda", True),
        (lambda: settings(width=None), 8, "cuda", False),
    ],
)
def test_the_rule_takes_heads_and_on_a_gpu_narrow_networks(
    make: Callable[[], TrainConfig], count: int, device: str, faster: bool
) -> None:
    assert is_faster_together(make(), count, device) is faster
