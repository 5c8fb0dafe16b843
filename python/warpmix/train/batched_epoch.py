"""An epoch of several trainers in common steps: what a trainer does alone, for all of them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from warpmix.augment import Targets, mixed_cross_entropy
from warpmix.data import Loader
from warpmix.train.batched_stack import Stack
from warpmix.train.callbacks import Callback
from warpmix.train.config import TrainConfig
from warpmix.train.distributed import HeldOut
from warpmix.train.features import FeatureLoader
from warpmix.train.losses import finite_loss, label_mass
from warpmix.train.optimizer import learning_rate
from warpmix.train.trainer import Trainer, dropout_seed


@dataclass(frozen=True)
class Member:
    """One of the models that train together.

    Attributes:
        config: its settings.
        trainer: holds its network, its history and its best weights.
        train: its batches.
    """

    config: TrainConfig
    trainer: Trainer
    train: Loader | FeatureLoader


class Group:
    """Members at the same epoch, trained and validated in common steps.

    Args:
        members: of the same layers and the same number of steps an epoch.
        on_features: their batches are features.
        fabric: for the precision.
        validation: what all of them are validated on, or None.
    """

    def __init__(
        self,
        members: Sequence[Member],
        on_features: bool,
        fabric: Fabric,
        validation: HeldOut | None,
    ) -> None:
        self.members = tuple(members)
        self._fabric, self._validation = fabric, validation
        self._configs = [member.config for member in members]
        self._trainers = [member.trainer for member in members]
        epoch = len(self._trainers[0].history)
        self._stack = Stack(self._trainers, self._configs, on_features, epoch)

    def run_epoch(self, callbacks: Sequence[Callback]) -> None:
        """Train for one epoch, validate, and add to each member's history.

        Each member's seconds are its share, so that those of several runs add up.

        Args:
            callbacks: their ``on_step_end`` is called for each member.
        """
        start = time.perf_counter()
        epoch = len(self._trainers[0].history)
        trained, probes = self._train(epoch, callbacks)
        validated = self._validate()
        self._stack.hand_back()
        seconds = (time.perf_counter() - start) / len(self.members)
        for trainer, training, validation, probe in zip(
            self._trainers, trained, validated, probes, strict=True
        ):
            trainer.end_epoch(training, validation, seconds, probe)

    def _train(
        self, epoch: int, callbacks: Sequence[Callback]
    ) -> tuple[list[tuple[float, float]], list[float]]:
        """Pass over the training images once.

        Returns:
            each model's mean loss and accuracy; and, without validation images, each one's loss on
            the last batch after the last step, else 0.
        """
        stack, models = self._stack, len(self.members)
        stack.train(True)
        stack.seed([dropout_seed(config, epoch) for config in self._configs])
        losses = torch.zeros(2, models, device=self._fabric.device)
        samples, smoothing = 0, self._configs[0].label_smoothing
        steps = self._trainers[0].steps_per_epoch
        for step, (batch, targets) in enumerate(self._batches(epoch), start=epoch * steps):
            for config, group in zip(self._configs, stack.optimizer.param_groups, strict=True):
                group["lr"] = learning_rate(config, step, steps) * group["factor"]
            with self._fabric.autocast():
                logits = stack(batch)
            flat = logits.flatten(0, 1)
            each = mixed_cross_entropy(flat, targets, reduction="none", label_smoothing=smoothing)
            own = each.view(models, -1).mean(1)
            count = logits.shape[1]
            samples += count
            losses[0] += own.detach() * count
            losses[1] += label_mass(flat.detach(), targets).view(models, -1).sum(1)
            self._step(own.sum())
            for trainer in self._trainers:
                for callback in callbacks:
                    callback.on_step_end(trainer)
        loss, accuracy = (losses / samples).tolist()
        probes = [0.0] * models if self._validation else self._probe(batch, targets)
        return list(zip(loss, accuracy, strict=True)), probes

    def _step(self, loss: Tensor) -> None:
        stack = self._stack
        penalty = stack.penalty()
        stack.backward(loss if penalty is None else loss + penalty)
        for config, row in zip(self._configs, stack.rows, strict=True):
            if config.clip_grad is not None:
                nn.utils.clip_grad_norm_([row], config.clip_grad)
        stack.optimizer.step()

    def _batches(self, epoch: int) -> Iterator[tuple[Tensor, Targets]]:
        """Yield the next batches of all models as one, and their targets one after the other."""
        loaders = [member.train for member in self.members]
        for loader in loaders:
            loader.epoch = epoch
        for parts in zip(*loaders, strict=True):
            batches, targets = zip(*parts, strict=True)
            yield (
                self._stack.join(batches),
                Targets(*(torch.cat(column) for column in zip(*targets, strict=True))),
            )

    @torch.no_grad()
    def _probe(self, batch: Tensor, targets: Targets) -> list[float]:
        """Return what :func:`warpmix.train.losses.probe_loss` does, of each model."""
        self._stack.train(False)
        with self._fabric.autocast():
            logits = self._stack(batch).float()
        each = mixed_cross_entropy(logits.flatten(0, 1), targets, reduction="none")
        losses = each.view(len(self.members), -1).mean(1)
        return [finite_loss(own, loss) for own, loss in zip(logits, losses, strict=True)]

    @torch.no_grad()
    def _validate(self) -> list[tuple[float | None, float | None]]:
        """Return each model's loss and accuracy on the validation images."""
        if self._validation is None:
            return [(None, None)] * len(self.members)
        stack, labels = self._stack, self._validation.labels
        stack.train(False)
        with self._fabric.autocast():
            parts = [stack(stack.repeat(batch)).float() for batch, _ in self._validation.loader]
        logits = torch.cat(parts, dim=1)
        right = (logits.argmax(2) == labels).float().mean(1).tolist()
        losses = [finite_loss(own, cross_entropy(own, labels)) for own in logits]
        return list(zip(losses, right, strict=True))
