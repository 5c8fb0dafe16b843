"""Images of mixed sizes and the transforms that bring them to one."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from warpmix.augment.lowering import Lowerable
from warpmix.augment.ragged import Images, RaggedImages
from warpmix.augment.stages import MIXED


def check_sizes(images: Images, transforms: Sequence[Lowerable]) -> None:
    """Check that each image of mixed sizes is one that the transforms take.

    Looks at the smallest and largest sides alone, where these will do.

    Raises:
        ValueError: an image does not fit, named by its number.
    """
    if isinstance(images, Tensor) or not images.knows_sizes:
        return
    (height, width), longest = images.smallest, images.longest
    try:
        _lower_to_one_size(transforms, height, width, images.channels, longest)
    except ValueError:
        _name_the_image(images, transforms)


def _name_the_image(images: RaggedImages, transforms: Sequence[Lowerable]) -> None:
    for row, (height, width) in enumerate(images.host[1].tolist()):
        try:
            _lower_to_one_size(transforms, height, width, images.channels)
        except ValueError as error:
            raise ValueError(f"image {row} of {height} x {width} pixels: {error}") from None


def _lower_to_one_size(
    transforms: Sequence[Lowerable], height: int, width: int, channels: int, longest: int = 0
) -> None:
    """Lower the transforms that images of mixed sizes enter, for those of one size.

    Args:
        longest: where the size stands for images whose height and width are at least these: the
            longest side of all.
    """
    for listed in transforms:
        resizes = longest > 0 and _resizes_to_mixed(listed, channels)
        if resizes:
            height, width = min(height, width), longest
        stages = listed.lower(height, width, channels)
        height, width = stages[-1].result_size if stages else (height, width)
        if resizes:
            height = width = min(height, width)  # no image's shorter side is shorter
        if _brings_to_one(listed, channels):
            return


def _resizes_to_mixed(listed: Lowerable, channels: int) -> bool:
    stages = listed.lower(*MIXED, channels)
    return any(stage.resizes and stage.result_size == MIXED for stage in stages)


def _brings_to_one(listed: Lowerable, channels: int) -> bool:
    return any(stage.result_size != MIXED for stage in listed.lower(*MIXED, channels))
