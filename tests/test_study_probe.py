"""How long a study will take, by steps that are measured."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from warpmix.study.folder import planned_results
from warpmix.study.load import load_study
from warpmix.study.plan import Plan
from warpmix.study.probe import Estimate, estimate

BASE = {"data": "digits", "train_images": 200, "batch_size": 50, "device": "cpu", "width": 4}


def estimated(folder: Path, **changes: object) -> Estimate:
    text = {
        "title": "Tiny",
        "base": BASE | {"epochs": 4},
        "repeats": 3,
        "sweeps": {"rate": {"title": "Rate", "grid": {"lr": [0.01, 0.1]}}},
        **changes,
    }
    file = folder / "tiny.yaml"
    file.write_text(yaml.safe_dump(text))
    plan = Plan(load_study(str(file)))
    return estimate(plan, planned_results(plan, folder / "study"), workers=1, threads=1)


def test_more_epochs_take_longer_and_all_of_them_are_counted(tmp_path: Path) -> None:
    short = estimated(tmp_path)
    long = estimated(tmp_path, base=BASE | {"epochs": 4000})
    assert 0 < short.seconds < long.seconds / 50  # what happens once is in both
    assert (short.unknown, short.stopping) == (0, 0.0)
    assert estimated(tmp_path, base=BASE | {"patience": 1}).stopping == pytest.approx(1.0)


def test_heads_on_shared_features_are_measured_as_they_are_trained(tmp_path: Path) -> None:
    """Several at once, after the features are there: far less than each alone on images."""
    whole = BASE | {"epochs": 400, "image_size": 48, "fit": "stretch"}
    frozen = whole | {"frozen": True}
    heads = estimated(tmp_path, base=frozen | {"feature_cache": str(tmp_path / "features")})
    assert list((tmp_path / "features").iterdir())
    assert 0 < heads.seconds < estimated(tmp_path, base=whole).seconds / 4


def test_what_cannot_be_measured_is_counted_with_its_reason(tmp_path: Path) -> None:
    series = {
        "plain": {"title": "Plain"},
        "no file": {"title": "Pretrained", "settings": {"weights": str(tmp_path / "none.pth")}},
    }
    rate = {"title": "Rate", "series": list(series), "grid": {"lr": [0.01, 0.1]}}
    found = estimated(tmp_path, series=series, sweeps={"rate": rate})
    assert found.unknown == 6 and found.seconds > 0
    assert "none.pth" in found.reason
    words = found.in_words(workers=1)
    assert "by 3 measured steps of each kind" in words
    assert "without 6 runs that could not be measured: " in words
    nothing = Estimate(0.0, 0.0, 6, "no file").in_words(2)
    assert nothing == "no estimate of the time for 6 runs that could not be measured: no file"
