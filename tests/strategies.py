"""Hypothesis strategies: any list of transforms with at most one mix, and any batch for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from hypothesis import assume
from hypothesis import strategies as st
from torch import Tensor

import warpmix
from warpmix import (
    AlternatingFlip,
    AugMix,
    AutoAugment,
    CenterCrop,
    ColorJitter,
    CutMix,
    Cutout,
    GaussianBlur,
    GaussianNoise,
    GridMask,
    MixUp,
    Pipeline,
    RaggedImages,
    RandAugment,
    RandomAdjustSharpness,
    RandomAffine,
    RandomAutocontrast,
    RandomBrightness,
    RandomChoice,
    RandomContrast,
    RandomCrop,
    RandomCropBlackout,
    RandomEqualize,
    RandomErasing,
    RandomGamma,
    RandomGrayscale,
    RandomHorizontalFlip,
    RandomHue,
    RandomInvert,
    RandomPerspective,
    RandomPosterize,
    RandomResizedCrop,
    RandomRotation,
    RandomSaturation,
    RandomShift,
    RandomSolarize,
    RandomVerticalFlip,
    RandomZoom,
    Resize,
    TimmRandAugment,
    TrivialAugmentWide,
)
from warpmix.augment.program import compile_programs
from warpmix.augment.stages import MIXED

P = st.sampled_from([1.0, 0.7, 0.5])
BORDER = st.sampled_from(["wrap", "reflect", "symmetric", "replicate", "constant"])
FILL = st.sampled_from([0, 17])
INTERPOLATION = st.sampled_from(["nearest", "bilinear", "bicubic"])
OF_TIMM = st.sampled_from(["nearest", "bilinear", "bicubic", "random"])
OF_MAPS = st.sampled_from(["bilinear", "bicubic"])
DRAWN = st.sampled_from(["bilinear", "bicubic", "random"])
FACTOR = st.sampled_from([(1.0, 3.0), (0.0, 1.0), (0.6, 1.4)])

whole_pixels = st.one_of(
    st.builds(RandomShift, st.sampled_from([0.0, 0.2, 0.5]), BORDER, FILL, p=P),
    st.builds(
        RandomCrop,
        st.none(),
        st.sampled_from([0, 1, (0, 1), (1, 0, 0, 1)]),
        st.booleans(),
        FILL,
        st.sampled_from(["constant", "edge", "reflect", "symmetric", "wrap"]),
        p=P,
    ),
    st.builds(RandomHorizontalFlip, p=P),
    st.builds(RandomVerticalFlip, p=P),
    st.builds(AlternatingFlip, p=P),
)
warps = st.one_of(
    st.builds(
        RandomRotation,
        st.sampled_from([10.0, 180.0, (90.0, 90.0)]),
        border=BORDER,
        fill=FILL,
        interpolation=OF_MAPS,
        p=P,
    ),
    st.builds(
        RandomZoom,
        st.sampled_from([(0.8, 1.2), (0.05, 0.1), (2.0, 3.0)]),
        border=BORDER,
        interpolation=OF_MAPS,
        p=P,
    ),
    st.builds(
        RandomAffine,
        st.sampled_from([0.0, 15.0]),
        st.sampled_from([None, (0.2, 0.4)]),
        st.sampled_from([None, (0.5, 2.0)]),
        st.sampled_from([None, 20.0, (-10.0, 10.0, 5.0, 30.0)]),
        border=BORDER,
        fill=FILL,
        interpolation=OF_MAPS,
        p=P,
    ),
    st.builds(RandomResizedCrop, st.none(), st.sampled_from([(0.08, 1.0), (0.5, 0.6)]), p=P),
    st.builds(RandomResizedCrop, st.none(), st.just((0.08, 1.0)), interpolation=DRAWN, p=P),
)
colors = st.one_of(
    st.builds(RandomContrast, FACTOR, st.sampled_from(["channel_mean", "center"]), p=P),
    st.builds(RandomBrightness, FACTOR, p=P),
    st.builds(RandomPosterize, st.integers(0, 8), P),
    st.builds(RandomSolarize, st.sampled_from([0, 0.5, 128, 255]), P),
    st.builds(RandomInvert, P),
    st.builds(RandomGamma, st.sampled_from([(0.8, 1.2), (0.01, 0.1), (3.0, 9.0)]), p=P),
    st.builds(GaussianNoise, st.sampled_from([0.0, -0.2]), st.sampled_from([0.1, 0.7]), p=P),
)
rgb_colors = st.one_of(
    st.builds(RandomContrast, FACTOR, st.just("gray_mean"), p=P),
    st.builds(RandomSaturation, FACTOR, p=P),
    st.builds(RandomGrayscale, P),
    st.builds(RandomHue, st.sampled_from([0.5, (0.1, 0.1)]), p=P),
    st.builds(
        ColorJitter,
        st.sampled_from([0.0, 0.4]),
        st.sampled_from([0.0, 0.4]),
        st.sampled_from([0.0, 0.9]),
        st.sampled_from([0.0, 0.1]),
        p=P,
    ),
    st.builds(RandomErasing, P, value=st.just((10.0, 0.5, 255.0))),
    st.builds(Cutout, st.just(5), value=st.just((10.0, 0.5, 255.0)), p=P),
    st.builds(RandomShift, st.just(0.5), st.just("constant"), st.just((9, 0, 255)), p=P),
    st.builds(RandomRotation, st.just(45.0), fill=st.just((9, 0, 255)), p=P),
)
occlusions = st.one_of(
    st.builds(RandomCropBlackout, st.sampled_from([0.2, 0.5]), p=P),
    st.builds(RandomErasing, P, st.sampled_from([(0.02, 0.33), (0.9, 1.0)]), value=FILL),
    st.builds(RandomErasing, P, st.just((0.1, 0.5)), value=st.just("random")),
    st.builds(Cutout, st.sampled_from([1, 2, 5]), value=st.sampled_from([0.0, 99.5]), p=P),
    st.builds(Cutout, st.sampled_from([1, 2]), st.just(False), p=P),
    st.builds(GridMask, st.sampled_from([(0.2, 0.5), (0.4, 1.0)]), p=P),
)
whole_images = st.one_of(
    st.builds(RandomAutocontrast, P),
    st.builds(RandomEqualize, P),
    st.builds(RandomAdjustSharpness, st.sampled_from([0, 0.4, 1.9, 20.0]), P),
    st.builds(
        GaussianBlur, st.sampled_from([3, (3, 1), [1, 3]]), st.sampled_from([0.7, (0.1, 2.0)]), p=P
    ),
    st.builds(RandomPerspective, st.sampled_from([0.0, 0.5, 1.0]), P, INTERPOLATION, FILL),
)
policies = st.one_of(
    st.builds(
        RandAugment, st.integers(0, 2), st.sampled_from([9, 30]), interpolation=INTERPOLATION, p=P
    ),
    st.builds(TrivialAugmentWide, st.sampled_from([31, 2]), INTERPOLATION, FILL, p=P),
    st.builds(
        TimmRandAugment,
        st.sampled_from(["rand-m9-mstd0.5-inc1", "rand-m4-mstd101-n1-p1", "rand-m12-mmax20-n1-p1"]),
        OF_TIMM,
        FILL,
        p=P,
    ),
    st.builds(
        AugMix,
        st.sampled_from([1, 3, 10]),
        st.sampled_from([1, 3]),
        st.sampled_from([-1, 1, 2, 4]),
        st.sampled_from([1.0, 0.2, 5.0]),
        st.booleans(),
        INTERPOLATION,
        FILL,
        p=P,
    ),
    st.builds(AutoAugment, st.sampled_from(["imagenet", "cifar10", "svhn"]), p=P),
)


def singles(channels: int) -> st.SearchStrategy[Any]:
    """Any transform that is no mix and keeps the size."""
    kinds = [whole_pixels, warps, colors, occlusions, whole_images]
    if channels == 3:
        kinds.append(rgb_colors)
    if channels in (1, 3):
        kinds.append(policies)
    return st.one_of(*kinds)


mixes = st.builds(
    lambda kind, alpha, p: kind(alpha, p=p),
    st.sampled_from([CutMix, MixUp]),
    st.sampled_from([0.2, 1.0, 4.0]),
    P,
)


@st.composite
def transform_lists(
    draw: Any, height: int, width: int, channels: int, longest: int = 8
) -> list[Any]:
    single = singles(channels)
    choices = st.builds(RandomChoice, st.lists(single, min_size=1, max_size=3))
    listed = draw(st.lists(st.one_of(single, single, single, choices), max_size=longest - 2))
    if draw(st.booleans()):
        mixing = st.one_of(
            mixes,
            st.builds(
                lambda first, others: RandomChoice([first, *others]),
                mixes,
                st.lists(st.one_of(mixes, single), max_size=2),
            ),
        )
        listed.insert(draw(st.integers(0, len(listed))), draw(mixing))
    if draw(st.sampled_from([False, True])):
        size = (height + draw(st.integers(0, 7)), 2 * width)
        resizing = st.one_of(
            st.sampled_from([Resize(size), RandomResizedCrop(size, p=0.7), *crops(height, width)]),
            resamplings(height, width),
        )
        listed.insert(draw(st.integers(0, len(listed))), draw(resizing))
    return listed


def resamplings(height: int, width: int) -> st.SearchStrategy[Any]:
    """Resizes to another size, which average where an axis becomes shorter."""
    sizes = [(2, 2), (max(2, height // 3), max(2, width // 2)), (2 * height, max(2, width - 1))]
    size = st.sampled_from([*sizes, (max(2, height - 1), width + 5)])
    interpolation = st.sampled_from(["bilinear", "bicubic"])
    return st.one_of(
        st.builds(Resize, size, interpolation),
        st.builds(Resize, st.sampled_from([2, 7]), interpolation),
        st.builds(RandomResizedCrop, size, interpolation=DRAWN, p=P),
    )


def crops(height: int, width: int) -> list[Any]:
    """Crops to another size, smaller and larger."""
    smaller, larger = (max(2, height - 3), max(2, width // 2)), (height + 3, width + 5)
    return [
        RandomCrop(smaller),
        RandomCrop(smaller, (1, 0, 1, 1), fill=7, padding_mode="edge", p=0.6),
        RandomCrop(larger, 1, True, 3),
        RandomCrop((larger[0], smaller[1]), None, True, padding_mode="edge"),
        CenterCrop(smaller),
        CenterCrop(larger),
    ]


@dataclass
class Case:
    """A pipeline and the arguments of one call.

    Attributes:
        images: [N, H, W, C] as the reference takes them, or a list of N of mixed sizes.
        planar: the pipeline gets them as [N, C, H, W] in that order in memory, else as a view.
    """

    transforms: list[Any]
    options: dict[str, Any]
    images: Tensor | list[Tensor]
    labels: Tensor
    planar: bool
    arguments: dict[str, Any] = field(default_factory=dict)

    def pipeline(self, **options: Any) -> Pipeline:
        return Pipeline(self.transforms, **{**self.options, **options})

    @property
    def source(self) -> Tensor | RaggedImages:
        """[N, C, H, W], or images of mixed sizes."""
        if not isinstance(self.images, Tensor):
            return scattered(self.images)
        images = self.images.permute(0, 3, 1, 2)
        return images.contiguous() if self.planar else images

    @property
    def size(self) -> tuple[int, int, int]:
        """(height, width, channels) of the images; MIXED where each has its own."""
        if not isinstance(self.images, Tensor):
            return *MIXED, self.images[0].shape[2]
        _, height, width, channels = self.images.shape
        return height, width, channels

    def run(self, device: str = "cpu", **options: Any) -> tuple[Tensor, warpmix.Targets]:
        moved = {
            name: value.to(device) if isinstance(value, Tensor) else value
            for name, value in self.arguments.items()
        }
        pipeline = self.pipeline(**options).to(device)
        return pipeline(self.source.to(device), self.labels.to(device), **moved)


def scattered(images: list[Tensor]) -> RaggedImages:
    """Images [H, W, C] in one buffer in another order, with gaps between them."""
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(1)).tolist()
    parts, offsets, end = [], torch.zeros(len(images), dtype=torch.int64), 0
    for place, row in enumerate(order):
        image = images[row].reshape(-1, images[row].shape[2])
        gap = torch.full((place % 3, image.shape[1]), 99, dtype=torch.uint8)
        offsets[row] = end + len(gap)
        parts += [gap, image]
        end += len(gap) + len(image)
    sizes = torch.tensor([image.shape[:2] for image in images], dtype=torch.int32)
    return RaggedImages(torch.cat(parts), offsets, sizes)


flips = st.one_of(st.builds(RandomHorizontalFlip, p=P), st.builds(RandomVerticalFlip, p=P))
turns = st.one_of(flips, st.builds(RandomChoice, st.lists(flips, min_size=1, max_size=2)))


def enlarges_twice(transforms: Any, channels: int, augmented: bool = True) -> bool:
    """Whether the list is refused for images of mixed sizes."""
    try:
        compile_programs(transforms, *MIXED, channels, augmented)
    except ValueError as error:
        if "must be enlarged once" not in str(error):
            raise
        return True
    return False


@st.composite
def ragged_cases(draw: Any) -> Case:
    """Images of mixed sizes, and lists that bring them to one."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    channels = draw(st.sampled_from([1, 3, 3, 3, 5]))
    side = st.sampled_from([4, 5, 8, 21, 33])
    count = draw(st.sampled_from([1, 2, 7]))
    sizes = [(draw(side), draw(side)) for _ in range(count)]
    height, width = draw(st.sampled_from([(4, 4), (3, 2), (9, 5), (20, 26), (34, 9)]))
    fits = min(h for h, _ in sizes) >= height and min(w for _, w in sizes) >= width
    border = st.sampled_from(["constant", "edge", "reflect", "symmetric", "wrap"])
    padding = st.sampled_from([None, 1, (1, 0, 2, 1)])
    constant = st.sampled_from(["constant", "edge"])
    bringing = [
        st.builds(CenterCrop, st.just((height, width))),
        st.builds(
            RandomCrop, st.just((height, width)), padding, st.just(True), FILL, constant, p=P
        ),
    ]
    size = st.just((height, width))
    filters = st.sampled_from(["bilinear", "bicubic"])
    scales = st.sampled_from([(0.08, 1.0), (0.5, 0.6)])
    bringing.append(st.builds(RandomResizedCrop, size, scales, interpolation=DRAWN, p=P))
    bringing.append(st.builds(Resize, size, filters))
    if fits:
        window = st.just((height, width))
        bringing.append(st.builds(RandomCrop, window, padding, st.just(False), FILL, border, p=P))
    leading = draw(st.lists(turns, max_size=2))
    bring = [draw(st.one_of(bringing))]
    if draw(st.sampled_from([False, False, True])):
        resize = st.builds(Resize, st.integers(4, 20), filters, st.sampled_from([None, 30]))
        window = draw(st.sampled_from([(3, 4), (24, 7)]))
        height, width = window
        bring = [draw(resize), *draw(st.lists(flips, max_size=1)), CenterCrop(window)]
        if draw(st.booleans()) and window == (3, 4):
            bring[-1] = RandomCrop(window, None, True, 3, p=0.7)
    # Warps behind it join the map of an image that cannot shrink.
    joined = draw(st.lists(st.one_of(whole_pixels, warps), max_size=2))
    rest = draw(transform_lists(height, width, channels, longest=5))
    transforms = [*leading, *bring, *joined, *rest]
    assume(not enlarges_twice(transforms, channels))
    images = [
        torch.randint(0, 256, (h, w, channels), dtype=torch.uint8, generator=generator)
        for h, w in sizes
    ]
    options: dict[str, Any] = {
        "p": draw(st.sampled_from([1.0, 0.5])),
        "channels_last": draw(st.booleans()),
        "dtype": draw(st.sampled_from([torch.float32, torch.bfloat16, torch.uint8])),
        "seed": draw(st.integers(0, 2**63 - 1)),
    }
    arguments: dict[str, Any] = {"epoch": draw(st.sampled_from([0, 3]))}
    batch = count
    if draw(st.booleans()):
        batch = draw(st.sampled_from([1, 5]))
        arguments["index"] = torch.randint(0, count, (batch,), generator=generator)
    if "index" not in arguments or draw(st.booleans()):
        arguments["ids"] = torch.randint(0, 2**40, (batch,), generator=generator)
    if draw(st.booleans()):
        arguments["active"] = torch.rand(batch, generator=generator) < 0.7
    labels = torch.randint(0, 10, (count,), generator=generator)
    return Case(transforms, options, images, labels, False, arguments)


