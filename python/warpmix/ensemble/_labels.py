"""Each model's own decisions."""

from __future__ import annotations

import torch
from torch import Tensor

from warpmix import ops
from warpmix.ensemble._chunks import Chunked


def chunk_labels(source: Chunked, chunk: Tensor, begin: int) -> Tensor:
    """[M, n] int64 favourite classes of a chunk [M, n, C], ties to the lowest."""
    rows = []
    for model in range(chunk.shape[0]):
        of_one = chunk[model : model + 1]
        labels, _, invalid = ops.vote(of_one, None, hard=True, logits=source.logits)
        source.check(of_one, invalid, begin, model)
        rows.append(labels)
    return torch.stack(rows)
