"""Images that are predicted and never trained on; each rank predicts its share of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from warpmix.augment import Targets
from warpmix.train.config import TrainConfig
from warpmix.train.images import Images
from warpmix.train.model_file import ModelSpec
from warpmix.train.prediction import evaluate
from warpmix.train.prepare import evaluation_loader


def share_of(count: int, rank: int, world_size: int) -> range:
    """The rows, of ``count``, that a rank predicts: in the order of ranks they are all rows."""
    return range(count * rank // world_size, count * (rank + 1) // world_size)


@dataclass(frozen=True)
class HeldOut:
    """One split of a run, to be predicted by all ranks together.

    Attributes:
        loader: batches of this rank's :func:`share_of` the images or of their features, in order.
        labels: [N] int64 of all images, on the device.
        name: of the data set.
        classes: class names, in label order.
    """

    loader: Iterable[tuple[Tensor, Targets]]
    labels: Tensor
    name: str
    classes: tuple[str, ...]

    def logits(self, model: nn.Module, fabric: Fabric) -> Tensor:
        """Logits f32 [N, classes] of all images on every rank, in order, on the device."""
        loader: Any = self.loader
        with fabric.autocast():
            own = evaluate(model, loader)
        if fabric.world_size == 1:
            return own
        longest = -(-len(self.labels) // fabric.world_size)
        padded = own.new_zeros(longest, own.shape[1])
        padded[: len(own)] = own
        shares: Any = fabric.all_gather(padded)
        counts = [
            len(share_of(len(self.labels), rank, fabric.world_size))
            for rank in range(fabric.world_size)
        ]
        return torch.cat([share[:n] for share, n in zip(shares, counts, strict=True)])


def held_out_images(
    dataset: Images, spec: ModelSpec, config: TrainConfig, fabric: Fabric
) -> HeldOut:
    """A split that all ranks predict together."""
    own = dataset
    if fabric.world_size > 1:
        rows = share_of(len(dataset), fabric.global_rank, fabric.world_size)
        own = dataset.subset(torch.tensor(rows))
    loader = evaluation_loader(own, spec, config.precision, config.channels_last)
    assert dataset.labels is not None  # what is held out has labels
    return HeldOut(loader, dataset.labels.to(fabric.device), dataset.name, dataset.classes)


def average_buffers(model: nn.Module, fabric: Fabric) -> None:
    """Give all ranks the mean of their batch norm statistics, which each has of its own batches."""
    if fabric.world_size == 1:
        return
    for buffer in model.buffers():
        if buffer.is_floating_point():
            buffer.copy_(fabric.all_reduce(buffer, reduce_op="mean"))  # type: ignore[arg-type]
