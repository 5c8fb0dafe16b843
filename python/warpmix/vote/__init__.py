"""Voting: many models' stored predictions become one decision, at every ensemble size at once."""

from .selection import GreedyPath, Selection, select_greedy
from .voting import Curve, VoteResult, member_accuracies, rank, vote, vote_curve
from .weights import fit_weights

__all__ = [
    "Curve",
    "GreedyPath",
    "Selection",
    "VoteResult",
    "fit_weights",
    "member_accuracies",
    "rank",
    "select_greedy",
    "vote",
    "vote_curve",
]
