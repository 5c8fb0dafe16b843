"""Features of a frozen backbone: the same head with and without them, shared by many runs."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import noisy_classes
from torch import Tensor, nn

from warpmix.train import Callback, TrainConfig, Trainer, fit
from warpmix.train.features import FeatureLoader

WEIGHTS = (
    Path(__file__).parents[2] / "shared/data/weights/squeezenet1_0_imagenet_deepcompression.pth"
)

CHANGES: list[dict[str, Any]] = [
    {},
    {"augment": "warsaw-all", "expand": 0.5, "copies": "once"},
    {"variants": "fruit-eightfold", "copies": "once"},
]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("images")
    return noisy_classes(root, train=15, test=6, spread=190, dark=0, light=60)


def settings(images: Path, **changes: Any) -> TrainConfig:
    common = {"data": str(images), "model": "cnn3", "frozen": True, "head": "dense", "lr": 0.01}
    common |= {"epochs": 2, "batch_size": 8, "device": "cpu", "threads": 1}
    return TrainConfig(**{**common, "opt": "sgd", "sched": "cosine", **changes})


class Passes(Callback):
    """Counts the batches that go through the backbone, and how training gets its batches."""

    def __init__(self) -> None:
        self.total = 0
        self.of_features = False

    def on_fit_start(self, trainer: Trainer) -> None:
        self.of_features = isinstance(trainer._train, FeatureLoader)
        first = next(m for m in trainer.network.backbone.modules() if isinstance(m, nn.Conv2d))
        first.register_forward_hook(self.count)

    def count(self, *_: object) -> None:
        self.total += 1


def weights_of(result: Any) -> dict[str, Tensor]:
    return dict(result.model.state_dict())


@pytest.mark.parametrize("changes", CHANGES)
def test_a_head_trains_the_same_with_features_and_without(
    images: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    """In memory, stored now, and read from what an earlier run stored."""
    found = {}
    for cache in ("off", "memory", str(tmp_path), f"{tmp_path}/"):
        passes = Passes()
        config = settings(images, feature_cache=cache, **changes)
        found[cache] = weights_of(fit(config, callbacks=[passes]))
        assert passes.of_features == (passes.total == 0) == (cache != "off")
    torch.testing.assert_close(found["off"], found["memory"], rtol=1e-4, atol=1e-5)
    for cache in (str(tmp_path), f"{tmp_path}/"):
        for name, tensor in found["memory"].items():
            assert tensor.equal(found[cache][name])
    assert len(list(tmp_path.glob("*.safetensors"))) == 3  # training, validation and test images


@pytest.mark.skipif(not WEIGHTS.is_file(), reason="needs SqueezeNet's weights in ../shared")
def test_a_real_backbone(images: Path, tmp_path: Path) -> None:
    common = {"model": "squeezenet1_0", "weights": str(WEIGHTS), "input_size": 64, "epochs": 1}
    runs = [
        fit(settings(images, **common, **CHANGES[1], feature_cache=cache))
        for cache in ("off", str(tmp_path), str(tmp_path))
    ]
    one, other, again = map(weights_of, runs)
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    assert all(tensor.equal(again[name]) for name, tensor in other.items())
    seeds = settings(images, **common, seed=1, feature_cache=str(tmp_path))
    assert [added_by(seeds.model_copy(update={"seed": s}), tmp_path) for s in (1, 2)] == [1, 0]
    once = [settings(images, **common, **CHANGES[1], seed=seed) for seed in (0, 2)]
    assert [added_by(config, tmp_path) for config in once] == [0, 1]  # other copies


def added_by(config: TrainConfig, folder: Path) -> int:
    """How many files a run adds to a folder of features."""
    before = len(list(folder.glob("*.safetensors")))
    fit(config.model_copy(update={"feature_cache": str(folder)}))
    return len(list(folder.glob("*.safetensors"))) - before


def test_what_features_depend_on_makes_others_and_what_they_do_not_shares_them(
    images: Path, tmp_path: Path
) -> None:
    base = settings(images, epochs=1)
    copies = {"augment": [{"RandomShift": {}}], "expand": 1.0, "copies": "once"}
    other = {**copies, "augment": [{"RandomShift": {"max_shift": 0.3}}]}
    cases: list[tuple[dict[str, Any], int]] = [
        ({}, 3),  # training, validation and test images
        ({"head": ()}, 0),
        ({"activation": "leaky_relu", "negative_slope": 0.3}, 3),
        ({"lr": 0.1, "batch_size": 5, "epochs": 2, "l2": 0.1}, 0),
        ({"mean": (0.5,) * 3, "std": (0.5,) * 3}, 3),
        ({"input_size": 16}, 3),
        ({"seed": 1}, 3),  # the weights of a random backbone
        (copies, 1),  # what is held out is the same
        (other, 1),
        ({**other, "lr": 0.1}, 0),
        ({"val_images": 4, "test_images": 6}, 2),
    ]
    for changes, count in cases:
        assert added_by(base.model_copy(update=changes), tmp_path) == count, changes


def test_changing_images_are_not_cached(images: Path) -> None:
    for changes in ({"expand": 0.5}, {"variants": {"a": ["CutMix"]}}, {"augment": ["CutMix"]}):
        passes = Passes()
        fit(settings(images, epochs=1, **changes), callbacks=[passes])
        assert passes.total > 0 and not passes.of_features


def test_a_damaged_file_is_made_again(images: Path, tmp_path: Path) -> None:
    config = settings(images, feature_cache=str(tmp_path))
    whole = weights_of(fit(config))
    for path in tmp_path.glob("*.safetensors"):
        path.write_bytes(path.read_bytes()[:100])
    again = weights_of(fit(config))
    assert all(tensor.equal(again[name]) for name, tensor in whole.items())


def _compute_once(config: TrainConfig, counts: Any, ready: Any) -> None:
    from warpmix.train import distributed, features

    torch.set_num_threads(1)
    outputs, of_loader = distributed.HeldOut.outputs, features.FeatureCache._of_loader

    def counted(function: Any) -> Any:
        def run(*arguments: Any) -> Any:
            if not isinstance(arguments[0], distributed.HeldOut) or isinstance(
                arguments[1], nn.Sequential
            ):
                counts.append(1)
            return function(*arguments)

        return run

    distributed.HeldOut.outputs = counted(outputs)  # type: ignore[method-assign]
    features.FeatureCache._of_loader = counted(of_loader)  # type: ignore[method-assign]
    ready.wait()
    fit(config)


def test_two_processes_at_once_compute_features_once(images: Path, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    config = settings(images, feature_cache=str(tmp_path / "features"), epochs=1)
    with context.Manager() as manager:
        counts, ready = manager.list(), manager.Barrier(2)
        processes = [
            context.Process(target=_compute_once, args=(config, counts, ready)) for _ in range(2)
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
            assert process.exitcode == 0
        assert len(list((tmp_path / "features").glob("*.safetensors"))) == 3
        assert len(counts) == 3
