"""Fused batched augmentation: uint8 images to a normalised training batch in one launch.

A name is public here, and in ``warpmix``, once it stands in ``__all__`` of its module.
"""

from typing import TYPE_CHECKING

from warpmix.augment.augmix import *
from warpmix.augment.collate import *
from warpmix.augment.color import *
from warpmix.augment.config import *
from warpmix.augment.draws import *
from warpmix.augment.losses import *
from warpmix.augment.mixing import *
from warpmix.augment.noise import *
from warpmix.augment.occlusion import *
from warpmix.augment.pipeline import *
from warpmix.augment.policies import *
from warpmix.augment.ragged import *
from warpmix.augment.resizing import *
from warpmix.augment.targets import *
from warpmix.augment.timm_policy import *
from warpmix.augment.transform import *
from warpmix.augment.transforms import *
from warpmix.augment.warps import *
from warpmix.augment.whole_image import *
from warpmix.augment.whole_pixels import *

if not TYPE_CHECKING:  # type checkers take what is imported above; they do not compute __all__
    __all__ = sorted(
        name
        for name, value in globals().items()
        if getattr(value, "__module__", "").startswith(f"{__name__}.")  # not the submodules
    )
