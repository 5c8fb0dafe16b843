"""Fused batched augmentation: uint8 images to a normalised training batch in one launch."""

from warpmix.augment.collate import collate
from warpmix.augment.config import from_config, to_config
from warpmix.augment.draws import Draws, NamedDraw
from warpmix.augment.losses import mixed_cross_entropy
from warpmix.augment.pipeline import Pipeline
from warpmix.augment.targets import Targets
from warpmix.augment.transforms import (
    ColorJitter,
    CutMix,
    Cutout,
    GridMask,
    MixUp,
    Normalize,
    RandomAffine,
    RandomBrightness,
    RandomChoice,
    RandomContrast,
    RandomCrop,
    RandomCropBlackout,
    RandomErasing,
    RandomHorizontalFlip,
    RandomHue,
    RandomResizedCrop,
    RandomRotation,
    RandomSaturation,
    RandomShift,
    RandomVerticalFlip,
    RandomZoom,
    Resize,
    Transform,
)

__all__ = [
    "ColorJitter",
    "CutMix",
    "Cutout",
    "Draws",
    "GridMask",
    "MixUp",
    "NamedDraw",
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
    "Transform",
    "collate",
    "from_config",
    "mixed_cross_entropy",
    "to_config",
]
