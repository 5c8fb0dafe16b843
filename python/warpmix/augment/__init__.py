"""Fused batched augmentation: uint8 images to a normalised training batch in one launch."""

from .config import from_config, to_config
from .draws import Draws
from .pipeline import Pipeline
from .targets import Targets, mixed_cross_entropy
from .transforms import (
    CutMix,
    MixUp,
    Normalize,
    RandomChoice,
    RandomContrast,
    RandomCrop,
    RandomCropBlackout,
    RandomHorizontalFlip,
    RandomShift,
    RandomVerticalFlip,
    Transform,
)

__all__ = [
    "CutMix",
    "Draws",
    "MixUp",
    "Normalize",
    "Pipeline",
    "RandomChoice",
    "RandomContrast",
    "RandomCrop",
    "RandomCropBlackout",
    "RandomHorizontalFlip",
    "RandomShift",
    "RandomVerticalFlip",
    "Targets",
    "Transform",
    "from_config",
    "mixed_cross_entropy",
    "to_config",
]
