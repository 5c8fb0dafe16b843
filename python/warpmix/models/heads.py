"""Classifiers: what turns a feature vector into logits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from torch import nn

from warpmix._numbers import as_number, check_integer, shown

DropoutPlace = Literal["hidden", "features", "both"]


def create_head(
    units: Sequence[int],
    in_features: int,
    num_classes: int,
    dropout: float = 0.0,
    dropout_at: DropoutPlace = "hidden",
    feature_norm: bool = False,
) -> nn.Sequential:
    """Build a classifier from [B, in_features] to logits [B, num_classes].

    Hidden linear layers, each with ReLU, and a linear layer of ``num_classes`` units. The Warsaw
    report's classifier has the hidden units (64, 32), that of ``cinic10-transfer`` (512,). Their
    softmax is left to the loss.

    Args:
        units: of each hidden layer, at least 1; empty: one linear layer and nothing else.
        in_features: length of the feature vector.
        num_classes: number of classes, at least 2.
        dropout: probability in [0, 1).
        dropout_at: where it acts: ``"hidden"``, after each hidden layer, on the features where
            there is none; ``"features"``, once, on the features; ``"both"``.
        feature_norm: normalise every sample's features to mean 0 and deviation 1 first: layer norm
            (Ba et al., arXiv:1607.06450) without weights.

    Raises:
        TypeError: ``units`` that are no whole numbers.
        ValueError: an unknown place, or a number out of range.
    """
    whole = isinstance(units, Sequence) and all(isinstance(count, int) for count in units)
    if not whole:
        raise TypeError(
            f"head must be numbers of hidden units, such as (64, 32), got {shown(units)}"
        )
    if any(count < 1 for count in units):
        raise ValueError(f"head must have at least 1 unit in each hidden layer, got {shown(units)}")
    check_integer("num_classes", num_classes, 2)
    if not 0.0 <= as_number("dropout", dropout) < 1.0:
        raise ValueError(f"dropout must be in [0, 1), got {dropout}")
    if dropout_at not in get_args(DropoutPlace):
        raise ValueError(f"dropout_at must be hidden, features or both, got {shown(dropout_at)}")
    layers: list[nn.Module] = []
    if feature_norm:
        layers.append(nn.LayerNorm(in_features, elementwise_affine=False))
    if dropout_at != "hidden" or not units:
        layers.append(nn.Dropout(dropout))
    for count in units:
        layers += [nn.Linear(in_features, count), nn.ReLU(inplace=True)]
        if dropout_at != "features":
            layers.append(nn.Dropout(dropout))
        in_features = count
    return nn.Sequential(*layers, nn.Linear(in_features, num_classes))
