"""The update rules, constants and early stopping of ``opt_style: keras`` against Keras's numbers.

They are in oracles/keras_optimizers.json, which names Keras's version and is written by the program
beside it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn, optim

from warpmix.train import Callback, TrainConfig, Trainer, fit
from warpmix.train.checkpoint import load_checkpoint, save_checkpoint
from warpmix.train.history import EarlyStopping
from warpmix.train.model import ModelSpec
from warpmix.train.optimizer import Penalty, make_optimizer
from warpmix.train.optimizer_constants import CONSTANTS
from warpmix.train.settings import Optimizer

KERAS = json.loads((Path(__file__).parent / "oracles" / "keras_optimizers.json").read_text())
OPTIMIZERS = Optimizer.__args__
SPEC = ModelSpec(
    model="mlp_s",
    head=(),
    dropout=0.0,
    classes=("a", "b"),
    image_size=(8, 8),
    channels=1,
    mean=(0.5,),
    std=(0.25,),
)


class Quadratic(nn.Module):
    """The oracle's problem: the gradient is its curvature times the distance from its target."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(KERAS["start"], dtype=dtype))

    def step(self, optimizer: optim.Optimizer, rate: float) -> None:
        dtype = self.weight.dtype
        distance = self.weight.detach() - torch.tensor(KERAS["target"], dtype=dtype)
        self.weight.grad = torch.tensor(KERAS["curvature"], dtype=dtype) * distance
        for group in optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        optimizer.step()


def ten_steps(
    case: dict[str, Any], dtype: torch.dtype
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yields the weights after each step, ours and Keras's."""
    model = Quadratic(dtype)
    optimizer = make_optimizer(model, TrainConfig(opt_style="keras", **case["settings"]))
    for rate, expected in zip(KERAS["rates"], case["weights"], strict=True):
        model.step(optimizer, rate)
        yield model.weight.detach().double(), torch.tensor(expected, dtype=torch.float64)


def label(case: dict[str, Any]) -> str:
    return ",".join(f"{name}={value}" for name, value in case["settings"].items())


# ---- update rules -------------------------------------------------------------------------------


# Ten steps of about ten operations, each rounded; no weight is above 2.
FLOAT64 = 10 * 10 * 2 * 2.0**-53
# TensorFlow has Nadam's 0.96 and Adam's betas in float32: 1 - 0.999 is 1.3e-5 off, its root half of
# that, and a weight moves by at most 10 · 0.05.
FLOAT32 = 10 * 10 * 2.0**-24
NADAM = {"nadam": 2.0**-24}


@pytest.mark.parametrize("case", KERAS["exact"], ids=label)
def test_ten_steps_are_kerass(case: dict[str, Any]) -> None:
    tolerance = NADAM.get(case["settings"]["opt"], FLOAT64)
    for found, expected in ten_steps(case, torch.float64):
        torch.testing.assert_close(found, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("case", KERAS["defaults"] + KERAS["exact"], ids=label)
def test_ten_steps_are_kerass_in_float32_with_its_default_constants(case: dict[str, Any]) -> None:
    for found, expected in ten_steps(case, torch.float32):
        torch.testing.assert_close(found, expected, rtol=FLOAT32, atol=FLOAT32)


def test_there_are_numbers_for_every_optimiser() -> None:
    for part in ("defaults", "exact"):
        assert {case["settings"]["opt"] for case in KERAS[part]} == set(OPTIMIZERS)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_styles_differ_where_they_should(name: str, momentum: float) -> None:
    """With equal constants and without decay."""
    ends = []
    for style in ("torch", "keras"):
        constants = dict(CONSTANTS["keras"].get(name, {}))
        if "eps" in constants:
            constants["eps"] = 1e-3
        if name == "adagrad":
            constants["accumulator"] = 0.0  # beside which no eps is small
        model = Quadratic(torch.float64)
        config = TrainConfig(opt=name, opt_style=style, momentum=momentum, **constants)
        optimizer = make_optimizer(model, config)
        for rate in KERAS["rates"]:
            model.step(optimizer, rate)
        ends.append(model.weight.detach())
    same = {"adadelta", "nadam", "ftrl"} | ({"sgd"} if momentum == 0 else set())
    difference = float((ends[0] - ends[1]).abs().max())
    assert difference < 1e-12 if name in same else difference > 1e-4


# ---- constants ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [
        optim.RMSprop,
        optim.Adagrad,
        optim.Adadelta,
        optim.Adam,
        optim.AdamW,
        optim.Adamax,
        optim.NAdam,
    ],
)
def test_the_constants_of_torch_are_its_defaults(kind: type[optim.Optimizer]) -> None:
    weight = nn.Parameter(torch.zeros(1))
    named = {"alpha": "rho", "initial_accumulator_value": "accumulator"}
    theirs = {named.get(name, name): value for name, value in kind([weight]).defaults.items()}
    if "betas" in theirs:
        theirs["beta1"], theirs["beta2"] = theirs["betas"]
    ours = CONSTANTS["torch"][kind.__name__.lower()]
    assert ours == {name: theirs[name] for name in ours}
    known = {name for constants in CONSTANTS["torch"].values() for name in constants}
    assert ours.keys() == theirs.keys() & known


