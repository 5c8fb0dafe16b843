"""The reports' own networks: feature extractors that a head is put on.

Each function returns the extractor, from float [B, in_channels, H, W] to [B, F], and F.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from warpmix.models.layers import (
    ActivationName,
    BatchNormPlace,
    activation_layer,
    convolution,
    initialise,
    rates_by_block,
)


def vgg(
    in_channels: int = 3,
    image_size: tuple[int, int] = (32, 32),
    *,
    blocks: int = 3,
    width: int = 32,
    batch_norm: BatchNormPlace = "none",
    activation: ActivationName = "relu",
    block_dropout: Sequence[float] = (0.0,),
) -> tuple[nn.Sequential, int]:
    """Build VGG-like blocks, then flatten: the Warsaw report's custom CNN, and the two baselines.

    A block is two 3x3 convolutions of padding 1, each with its activation, and a 2x2 max pooling
    (Simonyan and Zisserman, arXiv:1409.1556); each block doubles the filters. The Warsaw report
    says no more than "3 VGG blocks"; ``width`` 32 is our choice there and in the baselines, whose
    figures are not legible. Biases are zero and weights He-normal at the start (arXiv:1502.01852).

    Args:
        in_channels: C of the images, at least 1.
        image_size: height and width of the images, each at least 2^blocks.
        blocks: 3, or 1 for Baseline-1 of the ``cifar10-baselines`` report.
        width: filters of the first block.
        batch_norm: ``"before"`` or ``"after"`` each activation, or ``"none"``.
        activation: ``"relu"``, ``"leaky_relu"``, ``"sigmoid"``, ``"tanh"`` or ``"gelu"``.
        block_dropout: rate of the dropout after each convolution: one, or one a block.

    Returns:
        the extractor, and F = width 2^(blocks-1) floor(H/2^blocks) floor(W/2^blocks).

    Raises:
        ValueError: an argument is out of range.
    """
    height, width_px = image_size
    shrink = 2**blocks
    if min(height, width_px) < shrink:
        raise ValueError(
            f"vgg{blocks}: image_size must be at least {shrink}x{shrink}, because each of its "
            f"{blocks} blocks halves it, got {height}x{width_px}; resize the images with image_size"
        )
    if in_channels < 1 or width < 1:
        raise ValueError(
            f"vgg{blocks}: in_channels and width must be at least 1, got {in_channels} and {width}"
        )
    layers: list[nn.Module] = []
    channels = in_channels
    for block, rate in enumerate(rates_by_block(block_dropout, blocks, f"vgg{blocks}")):
        for _ in range(2):
            layers += convolution(
                channels,
                width << block,
                activation=activation,
                batch_norm=batch_norm,
                dropout=rate,
            )
            channels = width << block
        layers.append(nn.MaxPool2d(2))
    backbone = nn.Sequential(*layers, nn.Flatten())
    initialise(backbone, "he")
    return backbone, channels * (height // shrink) * (width_px // shrink)


def cnn3(
    in_channels: int = 3,
    image_size: tuple[int, int] = (32, 32),
    *,
    batch_norm: BatchNormPlace = "none",
    activation: ActivationName = "relu",
    block_dropout: Sequence[float] = (0.0,),
) -> tuple[nn.Sequential, int]:
    """Build the CNN of the ``cifar10-architectures`` report up to its layer of 40 units.

    Three convolutions of 32, 64 and 128 filters, each with activation, 2x2 max pooling and
    2-dimensional dropout (our reading: the report may mean one pooling after all three), then
    linear layers of 512 and 40. Kernels of 3x3 and padding 1 are our choice.

    Args:
        image_size: each side at least 8.
        block_dropout: rate of the 2-dimensional dropout: one, or one a convolution.

    Raises:
        ValueError: an argument is out of range.
    """
    height, width = image_size
    if min(height, width) < 8:
        raise ValueError(
            f"cnn3: image_size must be at least 8x8, because it is halved three times, got "
            f"{height}x{width}; resize the images with image_size"
        )
    layers: list[nn.Module] = []
    channels = in_channels
    rates = rates_by_block(block_dropout, 3, "cnn3")
    for filters, rate in zip((32, 64, 128), rates, strict=True):
        layers += convolution(channels, filters, activation=activation, batch_norm=batch_norm)
        layers += [nn.MaxPool2d(2), nn.Dropout2d(rate)]
        channels = filters
    layers.append(nn.Flatten())
    features = channels * (height // 8) * (width // 8)
    for units in (512, 40):
        layers += [nn.Linear(features, units), activation_layer(activation)]
        features = units
    return nn.Sequential(*layers), features


def fruit_cnn(
    in_channels: int = 3,
    image_size: tuple[int, int] = (300, 300),
    *,
    activation: ActivationName = "relu",
    block_dropout: Sequence[float] = (0.0,),
) -> tuple[nn.Sequential, int]:
    """Build the CNN of the ``fruit-transfer`` report up to its layer of 84 units.

    It is that of PyTorch's CIFAR-10 tutorial for larger images: 6 and 16 filters of 5x5, without
    padding, each with 2x2 max pooling; dropout; linear layers of 120 and 84. The report's second
    dropout is the head's.

    Args:
        image_size: each side at least 16.
        block_dropout: one rate, of the dropout after the second pooling.

    Raises:
        ValueError: an argument is out of range.
    """
    height, width = (((side - 4) // 2 - 4) // 2 for side in image_size)
    if min(height, width) < 1:
        raise ValueError(
            f"fruit_cnn: image_size must be at least 16x16, got {image_size[0]}x{image_size[1]}; "
            "resize the images with image_size"
        )
    (rate,) = rates_by_block(block_dropout, 1, "fruit_cnn")
    layers: list[nn.Module] = []
    channels = in_channels
    for filters in (6, 16):
        layers += [nn.Conv2d(channels, filters, 5), activation_layer(activation), nn.MaxPool2d(2)]
        channels = filters
    layers += [nn.Dropout(rate), nn.Flatten()]
    features = channels * height * width
    for units in (120, 84):
        layers += [nn.Linear(features, units), activation_layer(activation)]
        features = units
    return nn.Sequential(*layers), features


def mlp(
    in_channels: int = 3,
    image_size: tuple[int, int] = (32, 32),
    *,
    units: Sequence[int] = (1500, 500, 100),
    activation: ActivationName = "relu",
) -> tuple[nn.Sequential, int]:
    """Build a flattening of the pixels and hidden linear layers of ``units``, with activations.

    The reports' MLPs end in one more linear layer, which is the head; its dropout is theirs.
    """
    features = in_channels * image_size[0] * image_size[1]
    layers: list[nn.Module] = [nn.Flatten()]
    for count in units:
        layers += [nn.Linear(features, count), activation_layer(activation)]
        features = count
    return nn.Sequential(*layers), features


def vit6(in_channels: int = 3, image_size: tuple[int, int] = (32, 32)) -> tuple[nn.Module, int]:
    """Build the vision transformer (arXiv:2010.11929) of the ``cifar10-architectures`` report.

    Six encoder layers, embedding 30, patches of 4x4. Three heads, 120 units in the feed-forward
    layers and no dropout are our choice. The network is torchvision's.

    Raises:
        ValueError: images that are not square, or of a side that 4 does not divide.
    """
    from torchvision.models import VisionTransformer  # takes a second to import

    height, width = image_size
    if height != width or height % 4:
        raise ValueError(
            f"vit6: image_size must be square and a multiple of 4, got {height}x{width}; "
            "resize the images with image_size"
        )
    network = VisionTransformer(
        height, patch_size=4, num_layers=6, num_heads=3, hidden_dim=30, mlp_dim=120
    )
    if in_channels != 3:
        network.conv_proj = nn.Conv2d(in_channels, 30, 4, stride=4)
    network.heads = nn.Identity()
    return network, 30
