"""Labels of mixed samples: a pair and its λ, never a one-hot unless asked for."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from warpmix._memory import MAX_CLASSES
from warpmix._numbers import as_number, check_integer, shown

__all__ = ["Targets"]


class Targets(NamedTuple):
    """What a batch is to be learnt as: ``lam`` of ``y_a`` and ``1 - lam`` of ``y_b``.

    Attributes:
        y_a: [B] own class numbers of any integer dtype, or [B, C] float soft labels.
        y_b: the same of the mix partners; equal to ``y_a`` where nothing was mixed.
        lam: [B] float in [0, 1], the weight of ``y_a``.
    """

    y_a: Tensor
    y_b: Tensor
    lam: Tensor

    @property
    def soft(self) -> bool:
        """Whether the labels are distributions over the classes instead of class numbers."""
        return self.y_a.is_floating_point()

    def to(
        self,
        device: torch.device | str | int | None = None,
        dtype: torch.dtype | None = None,
        non_blocking: bool = False,
    ) -> Targets:
        """Return the targets on another device, as ``Tensor.to`` does.

        Args:
            device: None keeps the device.
            dtype: of the floating parts alone, as in ``nn.Module.to``; None keeps it.
            non_blocking: copy from pinned memory without waiting for the copy.
        """

        def moved(part: Tensor) -> Tensor:
            kept = dtype if dtype is not None and part.is_floating_point() else part.dtype
            place = part.device if device is None else device
            return part.to(device=place, dtype=kept, non_blocking=non_blocking)

        return Targets(*(moved(part) for part in self))

    def to_onehot(self, num_classes: int, smoothing: float = 0.0) -> Tensor:
        """Return [B, num_classes] float32 rows, smoothed as ``F.cross_entropy`` smooths.

        Rows of class numbers sum to 1; rows of soft labels to what the labels sum to.

        Raises:
            TypeError: arguments that are no numbers.
            ValueError: num_classes below 1, smoothing outside [0, 1], a label outside
                [0, num_classes) (looked for on the CPU alone), or soft labels of another number of
                classes.
        """
        num_classes = check_integer("num_classes", num_classes, 1, MAX_CLASSES)
        check_smoothing("smoothing", smoothing)
        own = self.lam[:, None].float()
        if self.soft:
            if self.y_a.shape[1] != num_classes:
                raise ValueError(
                    f"num_classes must be the soft labels' {self.y_a.shape[1]}, got {num_classes}"
                )
            dense = own * self.y_a + (1.0 - own) * self.y_b
        else:
            for part in (self.y_a, self.y_b):
                check_class_numbers(part, num_classes)
            dense = torch.zeros(len(own), num_classes, device=own.device)
            dense.scatter_add_(1, self.y_a[:, None].long(), own)
            dense.scatter_add_(1, self.y_b[:, None].long(), 1.0 - own)
        return dense.float() * (1.0 - smoothing) + smoothing / num_classes


def check_smoothing(name: str, value: float) -> None:
    """Raise ValueError unless value is in [0, 1]."""
    if not 0.0 <= as_number(name, value) <= 1.0:
        raise ValueError(f"{name} must be in [0, 1], got {shown(value)}")


def check_class_numbers(labels: Tensor, classes: int, ignored: int | None = None) -> None:
    """Raise ValueError if a label is neither in [0, classes) nor the ignored one.

    It looks on the CPU alone: on a GPU, looking would wait for the device.
    """
    if labels.device.type != "cpu" or torch.compiler.is_compiling():
        return
    labels = labels.long()  # -100 must not become a uint8's 156
    wrong = (labels < 0) | (labels >= classes)
    if ignored is not None:
        wrong &= labels != ignored
    if wrong.any():
        other = "" if ignored is None else f" or ignore_index {ignored}"
        raise ValueError(
            f"labels must be in [0, {classes}){other}, as there are {classes} classes; "
            f"got {int(labels[wrong][0])}"
        )
