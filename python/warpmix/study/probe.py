"""About how long a study takes, by a few measured steps of each kind of run."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from warpmix.study.executors import worker_pool
from warpmix.study.grouping import next_batch
from warpmix.study.identity import as_json
from warpmix.study.plan import Plan, PlannedRun
from warpmix.study.results import RunResult
from warpmix.study.worker import Task
from warpmix.train.batched import fit_together
from warpmix.train.batched_rules import MAY_DIFFER
from warpmix.train.callbacks import Callback
from warpmix.train.loop import fit
from warpmix.train.trainer import Trainer

_STEPS = 3  # measured, after one that warms up
_FAILURES = (OSError, ValueError, RuntimeError, ImportError)  # of a run that cannot be measured
_FEWEST = 0.2  # of the epochs: early stopping at its earliest, as a rough bound


@dataclass(frozen=True)
class Estimate:
    """The time that is left, in seconds of one worker.

    Attributes:
        seconds: where every run takes all its epochs.
        stopping: share of this time that is of runs that may stop early.
        unknown: runs that could not be measured, with the first reason.
    """

    seconds: float
    stopping: float
    unknown: int
    reason: str = ""

    def in_words(self, workers: int) -> str:
        """Return the estimate for so many runs at once, with what it leaves out."""
        unmeasured = f"{self.unknown} runs that could not be measured: {self.reason}"
        if self.seconds == 0 and self.unknown > 0:
            return f"no estimate of the time for {unmeasured}"
        most = self.seconds / workers
        words = f"about {_time(most)} on {workers} workers, by {_STEPS} measured steps of each kind"
        if self.stopping > 0:
            least = most * (1 - self.stopping * (1 - _FEWEST))
            words += f" and all epochs; early stopping may make it {_time(least)}"
        words += "; the machine's other load and a first epoch's start can double or halve it"
        if self.unknown:
            words += f"; without {unmeasured}"
        return words


def _time(seconds: float) -> str:
    return str(timedelta(seconds=math.ceil(seconds)))


class _Enough(Exception):
    """Ends a measured run."""


class _Clock(Callback):
    """Takes the time of a few steps; of runs that train together, of their common steps."""

    def on_fit_start(self, trainer: Trainer) -> None:
        self.trainer = trainer
        self.ready = time.perf_counter()
        self.steps = 0

    def on_step_end(self, trainer: Trainer) -> None:
        if trainer is not self.trainer:
            return
        self.steps += 1
        if self.steps == 1:
            self.warm = time.perf_counter()
        if self.steps > _STEPS or self.steps == trainer.steps_per_epoch:
            now = time.perf_counter()
            single = self.steps == 1
            self.seconds = (now - (self.ready if single else self.warm)) / max(1, self.steps - 1)
            self.per_epoch = trainer.steps_per_epoch
            raise _Enough


def _measure(tasks: Sequence[Task]) -> tuple[float, _Clock]:
    """Return the seconds before the first step, and the time of a few steps."""
    start, clock = time.perf_counter(), _Clock()
    with contextlib.suppress(_Enough):
        if tasks[0].batched:
            fit_together([task.config for task in tasks], callbacks=[clock])
        else:
            fit(tasks[0].config, callbacks=[clock])
    return clock.ready - start, clock


def _seconds(runs: Sequence[PlannedRun]) -> list[float] | str:
    """Return the time of each run of a kind in this process; or why it cannot be measured."""
    tasks = next_batch(runs, workers=1)
    try:
        first, clock = _measure(tasks)
        # What happens once is imports, decoding, and the features that heads share.
        again, clock = _measure(tasks)
    except _FAILURES as error:
        return str(error).splitlines()[0]
    together = len(tasks)
    step = clock.seconds / together
    seconds = [again / together + step * clock.per_epoch * run.config.epochs for run in runs]
    seconds[0] += max(0.0, first - again)
    return seconds


def estimate(plan: Plan, runs: Sequence[RunResult], workers: int, threads: int) -> Estimate:
    """Measure a few steps of each kind of run that is left, and return the time of all.

    They are measured as the study would train them: in as many processes at once, heads together.

    Args:
        plan: of the study.
        runs: its runs, in the plan's order, with what is done.
        workers, threads: of :class:`warpmix.study.executors.LocalExecutor`.
    """
    kinds: dict[str, list[PlannedRun]] = {}
    planned = plan.runs({run.id: run for run in runs if run.status in ("done", "failed")})
    for run, result in zip(planned, runs, strict=True):
        if result.status not in ("done", "failed"):
            cost = run.config.model_dump(mode="json", exclude=set(MAY_DIFFER))
            key = as_json({**cost, "augmented": bool(run.config.augment)})
            kinds.setdefault(key, []).append(run)
    total = stopping = 0.0
    unknown, reason = 0, ""
    with worker_pool(min(workers, max(1, len(kinds))), threads) as pool:
        measured = list(pool.map(_seconds, kinds.values()))
    for alike, seconds in zip(kinds.values(), measured, strict=True):
        if isinstance(seconds, str):
            unknown, reason = unknown + len(alike), reason or seconds
            continue
        total += sum(seconds)
        stopping += sum(
            own for own, run in zip(seconds, alike, strict=True) if run.config.patience is not None
        )
    return Estimate(total, stopping / total if total else 0.0, unknown, reason)
