"""From settings to images: open, split, normalise, and place them in memory or not."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from warpmix import _memory, predictions
from warpmix._memory import in_bytes
from warpmix.data import (
    Dataset,
    ImageCache,
    StreamedDataset,
    few_shot,
    k_fold,
    load,
    open_cache,
    open_images,
    stratified_split,
    stratified_subset,
)
from warpmix.data.sources import comes_as_files, has_labels, list_files
from warpmix.train.automatic import settle, settle_storage
from warpmix.train.config import TrainConfig
from warpmix.train.model import read_tensors
from warpmix.train.preprocessing import Preprocessing, preprocessing
from warpmix.train.run_folder import PREDICTIONS_FILES, SPLIT_FILE

Images = Dataset | StreamedDataset
_Opened = TypeVar("_Opened")

_KEPT, _KEPT_BYTES = 4, 256 << 20  # data sets that stay in memory, each of so many bytes at most
_USABLE = 0.7  # of the free memory: the model wants some, too


@dataclass(frozen=True)
class Splits:
    """The images of a run, and how they come to the model.

    Attributes:
        train: what the model learns from.
        validation: held out of the training set; None with ``validation: 0``.
        test: the data set's own test split; None where its labels are unknown.
        preprocessing: their size and normalisation for the model.
        rows: rows of the data set's training split, int64 ascending, under the names of the first
            two; with ``own_validation`` those of the part for it. Under "test" rows of the test
            split, where not all of them are kept.
        placement: where the images are, in words.
        config: the settings, with those that the images decide.
    """

    train: Images
    validation: Images | None
    test: Images | None
    preprocessing: Preprocessing
    rows: dict[str, Tensor]
    placement: str
    config: TrainConfig


def load_images(config: TrainConfig, split: str) -> Dataset:
    """Load the settings' images, on the CPU; errors as :func:`warpmix.data.load`."""
    return _of_settings(load, config, split)


def held_out_rows(folder: Path, config: TrainConfig) -> Tensor | None:
    """Return the rows of the training split that a run held out to validate on, int64 ascending;
    None where it held none out, or was trained on other images than the settings'."""
    if config.own_validation or not (folder / SPLIT_FILE).is_file():
        return None
    rows, facts = read_tensors(folder / SPLIT_FILE)
    return rows.get("validation") if facts.get("dataset") == config.data else None


def load_held_out(folder: Path, config: TrainConfig, rows: Tensor) -> Dataset:
    """Load the images that a run held out, on the CPU.

    Args:
        folder: of the run.
        config: its settings.
        rows: of :func:`held_out_rows`.

    Raises:
        FileNotFoundError, ValueError: as :func:`warpmix.data.load`; or the images are no longer
            those of the run.
    """
    images = load_images(config, "train")
    file = folder / PREDICTIONS_FILES["val"]
    known = predictions.load(file).labels if file.is_file() else None
    if int(rows.max()) >= len(images) or (
        known is not None and not images.labels[rows].equal(known)
    ):
        raise ValueError(
            f"{config.data} must have the images that {folder} was trained on, to know which it "
            "held out: some have come or gone since; choose a split of them all (--split train)"
        )
    return images.subset(rows)


def open_cached(config: TrainConfig, split: str) -> ImageCache | Dataset:
    """Open the settings' images, labelled or not; errors as :func:`warpmix.data.open_images`.

    Returns:
        The cache of images that come as files, made if need be; other images in memory.
    """
    return _of_settings(open_images, config, split)


def _of_settings(function: Callable[..., _Opened], config: TrainConfig, split: str) -> _Opened:
    """Call :func:`load` or :func:`open_images`, whose arguments are the same, with settings."""
    config = settle_storage(config)
    return function(
        config.data,
        split=split,
        root=config.root,
        download=config.download,
        image_size=config.image_size,
        store_size=config.store_size,
        skip_bad_images=config.skip_bad_images,
        fit=config.fit,
        cache=config.cache_folder if comes_as_files(config.data) else None,
    )


def load_splits(config: TrainConfig, device: torch.device) -> Splits:
    """Open the data set and hold the validation images out, before any augmentation.

    Raises:
        ValueError: the parts differ in classes or image size, or mean and std do not fit the
            number of channels; images that are to stream, and do not come as files.
    """
    config = settle_storage(config)
    names = ["train", *(["val"] if config.own_validation else [])]
    if has_labels(config.data, "test"):
        names.append("test")
    opened = {name: _open(config, name) for name in names}
    streams, placement = _placement(config, opened, device)
    parts: dict[str, Images] = {
        name: part.stream()
        if streams and isinstance(part, ImageCache)
        else part.dataset()
        if isinstance(part, ImageCache)
        else part
        for name, part in opened.items()
    }
    train, own, test = (parts.get(name) for name in ("train", "val", "test"))
    assert train is not None and train.labels is not None
    _check_classes(config, train)
    rows = split_rows(config, train.labels)
    held_out = None if own is not None or "validation" not in rows else train
    for part, name, setting in ((own, "validation", "val_images"), (test, "test", "test_images")):
        if part is not None and getattr(config, setting) is not None:
            assert part.labels is not None
            rows[name] = _subset(config, setting, part.labels)
    kept = {
        name: part if part is None or name not in rows else part.subset(rows[name])
        for name, part in (("train", train), ("validation", own or held_out), ("test", test))
    }
    assert kept["train"] is not None
    config = settle(config, kept["train"])
    prepared = preprocessing(config, kept["train"])
    _check_parts(config, parts, prepared.keeps_proportions)
    train, validation, test = (None if p is None else p.to(device) for p in kept.values())
    assert train is not None
    return Splits(train, validation, test, prepared, rows, placement, config)


