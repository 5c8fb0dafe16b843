"""Which samples an epoch holds and in which order: a function of (seed, epoch) alone.

The order comes from Philox as the augmentations do, so it is the same on every device and with
every version of PyTorch, which no ``torch.randperm`` is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from warpmix._philox import philox

# Last word of Philox's counter. Transforms use stream << 8 | block with streams from 0 upwards.
_ORDER_STREAM = 0xFFFFFFFF
_COPIES_STREAM = 0xFFFFFFFE


@dataclass(frozen=True)
class EpochOrder:
    """The samples of one epoch, in their order.

    Attributes:
        index: [T] int64, the dataset's row of each sample.
        ids: [T] int64, what its random numbers depend on: copy k of row r is r + k N.
        active: [T] bool, whether it is augmented; None: all are.
        place: [T] int64, where it stands in the order that nothing has shuffled.
    """

    index: Tensor
    ids: Tensor
    active: Tensor | None
    place: Tensor

    def __getitem__(self, positions: slice | Tensor) -> EpochOrder:
        """Return some of the samples."""
        active = None if self.active is None else self.active[positions]
        return EpochOrder(self.index[positions], self.ids[positions], active, self.place[positions])


@dataclass(frozen=True)
class Share:
    """What one rank makes of one batch.

    Attributes:
        order: its samples, and behind them the borrowed ones.
        own: how many are its own; what follows belongs to other ranks and counts for nothing.
        batch_size: samples of the whole batch, over all ranks.
    """

    order: EpochOrder
    own: int
    batch_size: int

    def own_targets(self, targets: Any) -> Any:
        """Return the targets, one-hot rows or pairs, without those of borrowed samples."""
        if self.own == len(self.order.index):
            return targets
        if isinstance(targets, Tensor):
            return targets[: self.own]
        return type(targets)(*(part[: self.own] for part in targets))


_SMALLEST = 2  # images a rank needs for batch norm


def share_of_batch(batch: EpochOrder, rank: int, world_size: int) -> Share:
    """Return the samples of a batch that fall to a rank: in the order of ranks they are the batch.

    A rank that would have none or one borrows others, so that all ranks do the same work.
    """
    count = len(batch.index)
    if world_size == 1:
        return Share(batch, count, count)
    start, end = (-(-count * r // world_size) for r in (rank, rank + 1))
    positions = torch.arange(start, end, device=batch.index.device)
    if end - start < _SMALLEST:
        others = torch.arange(_SMALLEST - (end - start), device=positions.device) % count
        positions = torch.cat([positions, others])
    return Share(batch[positions], end - start, count)


def epoch_length(rows: int, expand: float) -> int:
    """Return T, the number of samples of every epoch."""
    return rows + round(expand * rows)


def epoch_order(
    rows: int,
    *,
    seed: int,
    epoch: int,
    shuffle: bool,
    expand: float,
    device: torch.device,
    once: bool = False,
) -> EpochOrder:
    """Decide an epoch over ``rows`` images, on ``device`` and without waiting for it.

    Without ``expand``, every row once, augmented. With it, every row once as it is, and
    round(expand rows) augmented copies: as many of every row as go in wholly, and one more of rows
    that are drawn without replacement: anew each epoch or, with ``once``, those of epoch 0 in all.
    """
    index = ids = torch.arange(rows, device=device)
    active = None
    if expand > 0:
        whole, more = divmod(round(expand * rows), rows)
        drawn_in = 0 if once else epoch
        drawn = _shuffled(rows, seed, drawn_in, _COPIES_STREAM, device)[:more].sort().values
        index = torch.cat([index.repeat(1 + whole), drawn])
        copy = torch.arange(len(index), device=device) // rows
        ids = index + copy * rows
        active = copy > 0
    order = EpochOrder(index, ids, active, torch.arange(len(index), device=device))
    return order[_shuffled(len(index), seed, epoch, _ORDER_STREAM, device)] if shuffle else order


def _shuffled(count: int, seed: int, epoch: int, stream: int, device: torch.device) -> Tensor:
    """Return 0..count-1 sorted by 63 random bits each; the stable sort settles even equal bits."""
    position = torch.arange(count, device=device)
    counter = (
        position & 0xFFFFFFFF,
        position >> 32,
        torch.full_like(position, epoch),
        torch.full_like(position, stream),
    )
    high, low, _, _ = philox(counter, seed)
    return torch.argsort(high << 31 | low >> 1, stable=True)
