"""What a run gives to ensembles: its predictions to a store, its network to a bundle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch

from warpmix import predictions
from warpmix._bundle_folder import is_bundle
from warpmix.ensemble import Bundle
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
    augmented = [a if isinstance(a, str) else next(iter(a)) for a in config.augment]
    variants = "|".join(name for variant in config.variants for name in variant)
    recipe = "+".join([variants, *augmented] if variants else augmented)
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
                repeat=True,
            )
        )
    return added


def network_files(known: Iterable[tuple[str, Path]], folders: Iterable[Path]) -> Mapping[str, Path]:
    """Return files of networks by the model's name.

    Args:
        known: names and the folders of their runs.
        folders: runs, or folders of runs; a model is called like its run's folder.
    """
    runs = dict(known)
    for folder in folders:
        for network in folder.rglob(MODEL_FILE):
            if is_bundle(network.parent.parent.parent):  # a member, whose folder is a number
                continue
            runs.setdefault(network.resolve().parent.name, network.parent)
    return {name: run / MODEL_FILE for name, run in runs.items() if (run / MODEL_FILE).is_file()}


def write_bundle(bundle: Bundle, folder: Path) -> None:
    """Write a bundle, and its first member's settings where it has networks.

    ``warpmix predict`` loads images as these settings say.

    Raises:
        ValueError, OSError: as :meth:`Bundle.save`.
    """
    first = bundle.networks[0] if bundle.has_networks else None
    settings = [] if first is None else [first.parent / CONFIG_FILE]
    bundle.save(folder, beside={path.name: path for path in settings if path.is_file()})
