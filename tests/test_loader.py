"""The loader: every sample once, orders that a seed decides, append mode, augmented batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import noisy_classes

from warpmix.augment import CutMix, Pipeline, RandomContrast, RandomShift
from warpmix.data import Dataset, Loader
from warpmix.data.order import epoch_order
from warpmix.train import TrainConfig, fit

CPU = torch.device("cpu")


def numbered(count: int = 11, size: int = 6) -> Dataset:
    """Images of noise; the label of each is its row."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, size, size, 3), dtype=torch.uint8, generator=generator)
    return Dataset(images, torch.arange(count), tuple(map(str, range(count))), "numbered")


def augmenting(**options: Any) -> Pipeline:
    return Pipeline([RandomShift(0.4), RandomContrast((0.5, 2.0)), CutMix(1.0)], seed=5, **options)


def labels_of(loader: Loader) -> list[int]:
    return torch.cat([targets.y_a for _, targets in loader]).tolist()


# ---- which samples, in which order --------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 4, 11, 50])
def test_every_sample_comes_once_and_an_odd_batch_stays(batch_size: int) -> None:
    loader = Loader(numbered(), Pipeline(), batch_size)
    sizes = [len(batch) for batch, _ in loader]
    assert sum(sizes) == 11 and len(sizes) == len(loader)
    assert set(sizes[:-1]) <= {batch_size}
    assert sorted(labels_of(loader)) == list(range(11))


def test_drop_last() -> None:
    loader = Loader(numbered(), Pipeline(), 4, drop_last=True)
    assert [len(batch) for batch, _ in loader] == [4, 4] and len(loader) == 2
    assert len(Loader(numbered(12), Pipeline(), 4, drop_last=True)) == 3


def test_order_follows_seed_and_epoch_alone() -> None:
    orders = [labels_of(Loader(numbered(), Pipeline(), size, seed=3)) for size in (2, 5)]
    assert orders[0] == orders[1] != list(range(11))
    loader = Loader(numbered(), Pipeline(), 4, seed=3)
    first, second = labels_of(loader), labels_of(loader)
    assert first == orders[0] != second
    assert labels_of(Loader(numbered(), Pipeline(), 4, seed=4)) != first
    assert labels_of(Loader(numbered(), Pipeline(), 4, shuffle=False)) == list(range(11))


def test_order_is_pinned() -> None:
    """Runs of one version resume in another: this must not change."""
    order = epoch_order(8, seed=7, epoch=2, shuffle=True, expand=0.5, device=CPU)
    assert order.index.tolist() == [7, 5, 6, 6, 3, 7, 1, 0, 3, 4, 1, 2]
    assert order.ids.tolist() == [7, 5, 14, 6, 11, 15, 1, 0, 3, 4, 9, 2]


def test_orders_are_uniform() -> None:
    """Each row comes first, and is copied, equally often: chi-square at 1e-4 over 1,000 epochs."""
    epochs = 1000
    first, copied = torch.zeros(10), torch.zeros(10)
    for epoch in range(epochs):
        order = epoch_order(10, seed=1, epoch=epoch, shuffle=True, expand=0.5, device=CPU)
        assert order.active is not None
        first[order.index[0]] += 1
        copied[order.index[order.active]] += 1
    for counts, expected in ((first, epochs / 10), (copied, epochs / 2)):
        assert ((counts - expected).square() / expected).sum() < 33.7  # 9 degrees of freedom


def test_epoch_counts_passes_and_can_be_set() -> None:
    loader = Loader(numbered(), Pipeline(), 4)
    first, second = labels_of(loader), labels_of(loader)
    assert loader.epoch == 2
    next(iter(loader))  # a pass that is given up is an epoch too: the next one is not the same
    assert loader.epoch == 3
    loader.epoch = 1
    assert labels_of(loader) == second
    loader.epoch = 0
    assert labels_of(loader) == first


# ---- what the pipeline makes of them ------------------------------------------------------------


def test_batches_are_the_pipelines_for_these_ids() -> None:
    dataset, pipeline = numbered(), augmenting()
    loader = Loader(dataset, pipeline, 4, shuffle=False)
    loader.epoch = 6
    batches = [batch for batch, _ in loader]  # kept while the pass goes on: none is overwritten
    whole, _ = pipeline(
        dataset.images.permute(0, 3, 1, 2),
        dataset.labels,
        index=torch.arange(11),
        epoch=6,
        sums=dataset.channel_sums,
    )
    assert torch.cat(batches).equal(whole)


def test_augmentation_of_a_sample_does_not_depend_on_its_batch() -> None:
    def by_row(loader: Loader) -> torch.Tensor:
        parts = [(targets.y_a, batch) for batch, targets in loader]
        rows, images = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
        return images[rows.argsort()]

    pipeline = augmenting()
    small = by_row(Loader(numbered(), pipeline, 2, seed=1))
    large = by_row(Loader(numbered(), pipeline, 7, seed=2))
    assert small.equal(large)
    assert not small.equal(by_row(Loader(numbered(), pipeline.eval(), 7)))


def test_validation_yields_the_images() -> None:
    dataset = numbered()
    loader = Loader(dataset, Pipeline(), 4, shuffle=False)
    images = torch.cat([batch for batch, _ in loader])
    assert images.equal(dataset.images.permute(0, 3, 1, 2).float() * (1 / 255))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_yields_the_same_bytes_and_no_batch_waits() -> None:
    loaders = [
        Loader(numbered().to(device), augmenting(), 4, expand=1.5) for device in ("cpu", "cuda")
    ]
    expected = list(loaders[0])
    batches = iter(loaders[1])
    found = [next(batches)]  # the first one computes what is kept, such as channel sums
    torch.cuda.set_sync_debug_mode("error")
    try:
        found += batches
    finally:
        torch.cuda.set_sync_debug_mode("default")
    for (batch, targets), (expected_batch, expected_targets) in zip(found, expected, strict=True):
        assert batch.cpu().equal(expected_batch)
        for tensor, expected_tensor in zip(targets, expected_targets, strict=True):
            assert tensor.cpu().equal(expected_tensor)


