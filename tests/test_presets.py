"""Presets that are published recipes: their sources' numbers, and photographs of mixed sizes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from test_cli import run

from warpmix import (
    CenterCrop,
    CutMix,
    MixUp,
    Pipeline,
    RaggedImages,
    RandomChoice,
    RandomErasing,
    RandomHorizontalFlip,
    RandomResizedCrop,
    Resize,
    Targets,
    TimmRandAugment,
    TrivialAugmentWide,
    presets,
)
from warpmix.train import load_config, load_model
from warpmix.train.data import load_splits
from warpmix.train.loaders import evaluation_loader, training_loader
from warpmix.train.loop import model_spec

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
CROP = {"scale": (0.08, 1.0), "ratio": (3 / 4, 4 / 3)}  # torchvision's, and timm's, defaults


@dataclass(frozen=True)
class Source:
    """What a source says.

    Attributes:
        size: side of the training images.
        interpolation: of the crop, and of the moves of timm's policies.
        policy: its name on the source's command line.
        mixup, cutmix: alphas.
        erasing: probability, scale, ratio and value; None: nothing is erased.
    """

    size: int
    interpolation: str
    policy: str
    mixup: float
    cutmix: float
    erasing: tuple[float, tuple[float, float], tuple[float, float], str] | None = None


SOURCES = {
    # --train-crop-size 176 --auto-augment ta_wide --random-erase 0.1 --mixup-alpha 0.2
    # --cutmix-alpha 1.0; scale, ratio and value are the defaults of torchvision's RandomErasing.
    "torchvision_v2_recipe": Source(
        176, "bilinear", "ta_wide", 0.2, 1.0, (0.1, (0.02, 0.33), (0.3, 3.3), "mean")
    ),
    # "ResNet strikes back", table 2: train resolution, RandAugment, Mixup alpha, Cutmix alpha.
    # They do not say how it interpolates, so as timm does by default.
    "timm_a1": Source(224, "random", "rand-m7-mstd0.5-inc1", 0.2, 1.0),
    "timm_a2": Source(224, "random", "rand-m7-mstd0.5-inc1", 0.1, 1.0),
    "timm_a3": Source(160, "random", "rand-m6-mstd0.5-inc1", 0.1, 1.0),
    # DeiT, table 9, and the defaults of its main.py; scale and ratio are timm's RandomErasing's.
    "deit": Source(
        224, "bicubic", "rand-m9-mstd0.5-inc1", 0.8, 1.0,
        (0.25, (0.02, 1 / 3), (0.3, 1 / 0.3), "random"),
    ),
}  # fmt: skip


def expected(source: Source) -> list[Any]:
    """The list of transforms that a source's numbers make."""
    policy: Any = TrivialAugmentWide(interpolation="bilinear")
    if source.policy != "ta_wide":
        fill = [round(255 * mean) for mean in IMAGENET["mean"]]  # as timm rounds it
        policy = TimmRandAugment(source.policy, source.interpolation, fill)
    erasing: list[Any] = []
    if source.erasing:
        p, scale, ratio, value = source.erasing
        erasing = [RandomErasing(p, scale, ratio, value)]
    return [
        RandomResizedCrop(source.size, interpolation=source.interpolation, **CROP),
        RandomHorizontalFlip(0.5),
        policy,
        *erasing,
        RandomChoice([MixUp(source.mixup), CutMix(source.cutmix)]),
    ]


@pytest.mark.parametrize("name", SOURCES)
def test_the_numbers_are_the_sources(name: str) -> None:
    wanted = Pipeline(expected(SOURCES[name])).to_dict()["transforms"]
    assert Pipeline(presets.transforms(name)).to_dict()["transforms"] == wanted
    assert getattr(presets, name)(**IMAGENET).to_dict()["transforms"] == wanted


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes, dark and light, in sizes of 40 to 300 pixels a side: smooth, with some noise."""
    root = tmp_path_factory.mktemp("photos") / "photos"
    random = np.random.default_rng(0)
    for split, count in (("train", 6), ("test", 2)):
        for name, low in (("dark", 0), ("light", 120)):
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                width, height = random.integers(40, 300, 2).tolist()
                coarse = random.integers(low, low + 110, (5, 5, 3), dtype=np.uint8)
                photo = np.asarray(Image.fromarray(coarse).resize((width, height)))
                noise = random.integers(0, 20, photo.shape, dtype=np.uint8)
                Image.fromarray(photo + noise).save(root / split / name / f"{number}.png")
    return root


def opened(photos: Path) -> list[Image.Image]:
    return [Image.open(path) for path in sorted((photos / "train").rglob("*.png"))]


@pytest.mark.parametrize("name", SOURCES)
def test_training_and_evaluation_mode(name: str, photos: Path) -> None:
    source, images = SOURCES[name], RaggedImages.from_list(opened(photos))
    labels, ids = torch.arange(len(images)), torch.arange(len(images))
    pipeline = presets.pipeline(name, **IMAGENET)
    batch, targets = pipeline(images, labels, ids=ids)
    assert batch.shape == (len(images), 3, source.size, source.size)
    assert batch.isfinite().all() and isinstance(targets, Targets)
    assert (targets.lam < 1).any() and not torch.equal(targets.y_b, labels)
    batch, targets = pipeline.eval()(images, labels, ids=ids)
    filter_ = "bilinear" if source.interpolation == "random" else source.interpolation
    whole = Resize((source.size, source.size), filter_)
    resized = Pipeline([whole], **IMAGENET)(images)
    if source.interpolation == "random":  # what enlarges is resampled too, and not part of a map:
        assert (batch - resized).abs().max() < 2e-6 * 255  # the same but for float32's rounding
    else:
        assert torch.equal(batch, resized)
    assert isinstance(targets, Targets) and (targets.lam == 1).all()
    assert torch.equal(targets.y_a, labels)


@pytest.mark.parametrize("name", SOURCES)
def test_preview_train_and_evaluate(name: str, photos: Path, tmp_path: Path) -> None:
    picture = tmp_path / "preview.png"
    code, output = run("preview", photos, "--augment", name, "--out", picture)
    assert code == 0 and picture.exists(), output
    code, output = run(
        *("train", photos, "--augment", name, "--model", "vgg3", "--width", 4, "--epochs", 1),
        *("--batch-size", 8, "--device", "cpu", "--threads", 1, "--out", tmp_path / "run"),
    )
    assert code == 0, output
    size = SOURCES[name].size
    assert load_model(tmp_path / "run")[1].input_size == (size, size)
    code, output = run("evaluate", tmp_path / "run", "--device", "cpu")
    assert code == 0, output


@pytest.mark.parametrize("name", SOURCES)
def test_the_sources_evaluation(name: str, photos: Path) -> None:
    """``input_size`` and ``resize_size`` are the test's; training resizes in the crop alone."""
    size = SOURCES[name].size
    sizes = {"input_size": size, "resize_size": size * 8 // 7}
    config = load_config(augment=name, data=str(photos), **sizes)
    splits = load_splits(config, torch.device("cpu"))
    first = training_loader(config, splits).pipeline.transforms[0]
    assert isinstance(first, RandomResizedCrop) and splits.test is not None
    loader = evaluation_loader(splits.test, model_spec(config, splits), "32-true")
    assert loader.pipeline.transforms == (Resize(size * 8 // 7), CenterCrop((size, size)))
