"""Some of many models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from warpmix.ensemble._chunks import Predicted
from warpmix.predictions import PredictionStack, StoredPredictions


def take(predictions: Predicted, models: Sequence[int] | Tensor) -> Predicted:
    """The predictions of these models, in this order; what is stored is not read."""
    chosen = torch.as_tensor(models, dtype=torch.int64).tolist()
    if isinstance(predictions, StoredPredictions):
        return replace(
            predictions,
            entries=tuple(predictions.entries[i] for i in chosen),
            paths=tuple(predictions.paths[i] for i in chosen),
        )
    if isinstance(predictions, PredictionStack):
        return replace(
            predictions,
            predictions=predictions.predictions[chosen],
            models=tuple(predictions.models[i] for i in chosen),
            paths=tuple(predictions.paths[i] for i in chosen),
        )
    return predictions[chosen]
