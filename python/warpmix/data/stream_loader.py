"""Batches of a streamed data set: what is needed is read ahead, by a thread, into few buffers.

The parameters of a batch are drawn on the CPU first. They say which rows it needs, its own and its
mix partners'; these alone are read, and the parameters are applied to them. So the bytes are those
of a data set in memory.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from warpmix.augment.ragged import Images
from warpmix.data.batches import Batch, Part, join_parts
from warpmix.data.dataset import as_source
from warpmix.data.order import Share
from warpmix.data.streamed import StreamedDataset

if TYPE_CHECKING:
    from warpmix.augment import Draws, Pipeline, Targets

Prepared = tuple[Share, list["_Prepared"]]

_AHEAD = 2  # batches that are read and not yet asked for


@dataclass(frozen=True)
class _Prepared:
    """What a part of a batch needs, on the CPU: images as a pipeline takes them, and draws whose
    rows are of these. Where the labels are unknown, the rows of the data set stand for them."""

    pipeline: Pipeline
    places: Tensor | None
    images: Images
    labels: Tensor
    draws: Draws


def stream(
    dataset: StreamedDataset, batches: Iterator[tuple[Share, Sequence[Part]]], epoch: int
) -> Iterator[tuple[Tensor, Targets]]:
    """Yield (batch, targets) of each share and its parts, with the random numbers of ``epoch``."""
    prepared: queue.Queue[Prepared | BaseException | None] = queue.Queue(_AHEAD)
    stopped = threading.Event()

    def put(item: Prepared | BaseException | None) -> None:
        while not stopped.is_set():
            try:
                return prepared.put(item, timeout=0.1)
            except queue.Full:
                continue

    def read_ahead() -> None:
        try:
            for share, parts in batches:
                if stopped.is_set():
                    return
                put((share, [_prepare(dataset, part, epoch) for part in parts]))
            put(None)
        except BaseException as error:  # to be raised where the batch is asked for
            put(error)

    thread = threading.Thread(target=read_ahead, name="warpmix-stream", daemon=True)
    thread.start()
    try:
        while (item := prepared.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            share, parts = item
            batch, targets = join_parts([(p.places, _make(dataset, p)) for p in parts])
            yield batch, share.own_targets(targets)
    finally:  # also when the pass is given up
        stopped.set()
        thread.join()


def _prepare(dataset: StreamedDataset, part: Part, epoch: int) -> _Prepared:
    pipeline, order = part.variant.pipeline, part.order
    draws = pipeline.draw(
        order.ids,
        images=dataset.pool,
        index=order.index,
        epoch=epoch,
        active=order.active,
    )
    rows, draws = draws.of_rows()
    images = dataset.read(rows)
    if dataset.device.type == "cuda":
        images = images.pin_memory()
    return _Prepared(
        pipeline,
        part.places,
        as_source(images),
        rows if dataset.labels is None else dataset.labels[rows],
        draws,
    )


def _make(dataset: StreamedDataset, part: _Prepared) -> Batch:
    device = dataset.device
    images, labels = part.images.to(device, non_blocking=True), part.labels.to(device)
    made: Batch = part.pipeline.replay(images, part.draws.to(device), labels)  # type: ignore[assignment]
    return made