@st.composite
def cases(draw: Any) -> Case:
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    channels = draw(st.sampled_from([1, 3, 3, 3, 5]))
    height = draw(st.sampled_from([2, 5, 8, 33]))
    width = draw(st.sampled_from([3 if channels < 5 else 2, 8, 13, 32, 260]))
    count = draw(st.sampled_from([1, 2, 7]))
    transforms = draw(transform_lists(height, width, channels))
    dtype = draw(st.sampled_from([torch.float32, torch.float16, torch.bfloat16, torch.uint8]))
    options: dict[str, Any] = {
        "p": draw(st.sampled_from([1.0, 0.5])),
        "channels_last": draw(st.booleans()),
        "dtype": dtype,
        "seed": draw(st.integers(0, 2**63 - 1)),
    }
    planar = draw(st.booleans())
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
        arguments["sums"] = warpmix.ops.channel_sums(images.permute(0, 3, 1, 2))
    if "index" not in arguments or draw(st.booleans()):
        arguments["ids"] = torch.randint(0, 2**40, (batch,), generator=generator)
    if draw(st.booleans()):
        arguments["active"] = torch.rand(batch, generator=generator) < 0.7
    return Case(transforms, options, images, labels, planar, arguments)


# ---- float batches ----------------------------------------------------------------------------

