"""warpmix: fused batched image augmentation and ensemble voting for PyTorch.

Names are imported when first used, so that ``warpmix --help`` need not wait for torch.
"""

from __future__ import annotations

import importlib
from typing import Any

from ._version import __version__

_AUGMENT = (
    "ColorJitter",
    "CutMix",
    "Cutout",
    "Draws",
    "GridMask",
    "MixUp",
    "Normalize",
    "Pipeline",
    "RandomAffine",
    "RandomBrightness",
    "RandomChoice",
    "RandomContrast",
    "RandomCrop",
    "RandomCropBlackout",
    "RandomErasing",
    "RandomHorizontalFlip",
    "RandomHue",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomSaturation",
    "RandomShift",
    "RandomVerticalFlip",
    "RandomZoom",
    "Resize",
    "Targets",
    "collate",
    "mixed_cross_entropy",
)
_MODULES = ("augment", "cli", "data", "models", "ops", "presets", "train", "vote")

__all__ = ["__version__", *_AUGMENT, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    if name in _AUGMENT:
        return getattr(importlib.import_module(".augment", __name__), name)
    raise AttributeError(f"module 'warpmix' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
