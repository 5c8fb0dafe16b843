"""Mean and deviation of each channel, for ``Normalize``."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

# Of the images that torchvision's ImageNet weights were trained on.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def channel_statistics(chunks: Iterable[Tensor]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of every channel over all images.

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
