"""When to keep the weights, and when to stop."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass
class EarlyStopping:
    """Follows the validation figure from epoch to epoch.

    The best weights are those of the highest score, however small the gain. Patience counts the
    epochs since the score last rose by more than ``min_delta`` above its last such rise.

    Attributes:
        patience: epochs without improvement before stopping; None never stops.
        min_delta: smallest rise of the score that counts as improvement.
        min_epochs: epochs that are run in any case.
        best_score: highest score so far; higher is better, so a loss is passed negated.
        best_epoch: the epoch (from 1) of that score; 0 before the first.
        reference: the score of the last improvement.
        waited: epochs since then.
    """

    patience: int | None = None
    min_delta: float = 0.0
    min_epochs: int = 0
    best_score: float = -math.inf
    best_epoch: int = 0
    reference: float = -math.inf
    waited: int = 0

    def update(self, epoch: int, score: float) -> bool:
        """Take in the score of an epoch; returns whether it is the best so far.

        A NaN score is never the best and never an improvement.
        """
        if score > self.reference + self.min_delta:
            self.reference, self.waited = score, 0
        else:
            self.waited += 1
        if score > self.best_score:
            self.best_score, self.best_epoch = score, epoch
            return True
        return False

    def should_stop(self, epoch: int) -> bool:
        """Whether training ends after this epoch (counted from 1)."""
        return (
            self.patience is not None and epoch >= self.min_epochs and self.waited >= self.patience
        )
