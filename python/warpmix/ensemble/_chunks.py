"""Predictions a chunk of samples at a time: a tensor in one, a store on disk in as many as it
takes to stay within bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from warpmix import ops
from warpmix._numbers import shown
from warpmix.ensemble._inputs import Integers, check_targets
from warpmix.ensemble._predictions import PredictionsLike, as_predictions
from warpmix.predictions import PredictionStack, StoredPredictions
from warpmix.predictions.model import SUM_TOLERANCE

CHUNK_BYTES = 256 << 20
"""Of predictions that are read from a store at once."""

MIN_PROBABILITY = 1e-15
"""Smaller ones count as this in a logarithm; ``kLeastProbability`` in kernels/ is the same."""

Progress: TypeAlias = Callable[[int, int], None]
"""Called with (samples done, samples of all) after every chunk."""


@dataclass(frozen=True)
class Chunked:
    """Predictions of M models over N samples, to go through in chunks.

    Args:
        source: checked predictions.
        logits: whether they are logits.
        device: where the chunks go.
        progress: see :data:`Progress`.
        name: what errors call the predictions.
    """

    source: Tensor | StoredPredictions
    logits: bool
    device: torch.device
    progress: Progress | None = None
    name: str = "predictions"

    @property
    def shape(self) -> tuple[int, int, int]:
        """(M, N, C)"""
        models, samples, classes = self.source.shape
        return models, samples, classes

    def __iter__(self) -> Iterator[tuple[int, Tensor]]:
        """Yield (first sample, [M, n, C] on the device), in the order of the samples."""
        models, samples, classes = self.shape
        if isinstance(self.source, Tensor):
            yield 0, self.source
            self._report(samples)
            return
        width = models * classes * self.source.dtype.itemsize
        step = min(max(CHUNK_BYTES // width, 1), samples)
        buffer = torch.empty(models, step, classes, dtype=self.source.dtype)
        for begin in range(0, samples, step):
            end = min(begin + step, samples)
            whole = end - begin == step
            rows = self.source.read(begin, end, out=buffer if whole else None)
            yield begin, rows.to(self.device)
            self._report(end)

    def _report(self, count: int) -> None:
        if self.progress is not None:
            self.progress(count, self.shape[1])

    def targets(self, targets: Integers) -> Tensor:
        """Return checked targets [N] int64, on the device of the chunks."""
        _, samples, classes = self.shape
        return check_targets(targets, samples, classes, self.device)

    def load(self) -> Tensor:
        """Return [M, N, C] whole, on the device."""
        if isinstance(self.source, Tensor):
            return self.source
        return self.source.read().to(self.device)

    # ---- what models say about a chunk ----------------------------------------------------------

    def labels(self, chunk: Tensor, first: int) -> Tensor:
        """Return [M, n] int64: the class that each model predicts, ties to the lowest.

        Args:
            chunk: [M, n, C], the samples from ``first`` on.
        """
        rows = []
        for model in range(chunk.shape[0]):
            scores = chunk[model : model + 1]
            labels, _, invalid = ops.vote(scores, None, hard=True, logits=self.logits)
            self.check(scores, invalid, first, model)
            rows.append(labels)
        return torch.stack(rows)

    def probabilities(
        self,
        chunk: Tensor,
        first: int,
        inverse_temperature: Tensor | None = None,
        *,
        log: bool = False,
        first_model: int = 0,
    ) -> Tensor:
        """Return [M, C, n] float32 probabilities, or logarithms of those of at least 1e-15.

        Args:
            chunk: [M, n, C], the samples from ``first`` on of the models from ``first_model`` on.
            inverse_temperature: [M] float32, of these models.
        """
        planes, invalid = ops.class_planes(
            chunk, logits=self.logits, log=log, inverse_temperature=inverse_temperature
        )
        self.check(chunk, invalid, first, first_model)
        return planes

    def true_class_probabilities(
        self, targets: Tensor, inverse_temperature: Tensor | None = None
    ) -> Tensor:
        """Return [M, N] float32: what each model gives the true class."""
        return torch.cat(
            [
                of_true_class(
                    self.probabilities(chunk, first, inverse_temperature),
                    targets[first : first + chunk.shape[1]],
                )
                for first, chunk in self
            ],
            1,
        )

    def check(self, chunk: Tensor, invalid: Tensor, first: int, first_model: int = 0) -> None:
        """Raise ValueError if an op counted invalid rows; only then is it asked which.

        Args:
            chunk: [m, n, C], the samples from ``first`` on of the models from ``first_model`` on.
            invalid: [1] int64.
        """
        if int(invalid) == 0:
            return
        scores = chunk.float()
        if self.logits:
            violation = (~torch.isfinite(scores)).any(-1).float()
        else:
            off = (scores.sum(-1) - 1).abs() - SUM_TOLERANCE
            negative = (-scores).amax(-1)
            violation = torch.nan_to_num(torch.maximum(off, negative), nan=torch.inf)
        worst = violation > 0
        at = worst if bool(worst.any()) else violation == violation.max()
        model, sample = (int(v) for v in at.nonzero()[0])
        values = [round(value, 6) for value in chunk[model, sample].tolist()[:12]]
        row = f"{str(values)[:-1]}, …]" if chunk.shape[-1] > 12 else str(values)
        expected = "finite numbers" if self.logits else "probabilities that sum to 1"
        remedy = "" if self.logits else "; pass logits=True if these are logits"
        raise ValueError(
            f"{self.name} must be {expected}, got {row} for model "
            f"{self._model_names[first_model + model]}, sample {first + sample} ({int(invalid)} "
            f"such rows){remedy}"
        )

    @property
    def _model_names(self) -> Sequence[object]:
        if isinstance(self.source, StoredPredictions):
            return self.source.models
        return range(self.source.shape[0])


def of_true_class(planes: Tensor, targets: Tensor) -> Tensor:
    """Return [M, N] of planes [M, C, N]: the plane of each sample's true class."""
    models, _, samples = planes.shape
    return planes.gather(1, targets.expand(models, 1, samples)).squeeze(1)


