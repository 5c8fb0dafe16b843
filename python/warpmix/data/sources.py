"""Every source by its name: in memory, from a cache of decoded files, or streamed from it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from warpmix._files import default_cache, home_cache
from warpmix.data.arrays import CIFAR101_VERSIONS, load_arrays, load_cifar101, splits_of_arrays
from warpmix.data.cache import ImageCache, open_cache
from warpmix.data.cifar import load_cifar10, load_cifar100
from warpmix.data.cifar_images import list_cinic10, list_kaggle_cifar10
from warpmix.data.dataset import Dataset
from warpmix.data.decode import ImageFiles
from warpmix.data.digits import load_digits
from warpmix.data.folder import has_labelled_test, list_folder, load_files, splits_of_folder
from warpmix.data.images import Fit, height_and_width, resize_dataset

NAMES = (
    "digits",
    "cifar10",
    "cifar100",
    "cifar100-coarse",
    *(f"cifar10.1-{version}" for version in CIFAR101_VERSIONS),
    "cinic10",
    "kaggle-cifar10",
)
"""What :func:`load` knows by name."""

DOWNLOADABLE = ("cifar10", "cifar100", "cifar100-coarse", "cinic10")


def load(
    name_or_path: str | Path,
    split: str = "train",
    root: str | Path | None = None,
    download: bool = False,
    image_size: int | tuple[int, int] | None = None,
    skip_bad_images: bool = False,
    fit: Fit = "stretch",
    cache: str | Path | None = None,
    store_size: int | None = None,
) -> Dataset:
    """Load images by the name of their source or by the folder they lie in.

    Args:
        name_or_path: ``"digits"`` (:func:`load_digits`); ``"cifar10"`` (:func:`load_cifar10`);
            ``"cifar100"`` or, with its 20 superclasses, ``"cifar100-coarse"``
            (:func:`load_cifar100`); ``"cifar10.1-v6"`` or ``"cifar10.1-v4"``, which are test sets
            (:func:`load_cifar101`); ``"cinic10"`` (:func:`list_cinic10`); ``"kaggle-cifar10"``
            (:func:`list_kaggle_cifar10`); a ``.npz`` or ``.npy`` file (:func:`load_arrays`); or any
            folder of images (:func:`load_folder`); ``"./digits"`` is a folder of that name.
        split: ``"train"`` or ``"test"``; CINIC-10, folders and ``.npz`` files may have ``"val"``
            too.
        root: where a named source lies; default: the environment variable ``WARPMIX_DATA``, else
            ``~/.cache/warpmix``.
        download: fetch CIFAR-10, CIFAR-100 or CINIC-10 into ``root`` if it is not there.
        image_size: side, or height and width, that every image is to have.
        skip_bad_images: leave out files that cannot be decoded, and name them.
        fit: how image files of other sizes come to ``image_size``, see :func:`load_folder`.
        cache: folder to keep decoded image files in; None: decode into memory.
        store_size: of image files, see :func:`load_folder`.

    Returns:
        the images, on the CPU.

    Raises:
        FileNotFoundError: nothing of that name, or nothing in that place.
        ValueError: whatever the source refuses; see its function.
    """
    files = list_files(name_or_path, split, root, download)
    if files is not None:
        return load_files(files, image_size, skip_bad_images, fit, cache, store_size)
    dataset = _in_memory(str(name_or_path), split, root, download)
    return dataset if image_size is None else resize_dataset(dataset, height_and_width(image_size))


def open_images(
    name_or_path: str | Path,
    split: str = "train",
    root: str | Path | None = None,
    download: bool = False,
    image_size: int | tuple[int, int] | None = None,
    skip_bad_images: bool = False,
    fit: Fit = "stretch",
    cache: str | Path | None = None,
    store_size: int | None = None,
) -> ImageCache | Dataset:
    """Return the cache of a source that comes as image files, made if need be; else its data set.

    Arguments and errors as :func:`load`; without ``cache``, :func:`default_cache` is used.
    """
    files = list_files(name_or_path, split, root, download)
    if files is None:
        return load(name_or_path, split, root, download, image_size)
    size = None if image_size is None else height_and_width(image_size)
    return open_cache(files, cache or default_cache(), size, skip_bad_images, fit, store_size)


def list_files(
    name_or_path: str | Path,
    split: str = "train",
    root: str | Path | None = None,
    download: bool = False,
) -> ImageFiles | None:
    """Return a source's image files, None if it does not come as such; errors as :func:`load`."""
    source = str(name_or_path)
    if source == "cinic10":
        return list_cinic10(_place(root), split, download)
    if source == "kaggle-cifar10":
        return list_kaggle_cifar10(_place(root), split)
    if not comes_as_files(source):
        return None
    if not Path(source).is_dir():
        is_file = Path(source).is_file()
        found = "is a file; unpack it first if it is an archive" if is_file else "is no folder"
        raise FileNotFoundError(
            f"no data {source!r}, which {found}: expected one of {', '.join(map(repr, NAMES))}, a "
            "folder of images, or a .npz or .npy file"
        )
    return list_folder(source, split)


def comes_as_files(name_or_path: str | Path) -> bool:
    """Return whether a source is one of image files, which are decoded and cached."""
    source = str(name_or_path)
    if source in NAMES:
        return source in ("cinic10", "kaggle-cifar10")
    return Path(source).suffix not in (".npy", ".npz")


def splits_of(name_or_path: str | Path, root: str | Path | None = None) -> tuple[str, ...]:
    """Return the names of a source's splits, as :func:`load` takes them."""
    source = str(name_or_path)
    if source.startswith("cifar10.1-"):
        return ("test",)
    if source == "cinic10":
        return ("train", "val", "test")
    if source == "kaggle-cifar10" and not (_place(root) / "test").is_dir():
        return ("train",)
    if source not in NAMES and Path(source).is_dir():
        return splits_of_folder(Path(source))
    if _is_arrays(source):
        return splits_of_arrays(Path(source))
    return ("train", "test")


def has_labels(name_or_path: str | Path, split: str) -> bool:
    """Return whether a split is there with its labels, of a source that has training images."""
    source = str(name_or_path)
    if split == "test" and source not in NAMES and Path(source).is_dir():
        return has_labelled_test(Path(source))
    if split == "test" and _is_arrays(source):
        return "test" in splits_of_arrays(Path(source))
    return (source, split) != ("kaggle-cifar10", "test")


def _is_arrays(source: str) -> bool:
    """Return whether a source is a file of arrays that is there."""
    return Path(source).suffix in (".npy", ".npz") and Path(source).is_file()


def _in_memory(source: str, split: str, root: str | Path | None, download: bool) -> Dataset:
    if Path(source).suffix in (".npy", ".npz"):
        return load_arrays(source, split)
    if source.startswith("cifar10.1-"):
        if split != "test":
            raise ValueError(f"{source} is a test set alone, got the split {split!r}")
        return load_cifar101(_place(root), source.rpartition("-")[2])
    loaders: dict[str, Callable[[], Dataset]] = {
        "digits": lambda: load_digits(split),
        "cifar10": lambda: load_cifar10(_place(root), split, download),
        "cifar100": lambda: load_cifar100(_place(root), split, download),
        "cifar100-coarse": lambda: load_cifar100(_place(root), split, download, coarse=True),
    }
    return loaders[source]()


def _place(root: str | Path | None) -> Path:
    named = root or os.environ.get("WARPMIX_DATA")
    return Path(named) if named else home_cache("WARPMIX_DATA or --root")
