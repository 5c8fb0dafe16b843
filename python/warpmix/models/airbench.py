"""The fast CNN of airbench94 (Jordan 2024, arXiv:2404.00498; KellerJordan/cifar10-airbench)."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

_WIDTHS = (64, 256, 256)
_PATCH = 2  # side of the patches that are whitened
_SCALE = 1 / 9  # of the logits; on the features, where a linear head makes it the same
_EPSILON = 5e-4  # added to the patches' variances
_MOMENTUM = 0.4  # of batch norm's running statistics, in PyTorch's sense
_WHITENING_IMAGES = 5000


class Airbench(nn.Sequential):
    """Whitening convolution, three groups of two convolutions, max pooling, flatten.

    The whitening convolution's weights come from the training images (:meth:`whiten`) and are not
    trained; neither are batch norm's factors. Other convolutions begin as the identity as far as
    they have channels. The original's head has no bias; ours has one.

    Args:
        in_channels: C of the images.
    """

    def __init__(self, in_channels: int) -> None:
        filters = 2 * in_channels * _PATCH**2
        layers: list[nn.Module] = [nn.Conv2d(in_channels, filters, _PATCH), nn.GELU()]
        for width in _WIDTHS:
            layers += [
                _convolution(filters, width),
                nn.MaxPool2d(2),
                _batch_norm(width),
                nn.GELU(),
                _convolution(width, width),
                _batch_norm(width),
                nn.GELU(),
            ]
            filters = width
        super().__init__(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten(), _Scaled(_SCALE))
        self[0].weight.requires_grad = False

    @torch.no_grad()
    def whiten(self, images: Tensor) -> None:
        """Set the first convolution so that its outputs on patches of ``images`` are uncorrelated.

        Args:
            images: float [N, C, H, W], normalised as in training; the first 5,000 count.
        """
        first = cast(nn.Conv2d, self[0])
        images = images[:_WHITENING_IMAGES].to(first.weight.device, torch.float32)
        patches = images.unfold(2, _PATCH, 1).unfold(3, _PATCH, 1)  # [N, C, h, w, 2, 2]
        rows = patches.permute(0, 2, 3, 1, 4, 5).reshape(-1, first.weight[0].numel()).double()
        variances, directions = torch.linalg.eigh(rows.T @ rows / len(rows))
        scaled = (directions / torch.sqrt(variances + _EPSILON)).T.flip(0)
        shape = (-1, *first.weight.shape[1:])
        first.weight.copy_(torch.cat([scaled, -scaled]).reshape(shape))


def airbench(in_channels: int = 3, image_size: tuple[int, int] = (32, 32)) -> tuple[Airbench, int]:
    """Return the extractor :class:`Airbench` and the length of its features.

    Raises:
        ValueError: a side is below 9 pixels.
    """
    if min(image_size) < 9:
        raise ValueError(
            f"airbench: image_size must be at least 9x9, got {image_size[0]}x{image_size[1]}; "
            "resize the images with image_size"
        )
    return Airbench(in_channels), _WIDTHS[-1]


class _Scaled(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, features: Tensor) -> Tensor:
        return features * self.factor


def _convolution(in_channels: int, filters: int) -> nn.Conv2d:
    layer = nn.Conv2d(in_channels, filters, 3, padding=1, bias=False)
    nn.init.dirac_(layer.weight.data[:in_channels])
    return layer


def _batch_norm(width: int) -> nn.BatchNorm2d:
    layer = nn.BatchNorm2d(width, eps=1e-12, momentum=_MOMENTUM)
    layer.weight.requires_grad = False
    return layer
