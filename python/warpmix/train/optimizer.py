"""The optimisers of the settings, and the penalties on the weights."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn, optim

from warpmix.train.config import TrainConfig

_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.SyncBatchNorm)


def make_optimizer(model: nn.Module, config: TrainConfig, epoch: int = 0) -> optim.Optimizer:
    """The optimiser of an epoch over the weights that are to be trained.

    Its groups have the key ``factor``: what the schedule's learning rate is multiplied by.

    Args:
        epoch: from 0; from ``config.switch_epoch`` on it is ``config.switch_opt``.
    """
    groups = _groups(model, config)
    options: dict[str, Any] = {"lr": config.lr, "weight_decay": config.weight_decay}
    match optimizer_name(config, epoch):
        case "sgd":
            return optim.SGD(groups, momentum=config.momentum, nesterov=config.nesterov, **options)
        case "rmsprop":
            return optim.RMSprop(groups, momentum=config.momentum, **options)
        case name:
            classes = {
                "adam": optim.Adam,
                "adamw": optim.AdamW,
                "adamax": optim.Adamax,
                "nadam": optim.NAdam,
                "adagrad": optim.Adagrad,
                "adadelta": optim.Adadelta,
            }
            return classes[name](groups, **options)


def optimizer_name(config: TrainConfig, epoch: int) -> str:
    """Which optimiser an epoch (from 0) is trained with."""
    switched = config.switch_epoch is not None and epoch >= config.switch_epoch
    return config.switch_opt if switched else config.opt


def _groups(model: nn.Module, config: TrainConfig) -> list[dict[str, object]]:
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
    """

    def __init__(self, model: nn.Module, config: TrainConfig) -> None:
        part = model.get_submodule("head") if config.penalty == "head" else model
        self._l1, self._l2 = config.l1, config.l2
        self._kernels = [w for w in part.parameters() if w.requires_grad and w.dim() > 1]

    def __bool__(self) -> bool:
        return self._l1 > 0 or self._l2 > 0

    def __call__(self) -> Tensor:
        """The penalty of the weights as they are, a scalar with a gradient."""
        total = self._kernels[0].new_zeros(())
        if self._l1 > 0:
            total = total + self._l1 * _total(w.abs().sum() for w in self._kernels)
        if self._l2 > 0:
            total = total + self._l2 * _total(w.square().sum() for w in self._kernels)
        return total


def _total(parts: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(parts)).sum()
