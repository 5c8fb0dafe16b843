"""The settings of the images of a run: where they are, which are used, what is made of them.

:mod:`warpmix.train.settings` adds those of the model and its training. Importing them needs no
torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat

from warpmix._files import default_cache, feature_cache

MAX_SEED = 2**32 - 1  # of scikit-learn's splits


def split_commas(value: Any) -> Any:
    """Split ``"0.5,0.4,0.3"``, as typed after a flag, into its parts."""
    return value.split(",") if isinstance(value, str) else value


ChannelValues = Annotated[tuple[FiniteFloat, ...], BeforeValidator(split_commas)]
Side = Annotated[int, Field(ge=8, le=10_000)]
"""Pixels along a side of a square."""


def _both_sides(value: Any) -> Any:
    """Turn one side of a square, or a size as typed after a flag, 224 or 192x256, into two."""
    if isinstance(value, int) and not isinstance(value, bool):
        return (value, value)
    if not isinstance(value, str):
        return value
    sides = value.split("x")
    return sides * 2 if len(sides) == 1 else sides


Size = Annotated[tuple[Side, Side], BeforeValidator(_both_sides)]
"""Height and width in pixels; one number is a square."""


def setting(default: Any, group: str, description: str, **limits: Any) -> Any:
    """Return a field with its group: its panel in ``warpmix train --help``."""
    return Field(default, description=description, json_schema_extra={"group": group}, **limits)


class ImageSettings(BaseModel):
    """The fields of :class:`warpmix.train.TrainConfig` that concern images, each checked alone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: str = setting(
        "digits", "Data", "digits, cifar10, cifar100, cinic10, kaggle-cifar10, or an image folder"
    )
    root: Path | None = setting(None, "Data", "folder that holds the data set's files")
    download: bool = setting(False, "Data", "download the data set into --root if it is absent")
    image_size: int | None = setting(
        None,
        "Data",
        "resize images to this many pixels a side when they are decoded; none: photos come to the "
        "network's --input-size when they are trained on",
        ge=8,
        le=10_000,
    )
    store_size: int | None = setting(
        None,
        "Data",
        "without --image-size: shrink image files whose shorter side is longer than this; not "
        "given: twice --input-size, unless --augment makes a size of its own; none: as they are",
        ge=8,
        le=10_000,
    )
    fit: Literal["stretch", "crop", "only"] = setting(
        "stretch", "Data", "how image files come to --image-size; only: leave other sizes out"
    )
    cache: str = setting(
        "auto", "Data", "folder for decoded image files; auto: WARPMIX_CACHE or ~/.cache; off: none"
    )
    loading: Literal["auto", "resident", "stream"] = setting(
        "auto", "Data", "images in memory, or read batch by batch; auto: by the free memory"
    )
    skip_bad_images: bool = setting(False, "Data", "leave unreadable images out, and list them")
    validation: float = setting(
        0.2, "Data", "fraction of the training images held out, stratified by class", ge=0, lt=1
    )
    own_validation: bool = setting(
        False, "Data", "validate on the data set's own part for it; replaces --validation"
    )
    split_seed: int = setting(
        0,
        "Data",
        "seed of that split; equal seeds give every run the same split",
        ge=0,
        le=MAX_SEED,
    )
    few_shot: int | None = setting(
        None, "Data", "training images of each class to keep; none: all", ge=1
    )
    train_images: int | None = setting(
        None, "Data", "training images to keep, stratified by --split-seed; none: all", ge=1
    )
    val_images: int | None = setting(
        None, "Data", "validation images to keep, as --train-images; none: all", ge=1
    )
    test_images: int | None = setting(
        None, "Data", "test images to keep, as --train-images; none: all", ge=1
    )
    folds: int | None = setting(
        None, "Data", "split into this many stratified folds; replaces --validation", ge=2
    )
    fold: int = setting(0, "Data", "which of the --folds is held out, from 0", ge=0)

    augment: list[str | dict[str, Any]] = setting(
        [],
        "Augmentation",
        "recipe's name or YAML file; in YAML also a list of transforms; not given: crops and flips "
        "of photos and of CIFAR; none: nothing",
    )
    p: float = setting(
        1.0,
        "Augmentation",
        "probability that an image is augmented at all; 1 with --expand and --variants",
        ge=0,
        le=1,
    )
    expand: float = setting(
        0.0,
        "Augmentation",
        "append mode: every original, plus augmented copies of this fraction; 0: augment in place",
        ge=0,
        le=10_000,
    )
    variants: dict[str, list[str | dict[str, Any]]] = setting(
        {},
        "Augmentation",
        "recipe's name or YAML file; in YAML also lists of transforms by name: each adds a copy of "
        "every training image, made by its list and then by --augment",
    )
    copies: Literal["each-epoch", "once"] = setting(
        "each-epoch",
        "Augmentation",
        "copies of --expand and --variants: drawn each epoch, or the same throughout a run",
    )
    mixup_off_epoch: int = setting(
        0, "Augmentation", "epochs after which images are no longer mixed; 0: never", ge=0
    )
    input_size: Side | Literal["weights"] | None = setting(
        None,
        "Augmentation",
        "side that the augmentation launch brings images to, for the model; weights: resized, "
        "centre-cropped and normalised as torchvision's weights want it; not given: of photos what "
        "--augment makes or the network was made for; none: as loaded",
    )
    resize_size: Side | None = setting(
        None,
        "Augmentation",
        "side to resize to before the centre --input-size or --test-size pixels are cut out; none: "
        "no cut",
    )
    test_size: Size | None = setting(
        None,
        "Augmentation",
        "side, or height x width, of the images that the model is validated and tested on, and "
        "predicts; none: as it is trained on",
    )
    mean: ChannelValues | None = setting(
        None,
        "Augmentation",
        "mean of each channel, 0..1; none: ImageNet's with --weights, else the training images'",
    )
    std: ChannelValues | None = setting(
        None, "Augmentation", "deviation of each channel, 0..1; none: as --mean"
    )

    feature_cache: str = setting(
        "memory",
        "Model",
        "a frozen backbone's features of images that stay the same: memory: computed once a run; "
        "off: every epoch; a folder, or auto (WARPMIX_CACHE or ~/.cache): once for all runs",
    )

    @property
    def cache_folder(self) -> Path | None:
        """Folder of the caches of decoded image files; None without any."""
        if self.cache == "off":
            return None
        return default_cache() if self.cache == "auto" else Path(self.cache)

    @property
    def feature_folder(self) -> Path | None:
        """Folder of features that runs share; None without any."""
        if self.feature_cache in ("memory", "off"):
            return None
        return feature_cache() if self.feature_cache == "auto" else Path(self.feature_cache)
