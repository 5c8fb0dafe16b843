"""Every setting of a training run: its type, unit, range and default.

The YAML keys, the flags of ``warpmix train`` and the ``config.json`` of a run are all made from
these fields. Importing them needs no torch.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from warpmix.train.image_settings import MAX_SEED, ImageSettings, setting, split_commas
from warpmix.train.optimizer_constants import USUAL_RATES

Rates = Annotated[
    tuple[Annotated[float, Field(ge=0, lt=1)], ...],
    BeforeValidator(lambda rate: (rate,) if isinstance(rate, int | float) else split_commas(rate)),
]
_HEADS = {"linear": (), "dense": (64, 32)}  # the names and the hidden units they stand for


def _hidden_units(value: Any) -> Any:
    """Turn a head's name, one number, or numbers as typed after a flag into hidden units."""
    if isinstance(value, int):
        return (value,)
    if not isinstance(value, str):
        return value
    if value in _HEADS:
        return _HEADS[value]
    if not all(part.strip().isdecimal() for part in value.split(",")):
        raise ValueError("linear, dense, or units of hidden layers such as 512 or 64,32")
    return split_commas(value)


_Units = Annotated[int, Field(ge=1, le=1_000_000)]
HiddenUnits = Annotated[tuple[_Units, ...], Field(max_length=100), BeforeValidator(_hidden_units)]
Optimizer = Literal[
    "sgd", "adam", "adamw", "adamax", "nadam", "rmsprop", "adagrad", "adadelta", "ftrl"
]
Loggers = Annotated[
    tuple[Literal["csv", "tensorboard", "mlflow", "wandb"], ...],
    BeforeValidator(lambda names: () if names == "none" else split_commas(names)),
    AfterValidator(lambda names: tuple(dict.fromkeys(names))),
]


NETWORK_OPTIONS = (
    *("activation", "negative_slope", "batch_norm", "block_dropout", "width"),
    *("encoder_layers", "attention_heads", "feed_forward"),
    *("pooled_features", "init", "bn_eps", "bn_momentum", "feature_norm"),
)
"""Settings that are options of :func:`warpmix.models.create`."""


