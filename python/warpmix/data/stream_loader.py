"""Batches of a streamed data set: what is needed is read ahead, by a thread, into few buffers.

The parameters of a batch are drawn on the CPU first. They say which rows it needs, its own and its
mix partners'; these alone are read, and the parameters are applied to them. So the bytes are those
of a data set in memory.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

from warpmix.data.order import Share
from warpmix.data.streamed import StreamedDataset

if TYPE_CHECKING:
    from warpmix.augment import Draws, Pipeline, Targets

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
    """Yield (batch, targets) of each share; arguments as :class:`warpmix.data.Loader`'s."""
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
    rows, draws = draws.of_rows()
    images = dataset.read(rows)
    if dataset.device.type == "cuda":
        images = images.pin_memory()
    return _Prepared(
        share,
        images.permute(0, 3, 1, 2),
        rows if dataset.labels is None else dataset.labels[rows],
        draws,
    )


def _make(dataset: StreamedDataset, pipeline: Pipeline, item: _Prepared) -> tuple[Tensor, Targets]:
    device = dataset.device
    images, labels = item.images.to(device, non_blocking=True), item.labels.to(device)
    made: Any = pipeline.replay(images, item.draws.to(device), labels)
    batch, targets = made
    return batch, item.share.own_targets(targets)
