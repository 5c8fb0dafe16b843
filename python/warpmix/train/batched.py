"""Several runs of a small network trained as one batched model."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from lightning.fabric import Fabric

from warpmix.data import Loader
from warpmix.train.automatic import settle, settle_storage
from warpmix.train.batched_epoch import Group, Member
from warpmix.train.batched_rules import trains_on_features, why_not_together
from warpmix.train.batched_stack import release
from warpmix.train.callbacks import Callback
from warpmix.train.config import TrainConfig
from warpmix.train.data import Splits, load_splits
from warpmix.train.distributed import HeldOut, held_out_images, make_fabric
from warpmix.train.divergence import DivergenceError
from warpmix.train.features import FeatureCache, FeatureLoader, has_copies
from warpmix.train.loaders import check_input_size, training_loader
from warpmix.train.loop import TrainResult, chance_of, model_spec, new_network, test_best
from warpmix.train.model import ModelSpec
from warpmix.train.recorder import Recorder
from warpmix.train.run_folder import has_begun, hold_folder
from warpmix.train.trainer import Trainer


@dataclass(frozen=True)
class _Run(Member):
    spec: ModelSpec
    recorder: Recorder


def fit_together(
    configs: Sequence[TrainConfig],
    folders: Sequence[str | Path | None] | None = None,
    *,
    resume: bool = False,
    callbacks: Sequence[Callback] = (),
    checkpoint_seconds: float = 0.0,
) -> list[TrainResult | ValueError]:
    """Train several runs as one batched model; each is the run that :func:`fit` would have made.

    Each has the first weights, the order, the augmentation and, on a CPU, the dropout that
    :func:`fit` gives it, and stops by its own rule: its figures are those of ``fit`` but for the
    rounding of sums. It writes the same folder. Where that is faster:
    :func:`warpmix.train.is_faster_together`.

    Args:
        configs: settings that may train together, see :func:`warpmix.train.why_not_together`.
        folders: a run folder for each, or None; None keeps all in memory.
        resume: go on with the runs in those folders that hold one; the others begin.
        callbacks: called as by :func:`fit`, for each run with its own trainer; before the epoch's
            checkpoint where ``checkpoint_seconds`` puts that off.
        checkpoint_seconds: between checkpoints at least, but for each run's last one; 0: after
            every epoch, as by ``fit``. A kill loses so much work. Small models spend longer on
            their checkpoints than on their epochs.

    Returns:
        for each config its result, or the :class:`DivergenceError` of a run that diverged before
        there were weights to keep, which ends that run alone (with ``on_divergence`` of
        first-weights it is a result).

    Raises:
        FileNotFoundError: the data are not there.
        ValueError: settings that cannot train together, or do not fit the data; folders that are
            not one a run, or hold other runs; one that another process is training in
            (:class:`warpmix.train.run_folder.RunInUseError`).
    """
    paths = [None if f is None else Path(f) for f in folders or [None] * len(configs)]
    _check(configs, paths)
    first = configs[0]
    fabric = make_fabric(first.device, first.precision, first.threads)
    on_features = trains_on_features(first)
    with ExitStack() as stack:
        for config, path in zip(configs, paths, strict=True):
            if path is not None:
                stack.enter_context(hold_folder(path, config, resume and has_begun(path)))
        splits = load_splits(first, fabric.device)
        configs = [settle(settle_storage(config), splits.train) for config in configs]
        runs, held_out = _prepare(configs, paths, splits, fabric, stack)
        for run in runs:
            run.recorder.open(run.trainer, splits.rows)  # which resumes
            for callback in callbacks:
                callback.on_fit_start(run.trainer)
        _train(runs, on_features, fabric, held_out.get("val"), callbacks, checkpoint_seconds)
        results: list[TrainResult | ValueError] = []
        for run in runs:
            release(run.trainer.network)
            try:
                results.append(test_best(run.trainer, run.recorder, run.spec, held_out))
            except DivergenceError as error:
                results.append(error)
        return results


def _check(configs: Sequence[TrainConfig], paths: Sequence[Path | None]) -> None:
    if reason := why_not_together(configs):
        raise ValueError(f"configs cannot train together: {reason}; train each with fit")
    given = [path.resolve() for path in paths if path is not None]
    if len(paths) != len(configs) or len(set(given)) != len(given):
        raise ValueError(
            f"folders must be another one for each of the {len(configs)} configs, got "
            f"{', '.join(map(str, paths))}"
        )


def _prepare(
    configs: Sequence[TrainConfig],
    paths: Sequence[Path | None],
    splits: Splits,
    fabric: Fabric,
    recorders: ExitStack,
) -> tuple[list[_Run], dict[str, HeldOut]]:
    """Return the runs before their first epoch, and what is held out of all of them.

    Where heads train on features, those of all images are computed once.
    """
    runs: list[_Run] = []
    parts = {"val": splits.validation, "test": splits.test}
    datasets = {split: dataset for split, dataset in parts.items() if dataset is not None}
    held_out: dict[str, HeldOut] = {}
    shared: FeatureLoader | None = None
    for config, path in zip(configs, paths, strict=True):
        spec = model_spec(config, splits)
        loader = training_loader(config, splits)
        check_input_size(loader, spec)
        train: Loader | FeatureLoader = loader
        network = new_network(config, splits, spec).to(fabric.device)
        if not runs:
            held_out = {s: held_out_images(d, spec, config, fabric) for s, d in datasets.items()}
        if trains_on_features(config):
            cache = FeatureCache(network, config, fabric)
            if not runs:
                held_out = {s: cache.held_out(p, datasets[s]) for s, p in held_out.items()}
            if shared is None or has_copies(loader):  # each seed makes copies of its own
                shared = cache.training(loader)
            train = FeatureLoader(loader, shared.features, shared.targets)
        trainer = Trainer(config, fabric, network, train, held_out.get("val"))
        trainer.chance = chance_of(splits)
        recorder = recorders.enter_context(Recorder(path, config, spec, fabric))
        runs.append(_Run(config, trainer, train, spec, recorder))
    return runs, held_out


def _train(
    runs: Sequence[_Run],
    on_features: bool,
    fabric: Fabric,
    validation: HeldOut | None,
    callbacks: Sequence[Callback],
    checkpoint_seconds: float,
) -> None:
    """Train all runs to their ends."""
    group: Group | None = None
    saved = time.monotonic()
    while going := [run for run in runs if run.trainer.ended is None]:
        # After a kill some may be an epoch behind; they catch up first.
        epoch = min(len(run.trainer.history) for run in going)
        going = [run for run in going if len(run.trainer.history) == epoch]
        switches = [run.config.switch_epoch == epoch for run in going]
        for run in going:
            run.trainer.begin_epoch()
        if group is None or group.members != tuple(going) or any(switches):
            group = Group(going, on_features, fabric, validation)
        group.run_epoch(callbacks)
        is_due = time.monotonic() - saved >= checkpoint_seconds
        for run in going:
            if is_due or run.trainer.ended is not None:
                run.recorder.save_epoch(run.trainer)
            for callback in callbacks:
                callback.on_epoch_end(run.trainer)
        if is_due:
            saved = time.monotonic()
