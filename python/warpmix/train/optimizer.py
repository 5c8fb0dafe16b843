"""What moves the weights: the optimiser, its learning rate, and the penalties in the loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn, optim

from warpmix.train import keras_optimizers
from warpmix.train.config import TrainConfig
from warpmix.train.optimizer_constants import CONSTANTS

_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.SyncBatchNorm)

# OneCycleLR's defaults (Smith and Topin 2018, as in PyTorch).
_ONECYCLE_RISE = 0.3  # share of the steps spent rising to the peak
_ONECYCLE_START = 25.0  # the first rate is the peak divided by this
_ONECYCLE_END = 1e4  # the last rate is the first divided by this

_NO_JUMP = 0.1  # share by which another length of the schedule may move the rate unmentioned


_TORCH: dict[str, Callable[..., optim.Optimizer]] = {
    "sgd": optim.SGD,
    "rmsprop": optim.RMSprop,
    "adagrad": optim.Adagrad,
    "adadelta": optim.Adadelta,
    "adam": optim.Adam,
    "adamw": optim.AdamW,
    "adamax": optim.Adamax,
    "nadam": optim.NAdam,
}
_KERAS: dict[str, Callable[..., optim.Optimizer]] = {
    "sgd": keras_optimizers.SGD,
    "rmsprop": keras_optimizers.RMSprop,
    "adagrad": keras_optimizers.Adagrad,
    "adadelta": keras_optimizers.Adadelta,
    "adam": keras_optimizers.Adam,
    "adamw": keras_optimizers.Adam,  # every rule of Keras's decays its weights as AdamW does
    "adamax": keras_optimizers.Adamax,
    "nadam": partial(optim.NAdam, decoupled_weight_decay=True),
    "ftrl": keras_optimizers.Ftrl,
}


def make_optimizer(model: nn.Module, config: TrainConfig, epoch: int = 0) -> optim.Optimizer:
    """Return the optimiser of an epoch over the weights that are to be trained.

    Its groups have the key ``factor``: what the schedule's learning rate is multiplied by.

    Args:
        epoch: from 0; from ``config.switch_epoch`` on it is ``config.switch_opt``.
    """
    groups = _groups(model, config)
    name = optimizer_name(config, epoch)
    options: dict[str, Any] = {
        "lr": config.lr,
        "weight_decay": config.weight_decay,
        **_constants(name, config),
    }
    if "beta1" in options:
        options["betas"] = (options.pop("beta1"), options.pop("beta2"))
    if name in ("sgd", "rmsprop"):
        options["momentum"] = config.momentum
    if name == "sgd":
        options["nesterov"] = config.nesterov
    if config.opt_style == "keras" or name == "ftrl":
        return _KERAS[name](groups, **options)
    if name == "rmsprop":
        options["alpha"] = options.pop("rho")
    if name == "adagrad":
        options["initial_accumulator_value"] = options.pop("accumulator")
    return _TORCH[name](groups, **options)


def _constants(name: str, config: TrainConfig) -> dict[str, float]:
    """Return the constants of an optimiser: those that are given, else those of its style."""
    defaults = CONSTANTS[config.opt_style].get(name, {})
    given = {constant: getattr(config, constant) for constant in defaults}
    return {c: default if given[c] is None else given[c] for c, default in defaults.items()}


def optimizer_name(config: TrainConfig, epoch: int) -> str:
    """Return the name of the optimiser that an epoch (from 0) is trained with."""
    switched = config.switch_epoch is not None and epoch >= config.switch_epoch
    return config.switch_opt if switched else config.opt


def _groups(model: nn.Module, config: TrainConfig) -> list[dict[str, object]]:
    """Return the trained weights in groups; batch norm's biases may have a faster rate."""
    biases: list[Tensor] = []
    if config.bias_lr != 1.0:
        biases = [m.bias for m in model.modules() if isinstance(m, _BATCH_NORMS)]
    faster = {id(bias) for bias in biases}
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    groups: list[dict[str, object]] = [
        {"params": [w for w in trained if id(w) not in faster], "factor": 1.0},
        {
            "params": [w for w in trained if id(w) in faster],
            "factor": config.bias_lr,
            # A step's decay is its product with the rate: it stays what it is for the others.
            "weight_decay": config.weight_decay / config.bias_lr,
        },
    ]
    return [group for group in groups if group["params"]]


