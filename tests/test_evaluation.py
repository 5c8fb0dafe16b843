"""Evaluation: figures against scikit-learn and by hand; maps; pictures; submissions."""

from __future__ import annotations

import csv
import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import noisy_classes
from matplotlib.figure import Figure
from PIL import Image
from sklearn.metrics import confusion_matrix, log_loss
from torch import Tensor, nn
from typer.testing import CliRunner

from warpmix import predictions
from warpmix.cli import app
from warpmix.data import Dataset, ImageCache, open_images
from warpmix.evaluation import CALIBRATION_BINS, activation_maps, evaluate_predictions
from warpmix.figures.evaluation import draw_calibration, draw_confusion, draw_images
from warpmix.figures.vote_curve import plot_vote_curve
from warpmix.models import Network, create
from warpmix.train import TrainConfig, fit, load_model
from warpmix.train.model import ModelSpec, copy_weights, save_model
from warpmix.train.prediction import write_submission

# ---- figures ------------------------------------------------------------------------------------


@pytest.fixture
def predicted() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    probabilities = torch.rand(500, 4, generator=generator).pow(3).double()
    probabilities /= probabilities.sum(1, keepdim=True)
    return probabilities, torch.randint(0, 3, (500,), generator=generator)  # class 3 never occurs


def test_figures_are_those_of_their_definitions(predicted: tuple[Tensor, Tensor]) -> None:
    probabilities, labels = predicted
    found = evaluate_predictions(probabilities, labels)
    guesses = probabilities.argmax(1)
    assert found.accuracy == pytest.approx((guesses == labels).double().mean().item())
    expected = confusion_matrix(labels, guesses, labels=range(4))
    assert (found.confusion.numpy() == expected).all()
    for label in range(3):
        own = labels == label
        assert float(found.class_accuracy[label]) == pytest.approx(
            (guesses[own] == label).double().mean().item()
        )
    assert math.isnan(found.class_accuracy[3])
    assert found.loss == pytest.approx(log_loss(labels, probabilities, labels=range(4)))
    truth = torch.eye(4)[labels]
    assert found.brier == pytest.approx((probabilities - truth).square().sum(1).mean().item())


def test_calibration_is_the_gap_of_confidence_and_accuracy(
    predicted: tuple[Tensor, Tensor],
) -> None:
    probabilities, labels = predicted
    found = evaluate_predictions(probabilities, labels)
    confidence, guesses = probabilities.max(1)
    error = 0.0
    for number in range(CALIBRATION_BINS):
        inside = (confidence * CALIBRATION_BINS).long() == number
        assert found.bins[number, 0] == inside.sum()
        if inside.any():
            mean = confidence[inside].mean().item()
            right = (guesses == labels)[inside].double().mean().item()
            assert found.bins[number, 1:].tolist() == pytest.approx([mean, right])
            error += inside.double().mean().item() * abs(mean - right)
    assert found.calibration_error == pytest.approx(error)
    certain = evaluate_predictions(torch.eye(3)[[0, 1, 2]], torch.tensor([0, 1, 2]))
    assert (certain.accuracy, certain.calibration_error, certain.loss) == (1, 0, 0)


def test_errors_come_most_confident_first(predicted: tuple[Tensor, Tensor]) -> None:
    probabilities, labels = predicted
    found = evaluate_predictions(probabilities, labels)
    wrong = probabilities.argmax(1) != labels
    assert len(found.errors) == wrong.sum() and wrong[found.errors].all()
    assert found.confidence[found.errors].diff().max() <= 0
    with pytest.raises(ValueError, match=r"probabilities must be \[N, C\] and labels \[N\]"):
        evaluate_predictions(probabilities, labels[:-1])


# ---- class activation maps ----------------------------------------------------------------------


