"""A whole training run: from settings to a trained model and its run folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from torch import nn

from warpmix import info
from warpmix.data import Loader, predictions
from warpmix.train.checkpoint import load_checkpoint, save_checkpoint
from warpmix.train.config import TrainConfig
from warpmix.train.device import make_fabric
from warpmix.train.history import EpochRecord, write_history
from warpmix.train.model_file import ModelSpec, save_model
from warpmix.train.prediction import probabilities
from warpmix.train.prepare import Splits, evaluation_loader, load_splits, training_loader
from warpmix.train.progress import TrainingProgress
from warpmix.train.run_folder import (
    CHECKPOINT_FILE,
    CONFIG_FILE,
    ENVIRONMENT_FILE,
    HISTORY_FILE,
    MODEL_FILE,
    PREDICTIONS_FILES,
    check_folder,
    remove_leftovers,
    write_json,
)
from warpmix.train.trainer import Trainer


@dataclass(frozen=True)
class TrainResult:
    """What came out of a run.

    Attributes:
        model: with the best weights, in eval mode, on the device it was trained on.
        spec: how to build and feed it.
        history: every epoch, those before a resume included.
        ended: ``"epochs"``, ``"early stopping"`` or ``"diverged"``.
        best_epoch: the epoch (from 1) the weights are of.
        test_accuracy: 0..1.
        validation_accuracy: 0..1; None without validation images.
        folder: the run folder; None where none was asked for.
    """

    model: nn.Module
    spec: ModelSpec
    history: tuple[EpochRecord, ...]
    ended: str
    best_epoch: int
    test_accuracy: float
    validation_accuracy: float | None
    folder: Path | None


def fit(
    config: TrainConfig,
    folder: str | Path | None = None,
    *,
    resume: bool = False,
    console: Console | None = None,
) -> TrainResult:
    """Train a model, restore its best weights, and test it.

    A killed run resumes from its last epoch and, on a CPU, ends with the weights of a run that was
    never killed. Sets torch's global seed and, if ``config.threads`` is given, its threads.

    Args:
        config: the settings.
        folder: the run folder (see :mod:`warpmix.train.run_folder`), made if need be; None keeps
            everything in memory.
        resume: go on with the run in ``folder``. ``config`` must be that run's, but for the number
            of epochs, the device and the threads.
        console: where to show progress; None shows none.

    Raises:
        FileNotFoundError: ``resume`` without a run in ``folder``, or the data are not there.
        ValueError: ``folder`` holds a run already, or one of other settings; settings that do not
            fit the data; a loss that becomes NaN or infinite in the first epoch.
    """
    folder = None if folder is None else Path(folder)
    if folder is not None:
        check_folder(folder, config, resume)
    elif resume:
        raise ValueError("resume needs the folder of the run to go on with, got None")
    fabric = make_fabric(config.device, config.precision, config.threads)
    splits = load_splits(config, fabric.device)
    spec = _model_spec(config, splits)
    torch.manual_seed(config.seed)  # for the initial weights
    model = spec.build(weights=config.weights, frozen=config.frozen)
    held_out = {
        split: evaluation_loader(dataset, spec, config.precision, config.channels_last)
        for split, dataset in (("val", splits.validation), ("test", splits.test))
        if dataset is not None
    }
    trainer = Trainer(config, fabric, model, training_loader(config, splits), held_out.get("val"))
    if folder is not None:
        _open_run(folder, config, spec, trainer)
    _train(trainer, spec, folder, console)
    return _finish(trainer, spec, folder, held_out)


def _model_spec(config: TrainConfig, splits: Splits) -> ModelSpec:
    return ModelSpec(
        model=config.model,
        head=config.head,
        dropout=config.dropout,
        classes=splits.train.classes,
        image_size=splits.train.image_size,
        channels=splits.train.channels,
        mean=splits.mean,
        std=splits.std,
    )


def _open_run(folder: Path, config: TrainConfig, spec: ModelSpec, trainer: Trainer) -> None:
    """Go on from the folder's checkpoint if it has one, and write down what is being run."""
    if (folder / CHECKPOINT_FILE).exists():
        trainer.restore(load_checkpoint(folder / CHECKPOINT_FILE, spec))
        write_history(folder / HISTORY_FILE, trainer.history)  # a kill may have come before it
    folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder)
    write_json(folder / CONFIG_FILE, config.model_dump(mode="json"))
    write_json(folder / ENVIRONMENT_FILE, info.collect())


def _train(trainer: Trainer, spec: ModelSpec, folder: Path | None, console: Console | None) -> None:
    """Run the epochs that are left, each ending in a checkpoint."""
    progress = TrainingProgress(
        console, trainer.epochs, trainer.steps_per_epoch, done=len(trainer.history)
    )
    with progress:
        while trainer.ended is None:
            record = trainer.run_epoch(progress.step)
            if folder is not None:
                save_checkpoint(folder / CHECKPOINT_FILE, trainer.state(), spec)
                write_history(folder / HISTORY_FILE, trainer.history)
            progress.epoch(record, trainer.stopping.best_epoch == record.epoch)


def _finish(
    trainer: Trainer, spec: ModelSpec, folder: Path | None, held_out: dict[str, Loader]
) -> TrainResult:
    """Restore the best weights, predict what was held out, and store both."""
    trainer.model.load_state_dict(trainer.best_weights)
    if folder is not None:
        save_model(folder / MODEL_FILE, trainer.best_weights, spec)
    accuracy: dict[str, float] = {}
    for split, loader in held_out.items():
        images = loader.dataset
        predicted, labels = probabilities(trainer.model, loader), images.labels.cpu()
        accuracy[split] = float((predicted.argmax(dim=1) == labels).double().mean())
        if folder is not None:
            predictions.save(
                folder / PREDICTIONS_FILES[split],
                predicted,
                labels,
                model=folder.resolve().name,
                dataset=images.name,
                split=split,
                classes=images.classes,
            )
    return TrainResult(
        model=trainer.model.module,
        spec=spec,
        history=tuple(trainer.history),
        ended=str(trainer.ended),
        best_epoch=trainer.stopping.best_epoch,
        test_accuracy=accuracy["test"],
        validation_accuracy=accuracy.get("val"),
        folder=folder,
    )
