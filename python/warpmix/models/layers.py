"""What the reports' networks are built of, and how their weights begin."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal, get_args

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from warpmix._numbers import shown

ActivationName = Literal["relu", "leaky_relu", "sigmoid", "tanh", "gelu"]
BatchNormPlace = Literal["none", "before", "after"]
InitName = Literal["zero", "normal", "glorot", "he", "he_truncated"]

NEGATIVE_SLOPE = 0.01  # of leaky_relu: Maas et al. 2013, PyTorch's default; Keras's layer has 0.3

_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": lambda: nn.ReLU(inplace=True),
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
}
_NORMAL_STD = 0.05  # Keras's RandomNormal
_TRUNCATED_STD = 0.87962566103423978  # of a standard normal that is truncated at 2 deviations


def activation_layer(name: ActivationName, negative_slope: float = NEGATIVE_SLOPE) -> nn.Module:
    """Build a new activation layer.

    Args:
        negative_slope: of ``"leaky_relu"``, at least 0.

    Raises:
        ValueError: an unknown name, or a slope out of range.
    """
    if name not in get_args(ActivationName):
        known = ", ".join(get_args(ActivationName))
        raise ValueError(f"activation must be one of {known}, got {shown(name)}")
    if negative_slope < 0:
        raise ValueError(f"negative_slope must be at least 0, got {negative_slope}")
    if name == "leaky_relu":
        return nn.LeakyReLU(negative_slope, inplace=True)
    return _ACTIVATIONS[name]()


def convolution(
    in_channels: int,
    filters: int,
    activation: nn.Module,
    *,
    kernel: int = 3,
    stride: int = 1,
    padding: int = 1,
    batch_norm: BatchNormPlace = "none",
    dropout: float = 0.0,
) -> list[nn.Module]:
    """Build a convolution, its activation, batch norm and dropout, in their order.

    Args:
        activation: a new layer.
        kernel, stride, padding: in pixels, of both axes.
        batch_norm: before the activation (Ioffe and Szegedy, arXiv:1502.03167), after it, or none.
        dropout: probability in [0, 1), after all of them.

    Raises:
        ValueError: an unknown place of the batch norm.
    """
    if batch_norm not in get_args(BatchNormPlace):
        raise ValueError(f"batch_norm must be none, before or after, got {shown(batch_norm)}")
    # A bias right before batch normalisation is subtracted again by its mean.
    layers: list[nn.Module] = [
        nn.Conv2d(in_channels, filters, kernel, stride, padding, bias=batch_norm != "before"),
        activation,
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
        expected = "one rate" if blocks == 1 else f"one rate, or {blocks}"
        raise ValueError(f"block_dropout must be {expected} for {owner}, got {len(rates)}")
    if not all(0.0 <= rate < 1.0 for rate in rates):
        raise ValueError(f"block_dropout must be rates in [0, 1), got {tuple(rates)}")
    return tuple(rates) if len(rates) == blocks else tuple(rates) * blocks


def initialise(module: nn.Module, init: InitName) -> None:
    """Set the weights of every convolution and linear layer anew, and their biases to zero.

    Args:
        init: ``"zero"``; ``"normal"``, of deviation 0.05 as Keras's; ``"glorot"``, uniform (Glorot
            and Bengio 2010); ``"he"``, normal, fan-in (arXiv:1502.01852), as torch's
            ``kaiming_normal_``; ``"he_truncated"``, as Keras's ``he_normal``: truncated at two
            deviations, and wider, so that what is left has the deviation of ``"he"``.

    Raises:
        ValueError: an unknown name.
    """
    if init not in get_args(InitName):
        raise ValueError(f"init must be one of {', '.join(get_args(InitName))}, got {shown(init)}")
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
            case "he_truncated":
                fan_in = layer.weight[0].numel()
                std = math.sqrt(2 / fan_in) / _TRUNCATED_STD
                nn.init.trunc_normal_(layer.weight, std=std, a=-2 * std, b=2 * std)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def set_batch_norm(module: nn.Module, eps: float | None, momentum: float | None) -> None:
    """Set the constants of every batch norm in a module; None leaves them.

    Args:
        eps: added to the variances, above 0. PyTorch's default is 1e-5, Keras's 1e-3.
        momentum: weight in (0, 1] of a batch in the running statistics, PyTorch's default 0.1.
            Keras calls momentum what the statistics keep: its default of 0.99 is 0.01 here.

    Raises:
        ValueError: a number out of range.
    """
    if eps is not None and eps <= 0:
        raise ValueError(f"bn_eps must be above 0, got {eps}")
    if momentum is not None and not 0 < momentum <= 1:
        raise ValueError(f"bn_momentum must be in (0, 1], got {momentum}")
    for layer in module.modules():
        if isinstance(layer, _BatchNorm):
            layer.eps = layer.eps if eps is None else eps
            layer.momentum = layer.momentum if momentum is None else momentum
