"""Images of mixed sizes and the transforms that bring them to one."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from warpmix.augment.lowering import Lowerable
from warpmix.augment.ragged import Images, RaggedImages
from warpmix.augment.stages import MIXED, Stage


def check_sizes(images: Images, transforms: Sequence[Lowerable]) -> None:
    """Check that each image of mixed sizes is one that the transforms take.

    Looks at the smallest height and width alone, where these will do.

    Raises:
        ValueError: an image does not fit, named by its number.
    """
    if isinstance(images, Tensor) or not images.knows_sizes:
        return
    height, width = images.smallest
    try:
        _lower_to_one_size(transforms, height, width, images.channels)
    except ValueError:
        _name_the_image(images, transforms)


def _name_the_image(images: RaggedImages, transforms: Sequence[Lowerable]) -> None:
    for row, (height, width) in enumerate(images.host[1].tolist()):
        try:
            _lower_to_one_size(transforms, height, width, images.channels)
        except ValueError as error:
            raise ValueError(f"image {row} of {height} x {width} pixels: {error}") from None


def _lower_to_one_size(
    transforms: Sequence[Lowerable], height: int, width: int, channels: int
) -> None:
    """Lower the transforms that images of mixed sizes enter, for those of one size."""
    for listed in transforms:
        listed.lower(height, width, channels)
        stages = listed.lower(*MIXED, channels)
        if any(_fixes(stage) for stage in stages):
            return


def _fixes(stage: Stage) -> bool:
    """Return whether the images that leave have one size."""
    return stage.result_size != MIXED
