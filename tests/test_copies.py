"""Copies that are made once for a run, variants, and JPEG as one of them."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import noisy_classes
from safetensors.torch import load_file
from torchvision.transforms.v2 import functional as peer

from warpmix import recipes
from warpmix.augment import (
    CutMix,
    Pipeline,
    RandomContrast,
    RandomHorizontalFlip,
    RandomShift,
    RandomVerticalFlip,
    from_config,
)
from warpmix.data import Dataset, Loader, StreamedDataset, Variant
from warpmix.data.compression import compress_jpeg
from warpmix.train import Callback, TrainConfig, Trainer, fit, load_config
from warpmix.train.examples import augment_examples

Sample = tuple[int, bytes, int, int, float]


def numbered(count: int = 21, size: int = 8) -> Dataset:
    """Images of noise; the label of each is its row."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, size, size, 3), dtype=torch.uint8, generator=generator)
    return Dataset(images, torch.arange(count), tuple(map(str, range(count))), "numbered")


def streamed(dataset: Dataset, folder: Path) -> StreamedDataset:
    path = folder / "images.u8"
    path.write_bytes(dataset.images.numpy().tobytes())
    shape: Any = tuple(dataset.images.shape)
    rows = torch.arange(len(dataset))
    return StreamedDataset(path, shape, rows, dataset.labels, dataset.classes, dataset.name)


def samples(loader: Loader, epoch: int) -> list[Sample]:
    """Every sample of an epoch with its bytes and its targets, sorted."""
    loader.epoch = epoch
    found: list[Sample] = []
    for batch, targets in loader:
        rows = zip(batch, *(part.tolist() for part in targets), strict=False)
        found += [(a, image.numpy().tobytes(), a, b, lam) for image, a, b, lam in rows]
    return sorted(found)


MIXING = [RandomShift(0.4), RandomContrast((1, 3)), CutMix(1.0)]


def once(dataset: Any, seed: int = 3, **options: Any) -> Loader:
    return Loader(
        dataset, Pipeline(MIXING), 6, seed=seed, **{"expand": 0.5, "copies": "once", **options}
    )


# ---- copies made once ---------------------------------------------------------------------------


def test_copies_made_once_are_the_same_bytes_in_every_epoch() -> None:
    """Which images are copied, every number and every mix partner; in another order each time."""
    loader = once(numbered())
    first = samples(loader, 0)
    assert len(first) == 31 and any(lam < 1 for *_, lam in first)
    for epoch in (1, 2, 7):
        assert samples(loader, epoch) == first
    orders = [[int(y) for _, t in loader for y in t.y_a] for _ in range(2)]
    assert orders[0] != orders[1]
    assert samples(once(numbered(), copies="each-epoch"), 1) != first


def test_other_seeds_make_other_copies_and_none_is_an_original() -> None:
    dataset = numbered()
    originals = {image.numpy().tobytes() for image in next(iter(in_order(dataset)))[0]}
    copies = []
    for seed in range(4):
        made = {sample[1] for sample in samples(once(dataset, seed), 0)}
        assert originals < made
        copies.append(made - originals)
        assert len(copies[-1]) == 10  # round(21 / 2), all different from all originals
    assert not set.intersection(*copies)


def in_order(dataset: Dataset) -> Loader:
    return Loader(dataset, Pipeline(), len(dataset), shuffle=False)


@pytest.mark.parametrize("world_size", [2, 3])
def test_ranks_make_the_copies_of_one_process(world_size: int) -> None:
    whole = samples(once(numbered()), 0)
    for epoch in (0, 4):
        shares = [
            samples(once(numbered(), rank=r, world_size=world_size), epoch)
            for r in range(world_size)
        ]
        assert sorted(chain(*shares)) == whole


def test_streamed_images_have_the_same_copies(tmp_path: Path) -> None:
    dataset = numbered()
    assert samples(once(streamed(dataset, tmp_path)), 3) == samples(once(dataset), 0)


