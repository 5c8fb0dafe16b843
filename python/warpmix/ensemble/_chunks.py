"""Predictions a chunk of samples at a time: a tensor in one, a store on disk in as many as it
takes to stay within bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from warpmix.ensemble._checks import check_predictions, check_targets, check_valid
from warpmix.predictions import PredictionStack, StoredPredictions

CHUNK_BYTES = 256 << 20
"""Of predictions that are read from a store at once."""

Progress: TypeAlias = Callable[[int, int], None]
"""Called with (samples done, samples of all) after every chunk."""

Predicted: TypeAlias = Tensor | StoredPredictions | PredictionStack
"""[M, N, C]: in memory, or on disk."""


@dataclass(frozen=True)
class Chunked:
    """Predictions of M models over N samples, to go through in chunks.

    Args:
        source: checked predictions.
        logits: whether they are logits.
        device: where the chunks go.
        progress: see :data:`Progress`.
    """

    source: Tensor | StoredPredictions
    logits: bool
    device: torch.device
    progress: Progress | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        models, samples, classes = self.source.shape
        return models, samples, classes

    @property
    def names(self) -> Sequence[object]:
        """What errors call the models."""
        if isinstance(self.source, StoredPredictions):
            return self.source.models
        return range(self.source.shape[0])

    def __iter__(self) -> Iterator[tuple[int, Tensor]]:
        """(first sample, [M, n, C] on the device), in the order of the samples."""
        models, samples, classes = self.shape
        if isinstance(self.source, Tensor):
            yield 0, self.source
            self._done(samples)
            return
        width = models * classes * self.source.dtype.itemsize
        step = min(max(CHUNK_BYTES // width, 1), samples)
        buffer = torch.empty(models, step, classes, dtype=self.source.dtype)
        for begin in range(0, samples, step):
            end = min(begin + step, samples)
            whole = end - begin == step
            rows = self.source.read(begin, end, out=buffer if whole else None)
            yield begin, rows.to(self.device)
            self._done(end)

    def _done(self, count: int) -> None:
        if self.progress is not None:
            self.progress(count, self.shape[1])

    def check(self, chunk: Tensor, invalid: Tensor, first: int, first_model: int = 0) -> None:
        """Raise for rows that an op counted as invalid."""
        names = self.names[first_model : first_model + chunk.shape[0]]
        check_valid(chunk, self.logits, invalid, names, first)

    def check_targets(self, targets: Tensor) -> Tensor:
        """The targets where the chunks go; in memory, they must be there already."""
        _, samples, classes = self.shape
        if not isinstance(self.source, Tensor) and isinstance(targets, Tensor):
            targets = targets.to(self.device)
        check_targets(targets, samples, classes, self.device)
        return targets

    def load(self) -> Tensor:
        """[M, N, C] whole, on the device."""
        if isinstance(self.source, Tensor):
            return self.source
        return self.source.read().to(self.device)


def chunked(
    predictions: Predicted,
    logits: bool | None,
    *,
    device: torch.device | str | None = None,
    progress: Progress | None = None,
) -> Chunked:
    """Check predictions, in memory or on disk.

    Args:
        logits: of a tensor, whether it holds logits (None: it does not); what is stored knows, and
            must not be told otherwise.
        device: where stored predictions are voted on; default the CPU. A tensor stays where it is.
    """
    if isinstance(predictions, (StoredPredictions, PredictionStack)):
        knows = predictions.logits
        if logits is not None and logits != knows:
            kinds = ("probabilities", "logits")
            raise ValueError(f"logits must be left out: the store holds {kinds[knows]}")
        target = torch.device("cpu" if device is None else device)
        if isinstance(predictions, PredictionStack):
            return Chunked(predictions.predictions.to(target), knows, target, progress)
        return Chunked(predictions, knows, target, progress)
    checked = check_predictions(predictions)
    if device is not None and torch.device(device).type != checked.device.type:
        raise ValueError(
            f"device must be left out for a tensor, which is on {checked.device}; got {device}"
        )
    return Chunked(checked, bool(logits), checked.device, progress)
