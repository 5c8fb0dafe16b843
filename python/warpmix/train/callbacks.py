"""What is called while a model trains."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warpmix.train.trainer import Trainer


class Callback:
    """What is called during a run: derive a class, override what is needed, hand it to ``fit``.

    Each process of a distributed run calls its own. An exception ends the run where it stands; what
    the folder holds then is what a resumed run goes on from.
    """

    def on_fit_start(self, trainer: Trainer) -> None:
        """Act before the first epoch; a resumed run has its weights and its history again."""

    def on_step_end(self, trainer: Trainer) -> None:
        """Act after an optimiser step."""

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Act after an epoch and its checkpoint; its figures are ``trainer.history[-1]``."""
