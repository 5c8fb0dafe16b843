"""Which images a run uses, and how they come to the model: subsets, parts, preprocessing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import noisy_classes
from PIL import Image
from safetensors.torch import load_file
from test_cli import run
from torchvision import models
from torchvision.transforms import v2

from warpmix import CenterCrop, Pipeline, Resize
from warpmix.data import Dataset, stratified_subset
from warpmix.train import TrainConfig, fit, load_config, load_model, predict
from warpmix.train.automatic import settle_storage
from warpmix.train.data import Splits, load_splits, split_rows
from warpmix.train.loaders import evaluation_loader, training_loader
from warpmix.train.loop import model_spec
from warpmix.train.model import ModelSpec, read_tensors
from warpmix.train.preprocessing import preprocessing
from warpmix.train.run_folder import PREDICTIONS_FILES, load_settings

CPU = torch.device("cpu")


# ---- subsets ------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 7, 50, 99, 100])
def test_a_subset_has_every_classs_share(count: int) -> None:
    labels = torch.tensor([0] * 50 + [1] * 30 + [2] * 20)[torch.randperm(100)]
    rows = stratified_subset(labels, count, seed=3)
    assert len(rows) == count and rows.equal(rows.unique())
    shares = torch.bincount(labels[rows], minlength=3)
    exact = torch.tensor([50, 30, 20]) * count / 100
    assert (shares - exact).abs().max() < 1
    assert rows.equal(stratified_subset(labels, count, seed=3))
    if count == 50:
        assert not rows.equal(stratified_subset(labels, count, seed=4))


@pytest.mark.parametrize(
    ("count", "seed", "message"),
    [(0, 0, "from 1 to 4"), (5, 0, "from 1 to 4"), (2, -1, "seed must be")],
)
def test_subsets_out_of_range(count: int, seed: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        stratified_subset(torch.tensor([0, 0, 1, 1]), count, seed)


def test_subsets_are_taken_of_what_each_part_is() -> None:
    labels = torch.arange(100) % 4
    whole = split_rows(TrainConfig(), labels)
    some = split_rows(TrainConfig(train_images=20, val_images=8), labels)
    for name, count in (("train", 20), ("validation", 8)):
        assert len(some[name]) == count and set(some[name].tolist()) <= set(whole[name].tolist())
        assert torch.bincount(labels[some[name]]).tolist() == [count // 4] * 4
    other = split_rows(TrainConfig(train_images=20, split_seed=1), labels)
    assert not other["train"].equal(some["train"])
    with pytest.raises(ValueError, match=r"train_images: count must be from 1 to 80, got 81"):
        split_rows(TrainConfig(train_images=81), labels)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"train_images": 5, "few_shot": 2}, "train_images and few_shot both choose"),
        ({"val_images": 5, "validation": 0}, "val_images needs validation images"),
        ({"resize_size": 64}, "resize_size needs input_size or test_size"),
        ({"resize_size": 64, "test_size": 65}, "test_size must be at most resize_size, 64, .* 65"),
        ({"resize_size": 64, "test_size": "32x72"}, "test_size must be at most resize_size.* 72"),
        ({"test_size": 7}, "test_size.0 must be greater than or equal to 8, got 7"),
        ({"test_size": "8x8x8"}, "test_size must be Tuple should have at most 2 items"),
        ({"resize_size": 64, "input_size": 65}, "input_size must be at most resize_size, 64"),
        ({"input_size": "weights"}, "input_size weights needs weights"),
        ({"input_size": "weight"}, "input_size"),
    ],
)
def test_settings_that_contradict_each_other(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_config(**settings)


@pytest.mark.parametrize("own", [False, True])
def test_a_run_on_a_subset(tmp_path: Path, own: bool) -> None:
    root = noisy_classes(tmp_path / "images", train=25, test=20, spread=190, dark=0, light=60)
    if own:
        (root / "val").symlink_to(root / "test")
    config = TrainConfig(
        data=str(root),
        own_validation=own,
        train_images=20,
        val_images=6,
        test_images=10,
        model="cnn3",
        epochs=1,
        batch_size=8,
        device="cpu",
    )
    splits = load_splits(config, CPU)
    sizes = [len(part) for part in (splits.train, splits.validation, splits.test) if part]
    assert sizes == [20, 6, 10]
    fit(config, tmp_path / "run")
    rows, _ = read_tensors(tmp_path / "run" / "split.safetensors")
    assert {name: len(kept) for name, kept in rows.items()} == {
        "train": 20,
        "validation": 6,
        "test": 10,
    }


# ---- folders without a test part ----------------------------------------------------------------


@pytest.mark.parametrize("flat", [False, True])
def test_a_folder_without_labelled_test_images(tmp_path: Path, flat: bool) -> None:
    """Four fifths train, one fifth validates, nothing is tested; a flat folder is not looked at."""
    root = noisy_classes(tmp_path / "images", train=20, test=4, spread=190, dark=0, light=60)
    for path in sorted((root / "test").rglob("*.png")):
        target = root / "test" / f"{path.parent.name}{path.name}"
        path.rename(target) if flat else path.unlink()
    for folder in ("dark", "light"):
        (root / "test" / folder).rmdir()
    if not flat:
        (root / "test").rmdir()
    config = TrainConfig(data=str(root), model="cnn3", epochs=1, device="cpu")
    splits = load_splits(config, CPU)
    assert splits.validation is not None and splits.test is None
    assert (len(splits.train), len(splits.validation)) == (32, 8)
    result = fit(config, tmp_path / "run")
    assert result.test_accuracy is None and result.validation_accuracy is not None
    assert not (tmp_path / "run" / "predictions.safetensors").exists()


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    """What an earlier run of this process read is used as long as it is the same."""
    path = tmp_path / "images.npz"
    config = TrainConfig(data=str(path))
    numbers = np.random.default_rng(0)

    def write(count: int) -> None:
        images = numbers.integers(0, 256, (count, 8, 8, 3), np.uint8)
        np.savez(path, images=images, labels=np.arange(count) % 2)

    def read() -> torch.Tensor:
        images: torch.Tensor = load_splits(config, CPU).train.images
        return images

    write(50)
    first, again = read(), read()
    write(100)
    assert first.equal(again) and len(read()) == 2 * len(first)


# ---- preprocessing ------------------------------------------------------------------------------


def noise(size: int = 32) -> Dataset:
    images = torch.randint(0, 256, (4, size, size, 3), dtype=torch.uint8)
    return Dataset(images, torch.arange(4), tuple("abcd"), "noise")


@pytest.mark.parametrize("model", ["squeezenet1_0", "efficientnet_v2_s", "mobilenet_v3_small"])
@pytest.mark.parametrize("weights", ["DEFAULT", "IMAGENET1K_V1", "some/file.pth"])
def test_images_come_as_the_weights_want_them(model: str, weights: str) -> None:
    """torchvision's own transforms of these weights, on small images in memory."""
    dataset = noise()
    config = TrainConfig(model=model, weights=weights, input_size="weights", batch_size=4)
    prepared = preprocessing(config, dataset)
    splits = Splits(dataset, None, None, prepared, {}, "", config)
    ((batch, _),) = training_loader(config, splits).in_order(4)
    published = models.get_model_weights(model)
    own: Any = published["DEFAULT" if "file" in weights else weights].transforms()
    expected = own(dataset.images.permute(0, 3, 1, 2))
    side = own.crop_size[0]
    assert batch.shape == (4, 3, side, side) == expected.shape
    # torchvision rounds the enlarged image to whole values: by half of one at most.
    assert (batch - expected).abs().max() <= (0.5 + 1e-3) / 255 / min(prepared.std)
    spec = ModelSpec(
        model,
        "linear",
        0.0,
        dataset.classes,
        dataset.image_size,
        3,
        prepared.mean,
        prepared.std,
        prepared.input_size,
        prepared.resize_size,
    )
    ((evaluated, _),) = evaluation_loader(dataset, spec, "32-true")
    assert evaluated.equal(batch)


