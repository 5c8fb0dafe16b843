"""Probabilities class by class, from which ensembles are chosen."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from warpmix import ops
from warpmix.ensemble._checks import check_temperature
from warpmix.ensemble._chunks import Chunked

LEAST_PROBABILITY = 1e-15
"""Smaller ones count as this in a log-loss; in kernels/ensemble/greedy.h too."""


def own_probabilities(
    source: Chunked,
    targets: Tensor,
    temperature: float | Sequence[float] | Tensor | None = None,
) -> Tensor:
    """[M, N] float32: what each model gives the true class; a chunk at a time."""
    inverse_temperature = check_temperature(temperature, source.shape[0], source.device)
    parts = []
    for begin, chunk in source:
        planes, invalid = ops.class_planes(
            chunk, logits=source.logits, inverse_temperature=inverse_temperature
        )
        source.check(chunk, invalid, begin)
        parts.append(own_planes(planes, targets[begin : begin + chunk.shape[1]]))
    return torch.cat(parts, 1)


def probability_planes(
    source: Chunked, temperature: float | Sequence[float] | Tensor | None = None
) -> Tensor:
    """[M, C, N] float32 probabilities, whole."""
    whole = source.load()
    inverse_temperature = check_temperature(temperature, source.shape[0], source.device)
    planes, invalid = ops.class_planes(
        whole, logits=source.logits, inverse_temperature=inverse_temperature
    )
    source.check(whole, invalid, 0)
    return planes


def own_planes(planes: Tensor, targets: Tensor) -> Tensor:
    models, _, samples = planes.shape
    return planes.gather(1, targets.expand(models, 1, samples)).squeeze(1)
