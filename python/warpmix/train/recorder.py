"""What a run writes into its folder, and when. Of several ranks, the first one writes."""

from __future__ import annotations

import logging
from pathlib import Path
from types import TracebackType

import torch
from lightning.fabric import Fabric
from torch import Tensor

from warpmix import info, predictions
from warpmix._files import make_folder, write_json
from warpmix._reading import reading_file
from warpmix.train.checkpoint import REMEDY, load_checkpoint, save_checkpoint
from warpmix.train.config import TrainConfig
from warpmix.train.distributed import HeldOut
from warpmix.train.divergence import read_divergence, write_divergence
from warpmix.train.history import read_history, write_history
from warpmix.train.loggers import Trackers, check_loggers
from warpmix.train.model import ModelSpec, read_tensors, save_model, write_tensors
from warpmix.train.optimizer import rate_jump
from warpmix.train.run_folder import (
    CHECKPOINT_FILE,
    CONFIG_FILE,
    DIVERGENCE_FILE,
    ENVIRONMENT_FILE,
    HISTORY_FILE,
    MODEL_FILE,
    PREDICTIONS_FILES,
    SPLIT_FILE,
    load_settings,
    remove_leftovers,
)
from warpmix.train.trainer import Trainer

_log = logging.getLogger(__name__)


class Recorder:
    """Writes a run's files; does nothing without a folder, and on ranks other than the first.

    Args:
        folder: the run folder, or None.
        config, spec: of the run.
        fabric: its ranks.

    Raises:
        ImportError: a package that ``config.logger`` needs is not installed.
        ValueError: ``config.logger`` without a folder.
    """

    def __init__(
        self, folder: Path | None, config: TrainConfig, spec: ModelSpec, fabric: Fabric
    ) -> None:
        self.folder = folder
        self.fabric = fabric
        self._config, self._spec = config, spec
        self._target = folder if fabric.is_global_zero else None
        self._trackers: Trackers | None = None
        check_loggers(config.logger)
        if config.logger and folder is None:
            raise ValueError("logger needs a run folder, which says where a resumed run goes on")

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._trackers is not None:
            self._trackers.close("success" if kind is None else "failed")

    def open(self, trainer: Trainer, rows: dict[str, Tensor]) -> None:
        """Go on from the folder's checkpoint if it has one, and write down what is being run.

        A run that diverged in the epoch after it has ended, unless it now has other rates.

        Args:
            rows: which images of the training split go where.

        Raises:
            ValueError: the run in the folder had other images.
        """
        earlier, found = self._config, None
        if self.folder is not None:
            if (self.folder / CHECKPOINT_FILE).exists():
                _check_rows(self.folder / SPLIT_FILE, rows)
                path = self.folder / CHECKPOINT_FILE
                with reading_file(path, REMEDY):
                    trainer.restore(load_checkpoint(path, self._spec))
                earlier = load_settings(self.folder)
            found = read_divergence(self.folder, self._config)
            if found is not None and found.epoch == len(trainer.history) + 1:
                history = read_history(self.folder / HISTORY_FILE)
                if len(history) == found.epoch:
                    trainer.diverge(history[-1], found.reason)
        self.fabric.barrier()  # all have read before the first one writes
        if self._target is None:
            return
        if trainer.history and trainer.ended is None:
            steps = trainer.steps_per_epoch
            jump = rate_jump(self._config, earlier, len(trainer.history), steps)
            if jump is not None:
                _log.warning("%s", jump)
        make_folder(self._target)
        remove_leftovers(self._target)
        write_json(self._target / CONFIG_FILE, self._config.model_dump(mode="json"))
        if found is None:
            (self._target / DIVERGENCE_FILE).unlink(missing_ok=True)
        environment = info.collect()
        write_json(self._target / ENVIRONMENT_FILE, environment)
        write_tensors(self._target / SPLIT_FILE, rows, {"dataset": self._config.data})
        if trainer.history:
            write_history(self._target / HISTORY_FILE, trainer.history)  # a kill may precede it
        if self._config.logger:
            self._trackers = Trackers(self._config, self._target, trainer.history, environment)

    def save_epoch(self, trainer: Trainer) -> None:
        """Write the checkpoint of an epoch, and its figures; of one that is not sound, these alone.

        So after a divergence there are sound weights to go on from. A kill loses one epoch more.
        """
        if self._target is None:
            return
        if trainer.is_sound:
            save_checkpoint(self._target / CHECKPOINT_FILE, trainer.state(), self._spec)
        write_history(self._target / HISTORY_FILE, trainer.history)
        if trainer.divergence is not None:
            epochs = len(trainer.history)
            write_divergence(self._target, self._config, epochs, trainer.divergence)
        if self._trackers is not None:
            self._trackers.log_epochs(trainer.history)

    def save_model(self, weights: dict[str, Tensor]) -> None:
        """Write the weights that the run ends with."""
        if self._target is not None:
            save_model(self._target / MODEL_FILE, weights, self._spec)

    def save_predictions(self, split: str, predicted: Tensor, images: HeldOut) -> None:
        """Write probabilities [N, classes] of a split."""
        if self._target is not None:
            predictions.save(
                self._target / PREDICTIONS_FILES[split],
                predicted,
                images.labels.cpu(),
                model=self._target.resolve().name,
                dataset=images.name,
                split=split,
                classes=images.classes,
            )
        self.fabric.barrier()  # no rank ends while the files are being written

    def log_result(self, trainer: Trainer, accuracy: dict[str, float]) -> None:
        """Tell the trackers how the run ended, and forget a divergence that it has got past.

        Args:
            accuracy: of each split that was held out, 0..1.
        """
        if self._target is not None and trainer.divergence is None:
            (self._target / DIVERGENCE_FILE).unlink(missing_ok=True)
        if self._trackers is not None:
            figures = {
                "test_accuracy": accuracy.get("test"),
                "best_validation_accuracy": accuracy.get("val"),
                "best_epoch": trainer.stopping.kept_epoch,
            }
            self._trackers.log_result(figures, len(trainer.history))


def _check_rows(path: Path, rows: dict[str, Tensor]) -> None:
    """Refuse to go on with other images than the run began with."""
    stored, _ = read_tensors(path)
    if stored.keys() != rows.keys() or not all(torch.equal(stored[k], rows[k]) for k in rows):
        raise ValueError(
            f"{path.parent} holds a run on other images: its {path.name} differs from the split of "
            "the data set as it is now; bring the data set back, or start a new run"
        )
