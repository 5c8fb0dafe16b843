"""Epochs of augmented batches from a dataset that lies in one tensor."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal, get_args

import torch
from torch import Tensor

from warpmix._memory import check_room
from warpmix._numbers import as_int
from warpmix.data.batches import Part, Variant, join_parts, make_part, parts_of
from warpmix.data.dataset import Dataset, output_size
from warpmix.data.order import Share, epoch_length, epoch_order, share_of_batch
from warpmix.data.stream_loader import stream
from warpmix.data.streamed import StreamedDataset

if TYPE_CHECKING:
    from warpmix.augment import Pipeline, Targets

_CPU = torch.device("cpu")
_ORDER_BYTES = 64  # a sample: of its place, its copy and what they are drawn and sorted with

Copies = Literal["each-epoch", "once"]
"""When copies are drawn: anew for every epoch, or once for all of them."""


class Loader:
    """Iterates over a dataset in batches that a pipeline makes; one pass is one epoch.

    Everything happens on the dataset's device: ``Loader(dataset.to("cuda"), …)`` keeps the images
    there, and no batch waits for the host. A :class:`StreamedDataset` is read from the disk
    instead, two batches ahead, and yields the same bytes. What a pass yields depends on
    (seed, epoch), the pipeline and the dataset alone. Every sample comes once: an odd last batch is
    smaller, and nothing is repeated to fill it.

    ``expand`` is the reports' append mode: the epoch holds every image once as it is, and augmented
    copies beside them; 0.5 adds one copy of a random half, 2.5 two copies of all and one more of a
    half. Copies of an image differ from each other. ``variants`` adds a copy of every image for
    each of several pipelines instead, such as its mirror images.

    ``copies="once"`` makes the copies once for all epochs: which images are copied, every random
    number and every mix partner are those of epoch 0, so that the bytes are the same in each; the
    order still changes. Nothing is stored, because numbers depend on (seed, epoch, id) alone.

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
        copies: ``"each-epoch"`` or ``"once"``, see above.
        variants: one copy of every image each; they make batches of the pipeline's size and
            type, and have its seed where they have none. They replace ``expand``; the pipeline
            then makes the originals, wholly.

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
        copies: Copies = "each-epoch",
        variants: Sequence[Variant] = (),
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
        _check_copies(copies, expand, variants, mixup_off_epoch)
        self.dataset = dataset
        self.pipeline = _seeded(pipeline, seed)
        self.variants = tuple(Variant(_seeded(v.pipeline, seed), v.dataset) for v in variants)
        self.copies = copies
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
        self._check_memory()
        if len(self) == 0:
            raise ValueError(
                f"batch_size must be at most {self.samples} with drop_last, the samples of an "
                f"epoch, got {batch_size}; otherwise no batch would be left"
            )

    def _check_memory(self) -> None:
        """Refuse batches, and an order of the samples, that do not fit into memory."""
        size = output_size(self.pipeline, self.dataset)
        count = min(self.batch_size, self.samples)
        batch = count * self.dataset.channels * size[0] * size[1] * self.pipeline.dtype.itemsize
        if self.dataset.device.type == "cpu":
            check_room(
                batch + _ORDER_BYTES * self.samples,
                f"an epoch of {self.samples:,} samples in batches of {count} of "
                f"{size[0]}x{size[1]} pixels",
                "choose a smaller batch_size, image size or expand",
            )

    @property
    def samples(self) -> int:
        """Samples of an epoch, before ``drop_last``."""
        return epoch_length(len(self.dataset), self._expand)

    @property
    def _expand(self) -> float:
        """Copies of each image."""
        return float(len(self.variants) or self.expand)

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
        original, variants = Variant(self.pipeline), self.variants
        if 0 < self.mixup_off_epoch <= epoch:
            original, *unmixed = (
                Variant(v.pipeline.without_mixing(), v.dataset) for v in (original, *variants)
            )
            variants = tuple(unmixed)
        rows, dataset = len(self.dataset), self.dataset
        drawn = 0 if self.copies == "once" else epoch
        batches = (
            (share, list(parts_of(share, original, variants, rows))) for share in self.shares(epoch)
        )
        if isinstance(dataset, StreamedDataset):
            return stream(dataset, batches, drawn)
        return (_batch(dataset, share, parts, drawn) for share, parts in batches)

    def shares(self, epoch: int) -> Iterator[Share]:
        """Yield what this rank makes of each batch of an epoch."""
        # The host must know how many samples of a batch each variant makes.
        on_host = self.variants or isinstance(self.dataset, StreamedDataset)
        order = epoch_order(
            len(self.dataset),
            seed=self.seed,
            epoch=epoch,
            shuffle=self.shuffle,
            expand=self._expand,
            device=_CPU if on_host else self.dataset.device,
            once=self.copies == "once",
        )
        last = len(self) - 1
        for number in range(len(self)):
            start, end = number * self.batch_size, (number + 1) * self.batch_size
            part = slice(start, end + (number == last and self._joins))
            yield share_of_batch(order[part], self.rank, self.world_size)

    def in_order(self, batch_size: int) -> Loader:
        """Return a loader of the same samples, none left out, in the order before any shuffling."""
        other = copy.copy(self)
        other.batch_size, other.epoch = batch_size, 0
        other.shuffle = other.drop_last = other.join_last = False
        return other


def _batch(
    dataset: Dataset, share: Share, parts: Sequence[Part], epoch: int
) -> tuple[Tensor, Targets]:
    batch, targets = join_parts([(p.places, make_part(p, dataset, epoch)) for p in parts])
    return batch, share.own_targets(targets)


def _seeded(pipeline: Pipeline, seed: int) -> Pipeline:
    return pipeline if pipeline.seed is not None else pipeline.replace(seed=seed)


def _check_copies(
    copies: Copies, expand: float, variants: Sequence[Variant], mixup_off_epoch: int
) -> None:
    """Refuse settings of copies that contradict each other."""
    if copies not in get_args(Copies):
        raise ValueError(f"copies must be one of {', '.join(get_args(Copies))}, got {copies!r}")
    if variants and expand > 0:
        raise ValueError(
            f"expand must be 0 with variants, which are copies of every image, got {expand}"
        )
    if copies == "once":
        if not variants and expand == 0:
            raise ValueError("copies 'once' needs copies: set expand above 0, or variants")
        if mixup_off_epoch > 0:
            raise ValueError(
                "mixup_off_epoch must be 0 with copies 'once', which are mixed in every epoch or "
                f"in none, got {mixup_off_epoch}"
            )
