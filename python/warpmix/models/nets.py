"""The reports' own networks: feature extractors that a head is put on."""

from __future__ import annotations

from torch import nn

_BLOCKS = 3


def vgg3(
    in_channels: int = 3,
    image_size: tuple[int, int] = (32, 32),
    width: int = 32,
    batch_norm: bool = False,
) -> tuple[nn.Sequential, int]:
    """The Warsaw report's custom CNN: three VGG blocks, then flatten.

    A block is two 3x3 convolutions of padding 1 with ReLU and a 2x2 max pooling (Simonyan and
    Zisserman, arXiv:1409.1556). The report says no more than "3 VGG blocks"; two convolutions a
    block and ``width``, 2 ``width`` and 4 ``width`` filters are our choice, which also makes the
    extractor that of Baseline-2 in the ``cifar10-baselines`` report. Biases are zero and weights
    He-normal at the start (arXiv:1502.01852).

    Args:
        in_channels: C of the images, at least 1.
        image_size: height and width of the images, each at least 8.
        width: filters of the first block.
        batch_norm: batch normalisation between each convolution and its ReLU.

    Returns:
        the extractor, from float [B, in_channels, H, W] to [B, F], and
        F = 4 width floor(H/8) floor(W/8).

    Raises:
        ValueError: an argument is out of range.
    """
    height, width_px = image_size
    shrink = 2**_BLOCKS
    if min(height, width_px) < shrink:
        raise ValueError(
            f"vgg3: image_size must be at least {shrink}x{shrink}, because each of its {_BLOCKS} "
            f"blocks halves it, got {height}x{width_px}; resize the images with image_size"
        )
    if in_channels < 1 or width < 1:
        raise ValueError(
            f"vgg3: in_channels and width must be at least 1, got {in_channels} and {width}"
        )
    layers: list[nn.Module] = []
    channels = in_channels
    for block in range(_BLOCKS):
        filters = width << block
        for _ in range(2):
            layers += _convolution(channels, filters, batch_norm)
            channels = filters
        layers.append(nn.MaxPool2d(2))
    features = channels * (height // shrink) * (width_px // shrink)
    return nn.Sequential(*layers, nn.Flatten()), features


def _convolution(in_channels: int, filters: int, batch_norm: bool) -> list[nn.Module]:
    # A bias before batch normalisation is subtracted again by its mean.
    convolution = nn.Conv2d(in_channels, filters, 3, padding=1, bias=not batch_norm)
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)
    norm = [nn.BatchNorm2d(filters)] if batch_norm else []
    return [convolution, *norm, nn.ReLU(inplace=True)]
