"""Pillow's image modes come to bytes."""

from __future__ import annotations

import numpy as np
from PIL import Image

_STRIP = 1 << 20  # pixels


def to_8_bits(image: Image.Image) -> Image.Image:
    """Return what an image shows, in mode "L" where it is grey and in "RGB" otherwise.

    A palette's indices become its colours, a bit 0 or 255, CMYK and the like RGB. Alpha is
    dropped, as torchvision's ImageFolder does. 16-bit grey ("I;16", "I") is divided by 257 and
    rounded.

    Raises:
        ValueError: floating-point pixels (mode "F"): they have no agreed range.
    """
    if image.mode in ("L", "RGB"):
        return image
    if image.mode in ("1", "LA"):
        return image.convert("L")
    if image.mode.startswith("I"):  # convert() would clip instead of scale
        return Image.fromarray(_divide(np.asarray(image)))
    if image.mode == "F":
        raise ValueError(
            "floating-point pixels (mode F) have no agreed range; bring them to [0, 255] and "
            'use image.convert("L")'
        )
    if "transparency" in image.info:  # a transparent palette entry; Pillow asks for this way
        image = image.convert("RGBA")
    return image.convert("RGB")


def _divide(sixteen_bits: np.ndarray) -> np.ndarray:
    """Return [H, W] divided by 257, rounded, as bytes; in strips, since int64 takes 8 bytes a
    pixel."""
    result = np.empty(sixteen_bits.shape, np.uint8)
    rows = max(_STRIP // max(sixteen_bits.shape[1], 1), 1)
    for start in range(0, len(result), rows):
        strip = sixteen_bits[start : start + rows].astype(np.int64)
        result[start : start + rows] = ((strip + 128) // 257).clip(0, 255)
    return result