def test_the_centre_of_an_enlarged_image() -> None:
    dataset = noise(8)
    config = TrainConfig(input_size=12, resize_size=16, mean=(0,) * 3, std=(1,) * 3)
    splits = Splits(dataset, None, None, preprocessing(config, dataset), {}, "", config)
    ((batch, _),) = training_loader(config, splits).in_order(4)
    pixels = dataset.images.permute(0, 3, 1, 2).float() / 255
    expected = v2.functional.center_crop(v2.functional.resize(pixels, [16, 16]), [12, 12])
    torch.testing.assert_close(batch, expected, rtol=0, atol=1e-5)


def test_image_files_come_as_the_weights_want_them(tmp_path: Path) -> None:
    """``fit: crop`` to the side that the weights are resized to, whose centre the launch cuts."""
    smooth = torch.linspace(0, 255, 320).expand(3, 280, 320).to(torch.uint8)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(5):
            image = Image.fromarray(smooth.permute(1, 2, 0).numpy())
            image.save(tmp_path / name / f"{number}.png")
    config = TrainConfig(
        data=str(tmp_path),
        image_size=256,
        fit="crop",
        cache="off",
        model="squeezenet1_0",
        weights="DEFAULT",
        input_size="weights",
    )
    splits = load_splits(config, CPU)
    batch = next(iter(training_loader(config, splits).in_order(8)))[0]
    transforms: Any = models.SqueezeNet1_0_Weights.DEFAULT.transforms()
    expected = transforms(Image.fromarray(smooth.permute(1, 2, 0).numpy()))
    # The two cut and resize in another order: a pixel's share of a smooth slope.
    assert (batch[0] - expected).abs().max() <= 2 / 255 / 0.224


