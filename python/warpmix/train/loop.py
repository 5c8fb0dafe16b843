"""A whole training run: from settings to a trained model and its run folder."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from lightning.fabric import Fabric
from rich.console import Console
from torch import Tensor, nn

from warpmix.data import Loader
from warpmix.models import Network
from warpmix.models.airbench import Airbench
from warpmix.train.automatic import chosen_in_words
from warpmix.train.callbacks import Callback
from warpmix.train.config import TrainConfig
from warpmix.train.data import Splits, load_splits
from warpmix.train.distributed import HeldOut, held_out_images, make_fabric
from warpmix.train.divergence import DivergenceError, check_predictions
from warpmix.train.features import FeatureCache, FeatureLoader, has_constant_features
from warpmix.train.history import EpochRecord
from warpmix.train.loaders import check_input_size, evaluation_loader, training_loader
from warpmix.train.model import ModelSpec
from warpmix.train.progress import TrainingProgress
from warpmix.train.range_test import find_rate
from warpmix.train.recorder import Recorder
from warpmix.train.run_folder import check_folder, hold_folder, load_settings
from warpmix.train.trainer import Trainer
from warpmix.train.trouble import Chance

_log = logging.getLogger(__name__)
_WHITENING_IMAGES = 5000  # airbench94's number


@dataclass(frozen=True)
class TrainResult:
    """What came out of a run.

    Attributes:
        model: with the best weights, or those that ``restore`` names, in eval mode, on the device
            it was trained on.
        spec: how to build and feed it.
        history: every epoch, those before a resume included.
        ended: ``"epochs"``, ``"early stopping"`` or ``"diverged"``.
        best_epoch: the epoch (from 1) the weights are of; 0: the first weights, of a run that
            diverged before there were others to keep.
        test_accuracy: 0..1; None where the test images have no labels.
        validation_accuracy: 0..1; None without validation images.
        folder: the run folder; None where none was asked for.
        divergence: where and how the run diverged, and what to try, in words; None if it did not.
        trouble: how it ended no better than guessing, or with a loss that had jumped, and what to
            try, in words; None if it did not.
    """

    model: nn.Module
    spec: ModelSpec
    history: tuple[EpochRecord, ...]
    ended: str
    best_epoch: int
    test_accuracy: float | None
    validation_accuracy: float | None
    folder: Path | None
    divergence: str | None = None
    trouble: str | None = None


def fit(
    config: TrainConfig,
    folder: str | Path | None = None,
    *,
    resume: bool = False,
    console: Console | None = None,
    callbacks: Sequence[Callback] = (),
) -> TrainResult:
    """Train a model, restore its best weights or those that ``restore`` names, and test it.

    A killed run resumes from its last epoch and, on a CPU, ends with the weights of a run that was
    never killed. Started by ``torchrun``, all processes train one model together, on the same
    batches as one process would. Sets torch's global seed and, if ``config.threads`` is given, its
    threads.

    Args:
        config: the settings.
        folder: the run folder (see :mod:`warpmix.train.run_folder`), made if need be; None keeps
            everything in memory.
        resume: go on with the run in ``folder``. ``config`` must be that run's, but for
            :data:`warpmix.train.run_folder.CHANGEABLE`, such as the number of epochs, and after a
            divergence for ``AFTER_DIVERGENCE``, such as the rate.
        console: where to show progress; None shows none.
        callbacks: called after steps and epochs, in this order.

    Raises:
        FileNotFoundError: ``resume`` without a run in ``folder``, or the data are not there.
        ValueError: ``folder`` holds a run already, or one of other settings or other images, or
            another process is training in it (:class:`warpmix.train.run_folder.RunInUseError`);
            settings that do not fit the data.
        DivergenceError: (a ValueError) the run diverged before there were weights to keep, unless
            ``on_divergence`` keeps the first ones.
    """
    folder = None if folder is None else Path(folder)
    if resume and folder is None:
        raise ValueError("resume needs the folder of the run to go on with, got None")
    fabric = make_fabric(config.device, config.precision, config.threads)
    probes = "lr" in config.automatic
    with ExitStack() as stack:
        if folder is not None and fabric.is_global_zero:
            stack.enter_context(hold_folder(folder, config, resume))
        elif folder is not None:
            check_folder(folder, config, resume)
        if resume and folder is not None:
            earlier = load_settings(folder)
            probes = probes and "lr" not in earlier.automatic
            config = config.taking_over(earlier)
        fabric.barrier()  # every rank has looked at the folder before one writes into it
        result = _fit(config, folder, fabric, console, callbacks, probes)
    words = result.divergence or result.trouble
    if words is not None and console is None and fabric.is_global_zero:
        _log.warning("%s", words)  # nobody has seen it
    return result


def _fit(
    config: TrainConfig,
    folder: Path | None,
    fabric: Fabric,
    console: Console | None,
    callbacks: Sequence[Callback],
    probes: bool,
) -> TrainResult:
    """Do what :func:`fit` does, in a folder that is checked, and held against others.

    Args:
        probes: whether the learning rate is still to be found.
    """
    # Data: a rank trains on its share of every batch, and predicts its share of what is held out.
    splits = load_splits(config, fabric.device)
    config = splits.config
    spec = model_spec(config, splits)
    images = training_loader(config, splits, fabric.global_rank, fabric.world_size)
    check_input_size(images, spec)
    parts = {"val": splits.validation, "test": splits.test}
    datasets = {split: dataset for split, dataset in parts.items() if dataset is not None}
    held_out = {
        split: held_out_images(dataset, spec, config, fabric) for split, dataset in datasets.items()
    }

    # Model and optimiser, on features instead of images where these never change.
    network = new_network(config, splits, spec).to(fabric.device)
    train: Loader | FeatureLoader = images
    if config.feature_cache != "off" and has_constant_features(network, config):
        features = FeatureCache(network, config, fabric)
        train = features.training(images)
        held_out = {
            split: features.held_out(each, datasets[split]) for split, each in held_out.items()
        }
    if probes:
        config = config.model_copy(update={"lr": find_rate(config, fabric, network, train)})
    trainer = Trainer(config, fabric, network, train, held_out.get("val"))
    trainer.chance = chance_of(splits)

    console = console if fabric.is_global_zero else None
    with Recorder(folder, config, spec, fabric) as recorder, TrainingProgress(console) as progress:
        recorder.open(trainer, splits.rows)  # which resumes
        if console is not None:
            for line in (splits.placement, *chosen_in_words(config)):
                console.print(line, style="dim", highlight=False)

        # Epochs, each ending in a checkpoint.
        watchers = [progress, *callbacks]
        for callback in watchers:
            callback.on_fit_start(trainer)
        while trainer.ended is None:
            trainer.run_epoch(watchers)
            recorder.save_epoch(trainer)
            for callback in watchers:
                callback.on_epoch_end(trainer)

        return test_best(trainer, recorder, spec, held_out)


def chance_of(splits: Splits) -> Chance:
    """Return what guessing scores on a run's images."""
    assert splits.train.labels is not None
    held_out = None if splits.validation is None else splits.validation.labels
    return Chance.of(splits.train.labels, held_out)


