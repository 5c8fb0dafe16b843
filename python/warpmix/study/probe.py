"""About how long a study takes, by a few measured steps of each kind of run."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from warpmix.study.identity import as_json
from warpmix.study.plan import Plan
from warpmix.study.results import RunResult
from warpmix.train.config import TrainConfig
from warpmix.train.loop import fit
from warpmix.train.trainer import Callback, Trainer

# What decides how long a step takes.
_COST = (
    *("data", "model", "head", "batch_size", "image_size", "input_size", "width", "batch_norm"),
    *("frozen", "unfrozen", "feature_cache", "precision", "device", "opt", "tta"),
    *("train_images", "few_shot", "expand"),
)
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
    """Takes the time of a few steps."""

    def on_fit_start(self, trainer: Trainer) -> None:
        self.ready = time.perf_counter()
        self.steps = 0

    def on_step_end(self, trainer: Trainer) -> None:
        self.steps += 1
        if self.steps == 1:
            self.warm = time.perf_counter()
        if self.steps > _STEPS or self.steps == trainer.steps_per_epoch:
            now = time.perf_counter()
            single = self.steps == 1
            self.seconds = (now - (self.ready if single else self.warm)) / max(1, self.steps - 1)
            self.per_epoch = trainer.steps_per_epoch
            raise _Enough


def _measure(config: TrainConfig) -> tuple[float, _Clock]:
    """Return the seconds before the first step, and the time of a few steps."""
    start, clock = time.perf_counter(), _Clock()
    with contextlib.suppress(_Enough):
        fit(config, callbacks=[clock])
    return clock.ready - start, clock


def estimate(plan: Plan, runs: Sequence[RunResult]) -> Estimate:
    """Measure a few steps of each kind of run that is left, and return the time of all.

    Args:
        plan: of the study.
        runs: its runs, in the plan's order, with what is done.
    """
    kinds: dict[str, list[TrainConfig]] = {}
    planned = plan.runs({run.id: run for run in runs if run.status in ("done", "failed")})
    for run, result in zip(planned, runs, strict=True):
        if result.status not in ("done", "failed"):
            cost = run.config.model_dump(mode="json", include=set(_COST))
            key = as_json({**cost, "augmented": bool(run.config.augment)})
            kinds.setdefault(key, []).append(run.config)
    total = stopping = 0.0
    unknown, reason = 0, ""
    if kinds:
        with contextlib.suppress(*_FAILURES):  # which the measurement reports
            _measure(next(iter(kinds.values()))[0])  # imports, and decodes images, once for all
    for configs in kinds.values():
        try:
            preparing, clock = _measure(configs[0])
        except _FAILURES as error:
            unknown, reason = unknown + len(configs), reason or str(error).splitlines()[0]
            continue
        for config in configs:
            seconds = preparing + clock.seconds * clock.per_epoch * config.epochs
            total += seconds
            stopping += seconds if config.patience is not None else 0.0
    return Estimate(total, stopping / total if total else 0.0, unknown, reason)
