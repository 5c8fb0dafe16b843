"""Voting: many models' stored predictions become one decision, at every ensemble size at once."""

from .voting import Curve, VoteResult, member_accuracies, rank, vote, vote_curve

__all__ = ["Curve", "VoteResult", "member_accuracies", "rank", "vote", "vote_curve"]
