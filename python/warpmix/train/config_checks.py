"""Combinations of settings that no setting can refuse alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warpmix.train.config import TrainConfig


def check_together(config: TrainConfig) -> None:
    """Refuse settings that contradict each other.

    Raises:
        ValueError: naming them, with the remedy.
    """
    if (config.mean is None) != (config.std is None):
        raise ValueError("mean and std must be given together, or neither")
    if config.mean is not None and config.std is not None and len(config.mean) != len(config.std):
        raise ValueError(
            f"mean and std must have one value a channel, got {len(config.mean)} and "
            f"{len(config.std)}"
        )
    if config.std is not None and min(config.std) <= 0:
        raise ValueError(f"std must be above 0 for every channel, got {config.std}")
    held_out = config.validation > 0 or config.folds is not None or config.own_validation
    if config.patience is not None and not held_out:
        raise ValueError("patience needs validation images: set validation above 0")
    if config.own_validation and config.folds is not None:
        raise ValueError("folds are held out of the training images: own_validation is another")
    if config.loading == "stream" and config.cache == "off":
        raise ValueError("loading stream reads from the cache: set cache to auto or a folder")
    if config.folds is not None and config.fold >= config.folds:
        raise ValueError(f"fold must be below folds, got {config.fold} of {config.folds}")
    if config.unfrozen and not config.frozen:
        raise ValueError("unfrozen needs frozen: without it every layer trains")
    if config.sched == "onecycle" and config.warmup_epochs > 0:
        raise ValueError("warmup_epochs: onecycle has its own warm-up; use 0, or sched cosine")
    has_sgd = "sgd" in (config.opt, config.switch_opt if config.switch_epoch else None)
    if config.nesterov and (not has_sgd or config.momentum == 0):
        raise ValueError("nesterov needs opt sgd with momentum above 0")
    if config.switch_epoch is not None and config.switch_epoch >= config.epochs:
        raise ValueError(
            f"switch_epoch must be below epochs, {config.epochs}, got {config.switch_epoch}"
        )
