"""Images: where they come from, which go where, and the batches they become."""

from __future__ import annotations

from warpmix._files import default_cache
from warpmix.data.arrays import from_arrays, load_arrays, load_cifar101
from warpmix.data.batches import Variant
from warpmix.data.cache import ImageCache, open_cache
from warpmix.data.cifar import load_cifar10, load_cifar100
from warpmix.data.cifar_images import list_cinic10, list_kaggle_cifar10
from warpmix.data.dataset import Dataset
from warpmix.data.decode import ImageFiles
from warpmix.data.digits import load_digits
from warpmix.data.folder import list_folder, load_folder
from warpmix.data.loader import Loader
from warpmix.data.sources import load, open_images
from warpmix.data.split import few_shot, k_fold, stratified_split, stratified_subset
from warpmix.data.streamed import StreamedDataset

__all__ = [
    "Dataset",
    "ImageCache",
    "ImageFiles",
    "Loader",
    "StreamedDataset",
    "Variant",
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
    "stratified_subset",
]
