"""A run at chance, or whose loss jumps, says so; ``lr auto`` finds a rate."""

from __future__ import annotations

import logging
import math
from pathlib import Path

import pytest
import torch
from conftest import noisy_classes
from safetensors.torch import load_file
from test_cli import run

from warpmix.train import TrainConfig, fit, is_faster_together, why_not_together
from warpmix.train.history import EpochRecord
from warpmix.train.range_test import _valley
from warpmix.train.run_folder import load_settings
from warpmix.train.trouble import Chance, trouble_in_words

THIRDS = Chance(1 / 3, math.log(3), 300)
CONFIG = TrainConfig(opt="sgd", lr=0.05)


def epochs(*figures: tuple[float, float]) -> list[EpochRecord]:
    """Records of training losses and validation accuracies."""
    return [
        EpochRecord(number, 0.05, loss, 0.4, loss, accuracy, 1.0)
        for number, (loss, accuracy) in enumerate(figures, start=1)
    ]


def test_chance_knows_the_classes_shares() -> None:
    chance = Chance.of(torch.tensor([0, 0, 0, 1]), torch.tensor([1, 1, 0, 1, 1]))
    assert chance.accuracy == 0.8 and chance.images == 5
    assert chance.loss == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))


def test_guessing_for_three_epochs_is_said() -> None:
    flat = [(1.099, 0.336)] * 3
    assert trouble_in_words(CONFIG, [], THIRDS, 9) is None
    assert trouble_in_words(CONFIG, epochs(*flat[:2]), THIRDS, 9) is None
    words = trouble_in_words(CONFIG, epochs(*flat), THIRDS, 9)
    assert words is not None and "\n" not in words
    for part in ("epoch 3", "no better than guessing", "33.6%", "1.099", "lr 0.005", "lr auto"):
        assert part in words
    assert "opt adamw" in words
    assert trouble_in_words(CONFIG, epochs(flat[0]), THIRDS, 300) is not None  # 300 steps


@pytest.mark.parametrize(
    "last", [(1.099, 0.45), (1.0, 0.336)], ids=["accuracy above chance", "loss below chance"]
)
def test_a_slow_start_is_not_guessing(last: tuple[float, float]) -> None:
    figures = [(1.1, 0.33), (1.1, 0.33), last]
    assert trouble_in_words(CONFIG, epochs(*figures), THIRDS, 9) is None


def test_a_loss_that_jumps_is_said_until_it_has_come_back() -> None:
    figures = [(0.9, 0.6), (0.5, 0.8), (1.1, 0.5), (0.6, 0.8)]
    words = [trouble_in_words(CONFIG, epochs(*figures[:n]), THIRDS, 9) for n in (2, 3, 4)]
    assert words[0] is None and words[2] is None
    assert words[1] is not None and "jumped from 0.5 in epoch 2 to 1.1 in epoch 3" in words[1]
    small = [(0.01, 0.9), (0.05, 0.9)]  # five times as large, and nothing
    assert trouble_in_words(CONFIG, epochs(*small), THIRDS, 9) is None


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("two")
    return noisy_classes(root, train=20, test=10, spread=100, dark=0, light=120)


def test_a_run_says_it_while_it_trains_and_at_the_end(
    two: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stuck = ("--init", "zero", "--epochs", 4, "--opt", "sgd", "--lr", "0.001")
    code, output = run("train", two, *stuck, "--device", "cpu", "--out", tmp_path / "run")
    assert code == 0 and output.count("no better than guessing") == 2, output
    settings = {"data": str(two), "init": "zero", "epochs": 4, "device": "cpu"}
    with caplog.at_level(logging.WARNING, "warpmix"):
        result = fit(TrainConfig(**settings, opt="sgd", lr=0.001))
    assert result.trouble is not None and result.trouble in caplog.text


# ---- lr auto ------------------------------------------------------------------------------------


def test_the_valley_is_the_middle_of_the_longest_fall() -> None:
    losses = [1.0, 1.1, 1.0, 0.9, 0.8, 0.7, 0.9, 2.0]
    rates = [10.0**k for k in range(-6, 2)]
    assert _valley(rates, losses) == 0.001
    with pytest.raises(ValueError, match="no rate at which the loss falls; give a rate"):
        _valley(rates, [1.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])


def test_a_rate_is_found_kept_and_resumed_with(two: Path, tmp_path: Path) -> None:
    config = TrainConfig(
        data=str(two),
        lr="auto",
        augment="warsaw-all",
        dropout=0.2,
        epochs=3,
        device="cpu",
        threads=1,
        batch_size=16,
    )
    whole = fit(config, tmp_path / "whole")
    found = load_settings(tmp_path / "whole")
    assert found.automatic == config.automatic and 1e-6 < found.lr < 1
    assert found.lr != config.lr and found.is_same(config)
    short = TrainConfig(**{**config.model_dump(), "epochs": 1, "schedule_epochs": 3})
    fit(short, tmp_path / "cut")
    assert load_settings(tmp_path / "cut").lr == found.lr
    longer = {**config.model_dump(), "schedule_epochs": 3}
    again = fit(TrainConfig(**longer), tmp_path / "cut", resume=True)
    assert again.history[-1].lr == whole.history[-1].lr
    one, other = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "cut"))
    assert all(one[key].equal(other[key]) for key in one)
    fixed = TrainConfig(**{**found.model_dump(), "automatic": ()})
    weights = fit(fixed).model.state_dict()  # the probe leaves nothing behind
    assert all(weights[key].equal(one[key]) for key in one)


def test_models_that_train_together_need_a_rate() -> None:
    config = TrainConfig(lr="auto", width=4)
    assert is_faster_together(config, 2, "cuda")
    assert "lr auto" in str(why_not_together([config, config]))
