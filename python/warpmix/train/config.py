"""The settings of one training run.

:class:`TrainConfig` is the single list of settings: the YAML keys, the flags of ``warpmix train``
and the ``config.json`` of a run are all made from its fields. Importing it needs no torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    model_validator,
)

from warpmix.train import recipes

_MAX_SEED = 2**32 - 1  # of scikit-learn's splits


def _split_commas(value: Any) -> Any:
    """``"0.5,0.4,0.3"``, as typed after a flag, is the list of its parts."""
    return value.split(",") if isinstance(value, str) else value


ChannelValues = Annotated[tuple[FiniteFloat, ...], BeforeValidator(_split_commas)]


def _setting(default: Any, group: str, description: str, **limits: Any) -> Any:
    """A field with its group: the panel it is listed under in ``warpmix train --help``."""
    return Field(default, description=description, json_schema_extra={"group": group}, **limits)


class TrainConfig(BaseModel):
    """Every setting of a training run, with its unit, range and default.

    Raises:
        pydantic.ValidationError: (a ValueError) a value of the wrong type or out of range, or an
            unknown key. :func:`warpmix.train.load_config` turns it into one readable line.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: str = _setting("digits", "Data", "digits, cifar10, or a folder of images")
    root: Path | None = _setting(None, "Data", "folder that holds the data set's files")
    download: bool = _setting(False, "Data", "download the data set into --root if it is absent")
    image_size: int | None = _setting(
        None, "Data", "resize images to this many pixels a side; none: as stored", ge=8
    )
    skip_bad_images: bool = _setting(False, "Data", "leave unreadable images out, and list them")
    validation: float = _setting(
        0.2, "Data", "fraction of the training images held out, stratified by class", ge=0, lt=1
    )
    split_seed: int = _setting(
        0,
        "Data",
        "seed of that split; equal seeds give every run the same split",
        ge=0,
        le=_MAX_SEED,
    )

    model: str = _setting("vgg3", "Model", "vgg3, or any torchvision classification model")
    weights: str | None = _setting(
        None, "Model", "torchvision weights (DEFAULT, IMAGENET1K_V1, …) or a file; none: random"
    )
    frozen: bool = _setting(False, "Model", "train the classifier head alone")
    head: Literal["linear", "dense"] = _setting(
        "linear", "Model", "linear, or dense: 64 ReLU, 32 ReLU, classes"
    )
    dropout: float = _setting(0.0, "Model", "dropout rate in the head", ge=0, lt=1)

    augment: list[str | dict[str, Any]] = _setting(
        [], "Augmentation", "recipe's name or YAML file; in YAML also a list of transforms"
    )
    p: float = _setting(
        1.0,
        "Augmentation",
        "probability that an image is augmented at all; a recipe may bring its own",
        ge=0,
        le=1,
    )
    expand: float = _setting(
        0.0,
        "Augmentation",
        "append mode: every original, plus augmented copies of this fraction; 0: augment in place",
        ge=0,
    )
    mean: ChannelValues | None = _setting(
        None,
        "Augmentation",
        "mean of each channel, 0..1; none: ImageNet's with --weights, else the training images'",
    )
    std: ChannelValues | None = _setting(
        None, "Augmentation", "deviation of each channel, 0..1; none: as --mean"
    )

    epochs: int = _setting(20, "Optimisation", "epochs at most", ge=1)
    batch_size: int = _setting(128, "Optimisation", "images a step", ge=1)
    opt: Literal["sgd", "adam", "adamw"] = _setting("sgd", "Optimisation", "optimiser")
    lr: float = _setting(0.05, "Optimisation", "peak learning rate", gt=0, allow_inf_nan=False)
    momentum: float = _setting(0.9, "Optimisation", "momentum of sgd", ge=0, lt=1)
    nesterov: bool = _setting(False, "Optimisation", "Nesterov momentum for sgd")
    weight_decay: float = _setting(
        0.0,
        "Optimisation",
        "L2 penalty on all trained weights; decoupled for adamw",
        ge=0,
        allow_inf_nan=False,
    )
    sched: Literal["constant", "cosine", "onecycle"] = _setting(
        "cosine", "Optimisation", "course of the learning rate over all --epochs"
    )
    warmup_epochs: float = _setting(
        0.0, "Optimisation", "epochs of linear warm-up, before constant or cosine", ge=0
    )
    label_smoothing: float = _setting(
        0.0, "Optimisation", "share of each label spread over all classes", ge=0, lt=1
    )

    monitor: Literal["accuracy", "loss"] = _setting(
        "accuracy", "Early stopping", "validation figure that picks the best weights"
    )
    patience: int | None = _setting(
        None, "Early stopping", "stop after this many epochs without improvement; none: never", ge=1
    )
    min_delta: float = _setting(
        0.0, "Early stopping", "smallest change that counts as improvement (1 = 100 %)", ge=0
    )
    min_epochs: int = _setting(0, "Early stopping", "epochs to run before stopping early", ge=0)

    seed: int = _setting(
        0,
        "Machine",
        "seed of the weights, the order, the dropout and the augmentation",
        ge=0,
        le=_MAX_SEED,
    )
    device: Literal["auto", "cpu", "cuda"] = _setting(
        "auto", "Machine", "auto: cuda where there is one"
    )
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = _setting(
        "32-true", "Machine", "number format of the model's arithmetic; 16-mixed needs cuda"
    )
    channels_last: bool = _setting(True, "Machine", "channels-last memory format")
    threads: int | None = _setting(None, "Machine", "CPU threads; none: torch's own choice", ge=1)

    @model_validator(mode="before")
    @classmethod
    def _open_recipe(cls, values: Any) -> Any:
        """Replace a recipe's name by its contents, so that ``config.json`` stands alone."""
        if isinstance(values, dict) and isinstance(values.get("augment"), str | Path):
            recipe = recipes.read_augmentation(values["augment"])
            return {**values, **recipe, **({"p": values["p"]} if "p" in values else {})}
        return values

    @model_validator(mode="after")
    def _check_together(self) -> TrainConfig:
        """Refuse combinations that no field can refuse alone."""
        if (self.mean is None) != (self.std is None):
            raise ValueError("mean and std must be given together, or neither")
        if self.mean is not None and self.std is not None and len(self.mean) != len(self.std):
            raise ValueError(
                f"mean and std must have one value a channel, got {len(self.mean)} and "
                f"{len(self.std)}"
            )
        if self.std is not None and min(self.std) <= 0:
            raise ValueError(f"std must be above 0 for every channel, got {self.std}")
        if self.patience is not None and self.validation == 0:
            raise ValueError("patience needs validation images: set validation above 0")
        if self.sched == "onecycle" and self.warmup_epochs > 0:
            raise ValueError("warmup_epochs: onecycle has its own warm-up; use 0, or sched cosine")
        if self.nesterov and (self.opt != "sgd" or self.momentum == 0):
            raise ValueError("nesterov needs opt sgd with momentum above 0")
        return self
