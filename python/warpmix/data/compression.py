"""Images as JPEG would leave them: an augmentation that is made once, for all images."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import torch
from PIL import Image

from warpmix._numbers import as_int
from warpmix._philox import philox, uniform_below
from warpmix.augment import RaggedImages
from warpmix.data.dataset import Dataset

_STREAM = 0xFFFFFFFD  # last word of Philox's counter; see order.py


def compress_jpeg(dataset: Dataset, quality: tuple[int, int], seed: int = 0) -> Dataset:
    """Return the images after compression as JPEG by Pillow, each at a quality of its own.

    Args:
        dataset: images of one or three channels.
        quality: the lowest and the highest quality, both included, in 1..100; drawn uniformly.
        seed: in [0, 2^63); with the row of an image it decides its quality.

    Raises:
        ValueError: another number of channels, or a quality out of range.
        TypeError: a quality or the seed is no int.
    """
    low, high = (as_int("quality", each) for each in quality)
    if not 1 <= low <= high <= 100:
        raise ValueError(f"quality must be two numbers, rising, in 1..100, got {quality}")
    if dataset.channels not in (1, 3):
        raise ValueError(f"JPEG needs images of 1 or 3 channels, got {dataset.channels}")
    rows = torch.arange(len(dataset))
    zeros = torch.zeros_like(rows)
    words, *_ = philox((rows, zeros, zeros, zeros + _STREAM), as_int("seed", seed))
    qualities = low + uniform_below(words, high - low + 1)
    images = [dataset.picture(row).cpu().squeeze(-1).numpy() for row in range(len(dataset))]
    compressed = [np.empty_like(image) for image in images]

    def compress(row: int) -> None:
        buffer = io.BytesIO()
        Image.fromarray(images[row]).save(buffer, "jpeg", quality=int(qualities[row]))
        compressed[row][:] = np.asarray(Image.open(buffer))

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # Pillow works without holding the GIL
        done: Iterator[None] = pool.map(compress, range(len(images)))
        for _ in done:  # which raises what a thread raised
            pass
    made = [torch.from_numpy(image).view(*image.shape[:2], -1) for image in compressed]
    mixed = dataset.image_size is None
    joined = RaggedImages.of_pixels(made) if mixed else torch.stack(made)
    return replace(dataset, images=joined.to(dataset.device))
