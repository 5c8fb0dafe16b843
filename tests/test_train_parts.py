"""The parts of training that need no run: schedule, early stopping, history, checkpoint."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.optim import SGD
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR

from warpmix.train.checkpoint import load_checkpoint, save_checkpoint
from warpmix.train.config import TrainConfig
from warpmix.train.history import EarlyStopping, EpochRecord, write_history
from warpmix.train.model import ModelSpec, load_model, save_model
from warpmix.train.optimizer import learning_rate, rate_jump
from warpmix.train.preprocessing import channel_statistics

SPEC = ModelSpec(
    model="vgg3",
    head=(),
    dropout=0.0,
    classes=("a", "b", "c"),
    image_size=(8, 8),
    channels=1,
    mean=(0.5,),
    std=(0.25,),
)

# ---- schedule -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sched", "scheduler"),
    [
        ("cosine", lambda opt, steps: CosineAnnealingLR(opt, steps)),
        ("onecycle", lambda opt, steps: OneCycleLR(opt, 0.3, steps, cycle_momentum=False)),
    ],
)
def test_the_rate_is_that_of_torchs_scheduler(sched: str, scheduler: Callable[..., Any]) -> None:
    config = TrainConfig(sched=sched, lr=0.3, epochs=5)
    optimizer = SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    reference = scheduler(optimizer, 5 * 7)
    for step in range(5 * 7):
        expected = optimizer.param_groups[0]["lr"]
        assert learning_rate(config, step, 7) == pytest.approx(expected, rel=1e-9, abs=1e-15)
        optimizer.step()
        reference.step()


@pytest.mark.parametrize("sched", ["constant", "cosine", "linear", "step", "onecycle"])
def test_after_the_schedule_its_last_rate_stays(sched: str) -> None:
    planned = {"sched": sched, "lr": 0.3, "step_epochs": 2}
    short = TrainConfig(epochs=5, **planned)
    longer = TrainConfig(epochs=9, schedule_epochs=5, **planned)
    rates = [learning_rate(longer, step, 7) for step in range(9 * 7)]
    assert rates[: 5 * 7] == [learning_rate(short, step, 7) for step in range(5 * 7)]
    assert rates[5 * 7 :] == [rates[5 * 7 - 1]] * (4 * 7)


@pytest.mark.parametrize(
    ("sched", "before", "after"),
    # lr ½ (1 + cos(π 139/140)); lr ½ (1 + cos(π 140/210)). For onecycle the last rate of 140 steps,
    # lr / 25 / 10⁴; then step 140 of 210, 78 of the 147 that fall from step 62 on.
    [("cosine", 6.3e-6, 0.0125), ("onecycle", 2e-7, 0.0224)],
)
def test_more_epochs_say_how_the_rate_jumps(sched: str, before: float, after: float) -> None:
    earlier = TrainConfig(sched=sched, lr=0.05, epochs=20)
    config = earlier.model_copy(update={"epochs": 30})
    words = str(rate_jump(config, earlier, 20, 7))
    numbers = re.findall(r"(?:from|to|on at) (\d[\d.e-]*)", words)
    assert [float(number) for number in numbers] == pytest.approx([before, after, before], rel=0.05)
    assert f"the {sched} schedule is now computed over 30 epochs, not 20" in words
    assert words.endswith("resume with schedule_epochs 20 (--schedule-epochs 20)")
    assert rate_jump(config.model_copy(update={"schedule_epochs": 20}), earlier, 20, 7) is None


def test_what_hardly_moves_the_rate_is_not_mentioned() -> None:
    earlier = TrainConfig(sched="cosine", epochs=20)
    for changes in ({"epochs": 21}, {"lr": 0.001}, {}):
        assert rate_jump(earlier.model_copy(update=changes), earlier, 2, 7) is None
    for sched in ("constant", "step"):
        same = TrainConfig(sched=sched, epochs=20)
        assert rate_jump(same.model_copy(update={"epochs": 90}), same, 20, 7) is None


@pytest.mark.parametrize("sched", ["constant", "cosine"])
def test_warm_up_rises_linearly_to_the_peak(sched: str) -> None:
    config = TrainConfig(sched=sched, lr=0.4, epochs=4, warmup_epochs=0.5)
    rates = [learning_rate(config, step, 8) for step in range(5)]
    assert rates == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.4])


@pytest.mark.parametrize("epochs", [1, 2, 3, 10])
@pytest.mark.parametrize("sched", ["constant", "cosine", "onecycle"])
def test_short_runs_have_positive_rates(sched: str, epochs: int) -> None:
    config = TrainConfig(sched=sched, epochs=epochs)
    assert all(0 < learning_rate(config, step, 1) <= config.lr for step in range(epochs))


# ---- early stopping -----------------------------------------------------------------------------


def epochs_until_stop(stopping: EarlyStopping, scores: list[float]) -> int | None:
    for epoch, score in enumerate(scores, start=1):
        stopping.update(epoch, score)
        if stopping.should_stop(epoch):
            return epoch
    return None


def test_stops_after_patience_epochs_without_improvement() -> None:
    stopping = EarlyStopping(patience=3)
    assert epochs_until_stop(stopping, [0.1, 0.5, 0.4, 0.5, 0.3, 0.9]) == 5
    assert (stopping.best_epoch, stopping.best_score) == (2, 0.5)


def test_a_gain_below_min_delta_is_best_but_no_improvement() -> None:
    stopping = EarlyStopping(patience=2, min_delta=0.1)
    assert epochs_until_stop(stopping, [0.50, 0.55, 0.59, 0.9]) == 3
    assert stopping.best_epoch == 3


def test_small_gains_add_up_to_an_improvement() -> None:
    assert (
        epochs_until_stop(EarlyStopping(patience=2, min_delta=0.1), [0.5, 0.55, 0.65, 0.7]) is None
    )


def test_min_epochs_are_run_in_any_case() -> None:
    assert (
        epochs_until_stop(EarlyStopping(patience=1, min_epochs=4), [0.5, 0.4, 0.3, 0.2, 0.1]) == 4
    )


def test_without_patience_it_never_stops() -> None:
    assert epochs_until_stop(EarlyStopping(), [0.5] * 50) is None


def test_nan_is_never_best() -> None:
    stopping = EarlyStopping(patience=2)
    assert epochs_until_stop(stopping, [math.nan, 0.1, math.nan, math.nan]) == 4
    assert stopping.best_epoch == 2


# ---- files --------------------------------------------------------------------------------------


def test_history_is_csv_with_empty_cells_for_what_is_absent(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    write_history(path, [EpochRecord(1, 0.1, 2.0, 0.3, None, None, 1.5)])
    assert path.read_text().splitlines() == [
        "epoch,lr,train_loss,train_accuracy,validation_loss,validation_accuracy,seconds,penalty",
        "1,0.1,2.0,0.3,,,1.5,0.0",
    ]


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    weight = torch.nn.Parameter(torch.randn(3, 2))
    optimizer = torch.optim.AdamW([weight], lr=0.1, betas=(0.8, 0.9))
    weight.sum().backward()
    optimizer.step()
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, {"optimizer": optimizer.state_dict(), "best": -math.inf, "n": None}, SPEC)

    state = load_checkpoint(path, SPEC)
    assert state["best"] == -math.inf and state["n"] is None
    fresh = torch.optim.AdamW([torch.nn.Parameter(weight.detach().clone())], lr=0.5)
    fresh.load_state_dict(state["optimizer"])
    before, after = optimizer.state_dict(), fresh.state_dict()
    assert list(after["param_groups"][0]["betas"]) == [0.8, 0.9]
    for name, value in before["state"][0].items():
        assert torch.equal(after["state"][0][name], value)


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, {}, SPEC)
    other = ModelSpec(**{**vars(SPEC), "model": "resnet18", "classes": ("a", "b")})
    with pytest.raises(ValueError, match="of another model: model 'vgg3', not 'resnet18'"):
        load_checkpoint(path, other)


def test_a_model_comes_back_as_it_was(tmp_path: Path) -> None:
    model = SPEC.build()
    save_model(tmp_path / "model.safetensors", model.state_dict(), SPEC)
    loaded, spec = load_model(tmp_path)
    assert spec == SPEC
    assert not loaded.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor)


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    weights = SPEC.build().state_dict()
    first = next(iter(weights))
    weights[first] = torch.zeros(2, 2)
    path = tmp_path / "model.safetensors"
    save_model(path, weights, SPEC)
    with pytest.raises(ValueError, match=f"another model: 1 of .* tensors do not fit.*'{first}'"):
        load_model(path)


def test_foreign_and_broken_files_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    foreign, broken = tmp_path / "foreign.safetensors", tmp_path / "broken.safetensors"
    save_file({"a": torch.zeros(1)}, foreign)
    broken.write_bytes(b"not a file of tensors")
    with pytest.raises(ValueError, match="was not written by warpmix train"):
        load_model(foreign)
    with pytest.raises(ValueError, match=r"something else \(SafetensorError"):
        load_model(broken)
    with pytest.raises(FileNotFoundError, match="expected a run of: warpmix train"):
        load_model(tmp_path / "nothing")


# ---- normalisation ------------------------------------------------------------------------------


def test_channel_statistics_are_those_of_the_images() -> None:
    images = torch.randint(0, 256, (2500, 5, 7, 3), dtype=torch.uint8)
    scaled = images.double() / 255
    mean, std = channel_statistics(images.split(7))
    assert mean == pytest.approx(scaled.mean((0, 1, 2)).tolist(), abs=1e-12)
    assert std == pytest.approx(scaled.std((0, 1, 2), correction=0).tolist(), abs=1e-12)


def test_a_constant_channel_has_a_deviation_above_zero() -> None:
    _, std = channel_statistics([torch.full((2, 4, 4, 1), 7, dtype=torch.uint8)])
    assert std == (1 / 255,)
