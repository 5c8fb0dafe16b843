"""Folders of images of mixed sizes through the commands: trained, predicted, evaluated, shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from test_cli import run

from warpmix.predictions import load
from warpmix.train import load_config, load_model
from warpmix.train.data import load_splits
from warpmix.train.loaders import evaluation_loader, training_loader
from warpmix.train.loop import model_spec

RECIPE = """
augment:
  - RandomHorizontalFlip
  - RandomResizedCrop: {size: 16, scale: [0.3, 1.0]}
  - CutMix: {p: 0.5}
"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes, dark and light, in sizes of 12 to 60 pixels a side."""
    root = tmp_path_factory.mktemp("photos") / "photos"
    noise = np.random.default_rng(0)
    for split, count in (("train", 24), ("test", 8)):
        for name, low in (("dark", 0), ("light", 120)):
            folder = root / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                size = (*noise.integers(12, 60, 2), 3)
                pixels = noise.integers(low, low + 130, size, dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "crops.yaml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="module")
def trained(photos: Path, recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs that differ in where their images were."""
    root = tmp_path_factory.mktemp("runs")
    for loading in ("resident", "stream"):
        code, output = run(
            *("train", photos, "--config", recipe, "--epochs", 2, "--batch-size", 16),
            *("--device", "cpu", "--cache", root / "cache", "--loading", loading),
            *("--store-size", 40, "--out", root / loading),
        )
        assert code == 0, output
        assert ("stream from the cache" in output) == (loading == "stream")
    return root


def test_resident_and_streamed_train_the_same_model(trained: Path) -> None:
    weights = [load_model(trained / name)[0].state_dict() for name in ("resident", "stream")]
    assert all(torch.equal(a, b) for a, b in zip(*(w.values() for w in weights), strict=True))
    _, spec = load_model(trained / "resident")
    assert spec.image_size is None and spec.input_size == (16, 16)


def test_batches_of_training_and_of_the_test(photos: Path, recipe: Path, tmp_path: Path) -> None:
    both = []
    for loading in ("resident", "stream"):
        config = load_config(recipe, data=str(photos), cache=str(tmp_path), loading=loading)
        splits = load_splits(config, torch.device("cpu"))
        assert splits.train.image_size is None and splits.test is not None
        loaders = [
            training_loader(config, splits),
            evaluation_loader(splits.test, model_spec(config, splits), "32-true"),
        ]
        both.append([batch for loader in loaders for batch, _ in loader])
    assert all(torch.equal(a, b) for a, b in zip(*both, strict=True))
    assert all(batch.shape[1:] == (3, 16, 16) for batch in both[0])


def test_predict_and_evaluate(trained: Path, photos: Path) -> None:
    code, output = run("predict", trained / "stream", "--split", "test", "--device", "cpu")
    assert code == 0, output
    (file,) = (trained / "stream").glob("predictions-photos-test.safetensors")
    assert load(file).predictions.shape == (16, 2)
    code, output = run("evaluate", trained / "stream", "--device", "cpu")
    assert code == 0, output
    assert (trained / "stream" / "evaluation-test" / "metrics.json").exists()


def test_preview_and_prepare(photos: Path, recipe: Path, tmp_path: Path) -> None:
    code, output = run("preview", photos, "--config", recipe, "--out", tmp_path / "preview.png")
    assert code == 0 and (tmp_path / "preview.png").exists(), output
    cache = ("--cache", tmp_path / "cache")
    code, output = run("data", "prepare", photos, *cache)
    assert code == 0 and "48 images of mixed sizes in" in output
    code, output = run("data", "verify", photos, *cache)
    assert code == 0 and "blocks read from" in output


def test_lists_that_fix_no_size_and_what_helps(photos: Path, tmp_path: Path) -> None:
    flags = ("train", photos, "--epochs", 1, "--device", "cpu", "--cache", "off")
    code, output = run(*flags, "--input-size", "none", "--out", tmp_path / "none")
    assert code != 0 and "are of mixed sizes, and augment does not bring them to one" in output
    for name, sizes in (("image", ("--image-size", 16)), ("input", ("--input-size", 16))):
        code, output = run(*flags, *sizes, "--out", tmp_path / name)
        assert code == 0, output