def model_spec(config: TrainConfig, splits: Splits) -> ModelSpec:
    """Return what it takes to build the run's model, and to feed it."""
    prepared = splits.preprocessing
    return ModelSpec(
        model=config.model,
        head=config.head,
        dropout=config.dropout,
        classes=splits.train.classes,
        image_size=None if prepared.keeps_proportions else splits.train.image_size,
        channels=splits.train.channels,
        mean=prepared.mean,
        std=prepared.std,
        input_size=prepared.input_size,
        resize_size=prepared.resize_size,
        options=config.network_options,
        tta=config.tta,
        dropout_at=config.dropout_at,
        test_size=prepared.test_size,
    )


def new_network(config: TrainConfig, splits: Splits, spec: ModelSpec) -> Network:
    """Return the network before its first step, the same on every rank."""
    torch.manual_seed(config.seed)
    network = spec.build(config.weights, config.frozen, config.unfrozen, config.frozen_mode)
    if isinstance(network.backbone, Airbench) and config.weights is None:
        rows = torch.arange(min(_WHITENING_IMAGES, len(splits.train)))
        as_trained = replace(spec, test_size=None)
        images = evaluation_loader(splits.train.subset(rows), as_trained, "32-true")
        network.backbone.whiten(torch.cat([batch for batch, _ in images]).cpu())
    return network


def test_best(
    trainer: Trainer, recorder: Recorder, spec: ModelSpec, held_out: dict[str, HeldOut]
) -> TrainResult:
    """Restore the best weights, predict what was held out, and store both.

    Raises:
        DivergenceError: no epoch's weights count, or the predictions of those that do are not
            finite.
    """
    words = trainer.divergence_in_words()
    if not trainer.best_weights:
        recorder.fabric.barrier()  # no rank ends while the files are being written
        raise DivergenceError(words)
    model: nn.Module = trainer.evaluated
    model.load_state_dict(trainer.best_weights)
    predicted: dict[str, Tensor] = {}
    for split, images in held_out.items():
        predicted[split] = images.outputs(model, recorder.fabric).softmax(dim=1).cpu()
        kept = f"the model of epoch {trainer.stopping.kept_epoch} ({split} images)"
        check_predictions(predicted[split], kept)
    recorder.save_model(trainer.best_weights)
    accuracy: dict[str, float] = {}
    for split, images in held_out.items():
        right = predicted[split].argmax(dim=1) == images.labels.cpu()
        accuracy[split] = float(right.double().mean())
        recorder.save_predictions(split, predicted[split], images)
    recorder.log_result(trainer, accuracy)
    return TrainResult(
        model=model.eval(),
        spec=spec,
        history=tuple(trainer.history),
        ended=str(trainer.ended),
        best_epoch=trainer.stopping.kept_epoch,
        test_accuracy=accuracy.get("test"),
        validation_accuracy=accuracy.get("val"),
        folder=recorder.folder,
        divergence=words,
        trouble=trainer.trouble_in_words(),
    )
