"""Runs and ensembles: a run's predictions into a store, members' networks, and their decision."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from warpmix import predictions
from warpmix._files import atomic_write
from warpmix.data import Dataset
from warpmix.ensemble import Bundle, VoteResult
from warpmix.predictions import Entry, PredictionStore
from warpmix.train.run_folder import CONFIG_FILE, MODEL_FILE, PREDICTIONS_FILES, load_settings


def import_run(
    store: PredictionStore,
    folder: Path,
    *,
    dtype: torch.dtype | None = None,
    overwrite: bool = False,
    assume_same_order: bool = False,
) -> list[Entry]:
    """Add a run's predictions, of every split that it has, with its recipe and seed.

    Raises:
        FileNotFoundError: no run, or one without predictions yet.
        ValueError: as :meth:`PredictionStore.add`.
    """
    config = load_settings(folder)
    files = {s: folder / f for s, f in PREDICTIONS_FILES.items() if (folder / f).is_file()}
    if not files:
        raise FileNotFoundError(f"{folder} has no predictions: the run has not finished")
    recipe = "+".join(a if isinstance(a, str) else next(iter(a)) for a in config.augment)
    added = []
    for split, file in files.items():
        stored = predictions.load(file)
        added.append(
            store.add(
                stored.predictions,
                model=stored.model,
                split=split,
                labels=stored.labels,
                classes=stored.classes,
                dtype=dtype,
                recipe=recipe or "none",
                seed=config.seed,
                run=folder.resolve(),
                dataset=stored.dataset,
                overwrite=overwrite,
                assume_same_order=assume_same_order,
            )
        )
    return added


def network_files(known: Iterable[tuple[str, Path]], folders: Iterable[Path]) -> Mapping[str, Path]:
    """Files of networks by the model's name.

    Args:
        known: names and the folders of their runs.
        folders: runs, or folders of runs; a model is called like its run's folder.
    """
    runs = dict(known)
    for folder in folders:
        for network in folder.rglob(MODEL_FILE):
            runs.setdefault(network.resolve().parent.name, network.parent)
    return {name: run / MODEL_FILE for name, run in runs.items() if (run / MODEL_FILE).is_file()}


def write_bundle(bundle: Bundle, folder: Path) -> None:
    """Write a bundle; one with networks also gets its first member's settings, which say how
    ``warpmix predict`` loads images.

    Raises:
        ValueError, OSError: as :meth:`Bundle.save`.
    """
    bundle.save(folder)
    first = bundle.networks[0] if bundle.has_networks else None
    if first is not None and (first.parent / CONFIG_FILE).is_file():
        with atomic_write(folder / CONFIG_FILE) as temporary:
            shutil.copyfile(first.parent / CONFIG_FILE, temporary)


def predict_ensemble(
    folder: str | Path, dataset: Dataset, *, device: str = "auto", precision: str = "32-true"
) -> VoteResult:
    """What a bundle's networks decide about images, together.

    Args:
        folder: a bundle that holds its networks.
        dataset, device, precision: as :func:`warpmix.train.predict`; every member must fit.

    Raises:
        FileNotFoundError, ValueError: as :func:`warpmix.train.predict`; a bundle without networks.
    """
    from warpmix.train.prediction import predict

    bundle = Bundle.load(folder)
    if not bundle.has_networks:
        raise ValueError(
            f"{folder} holds no networks: its members' runs were not known when it was made; "
            "export it with --runs, or decide over stored predictions: warpmix ensemble predict"
        )
    if bundle.classes is not None and bundle.classes != dataset.classes:
        raise ValueError(
            f"{dataset.name} must have the classes of {folder}, in this order: "
            f"{', '.join(bundle.classes)}; got {', '.join(dataset.classes)}; export the ensemble "
            "with --classes in the order of the data set"
        )
    members: list[Tensor] = [
        predict(network, dataset, device=device, precision=precision)
        for network in bundle.networks
        if network is not None
    ]
    return bundle.decide(torch.stack(members), logits=False)
