"""Optimisers, schedules, penalties, averages and splits: each does what its name says."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import noisy_classes
from PIL import Image
from torch import nn

from warpmix import predictions
from warpmix.data import few_shot, k_fold, load
from warpmix.models import create
from warpmix.train import Callback, TrainConfig, Trainer, TrainResult, fit, predict
from warpmix.train.data import split_rows
from warpmix.train.model import load_model, read_tensors
from warpmix.train.optimizer import Penalty, learning_rate, make_optimizer
from warpmix.train.settings import Optimizer

MakeConfig = Callable[..., TrainConfig]

OPTIMIZERS = Optimizer.__args__


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 8x8 images in two classes, dark and light."""
    root = tmp_path_factory.mktemp("images")
    return noisy_classes(root, train=40, test=20, spread=150, dark=0, light=100)


@pytest.fixture
def settings(images: Path) -> MakeConfig:
    def make(**changes: Any) -> TrainConfig:
        defaults = {
            "data": str(images),
            "epochs": 2,
            "batch_size": 16,
            "threads": 1,
            "device": "cpu",
            "model": "cnn3",
            "opt": "sgd",
            "sched": "cosine",
        }
        return TrainConfig(**{**defaults, **changes})

    return make


def weights_of(result: TrainResult) -> torch.Tensor:
    return torch.cat([tensor.flatten() for tensor in result.model.state_dict().values()])


