"""``warpmix compare``: which figures it shows of which runs, and what it says is real."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from test_cli import run

from warpmix import predictions
from warpmix._files import write_json
from warpmix.statistics import compare_runs, compare_settings
from warpmix.train import TrainConfig
from warpmix.train.history import EpochRecord, write_history

IMAGES = 400
LABELS = torch.arange(IMAGES) % 2


def write_run(folder: Path, validation: float | None, wrong: int, **settings: Any) -> Path:
    """A run folder of two epochs, the first one the better, that gets the first images wrong."""
    folder.mkdir(parents=True)
    write_json(folder / "config.json", TrainConfig(**settings).model_dump(mode="json"))
    records = [
        EpochRecord(epoch, 0.1, 0.5, 0.8, 0.6, validation and validation / epoch, seconds=1.5)
        for epoch in (1, 2)
    ]
    write_history(folder / "history.csv", records)
    write_predictions(folder, wrong)
    return folder


def write_predictions(folder: Path, wrong: int, labels: torch.Tensor = LABELS) -> None:
    said = labels.clone()
    said[:wrong] = 1 - said[:wrong]
    predictions.save(
        folder / "predictions.safetensors",
        torch.eye(2)[said],
        labels,
        model=folder.name,
        dataset="coins",
        split="test",
        classes=("heads", "tails"),
    )


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Three learning rates, three seeds each; the middle one is a little better than the first."""
    root = tmp_path / "runs"
    wrong = {0.01: (60, 62, 58), 0.05: (50, 56, 47), 0.5: (200, 200, 200)}
    for lr, counts in wrong.items():
        for seed, count in enumerate(counts):
            write_run(
                root / f"lr{lr}-seed{seed}", 1 - (count + seed) / 500, count, lr=lr, seed=seed
            )
    return root


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_settings_are_compared_by_their_repeats_and_models_by_their_images(
    sweep: Path, tmp_path: Path
) -> None:
    code, output = run("compare", sweep, "--out", tmp_path / "out")
    assert code == 0, output
    assert "settings by the test accuracy of their repeats, against lr 0.05 (87.25%)" in output
    assert "trained models over the same test images, against lr0.05-seed2 (88.25%)" in output

    rows = rows_of(tmp_path / "out" / "runs.csv")
    assert len(rows) == 9
    assert list(rows[0]) == [
        *("run", "lr", "seed"),
        *("validation_accuracy", "test_accuracy", "epochs", "seconds"),
    ]
    assert list(rows[0].values()) == ["lr0.05-seed2", "0.05", "2", "0.902", "0.8825", "2", "3.0"]

    told = rows_of(tmp_path / "out" / "comparisons.csv")
    groups = {
        "lr 0.05": {2: 353 / 400, 0: 350 / 400, 1: 344 / 400},
        "lr 0.01": {2: 342 / 400, 0: 340 / 400, 1: 338 / 400},
        "lr 0.5": {0: 0.5, 1: 0.5, 2: 0.5},
    }
    expected = compare_settings(groups)
    for row, comparison in zip(told[:2], expected, strict=True):
        assert (row["a"], row["b"], row["method"]) == (comparison.a, "lr 0.05", "paired t")
        assert float(row["p_corrected"]) == pytest.approx(comparison.p_corrected)
        assert float(row["low"]) == pytest.approx(comparison.low)
        assert row["significant"] == str(comparison.significant)
    assert len(told) == 2 + 8

    right = {row["run"]: torch.arange(IMAGES) >= _wrong(sweep / row["run"]) for row in rows}
    models = compare_runs(right, reference="lr0.05-seed2")
    assert [float(row["p_corrected"]) for row in told[2:]] == pytest.approx(
        [c.p_corrected for c in models]
    )
    text = (tmp_path / "out" / "compare.md").read_text("utf-8")
    assert "| lr0.5-seed0 | 400 | 50.00% | -38.25 (-" in text
    assert "## Settings by the test accuracy" in text


