"""Predictions of images without labels, as Kaggle takes them, in bounded memory."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from warpmix._files import atomic_write
from warpmix.data import Dataset, ImageCache
from warpmix.train.device import make_fabric
from warpmix.train.model_file import load_model
from warpmix.train.prepare import evaluation_loader


def write_submission(
    path: Path,
    run: str | Path,
    images: ImageCache | Dataset,
    *,
    device: str = "auto",
    precision: str = "32-true",
    on_batch: Callable[[int], None] = lambda count: None,
) -> tuple[Tensor, tuple[str, ...]]:
    """Predict images and write a CSV with the columns ``id`` and ``label``, a class name.

    The id of an image file is its name without the extension, as Kaggle's is; images that are no
    files count from 1. Images of a cache are streamed, so memory holds a few batches of them.

    Args:
        path: the CSV, written whole or not at all.
        run: a run folder of ``warpmix train``, or its ``model.safetensors``.
        images: of the size and the number of channels that the model was trained on.
        device, precision: as :func:`warpmix.train.predict`.
        on_batch: called with the number of images after each batch.

    Returns:
        (probabilities f32 [N, classes] on the CPU, the names of the classes).

    Raises:
        FileNotFoundError, ValueError: as :func:`warpmix.train.load_model`; or the images have
            another size or other channels than the model.
    """
    model, spec = load_model(run)
    dataset = images.stream() if isinstance(images, ImageCache) else images
    if dataset.image_size != spec.image_size or dataset.channels != spec.channels:
        height, width = spec.image_size
        raise ValueError(
            f"{dataset.name} must have images of {height}x{width} pixels and {spec.channels} "
            f"channels as {run} was trained on, got {dataset.image_size[0]}x"
            f"{dataset.image_size[1]} and {dataset.channels}; load them with --image-size {height}"
        )
    fabric = make_fabric(device, precision)
    module = fabric.setup_module(model.to(memory_format=torch.channels_last)).eval()
    loader = evaluation_loader(dataset.to(fabric.device), spec, precision)
    # One tensor: small ones that are kept among large ones that are freed would leave holes that no
    # batch fits into, and memory would grow by a batch a batch.
    result, done = torch.empty(len(dataset), len(spec.classes)), 0
    with (
        torch.inference_mode(),
        atomic_write(path) as temporary,
        temporary.open("w", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", "label"])
        names = _names(images)
        for batch, _ in loader:
            rows = slice(done, done + len(batch))
            result[rows] = module(batch).float().softmax(1)
            labels = result[rows].argmax(1).tolist()
            writer.writerows((next(names), spec.classes[label]) for label in labels)
            done += len(labels)
            on_batch(len(labels))
    return result, spec.classes


def _names(images: ImageCache | Dataset) -> Iterator[str]:
    if isinstance(images, ImageCache):
        return (path.stem for path in images.image_paths())
    return map(str, range(1, len(images) + 1))