@pytest.mark.parametrize("style", ["torch", "keras"])
def test_a_given_constant_wins(style: str) -> None:
    config = TrainConfig(opt="nadam", opt_style=style, eps=1e-4, beta1=0.5, momentum_decay=0.1)
    (group,) = make_optimizer(nn.Linear(2, 2), config).param_groups
    assert (group["eps"], group["betas"], group["momentum_decay"]) == (1e-4, (0.5, 0.999), 0.1)


# ---- going on -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_state_from_a_checkpoint_goes_on_bit_for_bit(name: str, tmp_path: Path) -> None:
    config = TrainConfig(opt=name, opt_style="keras", weight_decay=0.1)
    model = Quadratic(torch.float32)
    optimizer = make_optimizer(model, config)
    ends = []
    for rate in KERAS["rates"][:5]:
        model.step(optimizer, rate)
    save_checkpoint(tmp_path / "state", {"optimizer": optimizer.state_dict()}, SPEC)
    resumed = Quadratic(torch.float32)
    resumed.load_state_dict(model.state_dict())
    fresh = make_optimizer(resumed, config)
    fresh.load_state_dict(load_checkpoint(tmp_path / "state", SPEC)["optimizer"])
    for trained, own in ((model, optimizer), (resumed, fresh)):
        for rate in KERAS["rates"][5:]:
            trained.step(own, rate)
        ends.append(trained.weight.detach())
    assert ends[0].equal(ends[1])


def test_a_closure_computes_the_gradients() -> None:
    model = nn.Linear(2, 1)
    nn.init.ones_(model.weight)
    optimizer = make_optimizer(model, TrainConfig(opt="adam", opt_style="keras", lr=0.01))

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = model(torch.ones(1, 2)).square().sum()
        value.backward()
        return value

    first, second = optimizer.step(loss), optimizer.step(loss)
    assert isinstance(first, torch.Tensor) and isinstance(second, torch.Tensor)
    assert second.item() < first.item()


def settings(**changes: Any) -> TrainConfig:
    return TrainConfig(
        **{"data": "digits", "few_shot": 20, "batch_size": 32, "width": 4, "epochs": 3}
        | {"threads": 1, "device": "cpu", "opt_style": "keras", "lr": 0.01}
        | changes
    )


class Interrupt(Callback):
    """Stops a run as Ctrl-C does, after its second epoch."""

    def on_epoch_end(self, trainer: Trainer) -> None:
        if len(trainer.history) == 2:
            raise KeyboardInterrupt


@pytest.mark.parametrize("name", ["sgd", "adam", "nadam", "ftrl"])
def test_a_killed_run_ends_with_the_weights_of_an_undisturbed_one(
    name: str, tmp_path: Path
) -> None:
    config = settings(opt=name, restore="last", l2=1e-3, monitor="total_loss")
    whole = fit(config).model.state_dict()
    with pytest.raises(KeyboardInterrupt):
        fit(config, tmp_path / "run", callbacks=[Interrupt()])
    resumed = fit(config, tmp_path / "run", resume=True).model.state_dict()
    assert all(tensor.equal(resumed[key]) for key, tensor in whole.items())


