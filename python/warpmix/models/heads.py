"""Classifiers: what turns a feature vector into logits."""

from __future__ import annotations

from typing import Literal, get_args

from torch import nn

HeadName = Literal["linear", "dense", "dense512"]

DENSE_UNITS = (64, 32)


def create_head(
    name: HeadName, in_features: int, num_classes: int, dropout: float = 0.0
) -> nn.Sequential:
    """Build a classifier from [B, in_features] to logits [B, num_classes].

    ``"linear"`` is one linear layer. ``"dense"`` is the Warsaw report's classifier: 64 units, ReLU,
    32 units, ReLU, ``num_classes`` units. ``"dense512"`` is that of the ``cinic10-transfer``
    report: 512 units, ReLU, ``num_classes`` units. Their softmax is left to the loss.

    Args:
        name: ``"linear"``, ``"dense"`` or ``"dense512"``.
        in_features: length of the feature vector.
        num_classes: number of classes, at least 2.
        dropout: probability in [0, 1) of the dropout before the linear layer and before
            ``"dense512"``, or after each hidden layer of ``"dense"``. The Warsaw report gives a
            rate and no place; the place is our choice.

    Raises:
        ValueError: an unknown name, or a number out of range.
    """
    if name not in get_args(HeadName):
        raise ValueError(f"head must be one of {', '.join(get_args(HeadName))}, got {name!r}")
    if num_classes < 2:
        raise ValueError(f"num_classes must be at least 2, got {num_classes}")
    if not 0.0 <= dropout < 1.0:
        raise ValueError(f"dropout must be in [0, 1), got {dropout}")
    layers: list[nn.Module] = []
    if name == "dense":
        for units in DENSE_UNITS:
            layers += [nn.Linear(in_features, units), nn.ReLU(inplace=True), nn.Dropout(dropout)]
            in_features = units
        return nn.Sequential(*layers, nn.Linear(in_features, num_classes))
    layers.append(nn.Dropout(dropout))
    if name == "dense512":
        layers += [nn.Linear(in_features, 512), nn.ReLU(inplace=True)]
        in_features = 512
    return nn.Sequential(*layers, nn.Linear(in_features, num_classes))
