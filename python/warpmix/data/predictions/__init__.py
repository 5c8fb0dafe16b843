"""What models predicted, on disk: one file a model, read together for voting."""

from __future__ import annotations

from .files import FILE_NAME, load, save
from .model import Predictions
from .stack import PredictionStack, load_many

__all__ = ["FILE_NAME", "PredictionStack", "Predictions", "load", "load_many", "save"]
