"""Networks: a backbone, from torchvision or a report, with a new head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from warpmix._memory import MAX_SIDE
from warpmix.models.describe import Layer, describe
from warpmix.models.heads import DropoutPlace, create_head
from warpmix.models.layers import initialise, set_batch_norm
from warpmix.models.memory import WithinMemory
from warpmix.models.network import FrozenMode, Network, TestTimeAugmentation
from warpmix.models.registry import COMMON_OPTIONS, OWN, check_options
from warpmix.models.weights import load_backbone, read_state

__all__ = ["Layer", "Network", "create", "describe", "names"]


_MOST_LAYERS = 100  # of a head


def names() -> tuple[str, ...]:
    """Return the names of the package's own networks and of torchvision's classifiers."""
    from torchvision import models  # takes a second to import

    return (*OWN, *models.list_models(module=models))


def create(
    name: str,
    num_classes: int,
    weights: str | Path | None = None,
    frozen: bool = False,
    head: Sequence[int] = (),
    dropout: float = 0.0,
    image_size: int | tuple[int, int] | None = None,
    in_channels: int = 3,
    unfrozen: int = 0,
    tta: TestTimeAugmentation = "none",
    options: Mapping[str, Any] | None = None,
    dropout_at: DropoutPlace = "hidden",
    frozen_mode: FrozenMode = "eval",
) -> Network:
    """Build a classifier of images.

    Args:
        name: one of the package's own networks (see :mod:`warpmix.models.nets` and
            :mod:`warpmix.models.airbench`): ``"vgg3"``, ``"vgg3_bn"``, ``"baseline1"``,
            ``"baseline2"``, ``"cnn3"``, ``"mlp_s"``, ``"mlp_l"``, ``"vit6"``, ``"fruit_cnn"``,
            ``"fruit_mlp"``, ``"airbench"``; or any torchvision classification network, such as
            ``"resnet18"``.
        num_classes: number of classes, at least 2.
        weights: of the backbone; the head is always new. None: random. Otherwise a file
            (``.pth``, ``.pt`` or ``.safetensors``) of the original network or of a
            :class:`Network`, or for torchvision's networks a name such as ``"DEFAULT"`` or
            ``"IMAGENET1K_V1"``.
        frozen: keep the backbone's weights as they are, and train the head alone.
        head: units of its hidden layers, such as ``(64, 32)``; empty: one linear layer.
        dropout: probability in [0, 1) in the head.
        image_size: side, or height and width, of the images. Checked if given; needed by networks
            that are built for one size: the package's own (otherwise 32, the fruit report's 300),
            vision transformers and MaxViT (otherwise 224).
        in_channels: C of the images.
        unfrozen, tta, frozen_mode: see :class:`Network`.
        options: of the package's own networks, the keyword arguments of their functions in
            :mod:`warpmix.models.nets`, such as ``activation`` and ``batch_norm``; of
            torchvision's, ``pooled_features``, see
            :func:`warpmix.models.backbones.create_backbone`. Of any: ``init``, see
            :func:`warpmix.models.layers.initialise` (pretrained weights stay as they are), and
            ``bn_eps`` and ``bn_momentum`` of every batch norm, pretrained ones included, see
            :func:`warpmix.models.layers.set_batch_norm`, and ``feature_norm``, see
            :func:`warpmix.models.heads.create_head`.
        dropout_at: where ``dropout`` acts, see :func:`warpmix.models.heads.create_head`.

    Returns:
        a module from float [B, in_channels, H, W] to logits [B, num_classes].

    Raises:
        FileNotFoundError: the weights file is missing.
        ConnectionError: the weights could not be downloaded.
        TypeError: a ``head`` that is no sequence of whole numbers.
        ValueError: an unknown name; an argument, option or weights that do not fit; weights that
            need more memory than is free.
    """
    size = (image_size, image_size) if isinstance(image_size, int) else image_size
    if size is not None and not 1 <= min(size) <= max(size) <= MAX_SIDE:
        raise ValueError(f"image_size must be 1 to {MAX_SIDE:,} pixels each way, got {image_size}")
    chosen = dict(options or {})
    check_options(name, chosen)
    init, eps, momentum, norm = (chosen.pop(option, None) for option in COMMON_OPTIONS)
    if isinstance(head, Sequence) and len(head) > _MOST_LAYERS:
        raise ValueError(f"head must have at most {_MOST_LAYERS} hidden layers, got {len(head)}")
    with WithinMemory():
        backbone: nn.Module
        if name in OWN:
            own = OWN[name]
            init = init or own.init
            backbone, features = own.build(
                in_channels, size or own.image_size, **own.fixed, **chosen
            )
            if weights is not None:
                load_backbone(backbone, read_state(Path(weights)), str(weights))
        else:
            from warpmix.models.backbones import (
                create_backbone,  # torchvision takes a second to import
            )

            backbone, features = create_backbone(name, weights, size, in_channels, **chosen)
        set_batch_norm(backbone, eps, momentum)
        new_head = create_head(head, features, num_classes, dropout, dropout_at, bool(norm))
        if init is not None:
            for part in (new_head,) if weights is not None else (backbone, new_head):
                initialise(part, init)
        network = Network(backbone, new_head, frozen, unfrozen, tta, frozen_mode)
    if size is not None:
        network.check_size(in_channels, *size)
    return network
