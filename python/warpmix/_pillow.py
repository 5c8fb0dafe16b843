"""Pillow's image modes come to bytes."""

from __future__ import annotations

import numpy as np
from PIL import Image


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
        sixteen_bits = np.asarray(image, dtype=np.int64)
        return Image.fromarray(((sixteen_bits + 128) // 257).clip(0, 255).astype(np.uint8))
    if image.mode == "F":
        raise ValueError(
            "floating-point pixels (mode F) have no agreed range; bring them to [0, 255] and "
            'use image.convert("L")'
        )
    if "transparency" in image.info:  # a transparent palette entry; Pillow asks for this way
        image = image.convert("RGBA")
    return image.convert("RGB")
