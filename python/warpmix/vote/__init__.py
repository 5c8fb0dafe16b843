"""Voting: many models' stored predictions become one decision, at every ensemble size at once."""

from .bootstrap import Intervals, bootstrap_intervals
from .calibration import at_temperature, expected_calibration_error, fit_temperature
from .diversity import Diversity, diversity
from .selection import GreedyPath, Selection, select_greedy
from .stacking import Stacking, join_folds
from .voting import Curve, VoteResult, member_accuracies, rank, vote, vote_curve
from .weights import fit_weights

__all__ = [
    "Curve",
    "Diversity",
    "GreedyPath",
    "Intervals",
    "Selection",
    "Stacking",
    "VoteResult",
    "at_temperature",
    "bootstrap_intervals",
    "diversity",
    "expected_calibration_error",
    "fit_temperature",
    "fit_weights",
    "join_folds",
    "member_accuracies",
    "rank",
    "select_greedy",
    "vote",
    "vote_curve",
]