def test_a_pipeline_without_a_seed_has_the_loaders() -> None:
    images = [
        torch.cat([batch for batch, _ in Loader(numbered(), pipeline, 4, seed=np.int64(seed))])
        for pipeline, seed in (
            (augmenting(), 3),
            (augmenting().replace(seed=None), 5),
            (augmenting().replace(seed=None), 3),
        )
    ]
    assert images[1].sort(0).values.equal(images[0].sort(0).values)
    assert not images[2].sort(0).values.equal(images[0].sort(0).values)


@pytest.mark.parametrize("world_size", [1, 3])
def test_onehot_targets_are_cut_to_the_ranks_own(world_size: int) -> None:
    pairs, dense = augmenting(), augmenting(targets="onehot", num_classes=11)
    for rank in range(world_size):
        loaders = [
            Loader(numbered(), p, 4, rank=rank, world_size=world_size) for p in (pairs, dense)
        ]
        for (_, targets), (_, rows) in zip(*loaders, strict=True):
            assert targets.to_onehot(11).equal(rows)


def test_mixing_stops_at_an_epoch_and_nothing_else_changes() -> None:
    """timm's --mixup-off-epoch: the other transforms keep their random numbers."""
    mixing = [Loader(numbered(), augmenting(), 4, shuffle=False, mixup_off_epoch=e) for e in (0, 2)]
    for epoch in range(4):
        (made, targets), (later, unmixed) = (
            tuple(map(list, zip(*loader, strict=True))) for loader in mixing
        )
        lam, still = (torch.cat([t.lam for t in part]) for part in (targets, unmixed))
        made, later = torch.cat(made), torch.cat(later)
        assert (lam < 1).any() and (still == 1).all() == (epoch >= 2)
        same = (lam == 1) if epoch >= 2 else torch.ones(11, dtype=torch.bool)
        assert made[same].equal(later[same])
        assert not made.equal(later) or epoch < 2


def test_training_stops_mixing(tmp_path: Path) -> None:
    root = noisy_classes(tmp_path, train=20, test=4, spread=190, dark=0, light=60)
    common = {"data": str(root), "model": "cnn3", "epochs": 2, "batch_size": 8, "device": "cpu"}
    common |= {"augment": [{"CutMix": {}}], "threads": 1}
    always, once = (fit(TrainConfig(**common, mixup_off_epoch=e)).history for e in (0, 1))
    assert always[0].train_loss == once[0].train_loss
    assert always[1].train_loss != once[1].train_loss


# ---- append mode --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expand", "copies"), [(0.5, [6]), (1.0, [11]), (2.5, [11, 11, 6]), (0.01, [])]
)
def test_expand_appends_copies(expand: float, copies: list[int]) -> None:
    order = epoch_order(11, seed=0, epoch=0, shuffle=True, expand=expand, device=CPU)
    assert order.active is not None
    copy = order.ids // 11
    assert (order.ids % 11).equal(order.index)
    assert order.active.equal(copy > 0)
    assert sorted(order.index[copy == 0].tolist()) == list(range(11))
    assert torch.bincount(copy)[1:].tolist() == copies
    assert len(order.ids.unique()) == len(order.ids)  # no copy of a row is another's twin
    loader = Loader(numbered(), Pipeline(), 4, expand=expand)
    assert loader.samples == len(order.index) == sum(len(batch) for batch, _ in loader)


def test_expand_keeps_originals_and_varies_copies() -> None:
    dataset = numbered()
    loader = Loader(dataset, augmenting(), 5, shuffle=False, expand=2.0)
    images = torch.cat([batch for batch, _ in loader])
    targets = [torch.cat(tensors) for tensors in zip(*(t for _, t in loader), strict=True)]
    originals, first, second = images.split(11)
    assert originals.equal(dataset.images.permute(0, 3, 1, 2).float() * (1 / 255))
    assert (targets[2][:11] == 1).all() and (targets[2][11:] < 1).any()
    for copies in (first, second):
        assert ((copies != originals).flatten(1).any(1)).all()
    assert ((first != second).flatten(1).any(1)).all()


def test_expand_draws_other_copies_each_epoch() -> None:
    copied = []
    for epoch in (0, 1):
        order = epoch_order(40, seed=0, epoch=epoch, shuffle=False, expand=0.5, device=CPU)
        copied.append(order.index[40:].tolist())
        assert copied[-1] == sorted(set(copied[-1]))
    assert copied[0] != copied[1]


# ---- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"expand": -0.5}, "expand must be a number of at least 0, got -0.5"),
        ({"expand": float("nan")}, "expand must be a number of at least 0, got nan"),
        ({"mixup_off_epoch": -1}, "mixup_off_epoch must be at least 0, got -1"),
        ({"seed": -1}, r"seed must be in \[0, 2\^63\), got -1"),
        ({"batch_size": 12, "drop_last": True}, "batch_size must be at most 11 with drop_last"),
    ],
)
def test_bad_arguments(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Loader(numbered(), Pipeline(), **{"batch_size": 4, **options})


@pytest.mark.parametrize("name", ["batch_size", "seed", "rank", "world_size", "mixup_off_epoch"])
def test_numbers_that_are_no_ints(name: str) -> None:
    with pytest.raises(TypeError, match=f"{name} must be an int, got float"):
        Loader(numbered(), Pipeline(), **{"batch_size": 4, name: 4.0})
