"""The optimiser of the settings."""

from __future__ import annotations

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from warpmix.train.config import TrainConfig


def make_optimizer(model: nn.Module, config: TrainConfig) -> Optimizer:
    """The settings' optimiser over the weights that are to be trained."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    if config.opt == "sgd":
        return SGD(
            weights,
            lr=config.lr,
            momentum=config.momentum,
            nesterov=config.nesterov,
            weight_decay=config.weight_decay,
        )
    adam = {"adam": Adam, "adamw": AdamW}[config.opt]
    return adam(weights, lr=config.lr, weight_decay=config.weight_decay)
