"""The update rules, constants and early stopping of ``opt_style: keras`` against Keras's numbers.

They are in oracles/keras_optimizers.json, which names Keras's version and is written by the program
beside it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn, optim

from warpmix.train import TrainConfig
from warpmix.train.model import ModelSpec
from warpmix.train.optimizer import make_optimizer

KERAS = json.loads((Path(__file__).parent / "oracles" / "keras_optimizers.json").read_text())
NAMES = ("sgd", "rmsprop", "adagrad", "adadelta", "adam", "adamw", "adamax", "nadam", "ftrl")
SPEC = ModelSpec(
    model="mlp_s",
    head="linear",
    dropout=0.0,
    classes=("a", "b"),
    image_size=(8, 8),
    channels=1,
    mean=(0.5,),
    std=(0.25,),
)


class Quadratic(nn.Module):
    """The oracle's problem: the gradient is its curvature times the distance from its target."""

    def __init__(self, dtype: torch.dtype = torch.float64) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(KERAS["start"], dtype=dtype))

    def step(self, optimizer: optim.Optimizer, rate: float) -> None:
        dtype = self.weight.dtype
        distance = self.weight.detach() - torch.tensor(KERAS["target"], dtype=dtype)
        self.weight.grad = torch.tensor(KERAS["curvature"], dtype=dtype) * distance
        for group in optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        optimizer.step()


def config_of(settings: dict[str, Any]) -> TrainConfig:
    return TrainConfig(opt_style="keras", **settings)


def label(case: dict[str, Any]) -> str:
    return ",".join(str(value) for value in case["settings"].values())


# ---- update rules -------------------------------------------------------------------------------


CASES = KERAS["defaults"] + KERAS["exact"]