@pytest.mark.parametrize(
    ("settings", "accuracy"),
    [
        ({}, 0.9),
        ({"restore": "last"}, 0.45),
        ({"restore": "improved", "min_delta": 0.01, "monitor": "loss"}, 0.9),
    ],
)
def test_the_validation_accuracy_is_of_the_weights_that_count(
    tmp_path: Path, settings: dict[str, Any], accuracy: float
) -> None:
    """The two epochs have 0.9 and 0.45, with the same loss."""
    write_run(tmp_path / "a", 0.9, 10, **settings)
    code, output = run("compare", tmp_path / "a", "--out", tmp_path / "out")
    assert code == 0, output
    (row,) = rows_of(tmp_path / "out" / "runs.csv")
    assert float(row["validation_accuracy"]) == accuracy


def _wrong(folder: Path) -> int:
    stored = predictions.load(folder / "predictions.safetensors")
    assert stored.labels is not None
    return int((stored.predictions.argmax(1) != stored.labels).sum())


def test_a_baseline_is_what_the_others_are_compared_with(sweep: Path) -> None:
    for baseline in ("lr0.01-seed1", sweep / "lr0.01-seed1"):
        code, output = run("compare", sweep, "--baseline", baseline)
        assert code == 0
        assert "their repeats, against lr 0.01 (85.00%)" in output
        assert "images, against lr0.01-seed1 (84.50%)" in output
    code, output = run("compare", sweep, "--baseline", "lr1")
    assert code == 2 and "baseline must be one of lr0.05-seed2," in output


def test_two_runs_have_no_repeats(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a", 0.9, 40, model="cnn3")
    second = write_run(tmp_path / "b", 0.8, 44, model="vgg3")
    code, output = run("compare", first, second)
    assert code == 0
    assert "cnn3" in output and "vgg3" in output and "settings by" not in output
    assert "-1.00 (-2.00 to -0.25) 0.1250 not shown" in output  # 4 images: 2 · (1/2)^4


def test_runs_that_differ_in_their_augmentation_alone(tmp_path: Path) -> None:
    for name, augment in {
        "none": [],
        "weak": [{"RandomShift": {"max_shift": 0.1}}],
        "strong": [{"RandomShift": {"max_shift": 0.3}}],
    }.items():
        write_run(tmp_path / "runs" / name, 0.9, 40, augment=augment)
    code, _ = run("compare", tmp_path / "runs", "--out", tmp_path / "out")
    assert code == 0
    told = {row["run"]: row["augment"] for row in rows_of(tmp_path / "out" / "runs.csv")}
    assert told["weak"] == '[{"RandomShift": {"max_shift": 0.1}}]' != told["strong"]
    shutil.rmtree(tmp_path / "runs" / "strong")
    run("compare", tmp_path / "runs", "--out", tmp_path / "out")
    told = {row["run"]: row["augment"] for row in rows_of(tmp_path / "out" / "runs.csv")}
    assert told == {"none": "none", "weak": "RandomShift"}


def test_what_cannot_be_compared_is_said(tmp_path: Path) -> None:
    write_run(tmp_path / "runs" / "a", 0.9, 40, lr=0.1)
    unfinished = write_run(tmp_path / "runs" / "b", 0.8, 50, lr=0.2)
    (unfinished / "predictions.safetensors").unlink()
    code, output = run("compare", tmp_path / "runs")
    assert code == 0
    assert "not compared: 1 of 2 runs have predictions for them" in output
    assert "90.00%" in output  # the test accuracy of the other one is shown
    write_predictions(unfinished, 50, labels=1 - LABELS)
    code, output = run("compare", tmp_path / "runs")
    assert (code, "test images are not compared: " in output) == (0, True)
    assert "90.00%" in output and "87.50%" in output

    code, output = run("compare", tmp_path)
    assert code == 0
    (tmp_path / "empty").mkdir()
    code, output = run("compare", tmp_path / "empty")
    assert (code, "holds no run: there is no config.json in it" in output) == (2, True)


def test_repeats_are_compared_by_validation_where_a_run_has_no_test(sweep: Path) -> None:
    for folder in sweep.iterdir():
        (folder / "predictions.safetensors").unlink()
    code, output = run("compare", sweep)
    assert code == 0
    assert "settings by the validation accuracy of their repeats, against lr 0.05" in output
    assert "lr 0.5 3 59.80%" in output
