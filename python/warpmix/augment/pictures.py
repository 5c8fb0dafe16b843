"""Images of any form as bytes [H, W, C]: what :func:`collate` and :class:`RaggedImages` take."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from warpmix._numbers import native
from warpmix._pillow import to_8_bits

_CHANNELS = (1, 3, 4)  # grey, RGB, RGBA: what tells [C, H, W] from [H, W, C]
_FORMS = "PIL images or uint8 pixels [H, W, C], [C, H, W] or [H, W]"


def as_pixels(image: Any) -> Tensor:
    """Return an image as [H, W, C] uint8, a view where it can be; see :func:`collate`.

    Raises:
        TypeError: it is no image.
        ValueError: a tensor that may be of either layout.
    """
    pixels = np.asarray(to_8_bits(image)) if isinstance(image, Image.Image) else image
    if not isinstance(pixels, np.ndarray | Tensor):
        raise TypeError(f"images must be {_FORMS}, got {type(image).__name__}")
    if pixels.dtype not in (np.uint8, torch.uint8) or pixels.ndim not in (2, 3):
        raise TypeError(
            f"images must be {_FORMS}, got {pixels.dtype} of shape {list(pixels.shape)}; leave "
            "ToTensor and Normalize out of the dataset: the pipeline does both"
        )
    if isinstance(pixels, np.ndarray):  # copied where it is read-only or flipped
        pixels = torch.from_numpy(native(pixels))
    if pixels.dim() == 2:
        return pixels[:, :, None]
    first, last = pixels.shape[0] in _CHANNELS, pixels.shape[2] in _CHANNELS
    if first and last and isinstance(image, Tensor):
        raise ValueError(
            f"an image of shape {list(pixels.shape)} may be [C, H, W] or [H, W, C]: pass a NumPy "
            "array [H, W, C] instead, such as image.permute(1, 2, 0).numpy() of [C, H, W]"
        )
    channels_first = first if first != last else isinstance(image, Tensor)
    return pixels.permute(1, 2, 0) if channels_first else pixels
