"""What a run chooses by its images, of the settings that were not given: sizes, crops, epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from warpmix.data.sources import comes_as_files
from warpmix.models.registry import OWN
from warpmix.train.config import TrainConfig
from warpmix.train.preprocessing import size_of_mixed, sizes_for_model

if TYPE_CHECKING:
    from warpmix.train.data import Images

PHOTO_SIDE = 64
"""Pixels along a side that photos get for a network that was made for smaller images."""
_TORCHVISION_SIDE = 224  # that its networks were made for

_STORED = 2  # times as long as the model's input is the shorter side of photos that are kept
_CROP_AREA = (0.35, 1.0)  # share of a photo that a random crop shows, as fastai's min_scale
_CIFAR = ("cifar10", "cifar100", "cifar100-coarse", "cinic10", "kaggle-cifar10")
_OF_CIFAR: list[str | dict[str, Any]] = [  # airbench94's
    {"RandomCrop": {"size": None, "padding": 2, "padding_mode": "reflect"}},
    "RandomHorizontalFlip",
]
_EPOCHS, _FEWEST = 30, 5
_IMAGES = 280_000  # seen in all, in between


def settle_storage(config: TrainConfig) -> TrainConfig:
    """Return the settings with the size that photos are stored at, where none is given.

    It is twice the side of the model's input. Where the augmentation makes a size of its own, which
    may be a small part of a photo, photos are stored as they are.
    """
    if "store_size" not in config.automatic or config.store_size is not None:
        return config
    side = None
    makes_size = bool(config.augment) and size_of_mixed(config, 3) is not None
    if comes_as_files(config.data) and config.image_size is None and not makes_size:
        wanted = (*sizes_for_model(_with_input(config)), config.test_size)
        sizes = [size for size in wanted if size is not None]
        side = _STORED * max(map(max, sizes)) if sizes else None
    return config.model_copy(update={"store_size": side})


def settle(config: TrainConfig, train: Images) -> TrainConfig:
    """Return the settings with what was not given: input size, augmentation and epochs.

    Photos, which are images of mixed sizes or larger than the network needs, come to one size: by
    the augmentation if it makes one, else to that of ``weights``, else to 224 pixels a side for
    torchvision's networks and ``PHOTO_SIDE`` for the package's own. Without an augmentation random
    crops of them are trained on, mirrored or not; so are CIFAR's images, moved by two pixels. What
    was chosen before stays.

    Args:
        train: the images that are trained on.
    """
    chosen: dict[str, Any] = {}
    if "epochs" in config.automatic and config.epochs == _EPOCHS:
        chosen["epochs"] = min(max(round(_IMAGES / len(train)), _FEWEST), _EPOCHS)
    size = train.image_size
    is_photos = config.image_size is None and (size is None or min(size) > _side(config))
    is_augmented = bool(config.augment)
    makes_size = is_augmented and size_of_mixed(config, train.channels) is not None
    if is_photos and not makes_size:
        chosen["input_size"] = _with_input(config).input_size
    if not is_photos and "store_size" in config.automatic:
        chosen["store_size"] = None  # which changes nothing
    settled = config.model_copy(update=chosen)
    if "augment" in config.automatic and not is_augmented:
        listed: list[str | dict[str, Any]] = []
        own, _ = sizes_for_model(settled)
        may_augment = _may_augment(settled)
        if may_augment and is_photos and own is not None:
            crop = {"size": own[0], "scale": list(_CROP_AREA)}
            listed = [{"RandomResizedCrop": crop}, "RandomHorizontalFlip"]
        elif may_augment and config.data in _CIFAR:
            listed = _OF_CIFAR
        settled = settled.model_copy(update={"augment": listed})
    return settled


def chosen_in_words(config: TrainConfig) -> list[str]:
    """Return the settings that the run chose, in words, in one line; nothing if there are none."""
    values = {
        "lr": f"{config.lr:g}",
        "epochs": str(config.epochs),
        "input_size": str(config.input_size or ""),
        "augment": ", ".join(e if isinstance(e, str) else next(iter(e)) for e in config.augment),
    }
    words = [f"{name} {v}" for name, v in values.items() if v and name in config.automatic]
    return [f"chosen, as not given: {'; '.join(words)}"] if words else []


def _with_input(config: TrainConfig) -> TrainConfig:
    """Return the settings with an input size for photos, where none is given."""
    if "input_size" not in config.automatic or config.input_size is not None:
        return config
    pretrained = config.weights is not None and config.model not in OWN
    return config.model_copy(update={"input_size": "weights" if pretrained else _side(config)})


def _side(config: TrainConfig) -> int:
    """Return the side of the images that the settings' network was made for."""
    if config.model in OWN:
        return max(PHOTO_SIDE, *OWN[config.model].image_size)
    return _TORCHVISION_SIDE


def _may_augment(config: TrainConfig) -> bool:
    """Return whether images are augmented unasked: not if copies or a share of them are asked for,
    or if the features of a frozen network are to stay the same."""
    return not (config.expand or config.variants or config.frozen or config.p < 1)
