"""Pillow's image modes come to bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

_16_BITS = frozenset({None, "PNG", "PPM", "TIFF"})
"""Formats in which mode "I" is Pillow's way to hold 16 bits; None: an image that is no file."""
_BITS_PER_SAMPLE = 258  # a tag of TIFF


def check_depth(image: Image.Image) -> None:
    """Refuse pixels whose range nobody knows, where only the opened file can tell.

    Raises:
        ValueError: a file of grey pixels of 12, 32 or 64 bits.
    """
    if not image.mode.startswith("I"):
        return
    bits = 16 if image.format in _16_BITS else 32
    if image.format == "TIFF":
        (bits, *_) = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, (bits,))
    if bits != 16:
        raise ValueError(
            f"{bits}-bit grey pixels have no agreed range; scale them to 8 bits, 0..255, or to 16 "
            "bits, 0..65535, and save them as such"
        )


_STRIP = 1 << 20  # pixels


def to_8_bits(image: Image.Image) -> Image.Image:
    """Return what an image shows, in mode "L" where it is grey and in "RGB" otherwise.

    A palette's indices become its colours, a bit 0 or 255, CMYK and the like RGB. Alpha is
    dropped, as torchvision's ImageFolder does. 16-bit grey ("I;16", "I") is divided by 257 and
    rounded.

    Raises:
        ValueError: floating-point pixels (mode "F") and files of 32-bit ones: they have no agreed
            range; pixels of mode "I" outside of 0..65535.
    """
    if image.mode in ("L", "RGB"):
        return image
    if image.mode in ("1", "LA"):
        return image.convert("L")
    if image.mode.startswith("I"):  # convert() would clip instead of scale
        check_depth(image)
        return Image.fromarray(_of_16_bits(np.asarray(image)))
    if image.mode == "F":
        raise ValueError(
            "floating-point pixels (mode F) have no agreed range; bring them to [0, 255] and "
            'use image.convert("L")'
        )
    if "transparency" in image.info:  # a transparent palette entry; Pillow asks for this way
        image = image.convert("RGBA")
    return image.convert("RGB")


def _of_16_bits(pixels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return [H, W] in 0..65535 divided by 257, rounded; in strips, since wider integers take 4
    bytes a pixel."""
    low, high = (int(pixels.min()), int(pixels.max())) if pixels.size else (0, 0)
    if low < 0 or high > 65535:
        raise ValueError(
            f"grey pixels of mode I must be 16-bit ones, in 0..65535, got {low} to {high}; scale "
            "them to this range, or to 0..255 and 8 bits"
        )
    result = np.empty(pixels.shape, np.uint8)
    rows = max(_STRIP // max(pixels.shape[1], 1), 1)
    for start in range(0, len(result), rows):
        strip = pixels[start : start + rows].astype(np.uint32)
        result[start : start + rows] = (strip + 128) // 257
    return result