# ---- optimisers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimiser_lowers_the_loss(name: str) -> None:
    """On a convex problem, logistic regression of separable points, so that each must."""
    config = TrainConfig(opt=name, lr=1.0 if name == "adadelta" else 0.02)
    torch.manual_seed(0)
    network = nn.Linear(12, 2)
    optimizer = make_optimizer(network, config)
    batch = torch.randn(64, 12)
    labels = (batch[:, 0] > 0).long()
    losses = []
    for _ in range(60):
        loss = nn.functional.cross_entropy(network(batch), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert type(optimizer).__name__.lower() == name
    assert losses[-1] < 0.8 * losses[0]


def test_the_optimiser_switches_after_its_epoch_and_resumes_as_what_it_is(
    settings: MakeConfig, tmp_path: Path
) -> None:
    config = settings(
        epochs=4, opt="adam", lr=0.002, switch_epoch=2, switch_lr=0.01, sched="constant"
    )
    whole = fit(config, tmp_path / "whole")
    assert [record.lr for record in whole.history] == [0.002, 0.002, 0.01, 0.01]
    for stop in (2, 3):  # right before the switch, and after it
        folder = tmp_path / str(stop)
        with pytest.raises(KeyboardInterrupt):
            fit(config, folder, callbacks=[Interrupt(after_epoch=stop)])
        assert weights_of(fit(config, folder, resume=True)).equal(weights_of(whole))
    assert not weights_of(fit(settings(epochs=4, opt="adam", lr=0.002))).equal(weights_of(whole))


class Interrupt(Callback):
    """Stops a run as Ctrl-C does, between two epochs."""

    def __init__(self, after_epoch: int) -> None:
        self.after_epoch = after_epoch

    def on_epoch_end(self, trainer: Trainer) -> None:
        if len(trainer.history) == self.after_epoch:
            raise KeyboardInterrupt


def test_biases_of_batch_norm_can_learn_faster() -> None:
    network = create("airbench", 10)
    optimizer = make_optimizer(network, TrainConfig(bias_lr=64.0))
    slow, fast = optimizer.param_groups
    assert (slow["factor"], fast["factor"]) == (1.0, 64.0)
    assert {len(bias) for bias in fast["params"]} == {64, 256} and len(fast["params"]) == 6


# ---- schedules ----------------------------------------------------------------------------------


def test_linear_falls_in_a_straight_line_after_its_warm_up() -> None:
    config = TrainConfig(sched="linear", lr=0.6, epochs=4, warmup_epochs=1)
    rates = [learning_rate(config, step, 2) for step in range(8)]
    assert rates == pytest.approx([0.3, 0.6, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1])


def test_step_is_torchs_step_lr() -> None:
    config = TrainConfig(sched="step", lr=0.4, epochs=5, step_epochs=2, step_factor=0.5)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
    reference = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
    for epoch in range(5):
        expected = optimizer.param_groups[0]["lr"]
        assert [learning_rate(config, epoch * 3 + i, 3) for i in range(3)] == [expected] * 3
        optimizer.step()
        reference.step()


# ---- penalties ----------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["all", "head", "hidden"])
def test_penalties_are_kerass_on_kernels_alone(part: str) -> None:
    network = create("baseline2", 10, head=(64, 32), image_size=8, options={"batch_norm": "before"})
    penalty = Penalty(network, TrainConfig(l1=0.01, l2=0.1, penalty=part))
    kernels = [m.weight for m in network.head if isinstance(m, nn.Linear)]
    assert len(kernels) == 3
    if part == "hidden":
        del kernels[-1]
    if part == "all":
        kernels += [m.weight for m in network.backbone if isinstance(m, nn.Conv2d)]
    expected = sum(0.01 * w.abs().sum() + 0.1 * w.square().sum() for w in kernels)
    torch.testing.assert_close(penalty(), expected)
    assert not Penalty(network, TrainConfig())


def test_a_penalty_on_hidden_layers_needs_some() -> None:
    network = create("baseline2", 10, image_size=8)
    with pytest.raises(
        ValueError, match=r"penalty hidden needs trained kernels .* no hidden layers"
    ):
        Penalty(network, TrainConfig(l1=0.01, penalty="hidden"))
    assert not Penalty(network, TrainConfig(penalty="hidden"))


def test_penalties_shrink_the_weights_they_act_on(settings: MakeConfig) -> None:
    def size(result: TrainResult, part: str) -> float:
        return result.model.get_submodule(part)[-1 if part == "head" else 0].weight.norm().item()

    plain, strong = fit(settings()), fit(settings(l2=1.0, penalty="head"))
    assert size(strong, "head") < 0.5 * size(plain, "head")
    assert size(strong, "backbone") > 0.9 * size(plain, "backbone")


# ---- averages, clipping, compilation ------------------------------------------------------------


class Weights(Callback):
    """Keeps the trained weights, flattened, from before the first step on and after each."""

    def __init__(self, part: str = "") -> None:
        self.part = part
        self.seen: list[torch.Tensor] = []

    def on_fit_start(self, trainer: Trainer) -> None:
        self.on_step_end(trainer)

    def on_step_end(self, trainer: Trainer) -> None:
        weights = trainer.network.get_submodule(self.part).parameters()
        self.seen.append(torch.cat([weight.detach().flatten() for weight in weights]))


def test_the_average_is_the_exponential_one(settings: MakeConfig) -> None:
    head = Weights("head")
    result = fit(settings(epochs=1, ema=0.8), callbacks=[head])
    _, average, *rest = head.seen  # it begins with the weights after the first step
    for weights in rest:
        average = 0.8 * average + 0.2 * weights
    found = torch.cat([weight.detach().flatten() for weight in result.model.head.parameters()])
    torch.testing.assert_close(found, average)
    assert not found.equal(head.seen[-1])


def test_a_clipped_step_is_no_longer_than_the_rate_times_the_norm(settings: MakeConfig) -> None:
    def longest_step(**changes: Any) -> float:
        weights = Weights()
        config = settings(epochs=1, momentum=0, lr=0.5, sched="constant", **changes)
        fit(config, callbacks=[weights])
        return max(float((b - a).norm()) for a, b in itertools.pairwise(weights.seen))

    assert 0 < longest_step(clip_grad=0.01) <= 0.5 * 0.01 * 1.001
    assert longest_step() > 0.5 * 0.01


def test_a_compiled_model_learns_the_same_and_is_stored_as_ever(
    settings: MakeConfig, tmp_path: Path
) -> None:
    plain = fit(settings(model="mlp_s"))
    compiled = fit(settings(model="mlp_s", torchcompile=True), tmp_path / "run")
    assert plain.model.state_dict().keys() == compiled.model.state_dict().keys()
    torch.testing.assert_close(weights_of(plain), weights_of(compiled), rtol=1e-3, atol=1e-4)


def test_airbench_is_whitened_by_the_training_images(settings: MakeConfig) -> None:
    config = settings(
        model="airbench", image_size=12, epochs=1, lr=0.01, bias_lr=64, ema=0.9, tta="flip-shift",
        sched="linear", warmup_epochs=0.2, label_smoothing=0.2, nesterov=True,
    )  # fmt: skip
    result = fit(config)
    first = result.model.backbone[0]
    images = load(config.data, "train", image_size=12)
    pixels = images.subset(split_rows(config, images.labels)["train"]).images
    mean, std = torch.tensor(result.spec.mean), torch.tensor(result.spec.std)
    batch = ((pixels / 255 - mean) / std).permute(0, 3, 1, 2)
    made = first(batch) - first.bias[:, None, None]
    variances = made.permute(0, 2, 3, 1).reshape(-1, 24).square().mean(0)
    torch.testing.assert_close(variances.detach(), torch.ones(24), atol=0.02, rtol=0)


@pytest.mark.parametrize(
    "changes",
    [
        {"ema": 0.9, "clip_grad": 1.0, "tta": "flip"},
        {"l1": 1e-4, "l2": 1e-3, "opt": "nadam", "lr": 0.002, "block_dropout": (0.3,)},
        {"model": "vgg3_bn", "ema": 0.9, "sched": "step", "precision": "bf16-mixed"},
        {"model": "vit6", "opt": "adamw", "lr": 0.001, "head": [512]},
    ],
)
def test_options_resume_exactly(
    settings: MakeConfig, tmp_path: Path, changes: dict[str, Any]
) -> None:
    config = settings(epochs=3, **changes)
    whole = fit(config, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        fit(config, tmp_path / "cut", callbacks=[Interrupt(after_epoch=1)])
    resumed = fit(config, tmp_path / "cut", resume=True)
    assert weights_of(resumed).equal(weights_of(whole))
    assert resumed.test_accuracy == whole.test_accuracy


# ---- cached features ----------------------------------------------------------------------------


class BackbonePasses(Callback):
    """Counts how often the backbone's first layer runs: while epochs run, and in all."""

    def __init__(self) -> None:
        self.total = self.in_epochs = 0

    def on_fit_start(self, trainer: Trainer) -> None:
        first = next(m for m in trainer.network.backbone.modules() if isinstance(m, nn.Conv2d))
        first.register_forward_hook(self.count)

    def count(self, *_: object) -> None:
        self.total += 1

    def on_epoch_end(self, trainer: Trainer) -> None:
        self.in_epochs = self.total


@pytest.mark.parametrize("model", ["resnet18", "cnn3"])
def test_cached_features_train_the_same_head(settings: MakeConfig, model: str) -> None:
    config = settings(epochs=3, model=model, frozen=True, head="dense", dropout=0.2, lr=0.01)
    passes, others = BackbonePasses(), BackbonePasses()
    cached = fit(config, callbacks=[passes])
    assert passes.total == 0  # what is held out is features too
    uncached = fit(config.model_copy(update={"feature_cache": "off"}), callbacks=[others])
    assert others.in_epochs == 3 * (4 + 1)  # steps, and the validation images
    torch.testing.assert_close(weights_of(cached), weights_of(uncached), rtol=1e-4, atol=1e-5)
    for one, other in zip(cached.history, uncached.history, strict=True):
        assert one.validation_accuracy == pytest.approx(other.validation_accuracy, abs=1e-6)


def test_features_are_not_cached_where_images_change(settings: MakeConfig) -> None:
    def passes(**changes: Any) -> int:
        counter = BackbonePasses()
        fit(settings(epochs=1, frozen=True, **changes), callbacks=[counter])
        return counter.in_epochs

    changed = ({"augment": "cifar"}, {"tta": "flip"}, {"unfrozen": 1}, {"expand": 0.5})
    for changes in (*changed, {"frozen_mode": "train"}):
        assert passes(**changes) > 4, changes
    assert passes() == 0


def test_a_model_with_other_constants_and_features_is_built_again(
    settings: MakeConfig, tmp_path: Path
) -> None:
    constants = {"bn_eps": 0.01, "bn_momentum": 0.2, "pooled_features": True}
    config = settings(
        epochs=1, model="mobilenet_v3_small", head=[8], dropout=0.1, dropout_at="both",
        image_size=32, frozen=True, frozen_mode="train", **constants,
    )  # fmt: skip
    result = fit(config, tmp_path / "run")
    network, spec = load_model(tmp_path / "run")
    assert spec.options == constants and (spec.head, spec.dropout_at) == ((8,), "both")
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert {(m.eps, m.momentum) for m in norms} == {(0.01, 0.2)}
    assert network.backbone.classifier.state_dict() == {}
    assert {int(m.num_batches_tracked) for m in norms} == {4}  # its statistics moved
    images = torch.randn(3, spec.channels, 32, 32)
    assert network(images).equal(result.model(images))


# ---- splits -------------------------------------------------------------------------------------


def test_folds_hold_every_row_out_once() -> None:
    labels = torch.arange(53) % 4
    held_out = []
    for fold in range(5):
        kept, out = k_fold(labels, 5, fold, seed=3)
        assert torch.cat([kept, out]).sort().values.equal(torch.arange(53))
        held_out.append(out)
        shares = torch.bincount(labels[out], minlength=4)
        assert shares.max() - shares.min() <= 1
    assert torch.cat(held_out).sort().values.equal(torch.arange(53))
    assert not k_fold(labels, 5, 0, seed=4)[1].equal(held_out[0])
    with pytest.raises(ValueError, match="folds must be at most 13, the rows of the smallest"):
        k_fold(labels, 14, 0, seed=0)


def test_few_shot_is_drawn_from_what_is_not_held_out() -> None:
    labels = torch.arange(100) % 5
    rows = split_rows(TrainConfig(few_shot=3), labels)
    held_out = split_rows(TrainConfig(), labels)
    assert rows["validation"].equal(held_out["validation"])
    assert torch.bincount(labels[rows["train"]]).tolist() == [3] * 5
    assert set(rows["train"].tolist()) <= set(held_out["train"].tolist())
    everything = split_rows(TrainConfig(validation=0, few_shot=3), labels)
    assert everything.keys() == {"train"}
    assert everything["train"].equal(few_shot(labels, 3, 0))
    assert split_rows(TrainConfig(validation=0), labels) == {}


def test_the_split_is_stored_with_the_run_and_checked_on_resume(
    settings: MakeConfig, tmp_path: Path, images: Path
) -> None:
    config = settings(epochs=1, folds=4, fold=1)
    fit(config, tmp_path / "run")
    rows, _ = read_tensors(tmp_path / "run" / "split.safetensors")
    assert {name: len(part) for name, part in rows.items()} == {"train": 60, "validation": 20}
    fit(config, tmp_path / "run", resume=True)
    extra = images / "train" / "dark" / "extra.png"
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(extra)
    try:
        with pytest.raises(ValueError, match=r"a run on other images: its split\.safetensors"):
            fit(config, tmp_path / "run", resume=True)
    finally:
        extra.unlink()


# ---- images enlarged in the launch --------------------------------------------------------------


def test_images_are_enlarged_in_the_launch_for_training_and_testing(
    settings: MakeConfig, tmp_path: Path, images: Path
) -> None:
    result = fit(settings(input_size=20, augment="warsaw-all", epochs=3), tmp_path / "run")
    assert result.model.head[-1].in_features == 40 and result.spec.input_size == (20, 20)
    linear = next(m for m in result.model.backbone if isinstance(m, nn.Linear))
    assert linear.in_features == 128 * 2 * 2  # of 20x20, not of 8x8
    stored = predictions.load(tmp_path / "run" / "predictions.safetensors")
    assert predict(tmp_path / "run", load(images, "test"), device="cpu").equal(stored.predictions)


def test_an_augmentation_to_another_size_is_refused(settings: MakeConfig) -> None:
    crop = [{"RandomResizedCrop": {"size": 16}}]
    with pytest.raises(ValueError, match=r"makes images of 16x16, .* set input_size to 16"):
        fit(settings(augment=crop, input_size=None))
    assert fit(settings(augment=crop, epochs=1)).spec.input_size == (16, 16)
    assert fit(settings(augment=crop, input_size=16, epochs=1)).spec.input_size == (16, 16)


def test_the_data_sets_own_validation_part(
    settings: MakeConfig, images: Path, tmp_path: Path
) -> None:
    shutil.copytree(images, tmp_path / "images")
    shutil.copytree(images / "test", tmp_path / "images" / "val")
    result = fit(settings(data=str(tmp_path / "images"), own_validation=True, epochs=1))
    assert result.validation_accuracy == result.test_accuracy
    with pytest.raises(FileNotFoundError, match="has no part 'val'"):
        fit(settings(own_validation=True))


def test_training_without_labelled_test_images(tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    (tmp_path / "train").mkdir()
    (tmp_path / "test").mkdir()
    rows = ["id,label"]
    for i in range(1, 51):
        pixels = noise.integers(0, 256, (8, 8, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "train" / f"{i}.png")
        Image.fromarray(pixels).save(tmp_path / "test" / f"{i}.png")
        rows.append(f"{i},{('cat', 'dog')[i % 2]}")
    (tmp_path / "trainLabels.csv").write_text("\n".join(rows))
    config = TrainConfig(
        data="kaggle-cifar10", root=tmp_path, model="cnn3", epochs=1, device="cpu", threads=1
    )
    result = fit(config, tmp_path / "run")
    assert result.test_accuracy is None and result.validation_accuracy is not None
    assert not (tmp_path / "run" / "predictions.safetensors").exists()
