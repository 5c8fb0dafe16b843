"""No flag but the data: what a run chooses by its images, and that photos of any sizes train."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from test_cli import run

from warpmix.data import Dataset
from warpmix.train import TrainConfig, fit, load_config, load_model
from warpmix.train.automatic import settle, settle_storage
from warpmix.train.run_folder import load_settings


def images(count: int, side: int, name: str = "x") -> Dataset:
    pixels = torch.zeros(count, side, side, 3, dtype=torch.uint8)
    return Dataset(pixels, torch.arange(count) % 2, ("a", "b"), name)


@pytest.mark.parametrize(("count", "epochs"), [(100, 30), (9000, 30), (40_000, 7), (90_000, 5)])
def test_epochs_follow_the_number_of_images(count: int, epochs: int) -> None:
    small = images(count, 1)
    assert settle(TrainConfig(), small).epochs == epochs
    assert settle(TrainConfig(epochs="auto"), small).epochs == epochs
    assert settle(TrainConfig(epochs=3), small).epochs == 3


def test_an_optimiser_has_its_usual_rate_and_warm_up_has_cosine() -> None:
    assert (TrainConfig().opt, TrainConfig().lr, TrainConfig().sched) == (
        "adamw",
        0.002,
        "onecycle",
    )
    assert TrainConfig(opt="sgd").lr == 0.05 and TrainConfig(opt="sgd", lr=1).lr == 1
    assert TrainConfig(warmup_epochs=1).sched == "cosine"


@pytest.mark.parametrize(
    ("given", "side", "size", "listed"),
    [
        ({}, 300, 64, ["RandomResizedCrop", "RandomHorizontalFlip"]),
        ({}, 64, None, []),  # no larger than the network's own: as they are
        ({"model": "resnet18"}, 300, 224, ["RandomResizedCrop", "RandomHorizontalFlip"]),
        ({"model": "resnet18", "weights": "DEFAULT", "frozen": True}, 300, "weights", []),
        ({"augment": "cifar"}, 300, 64, ["RandomCrop", "RandomHorizontalFlip"]),
        ({"augment": "timm_a1"}, 300, None, ["RandomResizedCrop", "RandomHorizontalFlip"]),
        ({"augment": []}, 300, 64, []),
        ({"input_size": None}, 300, None, []),
        ({"input_size": 48}, 300, 48, ["RandomResizedCrop", "RandomHorizontalFlip"]),
        ({"image_size": 300}, 300, None, []),
        ({"expand": 1.0}, 300, 64, []),
        ({"p": 0.5}, 300, 64, []),
        ({"data": "cifar10"}, 32, None, ["RandomCrop", "RandomHorizontalFlip"]),
        ({"data": "cifar10", "augment": []}, 32, None, []),
        ({"data": "digits"}, 8, None, []),
    ],
)
def test_sizes_and_crops_follow_the_images(
    given: dict[str, Any], side: int, size: object, listed: list[str]
) -> None:
    made = settle(TrainConfig(**{"data": "photos", **given}), images(4, side))
    assert made.input_size == size
    names = [e if isinstance(e, str) else next(iter(e)) for e in made.augment]
    assert names[: len(listed)] == listed and bool(names) == bool(listed)
    assert settle(made, images(4, side)) == made  # a resumed run chooses the same


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ({}, 128),
        ({"input_size": 48}, 96),
        ({"augment": "cifar"}, 128),
        ({"augment": "timm_a1"}, None),  # its crops may be small parts of a photo
        ({"image_size": 64}, None),
        ({"store_size": 50}, 50),
        ({"data": "digits"}, None),
    ],
)
def test_photos_are_stored_at_twice_the_size(given: dict[str, Any], stored: int | None) -> None:
    assert settle_storage(TrainConfig(**{"data": "photos", **given})).store_size == stored


def test_what_a_run_chose_makes_no_other_run() -> None:
    asked = TrainConfig(lr="auto")
    found = asked.model_copy(update={"lr": 0.02, "epochs": 6})
    assert asked.is_same(found) and found.is_same(asked)
    assert not TrainConfig(lr=0.02).is_same(found)
    assert not TrainConfig(lr="auto", seed=1).is_same(found)
    assert asked.taking_over(found) == found
    assert TrainConfig(epochs=9).taking_over(found).epochs == 9


# ---- photos of one's own ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes, dark and light, of kinds and sizes as they come from cameras and the web."""
    root = tmp_path_factory.mktemp("my photos") / "my photos"
    noise = np.random.default_rng(0)
    for name, low in (("dark & small (1)", 0), ("hell – grün", 120)):
        (root / name).mkdir(parents=True)
        for number in range(20):
            size = (*noise.integers(100, 260, 2), 3)
            pixels = noise.integers(low, low + 130, size, dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.jpg")
        (root / name / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
        (root / name / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
        image = Image.fromarray(pixels)
        image.convert("CMYK").save(root / name / "cmyk.jpg")
        image.save(root / name / "animation.gif")
        grey = (pixels[..., 0].astype(np.uint16)) << 8
        Image.fromarray(grey).save(root / name / "deep.png")
        exif = Image.Exif()
        exif[0x112] = 6
        image.save(root / name / "turned.jpg", exif=exif)
    rare = root / "rare one"
    rare.mkdir()
    for number in range(3):
        image.save(rare / f"{number}.jpg")
    whole = (root / name / "0.jpg").read_bytes()
    (root / name / "broken.jpg").write_bytes(whole[: len(whole) // 3])
    return root


@pytest.fixture(scope="module")
def trained(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "a run"
    short = ("--epochs", 1, "--device", "cpu", "--cache", folder.parent / "cache", "--width", 4)
    code, output = run("train", photos, "--out", folder, *short)
    assert code == 2 and "broken.jpg is no whole image" in output
    assert "--skip-bad-images" in output
    code, output = run("train", photos, "--out", folder, *short, "--skip-bad-images")
    assert code == 0, output
    assert "input_size 64; augment RandomResizedCrop, RandomHorizontalFlip" in output
    return folder


def test_photos_train_without_a_flag_for_their_sizes(trained: Path) -> None:
    config, (_, spec) = load_settings(trained), load_model(trained)
    assert (config.input_size, config.store_size, config.image_size) == (64, 128, None)
    assert spec.image_size is None and spec.input_size == (64, 64)
    assert spec.classes == ("dark & small (1)", "hell – grün", "rare one")


def test_such_a_run_predicts_and_evaluates(trained: Path, photos: Path, tmp_path: Path) -> None:
    code, output = run("predict", trained, "--split", "train", "--out", tmp_path / "p.safetensors")
    assert code == 0 and "over 51 images" in output, output
    code, output = run("evaluate", trained, "--split", "train", "--out", tmp_path / "evaluation")
    assert code == 0, output
    submission = tmp_path / "out.csv"
    code, output = run(
        *("predict", trained, "--data", photos / "rare one", "--submission", submission)
    )
    assert code == 0 and len(submission.read_text().splitlines()) == 4, output


@pytest.mark.parametrize("recipe", ["cifar", "timm_a1"])
def test_a_preview_needs_no_size_either(photos: Path, tmp_path: Path, recipe: str) -> None:
    code, output = run(
        *("preview", photos, "--augment", recipe, "--skip-bad-images", "--count", 2),
        *("--out", tmp_path / "preview.png"),
    )
    assert code == 0 and (tmp_path / "preview.png").exists(), output


def test_large_images_of_one_size_need_none(tmp_path: Path) -> None:
    """As from one camera: their proportions stay, and other photos can be predicted."""
    noise = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(4):
            pixels = noise.integers(0, 256, (120, 160, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
    config = TrainConfig(
        data=str(tmp_path / "photos"), width=2, epochs=1, validation=0.5, device="cpu", cache="off"
    )
    result = fit(config)
    assert result.spec.image_size is None and result.spec.network_size == (64, 64)
    crops = [{"RandomResizedCrop": {"size": 32}}]
    result = fit(
        TrainConfig(**{**config.model_dump(), "automatic": ("input_size",), "augment": crops})
    )
    assert result.spec.network_size == (32, 32)


# ---- commands that can be typed as they are printed ---------------------------------------------


def test_a_folder_with_a_space_is_quoted(trained: Path, photos: Path) -> None:
    code, output = run("train", photos, "--out", trained, "--seed", 1)
    assert code == 2 and f"warpmix train --resume '{trained}'" in output


def test_a_run_of_a_config_json_keeps_what_it_chose(trained: Path) -> None:
    again = load_config(trained / "config.json")
    assert "input_size" in again.automatic and again.input_size == 64
    changed = load_config(trained / "config.json", input_size=48)
    assert "input_size" not in changed.automatic


def test_a_class_of_one_image_is_named(tmp_path: Path) -> None:
    for name, count in (("many", 4), ("one", 1)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (8, 8)).save(tmp_path / "photos" / name / f"{number}.png")
    code, output = run("train", tmp_path / "photos", "--epochs", 1, "--out", tmp_path / "run")
    assert code == 2 and "with one there are one: add images" in output
    assert "--validation 0" in output


def test_a_folder_too_high_an_archive_and_no_folder(tmp_path: Path) -> None:
    (tmp_path / "above" / "photos").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "above" / "photos" / "1.png")
    (tmp_path / "photos.zip").write_bytes(b"PK")
    (tmp_path / "flat").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "flat" / "1.png")
    for name, words in (
        ("above", "two classes or more, got photos alone; name the folder"),
        ("photos.zip", "is a file; unpack it first if it is an archive"),
        ("nothing", "is no folder: expected one of"),
        ("flat", "a folder for each class, with"),
    ):
        code, output = run("train", tmp_path / name, "--out", tmp_path / "run")
        assert code == 2 and words in output, output
