"""One model in training: an epoch at a time, its state to be stored and restored between them."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, cast

import torch
from lightning.fabric import Fabric
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torchmetrics import MeanMetric
from torchmetrics.functional.classification import multiclass_accuracy

from warpmix.augment import Targets, mixed_cross_entropy
from warpmix.data import Loader
from warpmix.models import Network
from warpmix.train.callbacks import Callback
from warpmix.train.config import TrainConfig
from warpmix.train.distributed import HeldOut, average_buffers, weighted
from warpmix.train.divergence import divergence_in_words
from warpmix.train.features import FeatureLoader
from warpmix.train.history import LARGEST_LOSS, EarlyStopping, EpochRecord
from warpmix.train.losses import finite_loss, label_mass, probe_loss
from warpmix.train.model import copy_weights
from warpmix.train.optimizer import Penalty, learning_rate, make_optimizer
from warpmix.train.trouble import Chance, trouble_in_words


class Trainer:
    """Trains a model one epoch at a time and keeps the best weights.

    Everything random in an epoch is a function of (seed, epoch, rank): the order and the
    augmentation through the loader, which gives every rank its share of the same batches, dropout
    through a fresh seed. So the state between two epochs holds no random generator, and a restored
    run goes on bit for bit on a CPU.

    Attributes:
        network: the model as it trains.
        evaluated: the model that counts: the average of the weights with ``ema``, else
            ``network``.
        history: the epochs done so far.
        best_weights: weights that count, on the CPU: of the best epoch, or as ``restore`` says; of
            the latest epoch without validation; before the first epoch the first weights with
            ``on_divergence``, else none.
        stopping: which epoch was best, which one's weights count, and whether to go on.
        divergence: what showed that the run has diverged, in words, or None.
        is_sound: whether the weights after the latest epoch give a loss that is not absurd.
        chance: what guessing scores; None: the run does not look for it.
        penalty: what is added to the loss.
        epochs: epochs of the whole run at most.
        steps_per_epoch: optimiser steps in each.
    """

    def __init__(
        self,
        config: TrainConfig,
        fabric: Fabric,
        network: Network,
        train: Loader | FeatureLoader,
        validation: HeldOut | None,
    ) -> None:
        if config.channels_last:
            network = network.to(memory_format=torch.channels_last)
        self._config, self._fabric = config, fabric
        self._train, self._validation = train, validation
        self.network = network
        self._average: AveragedModel | None = None
        if config.ema > 0:
            average = get_ema_multi_avg_fn(config.ema)
            network.to(fabric.device)
            self._average = AveragedModel(network, multi_avg_fn=average, use_buffers=True)
        compiled: Any = torch.compile(network) if config.torchcompile else network
        self._model, self._optimizer = fabric.setup(compiled, make_optimizer(network, config))
        self.penalty = Penalty(network, config)
        self.stopping = EarlyStopping(
            config.patience, config.min_delta, config.min_epochs, config.restore
        )
        self.epochs, self.steps_per_epoch = config.epochs, len(train)
        self.history: list[EpochRecord] = []
        self.divergence: str | None = None
        self.chance: Chance | None = None
        self.is_sound = True
        self.best_weights: dict[str, Tensor] = {}
        if config.on_divergence == "first-weights":
            self.best_weights = copy_weights(self.evaluated)

    @property
    def evaluated(self) -> Network:
        """The model that counts; see the class."""
        averaged: Any = self._average
        return self.network if averaged is None else averaged.module

    @property
    def optimizer(self) -> Optimizer:
        """The optimiser of the epoch, without Fabric's wrapping."""
        wrapped: Any = self._optimizer
        return cast(Optimizer, wrapped.optimizer)

    @property
    def ended(self) -> str | None:
        """Why the run has ended (``"epochs"``, ``"early stopping"``, ``"diverged"``), or None."""
        done = len(self.history)
        if self.divergence is not None:
            return "diverged"
        if self.stopping.should_stop(done):
            return "early stopping"
        return "epochs" if done >= self.epochs else None

    def run_epoch(self, callbacks: Sequence[Callback] = ()) -> None:
        """Train for one epoch, validate, add to the history, and keep the weights if the best.

        Args:
            callbacks: their ``on_step_end`` is called.
        """
        start = time.perf_counter()
        epoch = self.begin_epoch()
        training, probe = self._train_epoch(epoch, callbacks)
        average_buffers(self.network, self._fabric)
        if self._average is not None:
            average_buffers(self._average, self._fabric)
        self.end_epoch(training, self._validate(), time.perf_counter() - start, probe)

    def begin_epoch(self) -> int:
        """Return the number, from 0, of the epoch to come, and take its optimiser if it is new."""
        epoch = len(self.history)
        if epoch == self._config.switch_epoch:
            self._switch_optimizer(epoch)
        return epoch

    def end_epoch(
        self,
        training: tuple[float, float],
        validation: tuple[float | None, float | None],
        seconds: float,
        probe: float = 0.0,
    ) -> None:
        """Add an epoch to the history, and keep its weights if they count.

        Args:
            training, validation: loss and accuracy.
            seconds: that it took.
            probe: without validation images, the loss in evaluation mode on the last batch.
        """
        record = EpochRecord(
            len(self.history) + 1,
            self._optimizer.param_groups[0]["lr"],
            *training,
            *validation,
            seconds,
            self._final_penalty(),
        )
        self.history.append(record)
        self.divergence = record.divergence()
        if self.divergence is None and not math.isfinite(probe):
            self.divergence = f"after its last step the loss became {probe:.4g}"
        is_sound = self.divergence is None and probe < LARGEST_LOSS
        score = record.score(self._config.monitor) if is_sound else -math.inf
        self.is_sound = score > -math.inf
        if self.stopping.update(record.epoch, score):
            self.best_weights = copy_weights(self.evaluated)
        if self.ended is not None and self.stopping.kept_epoch == 0 and self.divergence is None:
            self.divergence = f"outside of training the loss was {LARGEST_LOSS:.2g} or more"

    def diverge(self, record: EpochRecord, reason: str) -> None:
        """End a restored run with the divergence that it had in the epoch after its checkpoint."""
        self.history.append(record)
        self.divergence = reason

    def trouble_in_words(self) -> str | None:
        """Return what is wrong with a run that has not diverged, and what to try; else None."""
        if self.chance is None or self.divergence is not None:
            return None
        return trouble_in_words(self._config, self.history, self.chance, self.steps_per_epoch)

    def divergence_in_words(self) -> str | None:
        """Return where and how the run diverged, and what to try; None if it did not."""
        return divergence_in_words(self._config, self.history, self.divergence)

    def state(self) -> dict[str, Any]:
        """Return all that :meth:`restore` needs: tensors, numbers, strings, lists and dicts."""
        return {
            "weights": self.network.state_dict(),
            "average": {} if self._average is None else self._average.state_dict(),
            "best_weights": self.best_weights,
            "optimizer": self._optimizer.state_dict(),
            "precision": self._fabric.strategy.precision.state_dict(),
            "stopping": asdict(self.stopping),
            "history": [asdict(record) for record in self.history],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a :meth:`state`."""
        self.history = [EpochRecord(**record) for record in state["history"]]
        self.divergence = self.history[-1].divergence()
        self._switch_optimizer(len(self.history) - 1)
        self.network.load_state_dict(state["weights"])
        if self._average is not None:
            self._average.load_state_dict(state["average"])
        self.best_weights = state["best_weights"]
        self._optimizer.load_state_dict(state["optimizer"])
        self._fabric.strategy.precision.load_state_dict(state["precision"])
        self.stopping = EarlyStopping(**state["stopping"])

    def _switch_optimizer(self, epoch: int) -> None:
        """Take a new optimiser, that of ``epoch``, without a memory of the steps before."""
        optimizer = make_optimizer(self.network, self._config, epoch)
        self._optimizer = self._fabric.setup_optimizers(optimizer)

    def _train_epoch(
        self, epoch: int, callbacks: Sequence[Callback]
    ) -> tuple[tuple[float, float], float]:
        """Pass over the training images once; return mean loss and accuracy over all ranks.

        Beside these, the loss on the last batch after the last step; 0 with validation images.
        """
        config = self._config
        self._model.train()
        self._train.epoch = epoch
        # For dropout; ranks must not drop the same units of their different images.
        torch.manual_seed(dropout_seed(config, epoch) ^ self._fabric.global_rank << 48)
        losses = MeanMetric(nan_strategy="disable").to(self._fabric.device)
        accuracies = MeanMetric(nan_strategy="disable").to(self._fabric.device)
        first = epoch * self.steps_per_epoch
        for step, (batch, targets) in enumerate(self._train, start=first):
            rate = learning_rate(config, step, self.steps_per_epoch)
            loss, logits = self.take_step(batch, targets, rate)
            own = len(targets.lam)
            if own > 0:
                # Not as a weight: a MeanMetric that does not look for NaN ignores its weights.
                losses.update(loss.expand(own))
                accuracies.update(label_mass(logits, targets))
            for callback in callbacks:
                callback.on_step_end(self)
        probe = 0.0
        if self._validation is None:
            probe = probe_loss(self.evaluated, batch, targets, self._fabric)
        return (float(losses.compute()), float(accuracies.compute())), probe

    def take_step(self, batch: Tensor, targets: Targets, rate: float) -> tuple[Tensor, Tensor]:
        """Step the optimiser at a rate; return the rank's mean loss and its logits, detached."""
        for group in self._optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        own = len(targets.lam)
        logits = self._model(batch)[:own]
        if own > 0:
            smoothing = self._config.label_smoothing
            loss = mixed_cross_entropy(logits, targets, label_smoothing=smoothing)
        else:
            loss = logits.sum()  # 0, with a gradient for the other ranks to meet
        self._step(weighted(loss, own, self._fabric))
        return loss.detach(), logits.detach()

    def _step(self, loss: Tensor) -> None:
        """Step the optimiser, with penalties and clipping, and the average."""
        if self.penalty:
            loss = loss + self.penalty()
        self._fabric.backward(loss)
        if self._config.clip_grad is not None:
            self._fabric.clip_gradients(
                self._model,
                self._optimizer,
                max_norm=self._config.clip_grad,
                error_if_nonfinite=False,
            )
        self._optimizer.step()
        self._optimizer.zero_grad()
        if self._average is not None:
            self._average.update_parameters(self.network)

    def _validate(self) -> tuple[float | None, float | None]:
        """Return loss and accuracy on the validation images, or None without any."""
        if self._validation is None:
            return None, None
        logits = self._validation.outputs(self.evaluated, self._fabric)
        labels = self._validation.labels
        accuracy = multiclass_accuracy(logits, labels, logits.shape[1], average="micro")
        return finite_loss(logits, cross_entropy(logits, labels)), float(accuracy)

    @torch.no_grad()
    def _final_penalty(self) -> float:
        """Return the penalty of the weights that count, as they are after an epoch."""
        return float(Penalty(self.evaluated, self._config)()) if self.penalty else 0.0


def dropout_seed(config: TrainConfig, epoch: int) -> int:
    """Return the seed of an epoch's dropout, of the first rank."""
    return config.seed * 1_000_003 + epoch + 1
