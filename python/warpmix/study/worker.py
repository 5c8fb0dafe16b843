"""What a worker does with a run: claim it, train or go on, and write down what it came to."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from warpmix._files import atomic_write
from warpmix.study.claims import claim
from warpmix.study.folder import ERROR_FILE, RESULT_FILE, claim_file, run_folder, write_result
from warpmix.train.config import TrainConfig
from warpmix.train.loop import TrainResult, fit
from warpmix.train.run_folder import CHECKPOINT_FILE, remove_run

Outcome = Literal["done", "failed", "claimed"]


@dataclass(frozen=True)
class Task:
    """A run for a worker.

    Attributes:
        id: of the run.
        config: its settings, as :class:`TrainConfig` takes them.
    """

    id: str
    config: TrainConfig


def train_tasks(study_folder: Path, tasks: Sequence[Task]) -> dict[str, Outcome]:
    """Train the runs that nobody else is training, and return what became of each.

    A run that was killed goes on from its last epoch. An error of a run is written into its folder.

    Returns:
        by id; ``claimed``: another runner has it.
    """
    outcomes: dict[str, Outcome] = {}
    for task in tasks:
        with ExitStack() as claims:
            if not claims.enter_context(claim(claim_file(study_folder, task.id))):
                outcomes[task.id] = "claimed"
                continue
            outcomes[task.id] = _train(run_folder(study_folder, task.id), task.config)
    return outcomes


def _train(folder: Path, config: TrainConfig) -> Outcome:
    """Train a claimed run, unless it has been in the meantime."""
    if (folder / RESULT_FILE).exists():
        return "done"
    if (folder / ERROR_FILE).exists():
        return "failed"
    try:
        _finish(folder, _fit_or_resume(folder, config))
    except Exception:
        record_failure(folder, traceback.format_exc())
        return "failed"
    return "done"


def _fit_or_resume(folder: Path, config: TrainConfig) -> TrainResult:
    """Go on with a run from its checkpoint; begin anew where that cannot be done."""
    if (folder / CHECKPOINT_FILE).exists():
        try:
            return fit(config, folder, resume=True)
        except (OSError, ValueError, RuntimeError):
            remove_run(folder)  # such as a disk's damage, or another version's checkpoint
    return fit(config, folder)


def _finish(folder: Path, result: TrainResult) -> None:
    """Write what a run came to, and delete its checkpoint, which nothing needs any more."""
    history = result.history
    best = history[result.best_epoch - 1]
    write_result(
        folder,
        {
            "test_accuracy": result.test_accuracy,
            "validation_accuracy": result.validation_accuracy,
            "validation_loss": best.validation_loss,
            "train_accuracy": max(record.train_accuracy for record in history),
            "best_epoch": result.best_epoch,
            "epochs": len(history),
            "seconds": sum(record.seconds for record in history),
        },
    )
    (folder / CHECKPOINT_FILE).unlink(missing_ok=True)


def record_failure(folder: Path, error: str) -> None:
    """Write the traceback of a run that failed; with this it is not tried again."""
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(folder / ERROR_FILE) as temporary:
        temporary.write_text(error, "utf-8")
