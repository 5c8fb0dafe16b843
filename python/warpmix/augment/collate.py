"""Batches for a pipeline from an ordinary ``torch.utils.data.DataLoader``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["collate"]


def collate(samples: Sequence[tuple[Any, ...]]) -> tuple[Tensor, ...]:
    """Stacks (image, label) or (image, label, id) samples: a DataLoader's ``collate_fn``.

    ``DataLoader(dataset, 512, num_workers=8, collate_fn=warpmix.collate)`` over any dataset without
    transforms gives uint8 batches, a quarter of the bytes of float ones to move, and
    ``pipeline(images.cuda(), labels.cuda())`` augments and normalises them at once.

    Args:
        samples: images are PIL images, [H, W], [H, W, C] uint8 arrays, or [C, H, W] uint8 tensors
            (torchvision's ``decode_image``, ``PILToTensor``), all of one size.

    Returns:
        ([B, H, W, C] uint8, [B] int64 labels), and [B] int64 ids where the samples have them: pass
        them as ``ids=`` for augmentations that depend on neither order nor workers.

    Raises:
        TypeError: an image that is none of these.
        ValueError: images of different sizes.
    """
    images = [_as_nhwc(sample[0]) for sample in samples]
    sizes = {tuple(image.shape) for image in images}
    if len(sizes) > 1:
        raise ValueError(
            f"images of one batch must have one size, got {sorted(sizes)} (height, width, "
            "channels): resize them in the dataset, or once into a cache"
        )
    others = zip(*(sample[1:] for sample in samples), strict=True)
    return (
        torch.stack(images),
        *(torch.tensor([int(value) for value in values]) for values in others),
    )


def _as_nhwc(image: Any) -> Tensor:
    if isinstance(image, Tensor):
        channels_last = image.permute(1, 2, 0) if image.dim() == 3 else image
    else:
        channels_last = torch.from_numpy(np.array(image))  # a copy: PIL's memory is read-only
    if channels_last.dtype != torch.uint8 or channels_last.dim() not in (2, 3):
        raise TypeError(
            "images must be PIL images, [H, W(, C)] uint8 arrays or [C, H, W] uint8 tensors, "
            f"got {type(image).__name__} of {channels_last.dtype}, shape {tuple(image.shape)}; "
            "leave ToTensor and Normalize out of the dataset: the pipeline does both"
        )
    return channels_last[:, :, None] if channels_last.dim() == 2 else channels_last
