"""What the reports' networks are built of, and how their weights begin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

from torch import nn

ActivationName = Literal["relu", "leaky_relu", "sigmoid", "tanh", "gelu"]
BatchNormPlace = Literal["none", "before", "after"]
InitName = Literal["zero", "normal", "glorot", "he"]

_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": lambda: nn.ReLU(inplace=True),
    "leaky_relu": lambda: nn.LeakyReLU(0.01, inplace=True),  # Maas et al. 2013
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
}
_NORMAL_STD = 0.05  # Keras's RandomNormal


def activation_layer(name: ActivationName) -> nn.Module:
    """Build a new activation layer.

    Raises:
        ValueError: an unknown name.
    """
    if name not in _ACTIVATIONS:
        raise ValueError(f"activation must be one of {', '.join(_ACTIVATIONS)}, got {name!r}")
    return _ACTIVATIONS[name]()


def convolution(
    in_channels: int,
    filters: int,
    *,
    activation: ActivationName = "relu",
    batch_norm: BatchNormPlace = "none",
    dropout: float = 0.0,
) -> list[nn.Module]:
    """Build a 3x3 convolution of padding 1, its activation, batch norm and dropout, in their order.

    Args:
        batch_norm: before the activation (Ioffe and Szegedy, arXiv:1502.03167), after it, or none.
        dropout: probability in [0, 1), after all of them.

    Raises:
        ValueError: an unknown activation or place of the batch norm.
    """
    if batch_norm not in get_args(BatchNormPlace):
        raise ValueError(f"batch_norm must be none, before or after, got {batch_norm!r}")
    # A bias right before batch normalisation is subtracted again by its mean.
    layers: list[nn.Module] = [
        nn.Conv2d(in_channels, filters, 3, padding=1, bias=batch_norm != "before"),
        activation_layer(activation),
    ]
    if batch_norm != "none":
        layers.insert(1 if batch_norm == "before" else 2, nn.BatchNorm2d(filters))
    if dropout > 0:
        layers.append(nn.Dropout(dropout))
    return layers


def rates_by_block(rates: Sequence[float], blocks: int, owner: str) -> tuple[float, ...]:
    """Return a dropout rate for each of ``blocks`` blocks, from one for all or one for each.

    Raises:
        ValueError: another number of rates, or a rate outside [0, 1).
    """
    if len(rates) not in (1, blocks):
        raise ValueError(
            f"block_dropout must be one rate, or {blocks} for {owner}, got {len(rates)}"
        )
    if not all(0.0 <= rate < 1.0 for rate in rates):
        raise ValueError(f"block_dropout must be rates in [0, 1), got {tuple(rates)}")
    return tuple(rates) if len(rates) == blocks else tuple(rates) * blocks


def initialise(module: nn.Module, init: InitName) -> None:
    """Set the weights of every convolution and linear layer anew, and their biases to zero.

    Args:
        init: ``"zero"``; ``"normal"``, of deviation 0.05 as Keras's; ``"glorot"``, uniform (Glorot
            and Bengio 2010); ``"he"``, normal, fan-in (arXiv:1502.01852).

    Raises:
        ValueError: an unknown name.
    """
    if init not in get_args(InitName):
        raise ValueError(f"init must be one of {', '.join(get_args(InitName))}, got {init!r}")
    for layer in module.modules():
        if not isinstance(layer, nn.Conv2d | nn.Linear):
            continue
        match init:
            case "zero":
                nn.init.zeros_(layer.weight)
            case "normal":
                nn.init.normal_(layer.weight, std=_NORMAL_STD)
            case "glorot":
                nn.init.xavier_uniform_(layer.weight)
            case "he":
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
