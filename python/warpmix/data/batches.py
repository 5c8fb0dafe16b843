"""One batch: which of its samples are made by which pipeline, and how they come together again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from warpmix.data.dataset import Dataset
from warpmix.data.order import EpochOrder, Share

if TYPE_CHECKING:
    from warpmix.augment import Pipeline, Targets

Batch = tuple[Tensor, Any]
"""Images, and targets: pairs or one-hot rows."""


@dataclass(frozen=True)
class Variant:
    """A copy of every image of a data set, made in a way of its own.

    Attributes:
        pipeline: makes it; its numbers depend on the id of the copy, so that no two variants of an
            image repeat each other.
        dataset: what it is made of, images that stand for the loader's row by row and mix among
            themselves; None: the loader's own.
    """

    pipeline: Pipeline
    dataset: Dataset | None = None


@dataclass(frozen=True)
class Part:
    """The samples of a batch that one pipeline makes.

    Attributes:
        variant: the pipeline, and what it reads.
        order: its samples.
        places: [n] int64 on the CPU, where they are in the batch; None: they are all of it.
    """

    variant: Variant
    order: EpochOrder
    places: Tensor | None


def parts_of(
    share: Share, original: Variant, variants: Sequence[Variant], rows: int
) -> Iterator[Part]:
    """Yield the parts of a share; copy k of a row belongs to variant k, and 0 is ``original``.

    Args:
        share: with its order on the CPU, where there are variants.
        original: makes what is no copy; all samples where there are no variants.
        variants: of copies 1, 2, …
        rows: of the data set.
    """
    order = share.order
    if not variants:
        yield Part(original, order, None)
        return
    for number, variant in enumerate((original, *variants)):
        places = (order.ids // rows == number).nonzero().flatten()
        if len(places) > 0:
            yield Part(variant, replace(order[places], active=None), places)


def make_part(part: Part, dataset: Dataset, epoch: int) -> Batch:
    """Return (batch, targets) of a part, of a data set in memory."""
    source = part.variant.dataset or dataset
    device = source.device
    order = part.order
    return part.variant.pipeline(
        source.source,
        source.labels,
        ids=order.ids.to(device),
        index=order.index.to(device),
        epoch=epoch,
        active=order.active,
        sums=source.channel_sums,
    )


def join_parts(made: Sequence[tuple[Tensor | None, Batch]]) -> Batch:
    """Put parts, each with the places of its samples, together to one batch."""
    if len(made) == 1:
        return made[0][1]
    places = torch.cat([part for part, _ in made if part is not None])
    order = places.argsort()
    batch, targets = _joined([one for _, (one, _) in made], order), [one for _, (_, one) in made]
    if isinstance(targets[0], Tensor):
        return batch, _joined(targets, order)
    pairs: type[Targets] = type(targets[0])
    return batch, pairs(*(_joined(list(each), order) for each in zip(*targets, strict=True)))


def _joined(parts: list[Tensor], order: Tensor) -> Tensor:
    """Concatenate parts and put their rows into an order, in the parts' memory format."""
    rows = torch.cat(parts)[order.to(parts[0].device)]
    if rows.dim() == 4 and parts[0].is_contiguous(memory_format=torch.channels_last):
        return rows.contiguous(memory_format=torch.channels_last)
    return rows
