"""Images: where they come from, which go where, and the batches they become."""

from __future__ import annotations

import os
from pathlib import Path

from .cifar import load_cifar10
from .dataset import Dataset
from .digits import load_digits
from .folder import load_folder
from .images import height_and_width, resize_dataset
from .loader import Loader
from .split import few_shot, k_fold, stratified_split

__all__ = [
    "Dataset",
    "Loader",
    "few_shot",
    "k_fold",
    "load",
    "load_cifar10",
    "load_digits",
    "load_folder",
    "stratified_split",
]


def load(
    name_or_path: str | Path,
    split: str = "train",
    root: str | Path | None = None,
    download: bool = False,
    image_size: int | tuple[int, int] | None = None,
    skip_bad_images: bool = False,
) -> Dataset:
    """Images by the name of their source or by the folder they lie in.

    Args:
        name_or_path: ``"digits"`` (:func:`load_digits`), ``"cifar10"`` (:func:`load_cifar10`), or
            any folder of images (:func:`load_folder`); ``"./digits"`` is a folder of that name.
        split: ``"train"`` or ``"test"``; a folder may have ``"val"`` too.
        root: where ``"cifar10"`` lies; default: the environment variable ``WARPMIX_DATA``, else
            ``~/.cache/warpmix``.
        download: fetch ``"cifar10"`` into ``root`` if it is not there.
        image_size: side, or height and width, to resize every image to.
        skip_bad_images: leave out a folder's files that cannot be decoded, and name them.

    Returns:
        the images, on the CPU.

    Raises:
        FileNotFoundError: nothing of that name, or nothing in that place.
        ValueError: whatever the source refuses; see its function.
    """
    source = str(name_or_path)
    if source not in ("digits", "cifar10"):
        if not Path(source).is_dir():
            raise FileNotFoundError(
                f"no data {source!r}: expected 'digits', 'cifar10' or a folder of images"
            )
        return load_folder(source, split, image_size, skip_bad_images)
    if source == "digits":
        dataset = load_digits(split)
    else:
        dataset = load_cifar10(root or _default_root(), split, download)
    return dataset if image_size is None else resize_dataset(dataset, height_and_width(image_size))


def _default_root() -> Path:
    return Path(os.environ.get("WARPMIX_DATA") or Path.home() / ".cache" / "warpmix")
