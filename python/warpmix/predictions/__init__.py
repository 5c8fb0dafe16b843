"""What models predicted, on disk: one file a model, or a store that many processes add to."""

from __future__ import annotations

from warpmix.predictions.entry import Entry
from warpmix.predictions.files import FILE_NAME, save
from warpmix.predictions.importing import import_files
from warpmix.predictions.model import Predictions
from warpmix.predictions.options import ReadOptions
from warpmix.predictions.reading import load
from warpmix.predictions.samples import Samples
from warpmix.predictions.stack import PredictionStack, load_many
from warpmix.predictions.store import PredictionStore, is_store
from warpmix.predictions.stored import StoredPredictions

__all__ = [
    "FILE_NAME",
    "Entry",
    "PredictionStack",
    "PredictionStore",
    "Predictions",
    "ReadOptions",
    "Samples",
    "StoredPredictions",
    "import_files",
    "is_store",
    "load",
    "load_many",
    "save",
]