def test_an_order_before_shuffling_holds_every_sample() -> None:
    loader = once(numbered(), drop_last=True)
    whole = list(loader.in_order(8))
    assert [len(batch) for batch, _ in whole] == [8, 8, 8, 7] and len(loader) == 5
    places = torch.cat([share.order.place for share in loader.in_order(8).shares(5)])
    assert places.equal(torch.arange(31))


# ---- variants -----------------------------------------------------------------------------------

FLIPS = ([RandomHorizontalFlip(1.0)], [RandomVerticalFlip(1.0)])


def variants(dataset: Any, *more: Variant, **options: Any) -> Loader:
    made = [Variant(Pipeline(flip)) for flip in FLIPS]
    return Loader(dataset, Pipeline(), 6, variants=[*made, *more], **{"seed": 1, **options})


def test_variants_are_one_copy_of_every_image_each() -> None:
    dataset = numbered()
    assert variants(dataset).samples == 63
    ordered = variants(dataset, shuffle=False)
    batches = list(ordered)
    assert all(b.is_contiguous(memory_format=torch.channels_last) for b, _ in batches)
    images = torch.cat([batch for batch, _ in batches])
    labels = torch.cat([targets.y_a for _, targets in batches])
    plain = dataset.images.permute(0, 3, 1, 2).float() / 255
    for made, expected in zip(images.split(21), (plain, plain.flip(3), plain.flip(2)), strict=True):
        torch.testing.assert_close(made, expected, rtol=0, atol=1e-7)  # one product, not a quotient
    assert labels.equal(dataset.labels.repeat(3))
    assert samples(variants(dataset), 2) == samples(ordered, 0)


@pytest.mark.parametrize("targets", ["pairs", "onehot"])
def test_a_shuffled_batch_joins_its_parts(targets: str) -> None:
    options = {} if targets == "pairs" else {"targets": "onehot", "num_classes": 21}
    dataset = numbered()
    mixed = Variant(Pipeline(MIXING, **options))
    loader = Loader(dataset, Pipeline(**options), 6, seed=1, variants=[mixed])
    for epoch in (0, 1):
        loader.epoch = epoch
        order = torch.cat([share.order.ids for share in loader.shares(epoch)])
        rows = list(loader)
        images = torch.cat([batch for batch, _ in rows])
        kinds = [(mixed.pipeline.replace(seed=1), order >= 21), (Pipeline(**options), order < 21)]
        for pipeline, chosen in kinds:
            expected, wanted = pipeline(
                dataset.images.permute(0, 3, 1, 2),
                dataset.labels,
                ids=order[chosen],
                index=order[chosen] % 21,
                epoch=epoch,
                sums=dataset.channel_sums,
            )
            assert images[chosen].equal(expected)
            found = [t for _, t in rows]
            if targets == "onehot":
                assert torch.cat(found)[chosen].equal(wanted)
            else:
                for own, part in zip(zip(*found, strict=True), wanted, strict=True):
                    assert torch.cat(own)[chosen].equal(part)


@pytest.mark.parametrize("world_size", [1, 3])
def test_ranks_and_streams_make_the_same_variants(tmp_path: Path, world_size: int) -> None:
    random = Variant(Pipeline(MIXING))
    whole = samples(variants(numbered(), random), 1)
    shares = [
        samples(variants(streamed(numbered(), tmp_path), random, rank=r, world_size=world_size), 1)
        for r in range(world_size)
    ]
    assert sorted(chain(*shares)) == whole
    fixed = variants(numbered(), random, copies="once")
    assert samples(fixed, 1) == samples(fixed, 0) != whole


