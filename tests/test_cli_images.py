"""``warpmix predict``, ``evaluate`` and ``vote``: which images, and bundles in place of runs."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import noisy_classes
from PIL import Image
from test_cli import run

from warpmix import predictions
from warpmix.data import load_folder
from warpmix.ensemble import Bundle
from warpmix.train import load_config
from warpmix.train.ensembles import network_files
from warpmix.train.prediction import write_submission


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each class and nothing else, with names as people give them."""
    root = tmp_path_factory.mktemp("photos")
    noisy_classes(root, train=20, test=1, spread=128, dark=0, light=128)
    for name, new in (("dark", "dark & deep [1]"), ("light", "light größe")):
        (root / "train" / name).rename(root / new)
    shutil.rmtree(root / "train")
    shutil.rmtree(root / "test")
    return root


def train(images: Path, out: Path, *flags: object) -> None:
    settings = ("--epochs", 1, "--batch-size", 16, "--device", "cpu", "--model", "fruit_mlp")
    code, output = run("train", images, *settings, *flags, "--out", out)
    assert code == 0, output


@pytest.fixture(scope="module")
def runs(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    for seed in range(2):
        train(photos, root / f"seed{seed}", "--seed", seed)
    return root


@pytest.fixture(scope="module")
def unlabelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("unlabelled")
    noise = np.random.default_rng(0)
    for number in range(530):  # more than a batch
        pixels = noise.integers(0, 256, (8, 8, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(root / f"{number:03} & ü.png")
    return root


# ---- photos without a test part ------------------------------------------------------------------


def test_without_test_images_a_run_is_evaluated_on_those_it_held_out(
    runs: Path, tmp_path: Path
) -> None:
    held_out = predictions.load(runs / "seed0" / "predictions-val.safetensors")
    code, output = run("evaluate", runs / "seed0", "--maps", 1)
    assert code == 0 and "these are the validation images, by which" in output, output
    assert f"accuracy {held_out.accuracy:.2%} over 8 images" in output
    metrics = json.loads((runs / "seed0" / "evaluation-val" / "metrics.json").read_text())
    assert metrics["accuracy"] == pytest.approx(held_out.accuracy)
    for split in ((), ("--split", "val")):
        out = tmp_path / f"p{len(split)}.safetensors"
        code, output = run("predict", runs / "seed0", *split, "--out", out)
        assert code == 0 and ("these are the validation images" in output) == (not split), output
        made = predictions.load(out)
        assert made.predictions.equal(held_out.predictions) and made.split == "val"
        assert made.labels is not None and made.labels.equal(held_out.labels)


def test_without_test_images_a_vote_is_scored_on_validation_images(
    runs: Path, tmp_path: Path
) -> None:
    code, output = run("vote", runs / "seed0", runs / "seed1", "--out", tmp_path / "a")
    assert code == 0 and "ranked and scored on the same images" in output, output
    assert run("vote", runs, "--score-on", "val", "--out", tmp_path / "b")[0] == 0
    curves = [(tmp_path / name / "curve.csv").read_text() for name in "ab"]
    assert curves[0] == curves[1]
    store = tmp_path / "store"
    assert run("ensemble", "import", store, runs / "seed0", runs / "seed1")[0] == 0
    assert run("vote", store, "--out", tmp_path / "c")[0] == 0
    code, output = run("vote", runs, "--score-on", "test")
    assert code == 2 and "predictions.safetensors, but predictions of val" in output, output


def test_the_test_part_is_asked_for_in_vain(runs: Path) -> None:
    code, output = run("evaluate", runs / "seed0", "--split", "test")
    assert code == 2 and "has no part 'test': without a folder 'train'" in output
    assert "choose that (--split train)" in output


def test_photos_that_came_since_hide_which_were_held_out(photos: Path, tmp_path: Path) -> None:
    more = tmp_path / "more"
    shutil.copytree(photos, more)
    train(more, tmp_path / "run")
    first = next((more / "dark & deep [1]").iterdir())
    for number in range(12):
        shutil.copy(first, more / "dark & deep [1]" / f"0 {number}.png")
    code, output = run("evaluate", tmp_path / "run")
    assert code == 2 and "some have come or gone since" in output, output


def test_from_another_working_directory_photos_are_missed(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(photos, tmp_path / "here" / "photos")
    monkeypatch.chdir(tmp_path / "here")
    train(Path("photos"), tmp_path / "run")
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "there")
    for flags in ((), ("--split", "val"), ("--split", "train", "--submission", "out.csv")):
        code, output = run("predict", tmp_path / "run", *flags)
        assert code == 2 and "was trained on photos, which is not there, seen from" in output
    code, output = run(
        "predict", tmp_path / "run", "--data", "../here/photos", "--out", "p.safetensors"
    )
    assert code == 0 and "over 40 images" in output, output


def test_of_another_folder_of_classes_all_images_count(
    runs: Path, photos: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(photos, other)
    code, output = run("evaluate", runs / "seed0", "--data", other, "--out", tmp_path / "e")
    assert code == 0 and "over 40 images" in output, output
    code, output = run(
        *("predict", runs / "seed0", "--data", other, "--submission", tmp_path / "out.csv")
    )
    assert code == 0 and "40 labels" in output, output


def test_a_class_without_test_images_has_no_accuracy(
    runs: Path, photos: Path, tmp_path: Path
) -> None:
    part = tmp_path / "part"
    shutil.copytree(photos, part / "train")
    shutil.copytree(photos / "dark & deep [1]", part / "test" / "dark & deep [1]")
    code, output = run("evaluate", runs / "seed0", "--data", part, "--out", tmp_path / "e")
    assert code == 0 and "light größe –" in output and "nan" not in output, output


def test_turned_photos_are_described_as_the_model_sees_them(tmp_path: Path) -> None:
    for name, orientation in (("a", 1), ("b", 6), ("b", 8)):
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = tmp_path / name / f"{orientation}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (30, 20)).save(path, exif=exif)
    code, output = run("data", "describe", tmp_path)
    assert code == 0 and "30 × 20 2" in output and "20 × 30 1" in output, output
    assert {tuple(load_folder(tmp_path).picture(row).shape[:2]) for row in range(3)} == {
        (20, 30),
        (30, 20),
    }


# ---- in place of a run ---------------------------------------------------------------------------


def test_what_is_no_model_is_refused_in_words(runs: Path, tmp_path: Path) -> None:
    shutil.copy(runs / "seed0" / "model.safetensors", tmp_path / "alone.safetensors")
    for command in ("predict", "evaluate"):
        for path, words in (
            (tmp_path / "nothing", "nothing does not exist; expected a run of: warpmix train"),
            (tmp_path / "alone.safetensors", "must have a config.json beside it"),
            (runs, "model.safetensors does not exist; expected a run of"),
        ):
            code, output = run(command, path)
            assert code == 2 and words in output, output
    code, output = run(
        *("predict", tmp_path / "alone.safetensors", "--data", load_config(None).data),
    )
    assert code == 2 and "digits must have the classes of" in output


def test_scores_are_no_csv(runs: Path, tmp_path: Path) -> None:
    code, output = run("predict", runs / "seed0", "--out", tmp_path / "p.csv")
    assert code == 2 and "--out must end in .safetensors" in output and not [*tmp_path.iterdir()]


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("method", ["soft", "hard", "rank", "weighted", "stack"])
def test_a_bundle_writes_the_submission_that_its_members_vote_for(
    runs: Path, unlabelled: Path, tmp_path: Path, method: str
) -> None:
    bundle = tmp_path / "bundle"
    code, output = run("ensemble", "export", runs, "--method", method, "--out", bundle)
    assert code == 0, output
    arguments = ("--data", unlabelled, "--cache", tmp_path / "cache")
    code, output = run(
        *("predict", bundle, *arguments, "--submission", tmp_path / "out.csv"),
        *("--out", tmp_path / "out.safetensors"),
    )
    assert code == 0 and "530 labels" in output, output
    members = []
    for number, model in enumerate(Bundle.load(bundle).models):
        out = tmp_path / f"{number}.safetensors"
        single = ("--submission", tmp_path / f"{number}.csv", "--out", out)
        assert run("predict", runs / model, *arguments, *single)[0] == 0
        members.append(predictions.load(out).predictions)
    want = Bundle.load(bundle).vote(torch.stack(members), logits=False)
    classes = ("dark & deep [1]", "light größe")
    rows = rows_of(tmp_path / "out.csv")
    assert rows[0] == ["id", "label"] and rows[1][0] == "000 & ü.png"
    assert [row[1] for row in rows[1:]] == [classes[label] for label in want.labels.tolist()]
    assert {row[1] for row in rows[1:]} == {*classes}
    stored = predictions.load(tmp_path / "out.safetensors")
    assert stored.predictions.equal(want.scores.float()) and stored.model == "bundle"
    assert stored.classes == classes and stored.labels is None


def test_a_bundle_is_no_run(runs: Path, photos: Path, tmp_path: Path) -> None:
    """Though it has the settings of its first member."""
    shutil.copytree(runs, tmp_path / "runs")
    bundle = tmp_path / "runs" / "bundle"
    assert run("ensemble", "export", runs, "--method", "soft", "--out", bundle)[0] == 0
    before = sorted(bundle.rglob("*"))
    code, output = run("compare", tmp_path / "runs")
    assert code == 0 and "2 runs" in output, output
    for command in (("compare", bundle), ("train", "--resume", bundle)):
        code, output = run(*command)
        assert code == 2 and "holds no run, but a bundle of warpmix ensemble export" in output
    code, output = run("train", photos, "--out", bundle)
    assert code == 2 and "holds a bundle of an ensemble; choose another --out" in output, output
    assert sorted(bundle.rglob("*")) == before
    networks = network_files((), [tmp_path / "runs"])
    assert sorted(networks) == ["seed0", "seed1"]


def test_a_bundle_that_cannot_predict_says_why(
    runs: Path, unlabelled: Path, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle"
    assert run("ensemble", "export", runs, "--method", "soft", "--out", bundle)[0] == 0
    submission = ("--data", unlabelled, "--submission", tmp_path / "out.csv")
    described = json.loads((bundle / "ensemble.json").read_text())
    described["classes"].reverse()
    (bundle / "ensemble.json").write_text(json.dumps(described))
    code, output = run("predict", bundle, *submission)
    assert code == 2 and "member 0 must have the classes light größe, dark & deep [1], in" in output
    described["networks"] = False
    (bundle / "ensemble.json").write_text(json.dumps(described))
    for flags in (submission, ()):
        code, output = run("predict", bundle, *flags)
        assert code == 2, output
    with pytest.raises(ValueError, match="holds no networks: its members' runs were not known"):
        write_submission(tmp_path / "out.csv", bundle, None)  # type: ignore[arg-type]
    assert not (tmp_path / "out.csv").exists()
