"""The learning-rate range test (Smith 2017, arXiv:1506.01186): ``lr: auto``.

A copy of the network takes 100 steps while the rate rises from step to step. The loss stays, falls,
and rises again; a rate in its long fall is chosen, as fastai's ``lr_find`` does ("valley").
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterator, Sequence

import torch
from lightning.fabric import Fabric
from torch import Tensor

from warpmix.augment import Targets
from warpmix.data import Loader
from warpmix.models import Network
from warpmix.train.config import TrainConfig
from warpmix.train.features import FeatureLoader
from warpmix.train.trainer import Trainer, dropout_seed

# fastai's numbers.
_STEPS = 100
_LOWEST, _HIGHEST = 1e-7, 10.0
_MOMENTUM = 0.98  # of the smoothed loss
_STOP = 4.0  # times the lowest smoothed loss: the end
_FIRST, _LAST = _STEPS // 10, 5  # steps left out at either end


def find_rate(
    config: TrainConfig, fabric: Fabric, network: Network, train: Loader | FeatureLoader
) -> float:
    """Return the peak learning rate that a range test finds, the same on every rank.

    The order, the augmentation and the dropout of its steps are those of the first epochs, so
    that a repeated test finds the same rate.

    Args:
        config: of the run; its optimiser is the one that is tested.
        fabric: its ranks.
        network: before its first step; it stays as it is.
        train: batches.

    Raises:
        ValueError: the loss fell at no rate.
    """
    plain = config.model_copy(update={"torchcompile": False, "ema": 0.0})
    trainer = Trainer(plain, fabric, copy.deepcopy(network), train, None)
    torch.manual_seed(dropout_seed(config, 0) ^ fabric.global_rank << 48)
    trainer.network.train()
    rates: list[float] = []
    losses: list[float] = []
    average, lowest = 0.0, math.inf
    for step, (batch, targets) in enumerate(itertools.islice(_batches(train), _STEPS)):
        rate = _LOWEST * (_HIGHEST / _LOWEST) ** (step / (_STEPS - 1))
        loss, _ = trainer.take_step(batch, targets, rate)
        value = _mean_loss(loss, len(targets.lam), fabric)
        average = _MOMENTUM * average + (1 - _MOMENTUM) * value
        smoothed = average / (1 - _MOMENTUM ** (step + 1))
        if not smoothed <= _STOP * lowest:  # NaN too
            break
        lowest = min(lowest, smoothed)
        rates.append(rate)
        losses.append(smoothed)
    return _valley(rates[_FIRST:-_LAST], losses[_FIRST:-_LAST])


def _batches(train: Loader | FeatureLoader) -> Iterator[tuple[Tensor, Targets]]:
    train.epoch = 0
    while True:
        yield from train


def _mean_loss(loss: Tensor, own: int, fabric: Fabric) -> float:
    """Return the mean over the samples of all ranks, of which ``loss`` is the mean over ``own``."""
    if fabric.world_size == 1:
        return float(loss)
    sums = torch.stack([loss.double() * own, torch.tensor(float(own), device=loss.device).double()])
    total, count = fabric.all_reduce(sums, reduce_op="sum").tolist()  # type: ignore[union-attr]
    return float(total / count)


def _valley(rates: Sequence[float], losses: Sequence[float]) -> float:
    """Return the rate in the middle of the longest falling subsequence of the losses.

    Raises:
        ValueError: they never fall.
    """
    lengths = [1] * len(losses)  # of the longest fall that ends here
    for i, loss in enumerate(losses):
        lengths[i] += max((lengths[j] for j in range(i) if losses[j] > loss), default=0)
    longest = max(lengths, default=0)
    if longest < 2:
        raise ValueError(
            "lr auto found no rate at which the loss falls; give a rate such as lr 0.001"
        )
    end = lengths.index(longest)
    return float(f"{rates[end - longest + 1 + longest // 2]:.2g}")
