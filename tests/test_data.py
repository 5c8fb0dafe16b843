"""Datasets, digits, splits, and `warpmix.data.load`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from warpmix import ops
from warpmix.data import Dataset, few_shot, load, load_digits, stratified_split


def small_dataset(count: int = 6, classes: int = 3) -> Dataset:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 5, 4, 3), dtype=torch.uint8, generator=generator)
    names = tuple(f"class {number}" for number in range(classes))
    return Dataset(images, torch.arange(count) % classes, names, "small")


# ---- Dataset ------------------------------------------------------------------------------------


def test_dataset_facts() -> None:
    dataset = small_dataset()
    assert len(dataset) == 6
    assert (dataset.image_size, dataset.channels) == ((5, 4), 3)
    assert repr(dataset) == "Dataset('small', 6 images of 5x4x3, 3 classes, cpu)"
    assert dataset.to("cpu") is dataset
    with pytest.raises(dataclasses.FrozenInstanceError):
        dataset.name = "other"


def test_channel_sums_are_computed_once() -> None:
    dataset = small_dataset()
    assert dataset.channel_sums is dataset.channel_sums
    assert dataset.channel_sums.equal(ops.channel_sums(dataset.images.permute(0, 3, 1, 2)))


def test_subset_keeps_the_order_of_its_indices() -> None:
    dataset = small_dataset()
    rows = torch.tensor([4, 0, 4])
    subset = dataset.subset(rows)
    assert subset.images.equal(dataset.images[rows])
    assert subset.labels.tolist() == [1, 0, 1]
    assert subset.classes == dataset.classes
    assert subset.channel_sums.equal(dataset.channel_sums[rows])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"images": [[1]]}, TypeError, "images must be a torch.uint8 tensor.*got list"),
        ({"images": torch.zeros(6, 5, 4, 3)}, TypeError, r"got torch.float32.*\.to\(torch.uint8\)"),
        ({"images": torch.zeros(6, 5, 4, dtype=torch.uint8)}, ValueError, r"\[N, H, W, C\], got"),
        ({"images": torch.zeros(6, 0, 4, 3, dtype=torch.uint8)}, ValueError, "at least one pixel"),
        ({"images": torch.zeros(7, 5, 4, 3, dtype=torch.uint8)}, ValueError, "7 images and 6 lab"),
        ({"labels": torch.zeros(6)}, TypeError, "labels must be a torch.int64 tensor"),
        ({"labels": torch.zeros(6, 1, dtype=torch.int64)}, ValueError, r"of shape \[N\], got"),
        ({"labels": torch.arange(6)}, ValueError, r"labels must be in 0\.\.2, .* from 0 to 5"),
        ({"labels": torch.arange(6) - 5}, ValueError, "got values from -5 to 0"),
        ({"labels": torch.zeros(6, dtype=torch.int64, device="meta")}, ValueError, "one device"),
        ({"classes": ["a", "b", "c"]}, TypeError, "classes must be a tuple of str"),
        ({"classes": ("a", "b", "a")}, ValueError, "classes must be distinct"),
    ],
)
def test_dataset_refuses(change: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        dataclasses.replace(small_dataset(), **change)


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        (torch.tensor([0, 6]), ValueError, r"indices must be in 0\.\.5, got values from 0 to 6"),
        (torch.tensor([-1]), ValueError, "got values from -1 to -1"),
        (torch.tensor([], dtype=torch.int64), ValueError, "at least one row"),
        (torch.tensor([True] * 6), TypeError, "indices must be a torch.int64 tensor"),
        (torch.tensor([[0]]), ValueError, r"of shape \[n\]"),
    ],
)
def test_subset_refuses(rows: torch.Tensor, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        small_dataset().subset(rows)


# ---- digits -------------------------------------------------------------------------------------


def test_digits_are_scaled_exactly_and_split_without_overlap() -> None:
    from sklearn.datasets import load_digits as source

    train, test = load_digits("train"), load_digits("test")
    assert (len(train), len(test)) == (1437, 360)
    assert train.image_size == (8, 8) and train.channels == 1
    assert train.classes == tuple("0123456789")
    shares = [torch.bincount(part.labels) / len(part) for part in (train, test)]
    assert torch.allclose(*shares, atol=0.003)
    # Every image of the source is in one of the parts, scaled by 255/16.
    original = torch.from_numpy(source().images)
    scaled = torch.floor(original * 255 / 16 + 0.5).to(torch.uint8).flatten(1).tolist()
    found = torch.cat([train.images, test.images]).flatten(1).tolist()
    assert sorted(found) == sorted(scaled)
    assert {0, 255} <= set(train.images.flatten().tolist())


def test_digits_have_two_parts() -> None:
    assert load_digits("test").images.equal(load_digits("test").images)
    with pytest.raises(ValueError, match=r"split must be 'train' or 'test'.*got 'val'"):
        load_digits("val")


# ---- splits -------------------------------------------------------------------------------------


def test_stratified_split_keeps_shares_and_follows_the_seed() -> None:
    labels = torch.tensor([0] * 50 + [1] * 30 + [2] * 20)
    kept, held_out = stratified_split(labels, 0.2, seed=1)
    assert torch.cat([kept, held_out]).sort().values.equal(torch.arange(100))
    assert torch.bincount(labels[held_out]).tolist() == [10, 6, 4]
    assert kept.equal(kept.sort().values) and kept.dtype == torch.int64
    assert held_out.equal(stratified_split(labels, 0.2, seed=1)[1])
    assert not held_out.equal(stratified_split(labels, 0.2, seed=2)[1])


@pytest.mark.parametrize(
    ("labels", "fraction", "seed", "message"),
    [
        ([0, 0, 1, 1], 0.0, 0, r"fraction must be in \(0, 1\), got 0.0"),
        ([0, 0, 1, 1], 1.5, 0, r"fraction must be in \(0, 1\), got 1.5"),
        ([0, 0, 1, 1], 0.5, -1, "seed must be from 0 to 4294967295, got -1"),
        ([0, 0, 0, 1], 0.5, 0, "labels cannot be split.*add images to the small classes"),
        ([0, 0, 0, 1, 1], 0.2, 0, "every class on both sides"),
    ],
)
def test_stratified_split_refuses(
    labels: list[int], fraction: float, seed: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        stratified_split(torch.tensor(labels), fraction, seed)


def test_few_shot_draws_the_same_number_of_each_class() -> None:
    labels = torch.tensor([3] * 9 + [1] * 5 + [0] * 7)
    rows = few_shot(labels, 4, seed=0)
    assert torch.bincount(labels[rows]).tolist() == [4, 4, 0, 4]
    assert len(rows.unique()) == 12 and rows.equal(rows.sort().values)
    assert rows.equal(few_shot(labels, 4, seed=0))
    assert not rows.equal(few_shot(labels, 4, seed=1))
    with pytest.raises(ValueError, match="at most 5, the number of rows of class 1, got 6"):
        few_shot(labels, 6, seed=0)
    with pytest.raises(ValueError, match="per_class must be at least 1, got 0"):
        few_shot(labels, 0, seed=0)
    with pytest.raises(ValueError, match="seed must be at least 0"):
        few_shot(labels, 1, seed=-1)


# ---- load ---------------------------------------------------------------------------------------


def test_load_by_name_and_resized() -> None:
    assert load("digits", split="test").images.equal(load_digits("test").images)
    larger = load("digits", split="test", image_size=(16, 12))
    assert larger.images.shape == (360, 16, 12, 1)
    assert load("digits", split="test", image_size=8).images.equal(load_digits("test").images)
    means = [dataset.images.float().mean() for dataset in (larger, load_digits("test"))]
    assert torch.allclose(*means, rtol=0.02)


def test_load_refuses(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match="no data 'digit', which is no folder: expected one of"
    ):
        load("digit")
    with pytest.raises(FileNotFoundError, match=r"no CIFAR-10 under .*download=True"):
        load("cifar10", root=tmp_path)
    with pytest.raises(ValueError, match="image_size must be at least 1 pixel"):
        load("digits", image_size=0)


def test_load_looks_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WARPMIX_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        load("cifar10")
