"""Voting: many models' stored predictions become one, at every ensemble size at once."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from warpmix._numbers import shown
from warpmix.ensemble.bootstrap import Intervals, bootstrap_intervals
from warpmix.ensemble.bundle import Bundle, is_bundle
from warpmix.ensemble.calibration import at_temperature, expected_calibration_error, fit_temperature
from warpmix.ensemble.comparison import Candidate, CandidateResult, compare, standard_candidates
from warpmix.ensemble.curve import Curve, member_accuracies, rank, vote_curve
from warpmix.ensemble.diversity import Diversity, diversity
from warpmix.ensemble.ensemble import FITTED, METHODS, Ensemble, fit_ensemble
from warpmix.ensemble.selection import GreedyPath, Selection, select_greedy
from warpmix.ensemble.stacking import Stacking, join_folds
from warpmix.ensemble.voting import VOTES, VoteResult, vote
from warpmix.ensemble.weights import fit_weights

if TYPE_CHECKING:
    from warpmix.ensemble.classifier import VotingClassifier

__all__ = [
    "FITTED",
    "METHODS",
    "VOTES",
    "Bundle",
    "Candidate",
    "CandidateResult",
    "Curve",
    "Diversity",
    "Ensemble",
    "GreedyPath",
    "Intervals",
    "Selection",
    "Stacking",
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
    "standard_candidates",
    "vote",
    "vote_curve",
]


def __getattr__(name: str) -> Any:
    if name != "VotingClassifier":  # it is a scikit-learn class, and that takes seconds to import
        raise AttributeError(f"module {shown(__name__)} has no attribute {shown(name)}")
    return importlib.import_module(".classifier", __name__).VotingClassifier
