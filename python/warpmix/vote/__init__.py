"""Voting: many models' stored predictions become one decision, at every ensemble size at once."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .bootstrap import Intervals, bootstrap_intervals
from .bundle import Bundle, is_bundle
from .calibration import at_temperature, expected_calibration_error, fit_temperature
from .comparison import Contest, Standing, compare, standard_contests
from .diversity import Diversity, diversity
from .ensemble import METHODS, Ensemble, fit_ensemble
from .selection import GreedyPath, Selection, select_greedy
from .stacking import Stacking, join_folds
from .voting import Curve, VoteResult, member_accuracies, rank, vote, vote_curve
from .weights import fit_weights

if TYPE_CHECKING:
    from .classifier import VotingClassifier

__all__ = [
    "METHODS",
    "Bundle",
    "Contest",
    "Curve",
    "Diversity",
    "Ensemble",
    "GreedyPath",
    "Intervals",
    "Selection",
    "Stacking",
    "Standing",
    "VoteResult",
    "VotingClassifier",
    "at_temperature",
    "bootstrap_intervals",
    "compare",
    "diversity",
    "expected_calibration_error",
    "fit_ensemble",
    "fit_temperature",
    "fit_weights",
    "is_bundle",
    "join_folds",
    "member_accuracies",
    "rank",
    "select_greedy",
    "standard_contests",
    "vote",
    "vote_curve",
]


def __getattr__(name: str) -> Any:
    if name != "VotingClassifier":  # it is a scikit-learn class, and that takes seconds to import
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(".classifier", __name__).VotingClassifier
