"""Which runs of a plan a worker trains as one batched model."""

from __future__ import annotations

import math
from collections.abc import Sequence

from warpmix.study.plan import PlannedRun
from warpmix.study.worker import Task
from warpmix.train.batched_rules import MAY_DIFFER, is_faster_together, why_not_together
from warpmix.train.config import TrainConfig

_MOST = 8  # models: as many as bench/bench_batched.py measures


def next_batch(runs: Sequence[PlannedRun], workers: int) -> tuple[Task, ...]:
    """Return the first run, with those that train with it as one batched model if that is faster.

    Args:
        runs: that are ready, at least one.
        workers: that the runs of a kind are shared out to.
    """
    first = runs[0].config
    if not is_faster_together(first, _MOST) or why_not_together([first]):
        return (Task(runs[0].id, first),)
    must_agree = [name for name in TrainConfig.model_fields if name not in MAY_DIFFER]
    group: list[PlannedRun] = []
    for run in runs:
        if len(group) == _MOST * workers:
            break
        if any(getattr(run.config, name) != getattr(first, name) for name in must_agree):
            continue  # spares building networks to compare
        if why_not_together([*(other.config for other in group), run.config]) is None:
            group.append(run)
    share = math.ceil(len(group) / workers)
    return tuple(Task(run.id, run.config, batched=True) for run in group[:share])
