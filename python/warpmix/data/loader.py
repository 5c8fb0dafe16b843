"""Epochs of augmented batches from a dataset that lies in one tensor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from warpmix._numbers import as_int
from warpmix.data.dataset import Dataset
from warpmix.data.order import Share, epoch_length, epoch_order, share_of_batch
from warpmix.data.stream_loader import stream
from warpmix.data.streamed import StreamedDataset

if TYPE_CHECKING:
    from warpmix.augment import Pipeline, Targets

_CPU = torch.device("cpu")


class Loader:
    """Iterates over a dataset in batches that a pipeline makes; one pass is one epoch.

    Everything happens on the dataset's device: ``Loader(dataset.to("cuda"), …)`` keeps the images
    there, and no batch waits for the host. A :class:`StreamedDataset` is read from the disk
    instead, two batches ahead, and yields the same bytes. What a pass yields depends on
    (seed, epoch), the pipeline and the dataset alone. Every sample comes once: an odd last batch is
    smaller, and nothing is repeated to fill it.

    ``expand`` is the reports' append mode: the epoch holds every image once as it is, and augmented
    copies beside them; 0.5 adds one copy of a random half, 2.5 two copies of all and one more of a
    half. Copies of an image differ from each other.

    Several processes that train together each make their share of every batch: the same samples
    with the same bytes as one process alone, in the order of ranks. The targets say how many of a
    batch's images are the rank's own; where a batch has fewer samples than there are ranks, images
    follow that are borrowed from other ranks and have no target.

    For validation, ``Loader(dataset, Pipeline(mean=…, std=…), batch_size, shuffle=False)``.

    Args:
        dataset: the images.
        pipeline: makes each batch; its seed decides the augmentations, the loader's where it has
            none.
        batch_size: samples a batch, at least 1; of all ranks together.
        shuffle: a new order each epoch; False keeps the dataset's.
        drop_last: leave out an odd last batch.
        join_last: a single last sample, which batch norm cannot train on, joins the batch before.
        expand: augmented copies for each image, at least 0; 0 augments the images themselves.
        seed: of the order, of the choice of copies, and of a pipeline without a seed; in [0, 2^63).
        rank: this process, in 0..world_size-1.
        world_size: processes that train together.
        mixup_off_epoch: epochs after which images are no longer mixed, as timm's option of that
            name; 0 mixes in all of them. Nothing else changes: see
            :meth:`warpmix.Pipeline.without_mixing`.

    Attributes:
        epoch: number of the next pass, in [0, 2^32). ``iter(loader)`` takes it and adds 1, whether
            or not the pass is finished; set it to resume or to repeat an epoch.

    Raises:
        ValueError: an argument is out of range.
        TypeError: a number is no int.
    """

    def __init__(
        self,
        dataset: Dataset | StreamedDataset,
        pipeline: Pipeline,
        batch_size: int,
        shuffle: bool = True,
        drop_last: bool = False,
        expand: float = 0.0,
        seed: int = 0,
        join_last: bool = False,
        rank: int = 0,
        world_size: int = 1,
        mixup_off_epoch: int = 0,
    ) -> None:
        batch_size, seed = as_int("batch_size", batch_size), as_int("seed", seed)
        rank, world_size = as_int("rank", rank), as_int("world_size", world_size)
        mixup_off_epoch = as_int("mixup_off_epoch", mixup_off_epoch)
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        if not 0.0 <= expand < float("inf"):
            raise ValueError(f"expand must be a number of at least 0, got {expand}")
        if not 0 <= seed < 2**63:
            raise ValueError(f"seed must be in [0, 2^63), got {seed}")
        if not 0 <= rank < world_size:
            raise ValueError(f"rank must be in 0..{world_size - 1}, got {rank}")
        if mixup_off_epoch < 0:
            raise ValueError(f"mixup_off_epoch must be at least 0, got {mixup_off_epoch}")
        self.dataset = dataset
        self.pipeline = pipeline if pipeline.seed is not None else pipeline.replace(seed=seed)
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.expand = expand
        self.seed = seed
        self.join_last = join_last
        self.rank = rank
        self.world_size = world_size
        self.mixup_off_epoch = mixup_off_epoch
        self.epoch = 0
        if len(self) == 0:
            raise ValueError(
                f"batch_size must be at most {self.samples} with drop_last, the samples of an "
                f"epoch, got {batch_size}; otherwise no batch would be left"
            )

    @property
    def samples(self) -> int:
        """Samples of an epoch, before ``drop_last``."""
        return epoch_length(len(self.dataset), self.expand)

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        whole, odd = divmod(self.samples, self.batch_size)
        return whole + (odd > 0 and not self.drop_last and not self._joins)

    @property
    def _joins(self) -> bool:
        """Whether a single last sample joins the batch before it."""
        return self.join_last and self.samples % self.batch_size == 1 < self.samples

    def __iter__(self) -> Iterator[tuple[Tensor, Targets]]:
        """Yield one epoch of (batch, targets) as :class:`warpmix.augment.Pipeline` returns them."""
        epoch, self.epoch = self.epoch, self.epoch + 1
        pipeline = self.pipeline
        if 0 < self.mixup_off_epoch <= epoch:
            pipeline = pipeline.without_mixing()
        if isinstance(self.dataset, StreamedDataset):
            return stream(self.dataset, pipeline, self.shares(epoch), epoch)
        dataset = self.dataset
        return (_batch(dataset, pipeline, share, epoch) for share in self.shares(epoch))

    def shares(self, epoch: int) -> Iterator[Share]:
        """Yield what this rank makes of each batch of an epoch."""
        order = epoch_order(
            len(self.dataset),
            seed=self.seed,
            epoch=epoch,
            shuffle=self.shuffle,
            expand=self.expand,
            device=self.dataset.device if isinstance(self.dataset, Dataset) else _CPU,
        )
        last = len(self) - 1
        for number in range(len(self)):
            start, end = number * self.batch_size, (number + 1) * self.batch_size
            part = slice(start, end + (number == last and self._joins))
            yield share_of_batch(order[part], self.rank, self.world_size)


def _batch(
    dataset: Dataset, pipeline: Pipeline, share: Share, epoch: int
) -> tuple[Tensor, Targets]:
    order = share.order
    batch, targets = pipeline(
        dataset.images.permute(0, 3, 1, 2),
        dataset.labels,
        ids=order.ids,
        index=order.index,
        epoch=epoch,
        active=order.active,
        sums=dataset.channel_sums,
    )
    return batch, share.own_targets(targets)
