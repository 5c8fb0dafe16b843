"""What models predicted, on disk: one file a model, read together for voting."""

from __future__ import annotations

from .files import PATTERN, load, save
from .model import Predictions
from .stack import PredictionStack, load_many

__all__ = ["PATTERN", "PredictionStack", "Predictions", "load", "load_many", "save"]
