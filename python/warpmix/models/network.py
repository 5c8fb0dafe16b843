"""A classifier as two parts that are trained, frozen, stored and replaced separately."""

from __future__ import annotations

from typing import Literal, TypeVar, get_args

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from warpmix._numbers import shown

Self = TypeVar("Self", bound="Network")

TestTimeAugmentation = Literal["none", "flip", "flip-shift"]
FrozenMode = Literal["eval", "train"]


class Network(nn.Module):
    """A backbone that makes features of images, and a head that makes logits of features.

    Args:
        backbone: from float [B, C, H, W] to features [B, F].
        head: from features to logits [B, num_classes].
        frozen: the backbone keeps its weights, even while the network trains.
        unfrozen: of a frozen backbone, this many of its last layers with a weight matrix or a
            convolution train after all, with the normalisation that follows them.
        tta: test-time augmentation, in evaluation mode alone. ``"flip"`` averages the
            probabilities of each image and its mirror image; ``"flip-shift"`` adds, with weight
            one half, both shifted by one pixel up and left and down and right (airbench94).
        frozen_mode: of a frozen backbone while the network trains. ``"eval"``: batch norm's
            running statistics stay and its dropout is off, so that the features of an image never
            change. ``"train"``: they move, batches are normalised by their own statistics, and
            dropout acts, which is what ``requires_grad_(False)`` alone does.

    Raises:
        ValueError: ``unfrozen`` or ``frozen_mode="train"`` without ``frozen``; more layers than
            there are; another ``tta`` or ``frozen_mode``.
    """

    def __init__(
        self,
        backbone: nn.Module,
        head: nn.Module,
        frozen: bool = False,
        unfrozen: int = 0,
        tta: TestTimeAugmentation = "none",
        frozen_mode: FrozenMode = "eval",
    ) -> None:
        super().__init__()
        if tta not in get_args(TestTimeAugmentation):
            raise ValueError(f"tta must be none, flip or flip-shift, got {shown(tta)}")
        if unfrozen and not frozen:
            raise ValueError(f"unfrozen must be 0 without frozen, got {unfrozen}")
        if frozen_mode not in get_args(FrozenMode):
            raise ValueError(f"frozen_mode must be eval or train, got {shown(frozen_mode)}")
        if frozen_mode == "train" and not frozen:
            raise ValueError("frozen_mode must be eval without frozen, got 'train'")
        if frozen:
            backbone.requires_grad_(False)
        self._thawed = _last_layers(backbone, unfrozen)
        for name in self._thawed:
            backbone.get_submodule(name).requires_grad_(True)
        self.backbone = backbone
        self.head = head
        self.frozen = frozen
        self.frozen_mode = frozen_mode
        self.tta = tta
        self.train()

    @property
    def has_constant_features(self) -> bool:
        """Whether the features of an image stay the same however long the network trains."""
        fixed = self.frozen and self.frozen_mode == "eval" and not self._thawed
        return fixed and self.tta == "none"

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [B, num_classes] of normalised images [B, C, H, W] or features [B, F]."""
        if images.dim() == 2:
            return self.head(images)
        if self.training or self.tta == "none":
            return self.head(self.backbone(images))
        views = [(images, 1.0), (images.flip(3), 1.0)]
        if self.tta == "flip-shift":
            height, width = images.shape[2:]
            padded = pad(images, (1, 1, 1, 1), mode="reflect")
            for corner in (0, 2):
                moved = padded[:, :, corner : corner + height, corner : corner + width]
                views += [(moved, 0.5), (moved.flip(3), 0.5)]
        total = sum(weight for _, weight in views)
        weighted = (
            self.head(self.backbone(view)).float().softmax(1) * (weight / total)
            for view, weight in views
        )
        return torch.stack(list(weighted)).sum(0).log()

    def train(self: Self, mode: bool = True) -> Self:
        """Set training or evaluation mode; what is frozen keeps to ``frozen_mode``."""
        super().train(mode)
        if self.frozen and self.frozen_mode == "eval":
            self.backbone.eval()
            for name in self._thawed:
                self.backbone.get_submodule(name).train(mode)
        return self

    def check_size(
        self,
        channels: int,
        height: int,
        width: int,
        setting: str = "image_size",
        remedy: str = "resize the images with another image_size, such as 224",
    ) -> None:
        """Run shapes, without numbers, through the network.

        Args:
            channels, height, width: of the images.
            setting, remedy: what gives this size, and what to do where it does not fit.

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
                f"{setting} {height}x{width} does not fit this network ({error}); {remedy}"
            ) from error
        finally:
            self.train(training)


def _last_layers(backbone: nn.Module, count: int) -> tuple[str, ...]:
    """Name the last ``count`` layers with a weight matrix, and all with weights after."""
    if count < 0:
        raise ValueError(f"unfrozen must be at least 0, got {count}")
    if count == 0:
        return ()
    own = [
        (name, [p.dim() for p in module.parameters(recurse=False)])
        for name, module in backbone.named_modules()
    ]
    layers = [i for i, (_, dims) in enumerate(own) if dims and max(dims) >= 2]
    if count > len(layers):
        raise ValueError(
            f"unfrozen must be at most {len(layers)}, the backbone's layers, got {count}"
        )
    return tuple(name for name, dims in own[layers[-count] :] if dims)
