"""Epochs of augmented batches from a dataset that lies in one tensor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from torch import Tensor

from .dataset import Dataset
from .order import EpochOrder, epoch_length, epoch_order

if TYPE_CHECKING:
    from ..augment import Pipeline, Targets


class Loader:
    """Iterates over a dataset in batches that a pipeline makes; one pass is one epoch.

    Everything happens on the dataset's device: ``Loader(dataset.to("cuda"), …)`` keeps the images
    there, and no batch waits for the host. What a pass yields depends on (seed, epoch), the
    pipeline and the dataset alone. Every sample comes once: an odd last batch is smaller, and
    nothing is repeated to fill it.

    ``expand`` is the reports' append mode: the epoch holds every image once as it is, and augmented
    copies beside them; 0.5 adds one copy of a random half, 2.5 two copies of all and one more of a
    half. Copies of an image differ from each other.

    For validation, ``Loader(dataset, Pipeline(mean=…, std=…), batch_size, shuffle=False)``.

    Args:
        dataset: the images.
        pipeline: makes each batch; its seed, not the loader's, decides the augmentations.
        batch_size: samples a batch, at least 1.
        shuffle: a new order each epoch; False keeps the dataset's.
        drop_last: leave out an odd last batch.
        expand: augmented copies for each image, at least 0; 0 augments the images themselves.
        seed: of the order and of the choice of copies, in [0, 2^63).

    Attributes:
        epoch: number of the next pass, in [0, 2^32). ``iter(loader)`` takes it and adds 1, whether
            or not the pass is finished; set it to resume or to repeat an epoch.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        dataset: Dataset,
        pipeline: Pipeline,
        batch_size: int,
        shuffle: bool = True,
        drop_last: bool = False,
        expand: float = 0.0,
        seed: int = 0,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        if not 0.0 <= expand < float("inf"):
            raise ValueError(f"expand must be a number of at least 0, got {expand}")
        if not 0 <= seed < 2**63:
            raise ValueError(f"seed must be in [0, 2^63), got {seed}")
        self.dataset = dataset
        self.pipeline = pipeline
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.expand = expand
        self.seed = seed
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
        """Batches of an epoch."""
        whole, odd = divmod(self.samples, self.batch_size)
        return whole + (odd > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[tuple[Tensor, Targets]]:
        """One epoch of (batch, targets) as :class:`warpmix.augment.Pipeline` returns them."""
        epoch, self.epoch = self.epoch, self.epoch + 1
        order = epoch_order(
            len(self.dataset),
            seed=self.seed,
            epoch=epoch,
            shuffle=self.shuffle,
            expand=self.expand,
            device=self.dataset.device,
        )
        return (self._batch(order, epoch, number) for number in range(len(self)))

    def _batch(self, order: EpochOrder, epoch: int, number: int) -> tuple[Tensor, Targets]:
        part = slice(number * self.batch_size, (number + 1) * self.batch_size)
        return self.pipeline(
            self.dataset.images,
            self.dataset.labels,
            ids=order.ids[part],
            index=order.index[part],
            epoch=epoch,
            active=None if order.active is None else order.active[part],
            sums=self.dataset.channel_sums,
        )
