"""Where in an image a network saw its class: Grad-CAM (Selvaraju et al., arXiv:1610.02391).

For networks that end in global average pooling and one linear layer these are the class activation
maps of Zhou et al. (CVPR 2016), up to a factor.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from warpmix.models import Network


def activation_maps(network: Network, images: Tensor, classes: Tensor) -> Tensor:
    """How much each place speaks for a class.

    Args:
        network: in evaluation mode, with convolutions.
        images: [B, C, H, W] float, normalised, on the network's device.
        classes: [B] int64, the class to explain for each image.

    Returns:
        [B, H, W] float32, 0 to 1 in each image; all 0 where nothing speaks for the class.

    Raises:
        ValueError: the network has no convolutions whose maps have more than one place.
    """
    maps: list[Tensor] = []

    def keep(module: nn.Module, inputs: Any, output: Tensor) -> None:
        if output.dim() == 4 and min(output.shape[2:]) > 1:
            maps[:] = [output]  # the last one stays

    layers = [m for m in network.backbone.modules() if isinstance(m, nn.Conv2d)]
    handles = [layer.register_forward_hook(keep) for layer in layers]
    try:
        # Beginning with the images, gradients reach the layers of a frozen backbone too.
        with torch.enable_grad():
            logits = network.head(network.backbone(images.detach().requires_grad_()))
    finally:
        for handle in handles:
            handle.remove()
    if not maps or len(layers) == 1:
        raise ValueError(
            "the network must have convolutions that keep places apart to show where it looks; "
            "an MLP or a vision transformer has none"
        )
    chosen = logits.gather(1, classes[:, None]).sum()
    (gradient,) = torch.autograd.grad(chosen, maps[0])
    weighted = (gradient.mean((2, 3), keepdim=True) * maps[0]).sum(1, keepdim=True).relu()
    enlarged = interpolate(
        weighted.detach().float(), images.shape[2:], mode="bilinear", align_corners=False
    )
    highest = enlarged.amax((1, 2, 3), keepdim=True)
    return (enlarged / highest.clamp(min=torch.finfo(torch.float32).tiny)).squeeze(1)
