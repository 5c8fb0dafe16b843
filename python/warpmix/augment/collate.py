"""Batches for a pipeline from an ordinary ``torch.utils.data.DataLoader``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import default_collate

from warpmix._numbers import native, shown
from warpmix.augment.pictures import as_pixels
from warpmix.augment.ragged import Images, RaggedImages

__all__ = ["collate"]

_IMAGES = frozenset({"image", "img", "pixel_values"})
_LABELS = frozenset({"label", "labels"})
_IDS = frozenset({"id", "ids"})


@overload
def collate(samples: Sequence[Mapping[str, Any]]) -> dict[str, Any]: ...
@overload
def collate(samples: Sequence[tuple[Any, ...] | list[Any]]) -> tuple[Any, ...]: ...
@overload
def collate(
    samples: Sequence[Image.Image | npt.NDArray[np.uint8] | Tensor],
) -> Images: ...
def collate(samples: Sequence[Any]) -> Any:
    """Stack the samples of a data set into a batch: a DataLoader's ``collate_fn``.

    ``DataLoader(dataset, 512, num_workers=8, collate_fn=warpmix.collate)`` over any dataset without
    transforms gives uint8 batches, a quarter of the bytes of float ones to move, and
    ``pipeline(images.cuda(), labels.cuda())`` augments and normalises them at once.

    Args:
        samples: images; or tuples (image, label), (image, label, id) and so on; or dicts with one
            of the keys ``image``, ``img`` and ``pixel_values``, and perhaps ``label`` or
            ``labels``, ``id`` or ``ids``, and others.

            An image is a PIL image of any mode but "F" (its colours and not its palette's indices;
            16 bits are scaled to 8, alpha is dropped), or uint8 pixels: [H, W], or three
            dimensions of which the one of length 1, 3 or 4 holds the channels. If both ends have
            such a length, an array is [H, W, C] and a tensor is refused; if neither has, an array
            is [H, W, C] and a tensor [C, H, W].

            A label is a number or a vector of numbers.

    Returns:
        the batch in the form of a sample: the images, a tuple or a dict with the same keys. Images
        are [B, C, H, W] uint8 in channels_last memory, which a pipeline reads fastest, or
        :class:`RaggedImages` where their sizes differ. Labels are [B], or [B, C] where they are
        vectors: int64 if all are whole numbers by type, else float32. Ids are [B] int64: pass them
        as ``ids=`` for augmentations that depend on neither order nor workers. Other entries of a
        dict are stacked by torch's ``default_collate``.

    Raises:
        TypeError: an image, label or id that is none of these; samples of different forms.
        ValueError: images of different numbers of channels, labels of different sizes, no samples,
            an image whose layout is ambiguous.
    """
    if not isinstance(samples, Sequence) or isinstance(samples, str | bytes):
        raise TypeError(f"samples must be a list of samples, got {type(samples).__name__}")
    if len(samples) == 0:
        raise ValueError("samples must hold at least one sample, got none")
    first = samples[0]
    if isinstance(first, Mapping):
        return _collate_dicts(samples)
    if not isinstance(first, tuple | list):
        return _stack_images(samples)
    if not first or not all(isinstance(s, tuple | list) and len(s) == len(first) for s in samples):
        raise TypeError(f"samples must all be tuples of {len(first) or 1} entries, as the first is")
    images, *others = zip(*samples, strict=True)
    names = ["label", "id", *(f"entry {i} of a sample" for i in range(3, len(first)))]
    stacked = [_stack_numbers(name, values) for name, values in zip(names, others, strict=False)]
    return (_stack_images(images), *stacked)


def _collate_dicts(samples: Sequence[Any]) -> dict[str, Any]:
    keys = samples[0].keys()
    for sample in samples:
        if not isinstance(sample, Mapping) or sample.keys() != keys:
            raise TypeError(f"samples must all be dicts of {list(keys)}, as the first is")
    if not keys & _IMAGES:
        raise TypeError(
            f"samples must have a key for the image, {', '.join(sorted(_IMAGES))}; got {list(keys)}"
        )
    batch = {}
    for key in keys:
        values = [sample[key] for sample in samples]
        if key in _IMAGES:
            batch[key] = _stack_images(values)
        elif key in _LABELS | _IDS:
            batch[key] = _stack_numbers(key.rstrip("s"), values)
        else:
            batch[key] = default_collate(values)
    return batch


# ---- images -----------------------------------------------------------------------------------


def _stack_images(images: Sequence[Any]) -> Images:
    """Return [B, C, H, W] in NHWC memory, or images of mixed sizes."""
    pixels = [as_pixels(image) for image in images]
    if len({image.shape for image in pixels}) > 1:
        return RaggedImages.of_pixels(pixels)
    return torch.stack(pixels).permute(0, 3, 1, 2)


# ---- numbers ----------------------------------------------------------------------------------


def _stack_numbers(name: str, values: Sequence[Any]) -> Tensor:
    """Return [B] or [B, C]: int64 if all are whole by type, else float32."""
    needed = "a number or a vector of numbers"
    if name == "id":
        needed = "an integer, such as the sample's row number"
    wrong = f"{name} must be {needed}, got "
    for value in values:
        if isinstance(value, str | bytes):  # which torch would read as a vector of bytes
            raise TypeError(f"{wrong}{shown(value)}")
    try:
        tensors = [torch.as_tensor(native(v) if isinstance(v, np.ndarray) else v) for v in values]
    except (TypeError, ValueError, RuntimeError):
        kinds = sorted({type(value).__name__ for value in values})
        raise TypeError(f"{wrong}{', '.join(kinds)}") from None
    shapes = {tuple(tensor.shape) for tensor in tensors}
    if len(shapes) > 1:
        raise ValueError(f"{name}: all of a batch must have one shape, got {sorted(shapes)}")
    whole = not any(tensor.is_floating_point() for tensor in tensors)
    if name == "id" and not (whole and shapes == {()}):
        raise TypeError(f"{wrong}{shown(values[0])}")
    return torch.stack([tensor.to(torch.int64 if whole else torch.float32) for tensor in tensors])
