"""Mean and deviation of each channel, for ``Normalize``."""

from __future__ import annotations

import torch
from torch import Tensor

# Of the images that torchvision's ImageNet weights were trained on.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

_ROWS_AT_ONCE = 1024  # bounds the int64 copy that bincount makes


def channel_statistics(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of every channel over all images.

    Counted in integers through a histogram, so neither the order of the images nor the device
    changes a bit. A channel of one value gets the deviation 1/255 instead of 0.

    Args:
        images: uint8 [N, H, W, C].

    Returns:
        (mean, std), each C values, as fractions of 255.
    """
    channels = images.shape[-1]
    counts = torch.zeros(channels, 256, dtype=torch.int64)
    for rows in images.split(_ROWS_AT_ONCE):
        for channel in range(channels):
            counts[channel] += torch.bincount(rows[..., channel].flatten(), minlength=256).cpu()
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
