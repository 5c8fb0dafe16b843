"""Batches of a streamed data set: what is needed is read ahead, by a thread, into few buffers.

The parameters of a batch are drawn on the CPU first. They say which rows it needs, its own and its
mix partners'; these alone are read, and the parameters are applied to them. So the bytes are those
of a data set in memory.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from warpmix.augment.draws import Draws, with_partners_at
from warpmix.augment.stages import Stage
from warpmix.data.order import Share
from warpmix.data.streamed import StreamedDataset

if TYPE_CHECKING:
    from warpmix.augment import Pipeline, Targets

_AHEAD = 2  # batches that are read and not yet asked for


@dataclass(frozen=True)
class _Prepared:
    """What a batch needs, on the CPU: images [n, C, H, W] and draws whose rows are of these.
    Where the labels are unknown, the rows of the data set stand for them."""

    share: Share
    images: Tensor
    labels: Tensor
    draws: Draws


def stream(
    dataset: StreamedDataset, pipeline: Pipeline, shares: Iterator[Share], epoch: int
) -> Iterator[tuple[Tensor, Targets]]:
    """(batch, targets) of each share of an epoch; arguments as :class:`warpmix.data.Loader`'s."""
    prepared: queue.Queue[_Prepared | BaseException | None] = queue.Queue(_AHEAD)
    stopped = threading.Event()

    def put(item: _Prepared | BaseException | None) -> None:
        while not stopped.is_set():
            try:
                return prepared.put(item, timeout=0.1)
            except queue.Full:
                continue

    def read_ahead() -> None:
        try:
            for share in shares:
                if stopped.is_set():
                    return
                put(_prepare(dataset, pipeline, share, epoch))
            put(None)
        except BaseException as error:  # to be raised where the batch is asked for
            put(error)

    thread = threading.Thread(target=read_ahead, name="warpmix-stream", daemon=True)
    thread.start()
    try:
        while (item := prepared.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield _make(dataset, pipeline, item)
    finally:  # also when the pass is given up
        stopped.set()
        thread.join()


def _prepare(dataset: StreamedDataset, pipeline: Pipeline, share: Share, epoch: int) -> _Prepared:
    order = share.order
    draws = pipeline.draw(
        order.ids,
        images=dataset.pool.permute(0, 3, 1, 2),
        index=order.index,
        epoch=epoch,
        active=order.active,
    )
    needed = draws.rows if draws.partner is None else torch.cat([draws.rows, draws.partner])
    rows, places = needed.unique(return_inverse=True)
    count = len(draws.rows)
    partner = None if draws.partner is None else places[count:]
    per_launch = draws.per_launch
    if partner is not None:
        mixes = [_mixes(stages) for stages in draws.stages]
        per_launch = [
            with_partners_at(words, of, partner) if of else words
            for words, of in zip(per_launch, mixes, strict=True)
        ]
    images = dataset.read(rows)
    if dataset.device.type == "cuda":
        images = images.pin_memory()
    return _Prepared(
        share,
        images.permute(0, 3, 1, 2),
        rows if dataset.labels is None else dataset.labels[rows],
        replace(draws, rows=places[:count], partner=partner, per_launch=per_launch),
    )


def _mixes(stages: list[Stage]) -> range:
    """Places of the mixing stages in a launch; they are neighbours."""
    places = [i for i, stage in enumerate(stages) if stage.is_mix]
    return range(places[0], places[-1] + 1) if places else range(0)


def _make(dataset: StreamedDataset, pipeline: Pipeline, item: _Prepared) -> tuple[Tensor, Targets]:
    device = dataset.device
    images, labels = item.images.to(device, non_blocking=True), item.labels.to(device)
    batch, targets = pipeline.replay(images, item.draws.to(device), labels)
    return batch, item.share.own_targets(targets)
