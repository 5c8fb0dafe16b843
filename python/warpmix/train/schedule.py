"""The learning rate as a function of the step, with no state.

PyTorch's schedulers compute the next rate from the last one; a function of the step number needs
nothing stored, so a resumed run cannot drift from an uninterrupted one.
"""

from __future__ import annotations

import math

from warpmix.train.config import TrainConfig

# OneCycleLR's defaults (Smith and Topin 2018, as in PyTorch).
_ONECYCLE_RISE = 0.3  # share of the steps spent rising to the peak
_ONECYCLE_START = 25.0  # the first rate is the peak divided by this
_ONECYCLE_END = 1e4  # the last rate is the first divided by this


def learning_rate(config: TrainConfig, step: int, steps_per_epoch: int) -> float:
    """Learning rate of one optimiser step.

    - ``constant``: ``config.lr`` throughout.
    - ``cosine``: from ``config.lr`` towards 0 along half a cosine (Loshchilov and Hutter 2017),
      as ``torch.optim.lr_scheduler.CosineAnnealingLR`` stepped every step.
    - ``linear``: from ``config.lr`` towards 0 in a straight line.
    - ``step``: times ``config.step_factor`` after every ``config.step_epochs`` epochs, as
      ``StepLR``.
    - ``onecycle``: up to ``config.lr`` and down again, as ``OneCycleLR``.

    The first ``config.warmup_epochs`` epochs of all but onecycle rise linearly to ``config.lr``.
    After a switch of the optimiser, ``config.switch_lr``, if given, takes the place of
    ``config.lr``; the course goes on.

    Args:
        step: 0 for the first step of the run, up to ``config.epochs * steps_per_epoch - 1``.
        steps_per_epoch: batches in an epoch.
    """
    peak = config.lr
    if config.switch_epoch is not None and step >= config.switch_epoch * steps_per_epoch:
        peak = config.switch_lr or peak
    total = config.epochs * steps_per_epoch
    if config.sched == "onecycle":
        return peak * _onecycle(step, total)
    warmup = round(config.warmup_epochs * steps_per_epoch)
    if step < warmup:
        return peak * (step + 1) / warmup
    done = (step - warmup) / max(total - warmup, 1)
    match config.sched:
        case "cosine":
            return peak * _cosine(1.0, 0.0, done)
        case "linear":
            return peak * (1.0 - done)
        case "step":
            return peak * config.step_factor ** (step // (config.step_epochs * steps_per_epoch))
    return peak


def _onecycle(step: int, total: int) -> float:
    """Share of the peak rate at a step of OneCycleLR's two phases."""
    first = 1.0 / _ONECYCLE_START
    peak_step = _ONECYCLE_RISE * total - 1
    if step <= peak_step:
        return _cosine(first, 1.0, step / peak_step)
    return _cosine(1.0, first / _ONECYCLE_END, (step - peak_step) / (total - 1 - peak_step))


def _cosine(start: float, end: float, progress: float) -> float:
    """Half a cosine from start (progress 0) to end (progress 1)."""
    return end + (start - end) * (1.0 + math.cos(math.pi * progress)) / 2.0
