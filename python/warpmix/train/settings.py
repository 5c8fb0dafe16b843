"""Every setting of a training run: its type, unit, range and default.

The YAML keys, the flags of ``warpmix train`` and the ``config.json`` of a run are all made from
these fields. Importing them needs no torch.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from warpmix.train.image_settings import MAX_SEED, ImageSettings, setting, split_commas

Rates = Annotated[
    tuple[Annotated[float, Field(ge=0, lt=1)], ...],
    BeforeValidator(lambda rate: (rate,) if isinstance(rate, int | float) else split_commas(rate)),
]
OptimizerName = Literal["sgd", "adam", "adamw", "adamax", "nadam", "rmsprop", "adagrad", "adadelta"]


def _refuse_ftrl(value: Any) -> Any:
    """Refuse Ftrl, one of the reports' nine optimisers, and say what is nearest."""
    if value == "ftrl":
        raise ValueError(
            "one that torch has; it has no Ftrl: the nearest is adagrad with --l1, whose rates "
            "Ftrl shares and whose L1 penalty it applies lazily (McMahan et al. 2013)"
        )
    return value


Loggers = Annotated[
    tuple[Literal["csv", "tensorboard", "mlflow", "wandb"], ...],
    BeforeValidator(lambda names: () if names == "none" else split_commas(names)),
    AfterValidator(lambda names: tuple(dict.fromkeys(names))),
]
Optimizer = Annotated[OptimizerName, BeforeValidator(_refuse_ftrl)]
"""torch's optimisers that the settings know, by name."""


class Settings(ImageSettings):
    """The fields of :class:`warpmix.train.TrainConfig`, each checked alone."""

    model: str = setting(
        "vgg3", "Model", "see warpmix model list: the reports' networks and torchvision's"
    )
    weights: str | None = setting(
        None, "Model", "torchvision weights (DEFAULT, IMAGENET1K_V1, …) or a file; none: random"
    )
    frozen: bool = setting(False, "Model", "train the classifier head alone")
    unfrozen: int = setting(
        0, "Model", "with --frozen, train this many of the backbone's last layers too", ge=0
    )
    head: Literal["linear", "dense", "dense512"] = setting(
        "linear", "Model", "linear, dense (64 ReLU, 32 ReLU, classes) or dense512 (512 ReLU)"
    )
    dropout: float = setting(0.0, "Model", "dropout rate in the head", ge=0, lt=1)
    activation: Literal["relu", "leaky_relu", "sigmoid", "tanh", "gelu"] | None = setting(
        None, "Model", "of the reports' networks; none: their own"
    )
    batch_norm: Literal["none", "before", "after"] | None = setting(
        None, "Model", "before or after the activations of the reports' CNNs; none: their own"
    )
    block_dropout: Rates | None = setting(
        None, "Model", "dropout in the reports' CNNs: one rate, or one a block"
    )
    width: int | None = setting(None, "Model", "filters of the first VGG block; none: 32", ge=1)
    init: Literal["zero", "normal", "glorot", "he"] | None = setting(
        None, "Model", "first weights of what is not pretrained; none: the network's own"
    )
    tta: Literal["none", "flip", "flip-shift"] = setting(
        "none", "Model", "test-time augmentation: average over mirrored and shifted views"
    )

    epochs: int = setting(20, "Optimisation", "epochs at most", ge=1)
    batch_size: int = setting(128, "Optimisation", "images a step", ge=1)
    opt: Optimizer = setting("sgd", "Optimisation", "optimiser")
    lr: float = setting(0.05, "Optimisation", "peak learning rate", gt=0, allow_inf_nan=False)
    momentum: float = setting(0.9, "Optimisation", "momentum of sgd and rmsprop", ge=0, lt=1)
    nesterov: bool = setting(False, "Optimisation", "Nesterov momentum for sgd")
    weight_decay: float = setting(
        0.0,
        "Optimisation",
        "torch's weight decay of all trained weights; decoupled for adamw",
        ge=0,
        allow_inf_nan=False,
    )
    bias_lr: float = setting(
        1.0, "Optimisation", "factor on the learning rate of batch norm's biases", gt=0
    )
    l1: float = setting(
        0.0, "Optimisation", "factor of the sum of |w| in the loss, as Keras's L1", ge=0
    )
    l2: float = setting(
        0.0, "Optimisation", "factor of the sum of w² in the loss, as Keras's L2", ge=0
    )
    penalty: Literal["all", "head"] = setting(
        "all", "Optimisation", "where --l1 and --l2 act: on all trained kernels, or the head's"
    )
    sched: Literal["constant", "cosine", "linear", "step", "onecycle"] = setting(
        "cosine", "Optimisation", "course of the learning rate over all --epochs"
    )
    warmup_epochs: float = setting(
        0.0, "Optimisation", "epochs of linear warm-up, not for onecycle", ge=0
    )
    step_epochs: int = setting(30, "Optimisation", "epochs between the steps of step", ge=1)
    step_factor: float = setting(
        0.1, "Optimisation", "what each of these steps multiplies the rate by", gt=0, le=1
    )
    switch_epoch: int | None = setting(
        None, "Optimisation", "epochs after which another optimiser takes over; none: never", ge=1
    )
    switch_opt: Optimizer = setting("sgd", "Optimisation", "the optimiser that takes over")
    switch_lr: float | None = setting(
        None, "Optimisation", "its peak learning rate; none: --lr", gt=0, allow_inf_nan=False
    )
    label_smoothing: float = setting(
        0.0, "Optimisation", "share of each label spread over all classes", ge=0, lt=1
    )
    clip_grad: float | None = setting(
        None, "Optimisation", "largest norm of the gradient; none: no clipping", gt=0
    )
    ema: float = setting(
        0.0,
        "Optimisation",
        "decay a step of averaged weights that then count; 0: none",
        ge=0,
        lt=1,
    )

    monitor: Literal["accuracy", "loss"] = setting(
        "accuracy", "Early stopping", "validation figure that picks the best weights"
    )
    patience: int | None = setting(
        None, "Early stopping", "stop after this many epochs without improvement; none: never", ge=1
    )
    min_delta: float = setting(
        0.0, "Early stopping", "smallest change that counts as improvement (1 = 100 %)", ge=0
    )
    min_epochs: int = setting(0, "Early stopping", "epochs to run before stopping early", ge=0)

    seed: int = setting(
        0,
        "Machine",
        "seed of the weights, the order, the dropout and the augmentation",
        ge=0,
        le=MAX_SEED,
    )
    device: Literal["auto", "cpu", "cuda"] = setting(
        "auto", "Machine", "auto: cuda where there is one"
    )
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = setting(
        "32-true", "Machine", "number format of the model's arithmetic; 16-mixed needs cuda"
    )
    channels_last: bool = setting(True, "Machine", "channels-last memory format")
    torchcompile: bool = setting(False, "Machine", "compile the model with torch.compile")
    threads: int | None = setting(None, "Machine", "CPU threads; none: torch's own choice", ge=1)

    logger: Loggers = setting(
        (), "Tracking", "report to csv, tensorboard, mlflow or wandb; several with commas"
    )
    experiment: str | None = setting(
        None, "Tracking", "MLflow's experiment, W&B's project; none: their variable, or warpmix"
    )
    tracking_uri: str | None = setting(
        None, "Tracking", "MLflow's store; none: MLFLOW_TRACKING_URI, or mlflow.db where it runs"
    )

    @property
    def network_options(self) -> dict[str, Any]:
        """The options of :func:`warpmix.models.create` that are given."""
        names = ("activation", "batch_norm", "block_dropout", "width", "init")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}
