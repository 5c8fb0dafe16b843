"""Which runs can train as one batched model, and where that is faster."""

from __future__ import annotations

import os
from collections.abc import Sequence

import torch
from torch import nn

from warpmix import models
from warpmix.models.registry import OWN
from warpmix.train.batched_layers import unknown_layer
from warpmix.train.config import TrainConfig
from warpmix.train.features import has_constant_samples

MAY_DIFFER = frozenset(
    {"seed", "lr", "momentum", "weight_decay", "clip_grad", "dropout", "block_dropout", "l1", "l2"}
    | {"init", "augment", "p", "mixup_off_epoch", "epochs", "sched", "schedule_epochs"}
    | {"warmup_epochs", "step_epochs", "step_factor", "switch_lr"}
    | {"monitor", "patience", "min_delta", "min_epochs", "restore"}
    | {"eps", "rho", "beta1", "beta2", "accumulator", "momentum_decay"}
)
"""Settings that models of one group may differ in."""

_SMALL_WIDTH = 16  # filters of the first block up to which a GPU waits for launches


def trains_on_features(config: TrainConfig) -> bool:
    """Return whether the settings train a head on features that are computed once."""
    fixed = config.frozen and config.frozen_mode == "eval" and not config.unfrozen
    constant = fixed and config.tta == "none" and has_constant_samples(config)
    return config.feature_cache != "off" and constant


def why_not_together(configs: Sequence[TrainConfig]) -> str | None:
    """Return why runs cannot train as one batched model, in words; None if they can.

    It looks at the settings and at the network's layers; no data are read. ``MAY_DIFFER`` names
    the settings that may differ from run to run.

    Args:
        configs: one a run, at least one.

    Raises:
        ValueError: no configs; an unknown network.
    """
    if not configs:
        raise ValueError("configs must hold the settings of at least one run, got none")
    first = configs[0]
    for name in type(first).model_fields:
        if name in MAY_DIFFER:
            continue
        if any(getattr(config, name) != getattr(first, name) for config in configs):
            return f"they differ in {name}"
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        return "several processes train one model together"
    single = {
        "lr auto": "lr" in first.automatic,
        "torchcompile": first.torchcompile,
        "ema": first.ema > 0,
        "bias_lr": first.bias_lr != 1,
        "tta": first.tta != "none",
        "precision 16-mixed": first.precision == "16-mixed",
    }
    for name, is_set in single.items():
        if is_set:
            return f"{name} is for one model at a time"
    if any(trains_on_features(c) != trains_on_features(first) for c in configs):
        return "some of them train on features of images that never change, others on images"
    if trains_on_features(first):
        if first.weights is None and len({(c.seed, c.init) for c in configs}) > 1:
            return "a frozen network without weights has other features for each seed and init"
        return None
    if first.frozen:
        return "a frozen network whose images or features change has no features to train on"
    return _why_not_layers(configs)


def _why_not_layers(configs: Sequence[TrainConfig]) -> str | None:
    """Return the layer that has no form for several models, or that they differ in layers."""
    found: set[tuple[str, ...]] = set()
    for config in configs:
        if config.model not in OWN:
            return f"{config.model} has layers, or branches, that have no form for several models"
        size = OWN[config.model].image_size
        with torch.device("meta"):
            network = models.create(
                config.model,
                2,
                head=config.head,
                dropout_at=config.dropout_at,
                image_size=_side(config) or size,
                options=config.network_options,
            )
        if unknown := unknown_layer([network.backbone, network.head]):
            return f"{config.model} has a layer {unknown} that has no form for several models"
        layers = [m for m in network.modules() if not isinstance(m, nn.Sequential)]
        found.add(tuple(type(layer).__name__ for layer in layers))
    return None if len(found) == 1 else "their networks differ in layers, such as dropout"


def _side(config: TrainConfig) -> int | tuple[int, int] | None:
    """Return the side of the images that the settings name, if they do."""
    size = None if config.input_size == "weights" else config.input_size
    return size or config.image_size


def is_faster_together(config: TrainConfig, count: int, device: str | None = None) -> bool:
    """Return whether runs like this one are faster as one batched model than one after another.

    The rule is what ``bench/bench_batched.py`` measures. Heads on cached features are: their steps
    are small beside what Python spends on each. Convolutions on a CPU are not: its grouped
    convolution is slower than as many single ones, and a step is long. On a GPU we expect narrow
    networks to be, whose steps wait for launches; that is not measured yet.

    Args:
        config: of any of the runs.
        count: how many would train together.
        device: ``"cpu"`` or ``"cuda"``; None: the settings'.
    """
    if count < 2:
        return False
    if trains_on_features(config):
        return True
    device = device or config.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return device == "cuda" and (config.width or 32) <= _SMALL_WIDTH
