"""What a worker does with a run: claim it, train or go on, and write down what it came to."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from warpmix._files import atomic_write, make_folder
from warpmix.study.folder import ERROR_FILE, RESULT_FILE, claim_file, run_folder, write_result
from warpmix.train.batched import fit_together
from warpmix.train.claims import claim
from warpmix.train.config import TrainConfig
from warpmix.train.divergence import DivergenceError
from warpmix.train.loop import TrainResult, fit
from warpmix.train.run_folder import CHECKPOINT_FILE, RunInUseError, has_begun, remove_run

_CHECKPOINT_SECONDS = 10.0  # between those of runs whose epochs are shorter than a checkpoint

Outcome = Literal["done", "failed", "claimed"]


@dataclass(frozen=True)
class Task:
    """A run for a worker.

    Attributes:
        id: of the run.
        config: its settings, as :class:`TrainConfig` takes them.
        batched: train it as part of a batched model, even alone, because sums are rounded otherwise
            than by :func:`warpmix.train.fit`: what else is in the batch does not show.
    """

    id: str
    config: TrainConfig
    batched: bool = False


def train_tasks(study_folder: Path, tasks: Sequence[Task]) -> dict[str, Outcome]:
    """Train the runs that nobody else is training, and return what became of each.

    A run that was killed goes on from its last checkpoint. An error of a run is written into its
    folder.

    Args:
        study_folder: of the study.
        tasks: one, or several batched ones that may train together.

    Returns:
        by id; ``claimed``: another runner has it.
    """
    outcomes: dict[str, Outcome] = {}
    with ExitStack() as claims:
        left: list[Task] = []
        for task in tasks:
            folder = run_folder(study_folder, task.id)
            if not claims.enter_context(claim(claim_file(study_folder, task.id))):
                outcomes[task.id] = "claimed"
            elif (folder / RESULT_FILE).exists():  # trained in the meantime
                outcomes[task.id] = "done"
            elif (folder / ERROR_FILE).exists():
                outcomes[task.id] = "failed"
            else:
                left.append(task)
        if left:
            outcomes.update(_train(study_folder, left))
    return outcomes


def _train(study_folder: Path, tasks: Sequence[Task]) -> dict[str, Outcome]:
    """Train claimed runs; where one of several raises an error, each alone."""
    folders = [run_folder(study_folder, task.id) for task in tasks]
    begun = [folder for folder in folders if has_begun(folder)]
    try:
        results = _fit(tasks, folders, resume=bool(begun))
    except Exception as error:
        if len(tasks) > 1:
            alone = [_train(study_folder, [task]) for task in tasks]
            return {id: outcome for each in alone for id, outcome in each.items()}
        if isinstance(error, RunInUseError):
            return {tasks[0].id: "claimed"}
        is_damage = isinstance(error, (OSError, ValueError, RuntimeError))
        if begun and is_damage and not isinstance(error, DivergenceError):
            remove_run(folders[0])  # such as a disk's damage, or another version's checkpoint
            return _train(study_folder, tasks)
        results = [error]
    outcomes: dict[str, Outcome] = {}
    for task, folder, result in zip(tasks, folders, results, strict=True):
        if isinstance(result, TrainResult):
            _finish(folder, result)
        else:
            record_failure(folder, "".join(traceback.format_exception(result)))
        outcomes[task.id] = "done" if isinstance(result, TrainResult) else "failed"
    return outcomes


def _fit(
    tasks: Sequence[Task], folders: Sequence[Path], resume: bool
) -> Sequence[TrainResult | Exception]:
    if not tasks[0].batched:
        return [fit(tasks[0].config, folders[0], resume=resume)]
    configs = [task.config for task in tasks]
    return fit_together(configs, folders, resume=resume, checkpoint_seconds=_CHECKPOINT_SECONDS)


def _finish(folder: Path, result: TrainResult) -> None:
    """Write what a run came to, and delete its checkpoint, which nothing needs any more."""
    history = result.history
    has_diverged = result.best_epoch == 0  # the first weights count, and have no validation loss
    loss = None if has_diverged else history[result.best_epoch - 1].validation_loss
    write_result(
        folder,
        {
            "test_accuracy": result.test_accuracy,
            "validation_accuracy": result.validation_accuracy,
            "validation_loss": loss,
            "train_accuracy": max(record.train_accuracy for record in history),
            "best_epoch": result.best_epoch,
            "epochs": len(history),
            "seconds": sum(record.seconds for record in history),
            "divergence": result.divergence,
        },
    )
    (folder / CHECKPOINT_FILE).unlink(missing_ok=True)


def record_failure(folder: Path, error: str) -> None:
    """Write the traceback of a run that failed; with this it is not tried again."""
    make_folder(folder)
    with atomic_write(folder / ERROR_FILE) as temporary:
        temporary.write_text(error, "utf-8")