def test_maps_of_global_average_pooling_are_zhous() -> None:
    torch.manual_seed(0)
    features = nn.Sequential(
        nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(), nn.Conv2d(5, 6, 3, padding=1)
    )
    backbone = nn.Sequential(*features, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    network = Network(backbone, nn.Sequential(nn.Linear(6, 4)), frozen=True).eval()
    images, classes = torch.randn(3, 3, 8, 8), torch.tensor([0, 3, 1])
    found = activation_maps(network, images, classes)
    weights = network.head[0].weight[classes].detach()
    expected = torch.einsum("bc,bchw->bhw", weights, features(images).detach()).relu()
    torch.testing.assert_close(found, expected / expected.amax((1, 2), keepdim=True))


def test_maps_find_what_decides() -> None:
    """A network that looks for red, and images with one red corner."""
    backbone = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    with torch.no_grad():
        for layer in backbone[:2]:
            layer.weight.zero_()
            layer.bias.zero_()
        backbone[0].weight[0, 0, 1, 1] = 1
        backbone[1].weight[0, 0] = 1
    network = Network(backbone, nn.Sequential(nn.Linear(2, 2, bias=False))).eval()
    network.head[0].weight.data = torch.eye(2)
    images = torch.zeros(1, 3, 12, 12)
    images[0, 0, :4, 8:] = 1
    maps = activation_maps(network, images, torch.tensor([0]))
    assert (maps[0, :4, 8:] == 1).all() and maps.sum() == 16
    assert activation_maps(network, images, torch.tensor([1])).sum() == 0


@pytest.mark.parametrize("name", ["mlp_s", "vit6"])
def test_networks_without_places_have_no_maps(name: str) -> None:
    with pytest.raises(ValueError, match="must have convolutions that keep places apart"):
        activation_maps(create(name, 3).eval(), torch.randn(2, 3, 32, 32), torch.tensor([0, 1]))


# ---- pictures -----------------------------------------------------------------------------------


def test_long_titles_are_broken_where_the_picture_ends(tmp_path: Path) -> None:
    title = "cifar10-baseline2-combined-with-a-long-name-seed0 on a-folder-of-images, validation"
    bins = np.array([[0, np.nan, np.nan], [9, 0.7, 0.6]])
    draw_calibration(tmp_path / "calibration.png", bins, 0.1, title)
    draw_confusion(tmp_path / "confusion.png", np.eye(2, dtype=int), ("a", "b"), title)
    draw_images(tmp_path / "images.png", [[np.zeros((8, 8, 3), np.uint8)]] * 2, "ab", title)
    for name in ("calibration", "confusion", "images"):
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert (np.asarray(picture.convert("L"))[:, -3:] == 255).all()  # no letter is cut


# ---- commands -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("images")
    return noisy_classes(root, train=40, test=25, spread=190, dark=0, light=30, white=60)


@pytest.fixture(scope="module")
def run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "run"
    fit(TrainConfig(data=str(folder), epochs=2, batch_size=32, device="cpu", tta="flip"), path)
    return path


def command(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, " ".join(result.output.split())


def test_evaluate_writes_figures_and_pictures(run: Path, tmp_path: Path) -> None:
    code, output = command("evaluate", run, "--out", tmp_path / "out")
    assert code == 0, output
    stored = predictions.load(run / "predictions.safetensors")
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["accuracy"] == pytest.approx(stored.accuracy)
    assert f"accuracy {stored.accuracy:.2%}" in output and "most often taken for" in output
    with (tmp_path / "out" / "confusion.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["true", "dark", "light", "white"]
    assert [sum(map(int, row[1:])) for row in rows[1:]] == [25] * 3
    for name in ("confusion", "calibration", "errors", "maps"):
        with Image.open(tmp_path / "out" / f"{name}.png") as picture:
            assert min(picture.size) > 200
            assert sum(count > 0 for count in picture.convert("L").histogram()) > 10


@pytest.mark.parametrize("low", [0.0, 0.1, 0.979, 0.99, 0.9996])
def test_percentages_at_an_axis_are_its_ticks(low: float) -> None:
    """To a quarter of a point and less, as ensembles differ."""
    axes = Figure().add_subplot()
    plot_vote_curve(axes, [low, (1 + low) / 2], {"soft": [low, 1.0]})
    ticks = axes.yaxis.get_majorticklocs()
    labels = axes.yaxis.get_major_formatter().format_ticks(ticks)
    assert len(labels) > 3 and len({len(label.partition(".")[2]) for label in labels}) == 1
    for tick, label in zip(ticks, labels, strict=True):
        assert float(label[:-1]) == pytest.approx(100 * tick, abs=1e-6)


def test_a_submission_holds_every_image_by_its_name(
    run: Path, folder: Path, tmp_path: Path
) -> None:
    root = tmp_path / "kaggle" / "test"
    root.mkdir(parents=True)
    noise = np.random.default_rng(1)
    for number in range(1, 1301):  # more than two batches
        pixels = noise.integers(0, 256, (8, 8, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(root / f"{number}.png")
    code, output = command(
        *("predict", run, "--data", "kaggle-cifar10", "--root", tmp_path / "kaggle"),
        *("--submission", tmp_path / "out.csv", "--out", tmp_path / "out.safetensors"),
    )
    assert code == 0 and "1300 labels" in output, output
    with (tmp_path / "out.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["id", "label"]
    assert [row[0] for row in rows[1:]] == [str(number) for number in range(1, 1301)]
    stored = predictions.load(tmp_path / "out.safetensors")
    assert stored.labels is None
    classes = load_model(run)[1].classes
    assert [row[1] for row in rows[1:]] == [
        classes[label] for label in stored.predictions.argmax(1).tolist()
    ]


def test_submissions_of_a_data_set_in_memory_are_numbered(run: Path, tmp_path: Path) -> None:
    images = torch.randint(0, 256, (5, 8, 8, 3), dtype=torch.uint8)
    dataset = Dataset(images, torch.zeros(5, dtype=torch.int64), ("a",), "mine")
    probabilities, classes = write_submission(tmp_path / "out.csv", run, dataset, device="cpu")
    assert probabilities.shape == (5, 3) and classes == ("dark", "light", "white")
    assert (tmp_path / "out.csv").read_text().splitlines()[1].startswith("1,")
    wrong = Dataset(images[:, :4], dataset.labels, ("a",), "mine")
    with pytest.raises(ValueError, match=r"must have images of 8x8 pixels .* got 4x8"):
        write_submission(tmp_path / "other.csv", run, wrong, device="cpu")
    assert not (tmp_path / "other.csv").exists()


def test_submission_streams_image_files(run: Path, folder: Path, tmp_path: Path) -> None:
    images = open_images(folder, "test", cache=tmp_path)
    probabilities, _ = write_submission(tmp_path / "out.csv", run, images, device="cpu")
    stored = predictions.load(run / "predictions.safetensors").predictions
    torch.testing.assert_close(probabilities, stored)


@pytest.mark.parametrize(
    ("others", "split", "ids"),
    [
        (["train/dark/deep/1.png"], "train", ["dark/1.png", "dark/deep/1.png", "light/1.png"]),
        (["test/1.png", "test/1.bmp", "test/10.png"], "test", ["1.bmp", "1.png", "10.png"]),
        (["test/caf\udce9.png"], "test", ["caf\udce9.png"]),  # Latin-1: the bytes that it is
        (["test/light/1.png", "test/dark/1.png"], "test", ["dark/1.png", "light/1.png"]),
    ],
)
def test_ids_of_a_submission_are_paths(
    run: Path, tmp_path: Path, others: list[str], split: str, ids: list[str]
) -> None:
    root = tmp_path / "images"
    for name in ("train/light/1.png", "train/dark/1.png", *others):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(root / name)
    code, output = command(
        *("predict", run, "--data", root, "--split", split, "--cache", tmp_path / "cache"),
        *("--submission", tmp_path / "out.csv"),
    )
    assert code == 0, output
    rows = (tmp_path / "out.csv").read_bytes().splitlines()[1:]
    assert [os.fsdecode(row.partition(b",")[0]) for row in rows] == ids


def test_a_submission_needs_the_memory_of_a_few_batches(tmp_path: Path) -> None:
    """24,000 images of 32x32 are 74 MB of pixels, and 295 MB as batches of floats."""
    count, classes = 24_000, tuple("abcdefghij")
    spec = ModelSpec("fruit_mlp", (), 0.0, classes, (32, 32), 3, (0.5,) * 3, (0.2,) * 3)
    save_model(tmp_path / "model.safetensors", copy_weights(spec.build()), spec)
    with (tmp_path / "images.u8").open("wb") as file:
        file.truncate(count * 32 * 32 * 3)  # sparse: what is read of it is as long, and is zeros
    paths = tuple(tmp_path / f"{number}.png" for number in range(count))
    cache = ImageCache(tmp_path, (32, 32), count, (), None, classes, "many", paths, (), 1024)

    def resident() -> int:
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS:"))

    sizes: list[int] = []
    write_submission(
        tmp_path / "out.csv",
        tmp_path / "model.safetensors",
        cache,
        device="cpu",
        on_batch=lambda done: sizes.append(resident()),
    )
    assert max(sizes) - sizes[5] < 60e6  # what grows by a batch a batch grows by 280 MB
