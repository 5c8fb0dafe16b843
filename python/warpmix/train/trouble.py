"""A run that learns nothing, or has lost what it had learnt: how it shows, and what to try."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from warpmix.train.config import TrainConfig
from warpmix.train.divergence import rate_of
from warpmix.train.history import EpochRecord

_EPOCHS, _STEPS = 3, 300  # at chance for so long, whichever comes first, is no slow start
_AT_CHANCE = 0.97  # of the loss of guessing: what is nearer to it has learnt nothing
_DEVIATIONS = 2.0  # above the accuracy of guessing that are chance, too
_JUMP = 1.5  # times the lowest loss so far
_JUMP_AT_LEAST = 0.2  # of the loss of guessing: small losses move by more than that factor


@dataclass(frozen=True)
class Chance:
    """What guessing scores, for one who knows how many images each class has.

    Attributes:
        accuracy: share of the largest class, 0..1.
        loss: cross-entropy of the classes' shares, in nats; ln(classes) if all are equal.
        images: that an epoch's accuracy is measured on.
    """

    accuracy: float
    loss: float
    images: int

    @classmethod
    def of(cls, labels: Tensor, validation: Tensor | None) -> Chance:
        """Return what guessing scores.

        Args:
            labels: [N] int64 of the training images.
            validation: [M] int64 of the validation images, if there are any.
        """
        judged = labels if validation is None else validation
        shares = torch.bincount(labels.cpu()).double() / len(labels)
        largest = float((torch.bincount(judged.cpu()).double() / len(judged)).max())
        return cls(largest, float(torch.special.entr(shares).sum()), len(judged))


def trouble_in_words(
    config: TrainConfig, history: Sequence[EpochRecord], chance: Chance, steps_per_epoch: int
) -> str | None:
    """Return what is wrong with a run after its latest epoch and what to try, as one line, or None.

    It is no better than guessing if its training loss is that of guessing, and its accuracy within
    two deviations of guessing's, for three epochs or 300 steps. Its loss has jumped if it is half
    as large again as the lowest so far, and above it by a fifth of the loss of guessing.
    """
    done = len(history)
    if done == 0:
        return None
    remedies = _remedies(config, done)
    count = min(_EPOCHS, math.ceil(_STEPS / steps_per_epoch))
    if done >= count and all(_is_guessing(record, chance) for record in history[-count:]):
        last = history[-1]
        return (
            f"after epoch {done} the model is no better than guessing: accuracy "
            f"{_accuracy(last):.1%} (the largest class has {chance.accuracy:.1%}), training loss "
            f"{last.train_loss:.3f} (of guessing: {chance.loss:.3f}); try {remedies}"
        )
    best = min(history, key=lambda record: record.train_loss)
    low, now = best.train_loss, history[-1].train_loss
    if now > _JUMP * low and now - low > _JUMP_AT_LEAST * chance.loss:
        return (
            f"the training loss jumped from {low:.3g} in epoch {best.epoch} to {now:.3g} in epoch "
            f"{done}; try {remedies}"
        )
    return None


def _is_guessing(record: EpochRecord, chance: Chance) -> bool:
    spread = math.sqrt(chance.accuracy * (1 - chance.accuracy) / chance.images)
    is_near = _accuracy(record) <= chance.accuracy + _DEVIATIONS * spread
    return is_near and record.train_loss >= _AT_CHANCE * chance.loss


def _accuracy(record: EpochRecord) -> float:
    validated = record.validation_accuracy
    return record.train_accuracy if validated is None else validated


def _remedies(config: TrainConfig, epoch: int) -> str:
    setting, rate = rate_of(config, epoch)
    found = [f"{setting} {rate / 10:g}", "lr auto"]
    if config.opt == "sgd":
        found.append("opt adamw")
    if config.clip_grad is None:
        found.append("clip_grad 1")
    return ", ".join(found) + ", or a network with batch norm such as vgg3_bn"
