"""How stored images come to the model: their size, and their normalisation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torchvision import models

from warpmix.augment import Pipeline, from_config
from warpmix.train.config import TrainConfig

if TYPE_CHECKING:
    from warpmix.train.data import Images

# Of the images that torchvision's ImageNet weights were trained on.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocessing:
    """What a launch does with every image, augmented or not.

    Attributes:
        input_size: height and width that the model gets; None: those of the images. Given where
            these are of mixed sizes.
        keeps_proportions: of images that come to ``input_size``, whose centre is cut out; else they
            are stretched.
        by_augmentation: whether the augmentation itself brings images to ``input_size``.
        resize_size: height and width to resize to, of which the centre ``input_size`` pixels are
            cut out, or the centre ``test_size`` ones; None: the size itself.
        mean, std: per channel, as fractions of 255.
        test_size: height and width that the model gets when it is tested; None: as in training.
    """

    input_size: tuple[int, int] | None
    resize_size: tuple[int, int] | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    keeps_proportions: bool = False
    by_augmentation: bool = False
    test_size: tuple[int, int] | None = None


def preprocessing(config: TrainConfig, train: Images) -> Preprocessing:
    """Return what the settings, or their weights, say of the images.

    Mean and standard deviation are those given, those of the weights' images, or else of the
    training images themselves.

    Raises:
        ValueError: mean and std do not fit the channels; ``input_size: weights`` for a model that
            torchvision publishes no weights of; a size that is larger than what images are resized
            to before it is cut out.
    """
    of_weights = _of_weights(config) if config.input_size == "weights" else None
    channels = train.channels
    if config.mean is not None and config.std is not None:
        if len(config.mean) != channels:
            raise ValueError(
                f"mean and std must have one value for each of the {channels} channels of "
                f"{config.data}, got {len(config.mean)}"
            )
        mean, std = config.mean, config.std
    elif of_weights is not None and channels == len(of_weights.mean):
        mean, std = of_weights.mean, of_weights.std
    elif config.weights is not None and channels == len(IMAGENET_MEAN):
        mean, std = IMAGENET_MEAN, IMAGENET_STD
    else:
        mean, std = channel_statistics(train.chunks())
    size = train.image_size
    made = size_of_mixed(config, channels)
    automatic = "input_size" in config.automatic and config.image_size is None
    own, resized = sizes_for_model(config)
    if own is None and made is not None and (size is None or (automatic and made != size)):
        own = made
    if own is None and size is None:
        raise ValueError(
            f"the images of {config.data} are of mixed sizes, and augment does not bring them "
            "to one: list RandomResizedCrop, or set input_size or image_size"
        )
    test = config.test_size
    if test is not None and resized is not None and max(test) > max(resized):
        raise ValueError(
            f"test_size must be at most {max(resized)}, which the images of input_size weights are "
            f"resized to, got {test[0]}x{test[1]}; set input_size and resize_size to numbers"
        )
    keeps = size is None or (automatic and own is not None)
    by_augmentation = keeps and made is not None
    if own is not None and resized is not None and max(own) > max(resized) and not by_augmentation:
        raise ValueError(
            f"resize_size must be at least {max(own)}, the input_size that is cut out of it, got "
            f"{max(resized)}; set input_size, or resize_size to more"
        )
    return Preprocessing(own, resized, mean, std, keeps, by_augmentation, test)


def sizes_for_model(
    config: TrainConfig,
) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
    """Return the (height, width) that the settings, or their weights, want images to have, and the
    one that they are resized to before that is cut out of them; None of what they do not say.

    Raises:
        ValueError: ``input_size: weights`` for a model that torchvision publishes no weights of.
    """
    if config.input_size == "weights":
        of_weights = _of_weights(config)
        return of_weights.input_size, of_weights.resize_size
    sides = (config.input_size, config.resize_size)
    own, resized = ((side, side) if isinstance(side, int) else None for side in sides)
    return own, resized


def size_of_mixed(config: TrainConfig, channels: int) -> tuple[int, int] | None:
    """Return the (height, width) that the augmentation brings images of mixed sizes to, or None.

    Raises:
        TypeError, ValueError: a transform does not exist, or does not take its parameters.
    """
    # Erasing with the mean wants one; the size does not depend on it.
    pipeline = Pipeline(from_config(config.augment), mean=0.0, std=1.0)
    try:
        return pipeline.output_size(None, None, channels)
    except ValueError:
        return None


def _of_weights(config: TrainConfig) -> Preprocessing:
    """Return the preprocessing that torchvision publishes with weights: those of the setting or,
    where these are a file's, the model's default ones."""
    try:
        published = models.get_model_weights(config.model)
    except ValueError:
        raise ValueError(
            f"input_size weights needs one of torchvision's models, got {config.model!r}"
        ) from None
    named = config.weights in published.__members__
    chosen: Any = published[str(config.weights)] if named else published["DEFAULT"]
    transforms = chosen.transforms()
    ((crop,), (resize,)) = transforms.crop_size, transforms.resize_size
    cut = None if crop == resize else (resize, resize)
    return Preprocessing((crop, crop), cut, tuple(transforms.mean), tuple(transforms.std))


def channel_statistics(chunks: Iterable[Tensor]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean and standard deviation of every channel over all images.

    Counted in integers through a histogram, so neither the order of the images nor the device
    changes a bit. A channel of one value gets the deviation 1/255 instead of 0.

    Args:
        chunks: the images, uint8 [n, H, W, C] at a time; few enough at a time for an int64 copy.

    Returns:
        (mean, std), each C values, as fractions of 255.
    """
    sums: list[Tensor] = []
    for rows in chunks:
        parts = [
            torch.bincount(rows[..., channel].flatten(), minlength=256).cpu()
            for channel in range(rows.shape[-1])
        ]
        sums = [a + b for a, b in zip(sums, parts, strict=True)] if sums else parts
    counts = torch.stack(sums)
    values = torch.arange(256)
    pixels = int(counts[0].sum())
    means, deviations = [], []
    for histogram in counts:
        total = int((histogram * values).sum())
        squares = int((histogram * values * values).sum())
        mean = total / pixels
        variance = (squares * pixels - total * total) / pixels**2
        means.append(mean / 255)
        deviations.append(max(variance**0.5, 1.0) / 255)
    return tuple(means), tuple(deviations)
