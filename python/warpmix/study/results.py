"""What the runs of a study came to: one row a run, and what lies in its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from warpmix.study.recipe import Recipe

Form = Literal["full", "quick", "digits"]
Status = Literal["done", "failed", "running", "missing"]


@dataclass(frozen=True)
class RunResult:
    """A run of a study, done or not.

    Attributes:
        id: hash of its settings, its data, its sweep, its series and its repeat; empty as long as
            its settings wait for the best values of an earlier sweep.
        sweep: name.
        series: name; empty where the sweep has none.
        values: of each axis: settings of the grid, and ``choice``.
        repeat: from 0.
        seed: of the run.
        folder: its run folder (:mod:`warpmix.train.run_folder`), whether it is there yet or not.
        status: ``failed`` runs have their traceback in ``error``.
        test_accuracy, validation_accuracy: 0..1, of the weights that count; None where unknown.
        validation_loss: of the same epoch.
        train_accuracy: the best over the epochs.
        best_epoch, epochs: whose weights count (from 1; 0: the first weights, since it diverged
            in the first epoch), and how many were run.
        seconds: of training, by the wall clock.
        divergence: where and how a run diverged whose weights of before count, in words.
        settings: complete, as ``config.json``.
        error: the traceback of a failed run.
    """

    id: str
    sweep: str
    series: str
    values: Mapping[str, Any]
    repeat: int
    seed: int
    folder: Path
    status: Status
    test_accuracy: float | None = None
    validation_accuracy: float | None = None
    validation_loss: float | None = None
    train_accuracy: float | None = None
    best_epoch: int | None = None
    epochs: int | None = None
    seconds: float | None = None
    divergence: str | None = None
    settings: Mapping[str, Any] | None = None
    error: str | None = None


@dataclass(frozen=True)
class StudyResults:
    """A study and its runs.

    Attributes:
        name: of the recipe.
        recipe: in the form that was run.
        form: of the recipe.
        folder: of the study.
        runs: all that are planned, done or not, in the order of the plan.
    """

    name: str
    recipe: Recipe
    form: Form
    folder: Path
    runs: Sequence[RunResult]
