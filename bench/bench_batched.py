"""Eight models as one against one after another: an epoch of training and validation of each.

Both ways are the package's own: ``Trainer.run_epoch`` eight times, ``Group.run_epoch`` once. Rows
are explained in README.md.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from lightning.fabric import Fabric
from results import DEVICES, Measure
from torch import Tensor, nn

from warpmix import models
from warpmix.augment import Pipeline, Targets
from warpmix.data import Dataset, Loader
from warpmix.models.heads import create_head
from warpmix.train import TrainConfig
from warpmix.train.batched_epoch import Group, Member
from warpmix.train.distributed import HeldOut
from warpmix.train.features import FeatureLoader
from warpmix.train.trainer import Trainer

MODELS, BATCH, FEATURES, CLASSES = 8, 64, 512, 10
EPOCHS = 10**6  # that no trainer reaches
HELD_OUT = 4  # training images for each validation image


def loader(samples: int, seed: int, device: str) -> Loader:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (samples, 32, 32, 3), dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, CLASSES, (samples,), generator=generator)
    dataset = Dataset(images, labels, tuple("0123456789"), "noise").to(device)
    pipeline = Pipeline([], mean=(0.5,) * 3, std=(0.25,) * 3, channels_last=True)
    return Loader(dataset, pipeline, BATCH, seed=seed)


def on_features(images: Loader, features: Tensor) -> FeatureLoader:
    labels = images.dataset.labels
    assert labels is not None
    return FeatureLoader(images, features, Targets(labels, labels, torch.ones(len(labels))))


def members(samples: int, width: int | None, device: str) -> tuple[list[Member], HeldOut, Fabric]:
    """Dense heads on features, or VGG networks of a width on images."""
    fabric = Fabric(accelerator=device, devices=1)
    held_out = loader(samples // HELD_OUT, 0, device)
    assert held_out.dataset.labels is not None
    validation = HeldOut(held_out, held_out.dataset.labels, "noise", tuple("0123456789"))
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(samples, FEATURES, generator=generator).to(device)
    if width is None:
        batches = on_features(held_out, features[: samples // HELD_OUT])
        validation = HeldOut(batches, validation.labels, "noise", validation.classes)
    group = []
    for seed in range(MODELS):
        torch.manual_seed(seed)
        config = TrainConfig(
            seed=seed, epochs=EPOCHS, opt="sgd", lr=1e-3, batch_size=BATCH, width=width
        )
        own = loader(samples, seed, device)
        train: Loader | FeatureLoader = own
        if width is None:
            train = on_features(own, features)
            head = create_head((64, 32), FEATURES, CLASSES, dropout=0.5)
            network = models.Network(nn.Identity(), head, frozen=True)
        else:
            network = models.create(
                "vgg3", CLASSES, head=(64, 32), dropout=0.5, options={"width": width}
            )
        trainer = Trainer(config, fabric, network.to(device), train, validation)
        group.append(Member(config, trainer, train))
    return group, validation, fabric


def one_after_another(group: list[Member], validation: HeldOut, fabric: Fabric) -> None:
    for member in group:
        member.trainer.run_epoch()


def as_one(group: list[Member], validation: HeldOut, fabric: Fabric) -> Callable[[], None]:
    together = Group(group, isinstance(group[0].train, FeatureLoader), fabric, validation)

    def fail(member: Member, error: ValueError) -> None:
        raise error

    return lambda: together.run_epoch((), fail)


CASES = {
    "heads of 64, 32, 10 on 512 features": (None, (640, 5_000, 40_000)),
    "vgg3 of width 8": (8, (128,)),
    "vgg3 of width 32": (32, (64,)),
}


@pytest.mark.parametrize("row", ["one after another", "batched"])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("case", "samples"), [(case, n) for case, (_, sizes) in CASES.items() for n in sizes]
)
def test_epoch(
    measure: Measure, case: str, samples: int, row: str, device: str, threads: int
) -> None:
    if device == "cuda" and threads > 1:
        pytest.skip("a GPU's steps are launched by one thread")
    torch.set_num_threads(threads)
    arguments = members(samples, CASES[case][0], device)
    call = as_one(*arguments)
    if row != "batched":
        arguments = members(samples, CASES[case][0], device)  # of their own memory

        def call() -> None:
            one_after_another(*arguments)

    measure(
        call,
        group=f"{device} an epoch of {MODELS} {case}, {samples:,} images, threads {threads}",
        row=row,
        device=device,
        baseline=None if row == "batched" else row,
    )
