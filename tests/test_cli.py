"""The commands, end to end, and the words of their errors."""

from __future__ import annotations

import csv
import importlib
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import noisy_classes, own_transforms
from PIL import Image
from typer.testing import CliRunner

from warpmix import __version__
from warpmix.cli import app
from warpmix.cli.gallery import examples
from warpmix.figures.drawing import DPI
from warpmix.train import TrainConfig
from warpmix.train.claims import claim

HEAVY = ("torch", "torchvision", "lightning", "torchmetrics", "sklearn", "matplotlib", "numpy")
COMMANDS = (
    *("demo", "train", "predict", "evaluate", "compare", "vote"),
    *("preview", "gallery", "info", "model"),
    *("data", "study", "study list", "study show", "study run", "study status", "study report"),
)


def run(*arguments: object) -> tuple[int, str]:
    """Exit code and output of a command, line breaks and colours taken out of the output."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, " ".join(result.output.split())


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 8x8 images in two classes, dark and light, with a subfolder a split."""
    root = tmp_path_factory.mktemp("images")
    return noisy_classes(root, train=20, test=10, spread=128, dark=0, light=128)


@pytest.fixture(scope="module")
def runs(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three finished runs."""
    root = tmp_path_factory.mktemp("runs")
    for seed in range(3):
        code, output = run(
            *("train", images, "--epochs", 2, "--batch-size", 16, "--device", "cpu"),
            *("--seed", seed, "--out", root / f"seed{seed}"),
        )
        assert code == 0, output
    return root


# ---- help ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [[], *(command.split() for command in COMMANDS)])
def test_help_shows_examples_and_waits_for_nothing_heavy(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "warpmix", *arguments, "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Example" in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "typer" in imported  # the report was understood
    assert not imported.intersection(HEAVY)


def test_every_setting_has_a_flag() -> None:
    code, output = run("train", "--help")
    assert code == 0
    flags = set(re.findall(r"--[a-z0-9-]+", output))
    for name in TrainConfig.model_fields.keys() - {"data", "automatic"}:  # `automatic` is a record
        assert "--" + name.replace("_", "-") in flags


# ---- train --------------------------------------------------------------------------------------


def test_train_tells_the_test_accuracy_and_where_the_run_is(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("runs/images-vgg3-seed0", "runs/images-vgg3-seed0-2"):
        link = tmp_path / "images"
        if not link.exists():
            link.symlink_to(images)
        code, output = run("train", link, "--epochs", 1, "--augment", "warsaw-all", "--p", "0.9")
        assert code == 0
        assert re.search(r"test accuracy \d+\.\d\d%", output)
        assert f"run: {folder}" in output
        assert (tmp_path / folder / "model.safetensors").exists()


def test_train_resumes_with_the_settings_of_the_run(runs: Path, tmp_path: Path) -> None:
    code, output = run("train", "--resume", runs / "seed0")
    assert code == 0
    assert "weights of epoch" in output
    code, output = run("train", "--resume", runs / "seed0", "--lr", 1)
    assert code == 2
    assert "holds a run of other settings: lr 0.002, not 1.0" in output
    code, output = run("train", "--resume", runs / "seed0", "--out", tmp_path)
    assert (code, "omit --config and --out" in output) == (2, True)
    code, output = run("train", "--resume", tmp_path)
    assert (code, "holds no run: there is no config.json in it" in output) == (2, True)


def test_train_goes_on_where_the_same_command_was_killed(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ("train", images, "--epochs", 1, "--batch-size", 16, "--device", "cpu")
    name = f"runs/{images.name}-vgg3-seed0"
    assert run(*command)[0] == 0
    for lost in ("model", "predictions", "predictions-val"):  # as if killed before the end
        Path(name, f"{lost}.safetensors").unlink()
    with claim(Path(name, "run.lock")):  # as if it were still at work
        code, output = run(*command)
        assert (code, f"{name}-2" in output) == (0, True), output
    shutil.rmtree(f"{name}-2")
    code, output = run(*command)
    assert (code, f"going on with the run in {name}" in output) == (0, True), output
    assert Path(name, "predictions.safetensors").exists()
    code, output = run(*command, "--out", name)  # killed after its last write
    assert (code, f"going on with the run in {name}" in output) == (0, True), output
    code, output = run(*command, "--lr", 0.5, "--out", name)
    assert (code, "holds a run already" in output) == (2, True), output
    assert [path.name for path in Path("runs").iterdir()] == [Path(name).name]


def test_train_stopped_by_ctrl_c_says_how_to_go_on(images: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    command = (sys.executable, "-m", "warpmix", "train", images, "--epochs", 100_000)
    heard = ("env", "--default-signal=INT")  # which a shell's background jobs ignore, tests too
    process = subprocess.Popen(
        [*heard, *map(str, command), "--device", "cpu", "--out", str(folder)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        while not (folder / "checkpoint.safetensors").exists():
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "stopped; go on with: warpmix train --resume" in " ".join(output.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--epochs", "many"], "epochs must be a valid integer"),
        (["--lr", "-1"], "lr must be greater than 0, got '-1'"),
        (["--opt", "lion"], "opt must be 'sgd', 'adam', 'adamw'"),
        (["--augment", "warsaw-al"], "did you mean 'warsaw-all'?"),
        (["--config", "cifar10-vgg"], "did you mean 'cifar10-vgg3'?"),
        (["--model", "resnet19"], "resnet"),
        (["nowhere"], "nowhere"),
    ],
)
def test_train_refuses_in_one_line(arguments: list[str], words: str) -> None:
    code, output = run("train", *arguments)
    assert code == 2
    assert output.startswith("error: ")
    assert words in output
    assert "Traceback" not in output


def test_an_unknown_transform_is_refused_before_anything_is_written(
    images: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("- RandomShft: {max_shift: 0.1}\n")
    code, output = run("train", images, "--augment", recipe, "--out", tmp_path / "run")
    assert code == 2
    assert "unknown transform 'RandomShft'; did you mean 'RandomShift'?" in output
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("place", ["before", "after"])
def test_debug_shows_the_traceback(place: str) -> None:
    arguments = ["train", "--lr", "-1"]
    arguments.insert(0 if place == "before" else 3, "--debug")
    done = subprocess.run(
        [sys.executable, "-m", "warpmix", *arguments], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "ValueError: lr must be greater than 0" in done.stderr


# ---- predict ------------------------------------------------------------------------------------


def test_predict_stores_probabilities(runs: Path, images: Path) -> None:
    from warpmix import predictions

    code, output = run("predict", runs / "seed0", "--split", "train")
    assert code == 0
    path = runs / "seed0" / f"predictions-{images.name}-train.safetensors"
    assert str(path) in output
    stored = predictions.load(path)
    assert stored.predictions.shape == (40, 2)
    assert f"{stored.accuracy:.2%} over 40 images" in output


def test_predict_refuses_what_is_not_a_run(tmp_path: Path) -> None:
    code, output = run("predict", tmp_path)
    assert code == 2
    assert "expected a run of: warpmix train" in output


# ---- vote ---------------------------------------------------------------------------------------


def curve(folder: Path) -> list[dict[str, str]]:
    with (folder / "curve.csv").open() as file:
        return list(csv.DictReader(file))


def test_vote_ranks_on_validation_and_scores_on_test(runs: Path, tmp_path: Path) -> None:
    code, output = run("vote", runs, "--out", tmp_path)
    assert code == 0
    assert "3 of 3" in output
    rows = curve(tmp_path)
    assert [row["k"] for row in rows] == ["1", "2", "3"]
    assert sorted(row["model"] for row in rows) == ["seed0", "seed1", "seed2"]
    ranks = [float(row["rank_accuracy"]) for row in rows]
    assert ranks == sorted(ranks, reverse=True)
    assert rows[0]["soft"] == rows[0]["hard"] == rows[0]["accuracy"]
    assert Image.open(tmp_path / "curve.png").format == "PNG"


def test_vote_takes_files_and_shows_the_shares_asked_for(runs: Path, tmp_path: Path) -> None:
    files = sorted(runs.glob("*/predictions.safetensors"))
    code, output = run("vote", *files, "--method", "soft", "--top", "50,100", "--out", tmp_path)
    assert code == 0
    assert "100 %" in output
    assert list(curve(tmp_path)[0]) == ["k", "model", "rank_accuracy", "accuracy", "soft"]


def test_vote_over_many_models_shows_the_reports_shares(tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    labels = noise.integers(0, 3, 50)
    for i in range(24):
        probabilities = noise.dirichlet((1, 1, 1), 50).astype(np.float32)
        np.savez(tmp_path / f"{i}.npz", predictions=probabilities, labels=labels)
    files = sorted(tmp_path.glob("*.npz"))
    code, output = run("vote", *files, "--rank-on", "test", "--out", tmp_path / "vote")
    assert code == 0
    assert "and 4 more" in output
    assert all(f"{share} %" in output for share in (10, 20, 30, 40, 50, 100))
    assert len(curve(tmp_path / "vote")) == 24


def test_vote_over_published_models_gives_their_known_accuracy(
    real_data: Path, tmp_path: Path
) -> None:
    arrays = np.load(real_data / "predictions" / "cifar10_test_softmax_8models.npz")
    for name in arrays.files:
        if name.endswith("__probs"):
            path = tmp_path / f"{name.removesuffix('__probs')}.npz"
            np.savez(path, predictions=arrays[name], labels=arrays["labels"])
    files = sorted(tmp_path.glob("*.npz"))
    code, output = run("vote", *files, "--rank-on", "test", "--out", tmp_path / "vote")
    assert code == 0
    assert "ranked and scored on the same images" in output
    rows = curve(tmp_path / "vote")
    assert float(rows[0]["accuracy"]) == pytest.approx(0.9730)
    assert float(rows[7]["soft"]) == pytest.approx(0.9691)


def test_vote_refuses_in_words(runs: Path, tmp_path: Path) -> None:
    even = np.full((20, 2), 0.5, np.float32)
    array, labelled = tmp_path / "alone.npy", tmp_path / "labelled.npz"
    np.save(array, even)
    np.savez(labelled, even=even, labels=np.zeros(20, np.int64))
    for arguments, words in (
        ([tmp_path], "holds no run with predictions of test, predictions.safetensors"),
        ([labelled], "no predictions-val.safetensors beside it to rank on; use --rank-on test"),
        ([array, "--method", "stack"], "--method stack needs labels to rank and to fit on"),
        ([array, "--top", "50"], "--top needs labels to rank and to fit on"),
        ([runs, "--top", "0"], "--top must be percentages above 0"),
        ([runs, "--top", "ten"], "--top must be percentages above 0"),
    ):
        code, output = run("vote", *arguments, "--out", tmp_path / "vote")
        assert (code, words in output) == (2, True), output
    assert not (tmp_path / "vote").exists()


# ---- preview, info, demo ------------------------------------------------------------------------


@pytest.mark.parametrize("augment", ["none", "cifar", "warsaw-all"])
def test_preview_draws_any_recipe_on_any_data(images: Path, tmp_path: Path, augment: str) -> None:
    path = tmp_path / "preview.png"
    code, output = run("preview", images, "--augment", augment, "--count", 5, "--out", path)
    assert (code, output) == (0, f"preview: {path}")
    assert Image.open(path).size[0] > 1000


@pytest.mark.parametrize(("name", "kind"), [("all.png", "PNG"), ("all.jpg", "JPEG")])
def test_gallery_draws_every_transform(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / name
    assert run("gallery", "--out", path) == (0, f"gallery: {path}")
    with Image.open(path) as picture:
        assert picture.format == kind
        assert picture.width > 1000 < picture.height
    assert set(examples()) == set(own_transforms()) - {"Normalize", "RandomChoice"}


def test_preview_shows_every_variant_of_an_image(images: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("{augment: contrast, variants: {mirrored: [RandomHorizontalFlip]}}")
    across = {}
    for how in (("--variants", "fruit-eightfold"), ("--config", recipe), ("--augment", "contrast")):
        path = tmp_path / "preview.png"
        code, output = run("preview", images, *how, "--count", 1, "--out", path)
        assert code == 0, output
        across[how[0]] = (Image.open(path).size[0] / DPI - 2 * 0.3 + 0.08) / (1.3 + 0.08)
    assert across == pytest.approx({"--variants": 8, "--config": 3, "--augment": 2}, abs=0.02)


def test_model_tells_what_networks_are_made_of() -> None:
    code, output = run("model", "describe", "cnn3", "--block-dropout", 0.5, "--head", "linear")
    assert code == 0 and "376,834 parameters" in output and "Dropout2d" in output
    options = ("--pooled-features", "--frozen", "--frozen-mode", "train", "--head", "64,32")
    code, output = run("model", "describe", "mobilenet_v3_small", *options)
    assert code == 0 and f"{577 * 64 + 65 * 32 + 33 * 10:,} of them trained" in output
    code, output = run("model", "list")
    assert code == 0 and "encoder_layers" in output and "pooled_features" in output


def test_info_names_the_version() -> None:
    code, output = run("info")
    assert code == 0
    assert __version__ in output


def test_the_demo_trains_votes_and_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    demo = importlib.import_module("warpmix.cli.demo")
    monkeypatch.setattr(demo, "load_config", lambda _: TrainConfig(epochs=1, augment="warsaw-all"))
    code, output = run("demo", "--out", tmp_path)
    assert code == 0
    assert output.count("test accuracy") >= 3
    assert "3 of 3" in output
    assert {"curve.csv", "curve.png", "preview.png", "members"} <= {
        p.name for p in tmp_path.iterdir()
    }
