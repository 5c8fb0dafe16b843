"""What models predicted, on disk: one file a model, or a store that many processes add to."""

from __future__ import annotations

from .entry import Entry
from .files import FILE_NAME, load, save
from .importing import import_files
from .model import Predictions
from .samples import Samples
from .stack import PredictionStack, load_many
from .store import PredictionStore, is_store
from .stored import StoredPredictions

__all__ = [
    "FILE_NAME",
    "Entry",
    "PredictionStack",
    "PredictionStore",
    "Predictions",
    "Samples",
    "StoredPredictions",
    "import_files",
    "is_store",
    "load",
    "load_many",
    "save",
]
