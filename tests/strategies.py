"""Hypothesis strategies: any list of transforms with at most one mix, and any batch for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

import warpmix
from warpmix import (
    CutMix,
    MixUp,
    Pipeline,
    RandomChoice,
    RandomContrast,
    RandomCrop,
    RandomCropBlackout,
    RandomHorizontalFlip,
    RandomShift,
    RandomVerticalFlip,
)

P = st.sampled_from([1.0, 0.7, 0.5])

singles = st.one_of(
    st.builds(
        RandomShift,
        st.sampled_from([0.0, 0.2, 0.5]),
        st.sampled_from(["wrap", "reflect", "replicate", "constant"]),
        st.sampled_from([0, 17]),
        p=P,
    ),
    st.builds(RandomCrop, st.just(1), st.sampled_from(["reflect", "constant"]), p=P),
    st.builds(RandomHorizontalFlip, p=P),
    st.builds(RandomVerticalFlip, p=P),
    st.builds(
        RandomContrast,
        st.sampled_from([(1.0, 3.0), (0.0, 1.0)]),
        st.sampled_from(["channel_mean", "gray_mean", "center"]),
        p=P,
    ),
    st.builds(RandomCropBlackout, st.sampled_from([0.2, 0.5]), p=P),
)
mixes = st.builds(
    lambda kind, alpha, p: kind(alpha, p=p),
    st.sampled_from([CutMix, MixUp]),
    st.sampled_from([0.2, 1.0, 4.0]),
    P,
)
choices = st.builds(RandomChoice, st.lists(singles, min_size=1, max_size=3))
mixing_choices = st.builds(
    lambda first, others: RandomChoice([first, *others]),
    mixes,
    st.lists(st.one_of(mixes, singles), max_size=2),
)


@st.composite
def transform_lists(draw: Any) -> list[Any]:
    listed = draw(st.lists(st.one_of(singles, singles, choices), max_size=5))
    if draw(st.booleans()):
        position = draw(st.integers(0, len(listed)))
        listed.insert(position, draw(st.one_of(mixes, mixing_choices)))
    return listed


@dataclass
class Case:
    """A pipeline and the arguments of one call; images are NHWC whatever the pipeline's layout."""

    transforms: list[Any]
    options: dict[str, Any]
    images: Tensor
    labels: Tensor
    arguments: dict[str, Any] = field(default_factory=dict)

    def pipeline(self, **options: Any) -> Pipeline:
        return Pipeline(self.transforms, **{**self.options, **options})

    @property
    def source(self) -> Tensor:
        """The images in the pipeline's layout."""
        nchw = self.options["layout"] == "NCHW"
        return self.images.permute(0, 3, 1, 2).contiguous() if nchw else self.images

    def run(self, device: str = "cpu", **options: Any) -> tuple[Tensor, warpmix.Targets]:
        moved = {
            name: value.to(device) if isinstance(value, Tensor) else value
            for name, value in self.arguments.items()
        }
        pipeline = self.pipeline(**options).to(device)
        return pipeline(self.source.to(device), self.labels.to(device), **moved)


@st.composite
def cases(draw: Any) -> Case:
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    channels = draw(st.sampled_from([1, 3, 3, 3, 5]))
    height = draw(st.sampled_from([2, 5, 8, 33]))
    width = draw(st.sampled_from([3, 8, 13, 32, 260]))
    count = draw(st.sampled_from([1, 2, 7]))
    transforms = draw(transform_lists())
    if channels == 5:
        transforms = [t for t in transforms if "gray_mean" not in repr(t)]
    dtype = draw(st.sampled_from([torch.float32, torch.float16, torch.bfloat16, torch.uint8]))
    options: dict[str, Any] = {
        "p": draw(st.sampled_from([1.0, 0.5])),
        "layout": draw(st.sampled_from(["NHWC", "NCHW"])),
        "channels_last": draw(st.booleans()),
        "dtype": dtype,
        "seed": draw(st.integers(0, 2**63 - 1)),
    }
    if dtype != torch.uint8 and draw(st.booleans()):
        options |= {"mean": 0.4, "std": 0.3}
    shape = (count, height, width, channels)
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, 10, (count,), generator=generator)
    arguments: dict[str, Any] = {"epoch": draw(st.sampled_from([0, 3, 2**32 - 1]))}
    batch = count
    if draw(st.booleans()):
        batch = draw(st.sampled_from([1, 5]))
        arguments["index"] = torch.randint(0, count, (batch,), generator=generator)
        arguments["sums"] = warpmix.ops.channel_sums(images)
    if "index" not in arguments or draw(st.booleans()):
        arguments["ids"] = torch.randint(0, 2**40, (batch,), generator=generator)
    if draw(st.booleans()):
        arguments["active"] = torch.rand(batch, generator=generator) < 0.7
    return Case(transforms, options, images, labels, arguments)