class Settings(ImageSettings):
    """The fields of :class:`warpmix.train.TrainConfig`, each checked alone."""

    model: str = setting(
        "vgg3", "Model", "see warpmix model list: the reports' networks and torchvision's"
    )
    weights: str | None = setting(
        None, "Model", "torchvision weights (DEFAULT, IMAGENET1K_V1, …) or a file; none: random"
    )
    pooled_features: bool = setting(
        False, "Model", "torchvision's network without hidden classifier layers, pooled globally"
    )
    frozen: bool = setting(False, "Model", "train the classifier head alone")
    frozen_mode: Literal["eval", "train"] = setting(
        "eval", "Model", "train: batch norm's statistics and dropout of --frozen stay alive"
    )
    unfrozen: int = setting(
        0, "Model", "with --frozen, train this many of the backbone's last layers too", ge=0
    )
    head: HiddenUnits = setting(
        (), "Model", "units of the head's hidden layers, such as 512; linear: none; dense: 64,32"
    )
    feature_norm: bool = setting(
        False, "Model", "layer norm of the features before the head: for features of a large scale"
    )
    dropout: float = setting(0.0, "Model", "dropout rate in the head", ge=0, lt=1)
    dropout_at: Literal["hidden", "features", "both"] = setting(
        "hidden", "Model", "after each hidden layer (a linear head: before it), or before the first"
    )
    activation: Literal["relu", "leaky_relu", "sigmoid", "tanh", "gelu"] | None = setting(
        None, "Model", "of the reports' networks; none: their own"
    )
    negative_slope: float | None = setting(
        None, "Model", "of leaky_relu; none: 0.01 (Keras: 0.3)", ge=0, allow_inf_nan=False
    )
    batch_norm: Literal["none", "before", "after"] | None = setting(
        None, "Model", "before or after the activations of the reports' CNNs; none: their own"
    )
    bn_eps: float | None = setting(
        None,
        "Model",
        "added to batch norm's variances; none: the network's own (Keras: 0.001)",
        gt=0,
    )
    bn_momentum: float | None = setting(
        None,
        "Model",
        "share of a batch in batch norm's statistics; none: its own (Keras's 0.99 is 0.01)",
        gt=0,
        le=1,
    )
    block_dropout: Rates | None = setting(
        None, "Model", "dropout in the reports' networks: one rate, or one a VGG block"
    )
    width: int | None = setting(
        None, "Model", "filters of the first VGG block; none: 32", ge=1, le=65_536
    )
    encoder_layers: int | None = setting(None, "Model", "of vit6; none: 6", ge=1, le=100)
    attention_heads: int | None = setting(None, "Model", "of vit6; none: 6", ge=1)
    feed_forward: int | None = setting(
        None, "Model", "hidden units of vit6's feed-forward layers; none: 2048", ge=1, le=1_000_000
    )
    init: Literal["zero", "normal", "glorot", "he", "he_truncated"] | None = setting(
        None, "Model", "first weights of what is not pretrained; none: the network's own"
    )
    tta: Literal["none", "flip", "flip-shift"] = setting(
        "none", "Model", "test-time augmentation: average over mirrored and shifted views"
    )

    epochs: int = setting(
        30,
        "Optimisation",
        "epochs at most; auto, or not given: 30, and of more than 9,000 training images fewer, at "
        "least 5",
        ge=1,
        le=1_000_000,
    )
    batch_size: int = setting(128, "Optimisation", "images a step", ge=1)
    opt: Optimizer = setting("adamw", "Optimisation", "optimiser")
    lr: float = setting(
        USUAL_RATES["adamw"],
        "Optimisation",
        "peak learning rate; auto: found by a range test; not given: "
        + ", ".join(f"{rate:g} for {name}" for name, rate in USUAL_RATES.items() if name != "adamw")
        + ", and for the others; a tenth of it where pretrained --weights are trained",
        gt=0,
        allow_inf_nan=False,
    )
    opt_style: Literal["torch", "keras"] = setting(
        "torch", "Optimisation", "whose update rules and constants --opt has; ftrl: TensorFlow's"
    )
    momentum: float = setting(0.9, "Optimisation", "momentum of sgd and rmsprop", ge=0, lt=1)
    nesterov: bool = setting(False, "Optimisation", "Nesterov momentum for sgd")
    eps: float | None = setting(
        None, "Optimisation", "added in denominators; none: --opt-style's", gt=0
    )
    rho: float | None = setting(
        None, "Optimisation", "decay of rmsprop and adadelta; none: --opt-style's", ge=0, lt=1
    )
    beta1: float | None = setting(
        None, "Optimisation", "decay of the mean, of adam, …; none: --opt-style's", ge=0, lt=1
    )
    beta2: float | None = setting(
        None, "Optimisation", "decay of the squares, of adam, …; none: --opt-style's", ge=0, lt=1
    )
    accumulator: float | None = setting(
        None, "Optimisation", "first sum of squares, of adagrad, ftrl; none: --opt-style's", ge=0
    )
    momentum_decay: float | None = setting(
        None, "Optimisation", "of nadam's momentum; none: --opt-style's", ge=0
    )
    weight_decay: float = setting(
        0.0,
        "Optimisation",
        "of all trained weights; decoupled for adamw, ftrl and --opt-style keras",
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
    penalty: Literal["all", "head", "hidden"] = setting(
        "all", "Optimisation", "kernels that --l1 and --l2 act on; hidden: the head's but its last"
    )
    sched: Literal["constant", "cosine", "linear", "step", "onecycle"] = setting(
        "onecycle",
        "Optimisation",
        "course of the learning rate over all --epochs; with --warmup-epochs, if not given: cosine",
    )
    schedule_epochs: int | None = setting(
        None,
        "Optimisation",
        "epochs of that course, whose last rate then stays; none: --epochs",
        ge=1,
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

    monitor: Literal["accuracy", "loss", "total_loss"] = setting(
        "accuracy", "Early stopping", "validation figure that counts; total_loss: with --l1, --l2"
    )
    restore: Literal["best", "last", "improved"] = setting(
        "best", "Early stopping", "weights to end with; improved: of the last gain of --min-delta"
    )
    patience: int | None = setting(
        None, "Early stopping", "stop after this many epochs without improvement; none: never", ge=1
    )
    min_delta: float = setting(
        0.0, "Early stopping", "smallest change that counts as improvement (1 = 100 %)", ge=0
    )
    min_epochs: int = setting(0, "Early stopping", "epochs to run before stopping early", ge=0)
    on_divergence: Literal["error", "first-weights"] = setting(
        "error", "Early stopping", "what a divergence in the first epoch ends in"
    )

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
    threads: int | None = setting(
        None, "Machine", "CPU threads; none: torch's own choice", ge=1, le=1024
    )

    logger: Loggers = setting(
        (), "Tracking", "report to csv, tensorboard, mlflow or wandb; several with commas"
    )
    experiment: str | None = setting(
        None, "Tracking", "MLflow's experiment, W&B's project; none: their variable, or warpmix"
    )
    tracking_uri: str | None = setting(
        None, "Tracking", "MLflow's store; none: MLFLOW_TRACKING_URI, or mlflow.db where it runs"
    )

    automatic: tuple[Literal["augment", "epochs", "input_size", "lr", "store_size"], ...] = setting(
        (), "Machine", "settings that the run itself chooses; config.json has what it chose"
    )

    @property
    def network_options(self) -> dict[str, Any]:
        """The options of :func:`warpmix.models.create` that are given."""
        given = {name: getattr(self, name) for name in NETWORK_OPTIONS}
        return {name: v for name, v in given.items() if v is not None and v is not False}