def test_a_run_keeps_its_preprocessing(tmp_path: Path) -> None:
    config = TrainConfig(
        model="cnn3", input_size=16, resize_size=20, epochs=1, few_shot=10, device="cpu"
    )
    fit(config, tmp_path / "run")
    _, spec = load_model(tmp_path / "run")
    assert (spec.input_size, spec.resize_size) == ((16, 16), (20, 20))


def test_no_weights_are_published_of_the_packages_own_models() -> None:
    config = TrainConfig(model="vgg3", weights="w.pth", input_size="weights")
    with pytest.raises(ValueError, match="input_size weights needs one of torchvision's models"):
        preprocessing(config, noise())


# ---- another size in the test than in training --------------------------------------------------


def test_a_test_size_is_a_side_or_a_height_and_a_width() -> None:
    sizes: list[Any] = [24, "24", "24x24", [24, 24]]
    assert {load_config(test_size=size).test_size for size in sizes} == {(24, 24)}
    assert load_config(test_size="16x24").test_size == (16, 24)
    assert load_config().test_size is None and load_config(test_size=None).test_size is None


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"test_size": "9x12"}, [Resize((9, 12))]),
        ({"test_size": 12, "resize_size": 16}, [Resize((16, 16)), CenterCrop((12, 12))]),
        ({"test_size": 12, "input_size": 10}, [Resize((12, 12))]),
        (
            {"test_size": 16, "input_size": 12, "resize_size": 20},
            [Resize((20, 20)), CenterCrop((16, 16))],
        ),
    ],
)
def test_what_is_tested_has_its_own_size(settings: dict[str, Any], expected: list[Any]) -> None:
    config = load_config(mean=(0, 0, 0), std=(1, 1, 1), **settings)
    dataset = noise(8)
    splits = Splits(dataset, None, None, preprocessing(config, dataset), {}, "", config)
    spec = model_spec(config, splits)
    assert list(evaluation_loader(dataset, spec, "32-true").pipeline.transforms) == expected
    trained = next(iter(training_loader(config, splits)))[0]
    assert trained.shape[2:] == spec.network_size == (config.input_size or 8,) * 2


def test_photos_are_tested_with_their_proportions(tmp_path: Path) -> None:
    root = photos_of_mixed_sizes(tmp_path)
    augment: list[Any] = [{"RandomResizedCrop": {"size": 24}}]
    config = load_config(data=str(root), augment=augment, test_size=32, resize_size=36, cache="off")
    splits = load_splits(config, CPU)
    assert splits.validation is not None
    spec = model_spec(config, splits)
    tested = evaluation_loader(splits.validation, spec, "32-true")
    assert list(tested.pipeline.transforms) == [Resize(36), CenterCrop((32, 32))]
    assert spec.network_size == (24, 24) and next(iter(tested))[0].shape[2:] == (32, 32)
    assert next(iter(training_loader(config, splits)))[0].shape[2:] == (24, 24)


