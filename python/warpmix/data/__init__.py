"""Images: where they come from, which go where, and the batches they become."""

from __future__ import annotations

from .._files import default_cache
from .arrays import from_arrays, load_arrays, load_cifar101
from .cache import ImageCache, open_cache
from .cifar import load_cifar10, load_cifar100
from .cifar_images import list_cinic10, list_kaggle_cifar10
from .dataset import Dataset
from .decode import ImageFiles
from .digits import load_digits
from .folder import list_folder, load_folder
from .loader import Loader
from .sources import load, open_images
from .split import few_shot, k_fold, stratified_split
from .streamed import StreamedDataset

__all__ = [
    "Dataset",
    "ImageCache",
    "ImageFiles",
    "Loader",
    "StreamedDataset",
    "default_cache",
    "few_shot",
    "from_arrays",
    "k_fold",
    "list_cinic10",
    "list_folder",
    "list_kaggle_cifar10",
    "load",
    "load_arrays",
    "load_cifar10",
    "load_cifar100",
    "load_cifar101",
    "load_digits",
    "load_folder",
    "open_cache",
    "open_images",
    "stratified_split",
]