def test_the_fruit_report_has_eight_of_every_image() -> None:
    """Itself, three pure flips, and all four cut, enlarged and rotated: each another image."""
    listed = recipes.read("fruit-eightfold")["variants"]
    dataset = numbered(size=16)
    made = [Variant(Pipeline(from_config(each))) for each in listed.values()]
    loader = Loader(dataset, Pipeline(), 8, variants=made, copies="once", shuffle=False)
    images = torch.cat([batch for batch, _ in loader]).view(8, 21, 3, 16, 16)
    pure = images[0], images[0].flip(3), images[0].flip(2), images[0].flip(2, 3)
    assert all(own.equal(flip) for own, flip in zip(images[:4], pure, strict=True))
    for row in range(21):
        assert len({image.numpy().tobytes() for image in images[:, row]}) == 8
    assert load_config(variants="fruit-eightfold").variants == listed


# ---- JPEG ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_is_torchvisions_at_the_drawn_quality(channels: int) -> None:
    smooth = torch.arange(6 * 24 * 32 * channels).view(6, 24, 32, channels)
    images = (smooth // 40 % 256).to(torch.uint8)
    dataset = Dataset(images, torch.zeros(6, dtype=torch.int64), ("a",), "x")
    one = compress_jpeg(dataset, (40, 40)).images.permute(0, 3, 1, 2)
    for made, image in zip(one, images.permute(0, 3, 1, 2), strict=True):
        expected = peer.jpeg(image.contiguous(), 40)
        assert (made.int() - expected.int()).abs().max() <= 4  # decoders of two libraries
    first, again, other = (compress_jpeg(dataset, (5, 95), s).images for s in (0, 0, 1))
    assert first.equal(again) and not first.equal(other)


def test_qualities_cover_their_range(monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    seen: list[int] = []
    save = Image.Image.save

    def watch(self: Any, *args: Any, quality: int, **options: Any) -> None:
        seen.append(quality)
        save(self, *args, quality=quality, **options)

    monkeypatch.setattr(Image.Image, "save", watch)
    compress_jpeg(numbered(400), (30, 33))
    counts = np.bincount(seen)[30:]
    assert len(counts) == 4 and counts.min() > 70  # 100 expected, deviation 8.7


@pytest.mark.parametrize(
    ("quality", "message"), [((0, 50), "in 1..100"), ((60, 50), "rising"), ((50, 101), "1..100")]
)
def test_bad_qualities(quality: tuple[int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compress_jpeg(numbered(2), quality)


# ---- settings and whole runs --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"expand": 0.5, "p": 0.5, "augment": "cutmix"}, "p must be 1 with expand or variants"),
        ({"variants": "jpeg", "p": 0.5}, "p must be 1 with expand or variants"),
        ({"copies": "once"}, "copies once needs expand above 0, or variants"),
        ({"variants": "jpeg", "expand": 1}, "expand must be 0"),
        ({"expand": 1, "copies": "once", "mixup_off_epoch": 2}, "mixup_off_epoch must be 0"),
        ({"variants": "cutmix"}, "cutmix must hold a key 'variants'"),
        ({"augment": ["JPEG"]}, "JPEG is made once"),
    ],
)
def test_settings_that_contradict_each_other(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_config(**settings)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"copies": "never"}, "copies must be one of each-epoch, once, got 'never'"),
        ({"copies": "once"}, "copies 'once' needs copies"),
        ({"copies": "once", "expand": 1.0, "mixup_off_epoch": 1}, "mixup_off_epoch must be 0"),
        ({"expand": 1.0, "variants": [Variant(Pipeline())]}, "expand must be 0 with variants"),
    ],
)
def test_a_loader_refuses_copies_that_contradict(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Loader(numbered(), Pipeline(), 4, **options)


class Seen(Callback):
    """Keeps every training image of each epoch, sorted."""

    def __init__(self) -> None:
        self.epochs: list[list[bytes]] = []

    def on_fit_start(self, trainer: Trainer) -> None:
        self.epochs.append([])
        trainer.network.register_forward_pre_hook(self.keep)

    def keep(self, network: Any, images: Any) -> None:
        if network.training:
            self.epochs[-1] += [image.numpy().tobytes() for image in images[0]]

    def on_epoch_end(self, trainer: Trainer) -> None:
        self.epochs[-1].sort()
        self.epochs.append([])


@pytest.mark.parametrize(
    "changes",
    [
        {"augment": "warsaw-all", "expand": 0.5},
        {"variants": {"jpeg": [{"JPEG": {"quality": [30, 60]}}, "RandomShift"], "cut": ["CutMix"]}},
    ],
)
def test_a_run_that_was_stopped_goes_on_with_its_copies(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    root = noisy_classes(tmp_path / "images", train=12, test=4, spread=190, dark=0, light=60)
    config = TrainConfig(
        **changes,
        data=str(root),
        copies="once",
        model="cnn3",
        batch_size=8,
        epochs=3,
        device="cpu",
        threads=1,
        sched="constant",
    )
    whole, cut = Seen(), Seen()
    fit(config, tmp_path / "whole", callbacks=[whole])
    assert whole.epochs[0] == whole.epochs[1] == whole.epochs[2]
    fit(config.model_copy(update={"epochs": 1}), tmp_path / "cut", callbacks=[cut])
    fit(config, tmp_path / "cut", resume=True, callbacks=[cut])
    assert [epoch for epoch in cut.epochs if epoch] == whole.epochs[:3]
    one, other = (load_file(tmp_path / n / "model.safetensors") for n in ("whole", "cut"))
    assert all(one[key].equal(other[key]) for key in one)
    another = Seen()
    fit(config.model_copy(update={"seed": 1, "epochs": 1}), callbacks=[another])
    assert len(set(another.epochs[0]) & set(whole.epochs[0])) == 19  # the originals alone


def test_validation_holds_originals_alone_and_none_of_its_images_is_trained_on(
    tmp_path: Path,
) -> None:
    root = noisy_classes(tmp_path / "images", train=12, test=4, spread=190, dark=0, light=60)
    config = load_config(
        data=str(root), model="cnn3", epochs=1, variants="fruit-eightfold", copies="once"
    )
    seen: dict[bool, list[torch.Tensor]] = {True: [], False: []}

    class Watch(Callback):
        def on_fit_start(self, trainer: Trainer) -> None:
            def keep(network: Any, images: Any) -> None:
                seen[network.training] += [image.clone() for image in images[0]]

            trainer.network.register_forward_pre_hook(keep)

    fit(config, callbacks=[Watch()])
    trained = {image.numpy().tobytes() for image in seen[True]}
    assert len(seen[True]) == 8 * 19
    held_out = seen[False][:5]  # of 24 images, the fifth held out
    for image in held_out:
        for flipped in (image, image.flip(2), image.flip(1), image.flip(1, 2)):
            assert flipped.numpy().tobytes() not in trained


# ---- looking at them ----------------------------------------------------------------------------


def test_examples_show_the_eight_of_every_image() -> None:
    config = load_config(data="digits", variants="fruit-eightfold", copies="once")
    shown = augment_examples(config, 5, epoch=3)
    names = [form.name for form in shown.forms]
    assert names == list(recipes.read("fruit-eightfold")["variants"])
    for form, flipped in zip(shown.forms, ((2,), (1,), (1, 2)), strict=False):
        assert np.array_equal(form.images, np.flip(shown.originals, flipped))
    seen = [shown.originals, *(form.images for form in shown.forms)]
    assert len({images.tobytes() for images in seen}) == 8
    again = augment_examples(config, 5).forms  # once: epoch 3 has the copies of epoch 0
    assert all(np.array_equal(a.images, b.images) for a, b in zip(shown.forms, again, strict=True))


def test_examples_with_an_augmentation_show_it_on_the_originals_too() -> None:
    mirrored = [{"RandomHorizontalFlip": {"p": 1.0}}]
    shown = augment_examples(load_config(augment=mirrored, variants={"twice": mirrored}), 3)
    once, twice = shown.forms
    assert (once.name, twice.name) == ("", "twice")
    assert np.array_equal(once.images, shown.originals[:, :, ::-1])
    assert np.array_equal(twice.images, shown.originals)
