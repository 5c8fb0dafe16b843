"""Every reader of the package: a small valid file, made by the package, and what reads it."""

from __future__ import annotations

from fuzzing.image_readers import IMAGES
from fuzzing.prediction_readers import PREDICTIONS
from fuzzing.run_readers import RUNS
from fuzzing.study_readers import STUDIES

READERS = (*PREDICTIONS, *IMAGES, *RUNS, *STUDIES)