def chunked(
    predictions: PredictionsLike,
    logits: bool | None,
    *,
    device: torch.device | str | None = None,
    progress: Progress | None = None,
    name: str = "predictions",
) -> Chunked:
    """Check predictions, in memory or on disk.

    Args:
        logits: whether they are logits (None: they are not); what is stored knows, and must not be
            told otherwise.
        device: where stored predictions and NumPy arrays are voted on; default the CPU. A tensor
            stays where it is.
        name: what errors call the predictions.

    Raises:
        TypeError, ValueError: as :func:`as_predictions`; logits or a device that contradict the
            predictions.
    """
    if logits is not None and not isinstance(logits, (bool, np.bool_)):
        raise TypeError(f"logits must be True, False or None, got {shown(logits)}")
    checked = as_predictions(predictions, name)
    if isinstance(checked, (StoredPredictions, PredictionStack)):
        knows = checked.logits
        if logits is not None and logits != knows:
            kinds = ("probabilities", "logits")
            raise ValueError(f"logits must be left out: the store holds {kinds[knows]}")
        target = _device("cpu" if device is None else device)
        if isinstance(checked, PredictionStack):
            return Chunked(checked.predictions.to(target), knows, target, progress, name)
        return Chunked(checked, knows, target, progress, name)
    if device is not None and _device(device).type != checked.device.type:
        if _holds_tensors(predictions):
            raise ValueError(
                f"device must be left out for a tensor, which is on {checked.device}; got {device}"
            )
        checked = checked.to(device)
    return Chunked(checked, bool(logits), checked.device, progress, name)


def _device(name: torch.device | str) -> torch.device:
    try:
        return torch.device(name)
    except (TypeError, RuntimeError):
        raise ValueError(f"device must be such as 'cpu' or 'cuda:0', got {shown(name)}") from None


def _holds_tensors(predictions: PredictionsLike) -> bool:
    if isinstance(predictions, (list, tuple)):
        return any(isinstance(member, Tensor) for member in predictions)
    return isinstance(predictions, Tensor)
