"""warpmix: fused batched image augmentation and ensemble voting for PyTorch.

Names are imported when first used, so that ``warpmix --help`` need not wait for torch.
"""

from __future__ import annotations

import importlib
from typing import Any

from warpmix._version import __version__

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
_ENSEMBLE = ("vote",)
_MODULES = (
    "augment",
    "cli",
    "data",
    "ensemble",
    "models",
    "ops",
    "predictions",
    "presets",
    "recipes",
    "train",
)

__all__ = ["__version__", *_AUGMENT, *_ENSEMBLE, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    for package, names in (("augment", _AUGMENT), ("ensemble", _ENSEMBLE)):
        if name in names:
            return getattr(importlib.import_module(f".{package}", __name__), name)
    raise AttributeError(f"module 'warpmix' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
