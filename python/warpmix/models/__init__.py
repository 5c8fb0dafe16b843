"""Networks: a backbone, from torchvision or a report, with a new head."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from .heads import HeadName, create_head
from .nets import vgg3
from .network import Network
from .weights import load_backbone, read_state

__all__ = ["Network", "create"]

_VGG3_SIZE = (32, 32)


def create(
    name: str,
    num_classes: int,
    weights: str | Path | None = None,
    frozen: bool = False,
    head: HeadName = "linear",
    dropout: float = 0.0,
    image_size: int | tuple[int, int] | None = None,
    in_channels: int = 3,
) -> Network:
    """A classifier of images.

    Args:
        name: ``"vgg3"``, the Warsaw report's CNN of three VGG blocks; ``"vgg3_bn"``, the same with
            batch normalisation; or any torchvision classification network, such as ``"resnet18"``.
        num_classes: number of classes, at least 2.
        weights: of the backbone; the head is always new. None: random. Otherwise a file
            (``.pth``, ``.pt`` or ``.safetensors``) of the original network or of a
            :class:`Network`, or for torchvision's networks a name such as ``"DEFAULT"`` or
            ``"IMAGENET1K_V1"``.
        frozen: keep the backbone as it is, in evaluation mode, and train the head alone.
        head: ``"linear"`` or ``"dense"`` (64 ReLU, 32 ReLU), see :func:`create_head`.
        dropout: probability in [0, 1) in the head.
        image_size: side, or height and width, of the images. Checked if given; needed by networks
            that are built for one size: ``vgg3`` (otherwise 32), vision transformers and MaxViT
            (otherwise 224).
        in_channels: C of the images.

    Returns:
        a module from float [B, in_channels, H, W] to logits [B, num_classes].

    Raises:
        FileNotFoundError: the weights file is missing.
        ConnectionError: the weights could not be downloaded.
        ValueError: an unknown name, or an argument or weights that do not fit.
    """
    size = (image_size, image_size) if isinstance(image_size, int) else image_size
    backbone: nn.Module
    if name in ("vgg3", "vgg3_bn"):
        backbone, features = _create_vgg3(name, weights, size or _VGG3_SIZE, in_channels)
    else:
        from .backbones import create_backbone  # torchvision takes a second to import

        backbone, features = create_backbone(name, weights, size, in_channels)
    network = Network(backbone, create_head(head, features, num_classes, dropout), frozen)
    if size is not None:
        network.check_size(in_channels, *size)
    return network


def _create_vgg3(
    name: str, weights: str | Path | None, size: tuple[int, int], in_channels: int
) -> tuple[nn.Module, int]:
    backbone, features = vgg3(in_channels, size, batch_norm=name.endswith("_bn"))
    if weights is not None:
        load_backbone(backbone, read_state(Path(weights)), str(weights))
    return backbone, features
