"""The reports' own networks: feature extractors that a head is put on.

Each function returns the extractor, from float [B, in_channels, H, W] to [B, F], and F.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import nn

from warpmix.models.layers import (
    NEGATIVE_SLOPE,
    ActivationName,
    BatchNormPlace,
    activation_layer,
    convolution,
    initialise,
    rates_by_block,
)

_MOST_LAYERS = 100


def vgg(
    in_channels: int = 3,
    image_size: tuple[int, int] = (32, 32),
    *,
    blocks: int = 3,
    width: int = 32,
    batch_norm: BatchNormPlace = "none",
    activation: ActivationName = "relu",
    negative_slope: float = NEGATIVE_SLOPE,
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
        negative_slope: of ``"leaky_relu"``, at least 0.
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
                activation_layer(activation, negative_slope),
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
    negative_slope: float = NEGATIVE_SLOPE,
    block_dropout: Sequence[float] = (0.0,),
) -> tuple[nn.Sequential, int]:
    """Build the CNN of the ``cifar10-architectures`` report up to its layer of 40 units.

    Three 3x3 convolutions of 32, 64 and 128 filters, stride 2 and padding 1, each with activation;
    one 2x2 max pooling; 2-dimensional dropout; linear layers of 512 and 40. What the report leaves
    open is as in its authors' code, which has 376,834 parameters. The pooling keeps what is left
    over of odd sides, so that 8x8 images fit; for 32x32 nothing is.

    Args:
        image_size: each side at least 1.
        negative_slope: as in :func:`vgg`.
        block_dropout: one rate, of the 2-dimensional dropout.

    Raises:
        ValueError: an argument is out of range.
    """
    (rate,) = rates_by_block(block_dropout, 1, "cnn3")
    layers: list[nn.Module] = []
    channels = in_channels
    for filters in (32, 64, 128):
        layers += convolution(
            channels,
            filters,
            activation_layer(activation, negative_slope),
            stride=2,
            batch_norm=batch_norm,
        )
        channels = filters
    layers += [nn.MaxPool2d(2, ceil_mode=True), nn.Dropout2d(rate), nn.Flatten()]
    features = channels * math.prod(math.ceil(side / 16) for side in image_size)
    return _with_units(layers, features, (512, 40), activation, negative_slope)


def fruit_cnn(
    in_channels: int = 3,
    image_size: tuple[int, int] = (300, 300),
    *,
    batch_norm: BatchNormPlace = "none",
    activation: ActivationName = "relu",
    negative_slope: float = NEGATIVE_SLOPE,
    block_dropout: Sequence[float] = (0.0,),
) -> tuple[nn.Sequential, int]:
    """Build the CNN of the ``fruit-transfer`` report up to its layer of 84 units.

    It is that of PyTorch's CIFAR-10 tutorial for larger images: 6 and 16 filters of 5x5, without
    padding, each with 2x2 max pooling; dropout; linear layers of 120 and 84. The report's second
    dropout, before the last layer, is the head's: its author's code has the rates 0.25 and 0.5.

    Args:
        image_size: each side at least 16.
        batch_norm: of the convolutions, as in :func:`vgg`; the report's future work.
        negative_slope: as in :func:`vgg`.
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
        layers += convolution(
            channels,
            filters,
            activation_layer(activation, negative_slope),
            kernel=5,
            padding=0,
            batch_norm=batch_norm,
        )
        layers.append(nn.MaxPool2d(2))
        channels = filters
    layers += [nn.Dropout(rate), nn.Flatten()]
    return _with_units(layers, channels * height * width, (120, 84), activation, negative_slope)


def mlp(
    in_channels: int = 3,
    image_size: tuple[int, int] = (32, 32),
    *,
    units: Sequence[int] = (1500, 500, 100),
    activation: ActivationName = "relu",
    negative_slope: float = NEGATIVE_SLOPE,
) -> tuple[nn.Sequential, int]:
    """Build a flattening of the pixels and hidden linear layers of ``units``, with activations.

    The reports' MLPs end in one more linear layer, which is the head; its dropout is theirs.
    """
    features = in_channels * math.prod(image_size)
    return _with_units([nn.Flatten()], features, units, activation, negative_slope)


def vit6(
    in_channels: int = 3,
    image_size: tuple[int, int] = (32, 32),
    *,
    encoder_layers: int = 6,
    attention_heads: int = 6,
    feed_forward: int = 2048,
    block_dropout: Sequence[float] = (0.1,),
) -> tuple[nn.Module, int]:
    """Build the vision transformer (arXiv:2010.11929) of the ``cifar10-architectures`` report.

    Six encoder layers, embedding 30, patches of 4x4. Heads, feed-forward units and dropout are
    those of the authors' code. That code has one encoder layer, its 6 being the heads alone:
    ``encoder_layers`` of 1. The network is torchvision's, which normalises before attention and
    feed-forward layers and has GELU, as the paper; the authors' layers are PyTorch's, which
    normalise after them and have ReLU.

    Args:
        image_size: both sides alike, a multiple of 4.
        encoder_layers: 1 to 100.
        attention_heads: a divisor of 30.
        feed_forward: units of the hidden layer of each feed-forward part, at least 1.
        block_dropout: one rate, of the dropout in the encoder layers: on attention, and after
            attention and both linear layers. There is none on the embedding.

    Raises:
        ValueError: an argument is out of range.
    """
    from torchvision.models import VisionTransformer  # takes a second to import

    height, width = image_size
    if height != width or height % 4:
        raise ValueError(
            f"vit6: image_size must be square and a multiple of 4, got {height}x{width}; "
            "resize the images with image_size"
        )
    if min(encoder_layers, feed_forward) < 1 or encoder_layers > _MOST_LAYERS:
        raise ValueError(
            f"vit6: encoder_layers must be 1 to {_MOST_LAYERS} and feed_forward at least 1, got "
            f"{encoder_layers} and {feed_forward}"
        )
    if attention_heads < 1 or 30 % attention_heads:
        raise ValueError(f"vit6: attention_heads must divide 30, got {attention_heads}")
    (rate,) = rates_by_block(block_dropout, 1, "vit6")
    network = VisionTransformer(
        height,
        patch_size=4,
        num_layers=encoder_layers,
        num_heads=attention_heads,
        hidden_dim=30,
        mlp_dim=feed_forward,
        dropout=rate,
        attention_dropout=rate,
    )
    network.encoder.dropout = nn.Identity()
    if in_channels != 3:
        network.conv_proj = nn.Conv2d(in_channels, 30, 4, stride=4)
    network.heads = nn.Identity()
    return network, 30


def _with_units(
    layers: list[nn.Module],
    features: int,
    units: Sequence[int],
    activation: ActivationName,
    negative_slope: float,
) -> tuple[nn.Sequential, int]:
    """Return layers with hidden linear layers behind them, and the units of the last one."""
    for count in units:
        layers += [nn.Linear(features, count), activation_layer(activation, negative_slope)]
        features = count
    return nn.Sequential(*layers), features