class Penalty:
    """The L1 and L2 penalties of Keras's kernel regularisers: l1 Σ|w| + l2 Σw².

    They act on kernels, not on biases and not on normalisation: on tensors of two dimensions or
    more. (Weight decay, in contrast, is PyTorch's and acts on everything; a decay of 2 l2 is the
    gradient of l2 Σw².)

    Args:
        model: with a part ``head``.
        config: its ``l1``, ``l2`` and ``penalty`` count.

    Raises:
        ValueError: l1 or l2 above 0, and no kernel that they could act on.

    Attributes:
        kernels: the weights that they act on.
    """

    def __init__(self, model: nn.Module, config: TrainConfig) -> None:
        part = model if config.penalty == "all" else model.get_submodule("head")
        self._l1, self._l2 = config.l1, config.l2
        self.kernels = [w for w in part.parameters() if w.requires_grad and w.dim() > 1]
        if config.penalty == "hidden":
            del self.kernels[-1]  # of the layer that gives the logits
        if self and not self.kernels:
            raise ValueError(
                f"penalty {config.penalty} needs trained kernels that l1 and l2 can act on, and "
                "the head has no hidden layers; give it some (head: dense), or use penalty head"
            )

    def __bool__(self) -> bool:
        return self._l1 > 0 or self._l2 > 0

    def __call__(self) -> Tensor:
        """Return the penalty of the weights as they are, a scalar with a gradient."""
        total = self.kernels[0].new_zeros(())
        if self._l1 > 0:
            total = total + self._l1 * _total(w.abs().sum() for w in self.kernels)
        if self._l2 > 0:
            total = total + self._l2 * _total(w.square().sum() for w in self.kernels)
        return total


def _total(parts: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(parts)).sum()


def learning_rate(config: TrainConfig, step: int, steps_per_epoch: int) -> float:
    """Return the learning rate of one optimiser step.

    It is a function of the step's number alone. PyTorch's schedulers compute the next rate from
    the last one; here nothing is stored, so a resumed run cannot drift from an uninterrupted one.

    - ``constant``: ``config.lr`` throughout.
    - ``cosine``: from ``config.lr`` towards 0 along half a cosine (Loshchilov and Hutter 2017),
      as ``torch.optim.lr_scheduler.CosineAnnealingLR`` stepped every step.
    - ``linear``: from ``config.lr`` towards 0 in a straight line.
    - ``step``: times ``config.step_factor`` after every ``config.step_epochs`` epochs, as
      ``StepLR``.
    - ``onecycle``: up to ``config.lr`` and down again, as ``OneCycleLR``.

    The first ``config.warmup_epochs`` epochs of all but onecycle rise linearly to ``config.lr``.
    After a switch of the optimiser, ``config.switch_lr``, if given, takes the place of
    ``config.lr``; the course goes on. It is computed over ``config.schedule_epochs``, if given,
    else over ``config.epochs``; epochs after its end keep its last rate.

    Args:
        step: 0 for the first step of the run, up to ``config.epochs * steps_per_epoch - 1``.
        steps_per_epoch: batches in an epoch.
    """
    peak = config.lr
    if config.switch_epoch is not None and step >= config.switch_epoch * steps_per_epoch:
        peak = config.switch_lr or peak
    total = (config.schedule_epochs or config.epochs) * steps_per_epoch
    step = min(step, total - 1)
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


def rate_jump(
    config: TrainConfig, earlier: TrainConfig, epochs: int, steps_per_epoch: int
) -> str | None:
    """Return how another length moves the rate of a run that goes on, in words; None if it hardly
    does.

    Args:
        config: the settings that it goes on with.
        earlier: those that it had so far.
        epochs: that it has done.
        steps_per_epoch: batches in an epoch.
    """
    length = earlier.schedule_epochs or earlier.epochs
    kept = config.model_copy(update={"schedule_epochs": length})
    step = epochs * steps_per_epoch
    before, after = (learning_rate(kept, s, steps_per_epoch) for s in (max(step - 1, 0), step))
    jumped = learning_rate(config, step, steps_per_epoch)
    if abs(jumped - after) <= _NO_JUMP * after:
        return None
    now = config.schedule_epochs or config.epochs
    return (
        f"the learning rate goes from {before:.2g} at the end of epoch {epochs} to {jumped:.2g}, "
        f"because the {config.sched} schedule is now computed over {now} epochs, not {length}; to "
        f"go on at {after:.2g} instead, resume with schedule_epochs {length} "
        f"(--schedule-epochs {length})"
    )


def _onecycle(step: int, total: int) -> float:
    """Return the share of the peak rate at a step of OneCycleLR's two phases."""
    first = 1.0 / _ONECYCLE_START
    peak_step = _ONECYCLE_RISE * total - 1
    if step <= peak_step:
        return _cosine(first, 1.0, step / peak_step)
    return _cosine(1.0, first / _ONECYCLE_END, (step - peak_step) / (total - 1 - peak_step))


def _cosine(start: float, end: float, progress: float) -> float:
    """Return a point of half a cosine from start (progress 0) to end (progress 1)."""
    return end + (start - end) * (1.0 + math.cos(math.pi * progress)) / 2.0
