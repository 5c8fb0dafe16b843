"""From settings to images: open, split, normalise, and place them in memory or not."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

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
)
from warpmix.data.sources import has_labels, list_files
from warpmix.train.config import TrainConfig

Images = Dataset | StreamedDataset
_Opened = TypeVar("_Opened")

_USABLE = 0.7  # of the free memory: the model wants some, too

# Of the images that torchvision's ImageNet weights were trained on.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Splits:
    """The images of a run, and how they are normalised.

    Attributes:
        train: what the model learns from.
        validation: held out of the training set; None with ``validation: 0``.
        test: the data set's own test split; None where its labels are unknown.
        mean, std: per channel, as fractions of 255.
        rows: rows of the data set's training split, int64 ascending, under the names of the first
            two.
        placement: where the images are, in words.
    """

    train: Images
    validation: Images | None
    test: Images | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    rows: dict[str, Tensor]
    placement: str


def load_images(config: TrainConfig, split: str) -> Dataset:
    """Load the settings' images, on the CPU; errors as :func:`warpmix.data.load`."""
    return _of_settings(load, config, split)


def open_cached(config: TrainConfig, split: str) -> ImageCache | Dataset:
    """Open the settings' images, labelled or not; errors as :func:`warpmix.data.open_images`.

    Returns:
        The cache of images that come as files, made if need be; other images in memory.
    """
    return _of_settings(open_images, config, split)


def _of_settings(function: Callable[..., _Opened], config: TrainConfig, split: str) -> _Opened:
    """Call :func:`load` or :func:`open_images`, whose arguments are the same, with settings."""
    return function(
        config.data,
        split=split,
        root=config.root,
        download=config.download,
        image_size=config.image_size,
        skip_bad_images=config.skip_bad_images,
        fit=config.fit,
        cache=config.cache_folder,
    )


def load_splits(config: TrainConfig, device: torch.device) -> Splits:
    """Open the data set and hold the validation images out, before any augmentation.

    Raises:
        ValueError: the parts differ in classes or image size, or mean and std do not fit the
            number of channels; images that are to stream, and do not come as files.
    """
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
    _check_parts(config, parts)
    train, validation, test = (parts.get(name) for name in ("train", "val", "test"))
    assert train is not None and train.labels is not None
    rows = split_rows(config, train.labels)
    if "validation" in rows:
        validation = train.subset(rows["validation"])
    train = train.subset(rows["train"]) if rows else train
    mean, std = _normalization(config, train)
    return Splits(
        train.to(device),
        None if validation is None else validation.to(device),
        None if test is None else test.to(device),
        mean,
        std,
        rows,
        placement,
    )


def _open(config: TrainConfig, split: str) -> ImageCache | Dataset:
    """Open a part of the data set: its cache where it is made of files, and they have one."""
    files = list_files(config.data, split, config.root, config.download)
    if config.cache_folder is None or files is None:
        if config.loading == "stream":
            raise ValueError(
                f"loading stream needs images that come as files, and {config.data} is in memory "
                "anyway; use loading auto"
            )
        return load_images(config, split)
    size = None if config.image_size is None else (config.image_size, config.image_size)
    return open_cache(files, config.cache_folder, size, config.skip_bad_images, config.fit)


def _placement(
    config: TrainConfig, parts: dict[str, ImageCache | Dataset], device: torch.device
) -> tuple[bool, str]:
    """Return whether the images stream, and where they are, in words."""
    size = sum(
        part.images.numel() if isinstance(part, Dataset) else int(torch.tensor(part.shape).prod())
        for part in parts.values()
    )
    free = free_memory(device)
    streams = config.loading == "stream"
    if config.loading == "auto":
        can_stream = all(isinstance(part, ImageCache) for part in parts.values())
        streams = can_stream and size > _USABLE * free
    if streams:
        return True, f"{_amount(size)} of images stream from the cache; {_amount(free)} are free"
    return False, f"{_amount(size)} of images on {device}; {_amount(free)} were free"


def free_memory(device: torch.device) -> int:
    """Return the bytes that could be had on a device, or in the machine's memory."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _amount(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def _check_parts(config: TrainConfig, parts: dict[str, Images]) -> None:
    """Refuse parts of other classes, sizes or channels than the training images'."""
    train = parts["train"]
    for name, part in parts.items():
        for what in ("classes", "image_size", "channels"):
            ours, theirs = getattr(train, what), getattr(part, what)
            if ours != theirs:
                raise ValueError(
                    f"{config.data}: train and {name} must have the same {what}, got {ours} and "
                    f"{theirs}"
                )


def split_rows(config: TrainConfig, labels: Tensor) -> dict[str, Tensor]:
    """Return rows of the training split by the part they go to; none where all are trained on.

    Args:
        labels: [N] int64 of the training split.

    Raises:
        ValueError: as :func:`stratified_split`, :func:`k_fold` and :func:`few_shot`.
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
    return rows


def _normalization(
    config: TrainConfig, train: Images
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean and std: given, ImageNet's for pretrained weights, or the images' own."""
    channels = train.channels
    if config.mean is not None and config.std is not None:
        if len(config.mean) != channels:
            raise ValueError(
                f"mean and std must have one value for each of the {channels} channels of "
                f"{config.data}, got {len(config.mean)}"
            )
        return config.mean, config.std
    if config.weights is not None and channels == len(IMAGENET_MEAN):
        return IMAGENET_MEAN, IMAGENET_STD
    return channel_statistics(train.chunks())


def channel_statistics(chunks: Iterable[Tensor]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean and standard deviation of every channel over all images.

    Counted in integers through a histogram, so neither the order of the images nor the device
    changes a bit. A channel of one value gets the deviation 1/255 instead of 0.

    Args:
        chunks: the images, uint8 [n, H, W, C] at a time; few enough at a time for an int64 copy.

    Returns:
        (mean, std), each C values, as fractions of 255.
    """
    sums: list[Tensor] = []
    for rows in chunks:
        parts = [
            torch.bincount(rows[..., channel].flatten(), minlength=256).cpu()
            for channel in range(rows.shape[-1])
        ]
        sums = [a + b for a, b in zip(sums, parts, strict=True)] if sums else parts
    counts = torch.stack(sums)
    values = torch.arange(256)
    pixels = int(counts[0].sum())
    means, deviations = [], []
    for histogram in counts:
        total = int((histogram * values).sum())
        squares = int((histogram * values * values).sum())
        mean = total / pixels
        variance = (squares * pixels - total * total) / pixels**2
        means.append(mean / 255)
        deviations.append(max(variance**0.5, 1.0) / 255)
    return tuple(means), tuple(deviations)
