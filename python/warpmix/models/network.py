"""A classifier as two parts that are trained, frozen, stored and replaced separately."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn

Self = TypeVar("Self", bound="Network")


class Network(nn.Module):
    """A backbone that makes features of images, and a head that makes logits of features.

    Args:
        backbone: from float [B, C, H, W] to features [B, F].
        head: from features to logits [B, num_classes].
        frozen: the backbone keeps its weights and stays in evaluation mode, batch norm's running
            statistics and dropout included, even while the network trains.
    """

    def __init__(self, backbone: nn.Module, head: nn.Module, frozen: bool = False) -> None:
        super().__init__()
        self.backbone = backbone.requires_grad_(not frozen)
        self.head = head
        self.frozen = frozen
        self.train()

    def forward(self, images: Tensor) -> Tensor:
        """Logits [B, num_classes] of normalised images [B, C, H, W]."""
        return self.head(self.backbone(images))

    def train(self: Self, mode: bool = True) -> Self:
        """Set training or evaluation mode; a frozen backbone stays in evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.backbone.eval()
        return self

    def check_size(self, channels: int, height: int, width: int) -> None:
        """Run shapes, without numbers, through the network.

        Raises:
            ValueError: the network cannot take images of this size.
        """
        shapes = {
            name: tensor.to("meta")
            for name, tensor in (*self.named_parameters(), *self.named_buffers())
        }
        images = torch.empty(2, channels, height, width, device="meta")
        training = self.training
        self.eval()
        try:
            torch.func.functional_call(self, shapes, (images,))
        except (RuntimeError, ValueError, AssertionError) as error:
            raise ValueError(
                f"image_size {height}x{width} does not fit this network ({error}); "
                "resize the images with another image_size, such as 224"
            ) from error
        finally:
            self.train(training)