def _open(config: TrainConfig, split: str) -> ImageCache | Dataset:
    """Open a part of the data set: its cache where it is made of files, and they have one."""
    files = list_files(config.data, split, config.root, config.download)
    if files is None or config.cache_folder is None:
        if config.loading == "stream":
            raise ValueError(
                f"loading stream needs images that come as files, and {config.data} is in memory "
                "anyway; use loading auto"
            )
        return load_images(config, split) if files is not None else _load_kept(config, split)
    size = None if config.image_size is None else (config.image_size, config.image_size)
    return open_cache(
        files, config.cache_folder, size, config.skip_bad_images, config.fit, config.store_size
    )


_kept: dict[tuple[object, ...], Dataset] = {}


def _load_kept(config: TrainConfig, split: str) -> Dataset:
    """Load a data set that comes by name or in one file, or take it from an earlier run of this
    process: reading and checking CIFAR-10 takes longer than a small run of a study."""
    place = Path(config.data)
    status = place.stat() if place.is_file() else None
    stamp = None if status is None else (status.st_mtime_ns, status.st_size)
    root = config.root or os.environ.get("WARPMIX_DATA")
    of = (config.data, split, root, config.image_size, stamp)
    if of not in _kept:
        dataset = load_images(config, split)
        if dataset.bytes > _KEPT_BYTES:
            return dataset
        while len(_kept) >= _KEPT:
            del _kept[next(iter(_kept))]
        _kept[of] = dataset
    return _kept[of]


def _placement(
    config: TrainConfig, parts: dict[str, ImageCache | Dataset], device: torch.device
) -> tuple[bool, str]:
    """Return whether the images stream, and where they are, in words."""
    size = sum(
        part.bytes if isinstance(part, Dataset) else part.layout.bytes for part in parts.values()
    )
    free = free_memory(device)
    streams = config.loading == "stream"
    if config.loading == "auto":
        can_stream = all(isinstance(part, ImageCache) for part in parts.values())
        streams = can_stream and size > _USABLE * free
    if streams:
        return True, f"{in_bytes(size)} of images stream from the cache; {in_bytes(free)} are free"
    return False, f"{in_bytes(size)} of images on {device}; {in_bytes(free)} were free"


def free_memory(device: torch.device) -> int:
    """Return the bytes that could be had on a device, or in the machine's memory."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return _memory.free_memory()


def _check_parts(config: TrainConfig, parts: dict[str, Images], any_size: bool) -> None:
    """Refuse parts of other classes, channels or, unless the model takes any, sizes than the
    training images'."""
    train = parts["train"]
    for name, part in parts.items():
        for what in ("classes", "channels", *(() if any_size else ("image_size",))):
            ours, theirs = getattr(train, what), getattr(part, what)
            if ours != theirs:
                raise ValueError(
                    f"{config.data}: train and {name} must have the same {what}, got {ours} and "
                    f"{theirs}"
                )


def _check_classes(config: TrainConfig, train: Images) -> None:
    """Refuse one class alone, and to hold a part of a class out that is one image."""
    assert train.labels is not None
    if len(train.classes) < 2:
        raise ValueError(
            f"{config.data} must have two classes or more, got {', '.join(train.classes)} alone; "
            "name the folder that holds a folder for each class"
        )
    counts = torch.bincount(train.labels.cpu(), minlength=len(train.classes)).tolist()
    alone = [name for name, count in zip(train.classes, counts, strict=True) if count == 1]
    if alone and config.validation > 0 and config.folds is None and not config.own_validation:
        raise ValueError(
            "a class must have two images or more, one of them held out for validation; with one "
            f"there are {', '.join(alone)}: add images, leave these classes out, or set validation "
            "to 0 (--validation 0)"
        )


def split_rows(config: TrainConfig, labels: Tensor) -> dict[str, Tensor]:
    """Return rows of the training split by the part they go to; none where all are trained on.

    Args:
        labels: [N] int64 of the training split.

    Raises:
        ValueError: as :func:`stratified_split`, :func:`k_fold`, :func:`few_shot` and
            :func:`stratified_subset`.
    """
    rows: dict[str, Tensor] = {}
    if config.folds is not None:
        parts = k_fold(labels, config.folds, config.fold, config.split_seed)
        rows = dict(zip(("train", "validation"), parts, strict=True))
    elif config.validation > 0 and not config.own_validation:
        parts = stratified_split(labels, config.validation, config.split_seed)
        rows = dict(zip(("train", "validation"), parts, strict=True))
    if config.few_shot is not None:
        kept = rows.get("train", torch.arange(len(labels)))
        rows["train"] = kept[few_shot(labels[kept], config.few_shot, config.split_seed)]
    for name, setting in (("train", "train_images"), ("validation", "val_images")):
        if getattr(config, setting) is None or (name == "validation" and config.own_validation):
            continue
        kept = rows.get(name, torch.arange(len(labels)))
        rows[name] = kept[_subset(config, setting, labels[kept])]
    return rows


def _subset(config: TrainConfig, setting: str, labels: Tensor) -> Tensor:
    """Return the :func:`stratified_subset` of a setting's size, in whose name errors are."""
    try:
        return stratified_subset(labels, getattr(config, setting), config.split_seed)
    except ValueError as error:
        raise ValueError(f"{setting}: {error}") from None
