"""The networks of the package itself, by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from warpmix.models import nets
from warpmix.models.airbench import airbench
from warpmix.models.layers import InitName


@dataclass(frozen=True)
class OwnNetwork:
    """How a network of the package is built.

    Attributes:
        build: from in_channels, image_size and options to the backbone and its features.
        about: where it comes from, in a few words.
        image_size: height and width if none is given.
        fixed: arguments of ``build`` that make it this network.
        init: how the weights of backbone and head begin; None: as ``build`` and the head do it.
    """

    build: Callable[..., tuple[nn.Module, int]]
    about: str
    image_size: tuple[int, int] = (32, 32)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    init: InitName | None = None

    @property
    def options(self) -> tuple[str, ...]:
        """Names of the options it takes."""
        names = inspect.signature(self.build).parameters
        return tuple(n for n in names if n not in ("in_channels", "image_size", *self.fixed))


OWN: dict[str, OwnNetwork] = {
    "vgg3": OwnNetwork(nets.vgg, "Warsaw report: three VGG blocks", fixed={"blocks": 3}),
    "vgg3_bn": OwnNetwork(
        nets.vgg, "the same with batch norm", fixed={"blocks": 3, "batch_norm": "before"}
    ),
    # Keras begins with Glorot's uniform weights, and so do the networks of that report.
    "baseline1": OwnNetwork(
        nets.vgg, "cifar10-baselines: Baseline-1", fixed={"blocks": 1}, init="glorot"
    ),
    "baseline2": OwnNetwork(
        nets.vgg, "cifar10-baselines: Baseline-2", fixed={"blocks": 3}, init="glorot"
    ),
    "cnn3": OwnNetwork(nets.cnn3, "cifar10-architectures: CNN"),
    "mlp_s": OwnNetwork(
        nets.mlp, "cifar10-architectures: MLP S", fixed={"units": (1500, 500, 100)}
    ),
    "mlp_l": OwnNetwork(
        nets.mlp,
        "cifar10-architectures: MLP L",
        fixed={"units": (2048, 1024, 512, 256, 128, 64, 32, 16)},
    ),
    "vit6": OwnNetwork(nets.vit6, "cifar10-architectures: vision transformer"),
    "fruit_cnn": OwnNetwork(nets.fruit_cnn, "fruit-transfer: CNN", (300, 300)),
    "fruit_mlp": OwnNetwork(nets.mlp, "fruit-transfer: MLP", (300, 300), {"units": (255,)}),
    "airbench": OwnNetwork(airbench, "airbench94's fast CNN"),
}


COMMON_OPTIONS = ("init", "bn_eps", "bn_momentum", "feature_norm")
"""Options of every network."""

TORCHVISION_OPTIONS = ("pooled_features",)
"""Options of torchvision's networks alone."""


def check_options(name: str, options: Mapping[str, Any]) -> None:
    """Refuse options that a network does not take.

    Raises:
        ValueError: an option that ``name`` lacks.
    """
    known = OWN[name].options if name in OWN else TORCHVISION_OPTIONS
    known += COMMON_OPTIONS
    if strange := sorted(set(options) - set(known)):
        raise ValueError(
            f"{name[:100]} has no option {', '.join(strange)}; it takes {', '.join(known)}"
        )
