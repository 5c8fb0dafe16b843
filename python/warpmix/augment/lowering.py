"""How a list of transforms becomes stages: streams of random numbers, owners and maps."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Protocol

from warpmix.augment.stages import KINDS, MIXED, Stage, compose_maps

BRING_TO_ONE = (
    "put RandomResizedCrop, Resize((height, width)), RandomCrop or CenterCrop with a size"
)


class Lowerable(Protocol):
    """What may stand in a list: a transform, or a choice of several."""

    @property
    def streams(self) -> int:
        """How many streams of random numbers it has."""

    @property
    def takes_mixed_sizes(self) -> bool:
        """Whether images of mixed sizes may enter it."""

    def lower(self, height: int, width: int, channels: int) -> list[Stage]:
        """Return the stages for images of this size, with streams from 0 upwards."""


def lower(
    transforms: Sequence[Lowerable],
    height: int,
    width: int,
    channels: int,
    augmented: bool = True,
    floats: bool = False,
) -> list[list[Stage]]:
    """Return the stages of each listed transform, in the order in which they apply.

    Every transform has its own streams, stream 0 is the pipeline's ``p``. A mix of ``p=0`` is left
    out and keeps its stream, so that the others' numbers stay what they are when mixing stops.

    Args:
        height, width: MIXED where each image has its own.
        augmented: False: what changes the size, alone, as for samples that it does not apply to:
            the central window of a crop, the whole image resized.
        floats: the images are floats of any range.

    Raises:
        TypeError: a transform that computes on [0, 255] is listed for floats.
        ValueError: a transform does not fit the images.
    """
    groups: list[list[Stage]] = []
    first = 1
    for position, listed in enumerate(transforms):
        group = []
        if (height, width) == MIXED and not listed.takes_mixed_sizes:
            raise ValueError(
                f"{type(listed).__name__} needs images of one size, got mixed ones: {BRING_TO_ONE} "
                "before it"
            )
        for stage in listed.lower(height, width, channels):
            choice = stage.choice_stream
            if not (stage.is_mix and stage.p == 0):
                group.append(
                    dataclasses.replace(
                        stage,
                        stream=first + stage.stream,
                        choice_stream=first + choice if choice >= 0 else choice,
                        owner=(position, stage.owner[1]),
                    )
                )
        groups.append(group)
        first += listed.streams
        for stage in group:
            if KINDS[stage.kind].needs_rgb and channels != 3:
                raise ValueError(f"{stage.name} needs images of 3 channels (RGB), got {channels}")
            if floats and not stage.takes_floats:
                raise TypeError(
                    f"images must be uint8 for {stage.name}, which computes on [0, 255], got "
                    "floats; let a Pipeline(…, mean=…, std=…) of uint8 images do it and "
                    "normalise, or convert with (images * 255).round().to(torch.uint8) if they are "
                    "on [0, 1]"
                )
            height, width = stage.result_size
        if not augmented:
            groups[-1] = [dataclasses.replace(s, p=0.0) for s in group if s.resizes]
    numbers = iter(compose_maps([stage for group in groups for stage in group]))
    return [[dataclasses.replace(s, map=next(numbers)) for s in group] for group in groups]