moves = st.one_of(
    whole_pixels,
    occlusions,
    st.builds(RandomChoice, st.lists(whole_pixels | occlusions, min_size=1)),
)
SPECIAL = [float("nan"), float("inf"), -float("inf"), -0.0, 6e-8, 3e4]


@st.composite
def float_cases(draw: Any) -> Case:
    """Float images of any range, and what only moves, covers and mixes them."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    channels, count = draw(st.sampled_from([1, 3, 3, 5])), draw(st.sampled_from([1, 2, 7]))
    height, width = draw(st.sampled_from([2, 5, 33])), draw(st.sampled_from([8, 13, 260]))
    transforms = draw(st.lists(moves, max_size=5))
    if draw(st.booleans()):
        mixing = mixes | st.builds(RandomChoice, st.lists(mixes, min_size=1, max_size=2))
        transforms.insert(draw(st.integers(0, len(transforms))), draw(mixing))
    if draw(st.booleans()):
        sized = draw(st.sampled_from(crops(height, width)))
        transforms.insert(draw(st.integers(0, len(transforms))), sized)
    options = {
        "p": draw(st.sampled_from([1.0, 0.5])),
        "channels_last": draw(st.booleans()),
        "seed": draw(st.integers(0, 2**63 - 1)),
    }
    images = torch.randn(count, height, width, channels, generator=generator) * 100
    special = torch.rand(images.shape, generator=generator) < 0.2
    chosen = torch.randint(0, len(SPECIAL), images.shape, generator=generator)
    images = torch.where(special, torch.tensor(SPECIAL)[chosen], images)
    images = images.to(draw(st.sampled_from([torch.float32, torch.float16, torch.bfloat16])))
    labels = torch.randint(0, 10, (count,), generator=generator)
    ids = torch.randint(0, 2**40, (count,), generator=generator)
    return Case(transforms, options, images, labels, draw(st.booleans()), {"epoch": 3, "ids": ids})
