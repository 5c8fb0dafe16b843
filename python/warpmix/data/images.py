"""One image file to RGB bytes."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageOps, UnidentifiedImageError

from warpmix._memory import MAX_SIDE, check_room
from warpmix._pillow import check_depth, to_8_bits
from warpmix._reading import InvalidFileError, in_words, quoted
from warpmix.data.dataset import Dataset

EXTENSIONS = frozenset(
    {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)
"""What is an image file by its name, in lower case; of other files the content decides."""

# Pillow knows these by their first bytes, and has no decoder of its own for them: it would start
# Ghostscript on a stranger's file, or fail.
_NOT_DECODED = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"})

_ORIENTATION, _TURNED = 0x0112, range(5, 9)  # of EXIF: those that swap height and width

MAX_PIXELS = MAX_SIDE**2
"""Pixels of an image file, at most; in all threads together, no more are decoded at a time."""

Pixels = npt.NDArray[np.uint8]  # [H, W, 3]


Fit = Literal["stretch", "crop", "only"]
"""How images of other sizes come to the one that is asked for."""


class BadImageError(InvalidFileError):
    """A file that is no whole image, or several.

    Attributes:
        paths: all of them; the message names as many as fit a screen.
    """

    paths: tuple[Path, ...] = ()


class OtherSizeError(ValueError):
    """An image of another size, where only those of one size are wanted."""


def read_image(path: Path, size: tuple[int, int] | None = None, fit: Fit = "stretch") -> Pixels:
    """Decode an image file.

    The EXIF orientation is applied; grey, palette and CMYK become RGB; alpha is dropped, as
    torchvision's ImageFolder does; 16-bit grey is divided by 257 and rounded; 32-bit pixels are
    refused, because they have no agreed range; of an animation the first frame counts.

    Args:
        path: the file.
        size: height and width to come to; None keeps the image's own.
        fit: ``"stretch"`` each axis by itself; ``"crop"``: resize until both axes cover the size,
            then cut out the centre; ``"only"``: refuse other sizes. Resizing is antialiased.

    Returns:
        [H, W, 3] uint8.

    Raises:
        OtherSizeError: with ``"only"``, the image has another size.
        BadImageError: the file is missing, empty, truncated, damaged, of no known format, or of
            32-bit, or of more than 100,000,000 pixels.
        InvalidFileError: there is not enough memory to decode it.
    """
    try:
        with open_image(path) as file, _room.taken(file.width * file.height):
            check_depth(file)
            ImageOps.exif_transpose(file, in_place=True)
            file.load()
            image = to_8_bits(file)
            image = image if image.mode == "RGB" else image.convert("RGB")
            return _fitted(image, size, fit)
    except OtherSizeError:
        raise
    except MemoryError as error:
        raise InvalidFileError(
            f"{path} could not be decoded ({in_words(error)}); make it smaller, or remove it"
        ) from error
    except Exception as error:  # Pillow's decoders raise nearly any type on damaged files
        raise BadImageError(
            f"{path} is no whole image ({type(error).__name__}: {error}); replace or remove it, or "
            "leave such files out with skip_bad_images (--skip-bad-images)"
        ) from error


def _fitted(image: Image.Image, size: tuple[int, int] | None, fit: Fit) -> Pixels:
    if size is None:
        return np.array(image)
    if fit == "only" and image.size != size[::-1]:
        raise OtherSizeError(f"{image.height}x{image.width}")
    if fit == "crop":
        return np.array(ImageOps.fit(image, size[::-1], Image.Resampling.BILINEAR))
    return np.array(_resize(image, size))


def open_image(path: Path) -> Image.Image:
    """Open an image file of any format that Pillow itself can decode, and read its header.

    Raises:
        Exception: of nearly any type, if it is none.
    """
    return Image.open(path, formats=_formats())


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Return the (height, width) of an image once its EXIF orientation is applied."""
    turned = image.getexif().get(_ORIENTATION) in _TURNED
    return (image.width, image.height) if turned else (image.height, image.width)


def header_size(path: Path) -> tuple[int, int] | BadImageError:
    """Return the (height, width) that :func:`read_image` will give, by the file's header, or what
    is wrong with it."""
    try:
        with open_image(path) as image:
            return upright_size(image)
    except Exception as error:  # as in read_image
        bad = BadImageError(str(error))
        bad.__cause__ = error
        return bad


def why_no_image(path: Path) -> str | None:
    """Return why a file is no image that can be read, by its first bytes; None: it is one."""
    try:
        with open_image(path):
            return None
    except UnidentifiedImageError:
        return "no image that Pillow can read"
    except Image.DecompressionBombError:
        return None  # an image, and an error once it is decoded
    except Exception as error:  # as in read_image
        return f"{type(error).__name__}: {error}"


@functools.cache
def _formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in Image.ID if name not in _NOT_DECODED)


class _Room:
    """The pixels that are decoded at a time: a thread waits until there is room for its image."""

    def __init__(self) -> None:
        self._free = MAX_PIXELS
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        """Hold the room of an image.

        Raises:
            ValueError: it has more pixels than are ever decoded.
        """
        if pixels > MAX_PIXELS:
            raise ValueError(f"{pixels:,} pixels, and at most {MAX_PIXELS:,} are decoded")
        with self._changed:
            self._changed.wait_for(lambda: self._free >= pixels)
            self._free -= pixels
        try:
            yield
        finally:
            with self._changed:
                self._free += pixels
                self._changed.notify_all()


_room = _Room()


def resize_dataset(dataset: Dataset, size: tuple[int, int]) -> Dataset:
    """Return the dataset with every image resized to ``size`` (height, width); itself if it fits.

    Images of one or three channels, on the CPU. Resized as files are: see :func:`read_image`.
    """
    if dataset.image_size == size:
        return dataset
    assert isinstance(dataset.images, torch.Tensor)  # only image files are of mixed sizes
    # Pillow knows a grey image as [H, W], without its channel.
    needed = len(dataset) * size[0] * size[1] * dataset.channels
    check_room(2 * needed, f"images of {size[0]}x{size[1]}", "choose a smaller image_size")
    originals = dataset.images.squeeze(-1).numpy()
    resized = np.stack([np.array(_resize(Image.fromarray(pixels), size)) for pixels in originals])
    images = torch.from_numpy(resized).view(len(dataset), *size, dataset.channels)
    return Dataset(images, dataset.labels, dataset.classes, dataset.name)


def height_and_width(image_size: int | tuple[int, int]) -> tuple[int, int]:
    """Return (height, width) from both or from the side of a square.

    Raises:
        ValueError: a side is below 1 or above 10,000.
    """
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    if min(height, width) < 1:
        raise ValueError(f"image_size must be at least 1 pixel each way, got {image_size}")
    if max(height, width) > MAX_SIDE:
        raise ValueError(
            f"image_size must be at most {MAX_SIDE:,} pixels each way, got {quoted(image_size)}"
        )
    return height, width


def _resize(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    height, width = size
    if image.size == (width, height):
        return image
    # Pillow's filters widen with the reduction: no aliasing, unlike plain bilinear sampling.
    return image.resize((width, height), Image.Resampling.BILINEAR)