def photos_of_mixed_sizes(root: Path) -> Path:
    generator = np.random.default_rng(0)
    for name in ("a", "b"):
        (root / name).mkdir()
        for number in range(5):
            shape = (40 + 3 * number, 60 - number, 3)
            image = Image.fromarray(generator.integers(0, 256, shape, dtype=np.uint8))
            image.save(root / name / f"{number}.png")
    return root


def test_images_are_stored_large_enough_for_the_test(tmp_path: Path) -> None:
    config = load_config(data=str(photos_of_mixed_sizes(tmp_path)), input_size=16, test_size=24)
    assert settle_storage(config).store_size == 48


def test_a_model_is_tested_at_its_own_size_from_training_to_a_bundle(tmp_path: Path) -> None:
    """Validation, test, evaluate, predict and an exported ensemble: all see what is worked out
    here by hand."""
    folder, bundle = tmp_path / "run", tmp_path / "bundle"
    options = ("--model", "shufflenet_v2_x0_5", "--few-shot", 4, "--epochs", 1, "--batch-size", 16)
    parts = ("--val-images", 30, "--test-images", 40)
    sizes = ("--input-size", 24, "--test-size", "32x40", "--device", "cpu", "--threads", 1)
    code, output = run("train", *options, *parts, *sizes, "--out", folder)
    assert code == 0, output
    network, spec = load_model(folder)
    assert (spec.network_size, spec.test_size) == ((24, 24), (32, 40))
    config = load_settings(folder)
    splits = load_splits(config, CPU)
    assert splits.test is not None and splits.validation is not None
    resized = Pipeline([Resize((32, 40))], mean=spec.mean, std=spec.std)
    for split, dataset in (("val", splits.validation), ("test", splits.test)):
        assert isinstance(dataset, Dataset)
        with torch.inference_mode():
            expected = network(resized(dataset.source)).softmax(1)
        made = load_file(folder / PREDICTIONS_FILES[split])["predictions"]
        torch.testing.assert_close(made, expected, rtol=0, atol=1e-5)
        torch.testing.assert_close(predict(folder, dataset), expected, rtol=0, atol=1e-5)
    right = float((expected.argmax(1) == splits.test.labels).double().mean())
    code, output = run("evaluate", folder, "--device", "cpu")
    assert code == 0 and f"{right:.2%}" in output, output
    code, output = run("ensemble", "export", folder, "--out", bundle)
    assert code == 0, output
    tempered = predict(bundle, splits.test)  # by a temperature that is fitted in validation
    assert tempered.argmax(1).equal(expected.argmax(1))
    assert load_model(next(bundle.rglob("*.safetensors")))[1].test_size == (32, 40)


@pytest.mark.parametrize("model", ["vgg3", "cnn3", "vit_b_16"])
def test_a_network_for_one_size_refuses_another(model: str, tmp_path: Path) -> None:
    sizes = {"input_size": 32, "test_size": 48}
    config = load_config(model=model, few_shot=2, epochs=1, device="cpu", **sizes)
    message = "test_size 48x48 does not fit this network .*; leave it out, or train a network that"
    with pytest.raises(ValueError, match=message):
        fit(config, tmp_path / "run")
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_weights_whose_images_are_smaller_than_the_test() -> None:
    config = TrainConfig(
        model="squeezenet1_0", weights="DEFAULT", input_size="weights", test_size=(288, 288)
    )
    with pytest.raises(ValueError, match="test_size must be at most 256, which the images of inp"):
        preprocessing(config, noise())


def test_photos_that_would_be_cut_out_of_less(tmp_path: Path) -> None:
    sizes = {"test_size": 32, "resize_size": 36}  # and 64 pixels to train on, by the network
    config = load_config(data=str(photos_of_mixed_sizes(tmp_path)), frozen=True, **sizes)
    with pytest.raises(ValueError, match="resize_size must be at least 64, the input_size that is"):
        load_splits(config, CPU)