# ---- early stopping -----------------------------------------------------------------------------


@pytest.mark.parametrize("restore", ["last", "improved"])
def test_early_stopping_is_kerass(restore: str) -> None:
    for course in KERAS["early_stopping"]:
        sign = 1.0 if course["mode"] == "max" else -1.0
        for end in course["ends"]:
            stopping = EarlyStopping(end["patience"], end["min_delta"], restore=restore)
            for epoch, figure in enumerate(course["figures"], start=1):
                stopping.update(epoch, sign * figure)
                if stopping.should_stop(epoch):
                    break
            assert (epoch, stopping.kept_epoch) == (end["epochs"], end[restore]), (course, end)


def test_an_epoch_that_diverged_is_never_restored() -> None:
    for restore in ("best", "last", "improved"):
        stopping = EarlyStopping(restore=restore)
        counts = [stopping.update(epoch, score) for epoch, score in ((1, 0.5), (2, -math.inf))]
        assert counts == [True, False] and stopping.kept_epoch == 1


class Weights(Callback):
    """Keeps the weights after each epoch."""

    def __init__(self) -> None:
        self.seen: list[dict[str, torch.Tensor]] = []

    def on_epoch_end(self, trainer: Trainer) -> None:
        self.seen.append({k: v.clone() for k, v in trainer.network.state_dict().items()})


@pytest.mark.parametrize("restore", ["best", "last", "improved"])
def test_a_run_ends_with_the_weights_that_restore_names(restore: str, tmp_path: Path) -> None:
    """The loss falls in every epoch, in the first ones alone by more than min_delta."""
    weights = Weights()
    config = settings(
        opt="sgd", lr=0.05, epochs=9, monitor="loss", min_delta=0.3, patience=9, restore=restore
    )
    result = fit(config, tmp_path / "run", callbacks=[weights])
    losses = [record.validation_loss for record in result.history]
    reference, improved = math.inf, 0
    for epoch, loss in enumerate(losses, start=1):
        assert loss is not None
        if loss < reference - 0.3:
            reference, improved = loss, epoch
    best = losses.index(min(losses)) + 1
    assert len({best, improved}) == 2
    expected = {"best": best, "last": 9, "improved": improved}[restore]
    assert result.best_epoch == expected
    stored = load_file(tmp_path / "run" / "model.safetensors")
    for name, tensor in weights.seen[expected - 1].items():
        assert tensor.equal(stored[name]) and tensor.equal(result.model.state_dict()[name])


def test_the_total_loss_is_kerass_validation_loss() -> None:
    case = KERAS["validation_loss"]
    kernels = [torch.tensor(w, dtype=torch.float64) for w in case["weights"]]
    model = nn.Sequential()
    model.head = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)).double()
    with torch.no_grad():
        for weight, value in zip(model.parameters(), kernels, strict=True):
            weight.copy_(value.T if value.dim() == 2 else value)  # Keras's kernels are [in, out]
    logits = model.head(torch.tensor(case["inputs"], dtype=torch.float64))
    loss = nn.functional.cross_entropy(logits, torch.tensor(case["labels"]))
    penalty = Penalty(model, TrainConfig(l1=case["l1"], l2=case["l2"]))()
    assert (loss + penalty).item() == pytest.approx(case["loss"], rel=FLOAT32)


def test_early_stopping_follows_the_total_loss() -> None:
    """A strong penalty takes the weights to zero, where it is least and the images' loss is not."""
    config = settings(opt="sgd", momentum=0.5, lr=0.02, l2=0.5, epochs=6)
    ends = {}
    for monitor in ("loss", "total_loss"):
        result = fit(config.model_copy(update={"monitor": monitor}))
        losses = [record.validation_loss or math.nan for record in result.history]
        totals = [loss + r.penalty for loss, r in zip(losses, result.history, strict=True)]
        figures = losses if monitor == "loss" else totals
        assert result.best_epoch == figures.index(min(figures)) + 1
        ends[monitor] = result.best_epoch
        penalty = Penalty(result.model, config)
        assert penalty().item() == result.history[result.best_epoch - 1].penalty
    assert ends["loss"] < ends["total_loss"]
