"""RandomResizedCrop(224) from larger images, a flip and normalisation, beside the libraries that
people use for it; decoding is left out for all. The CPU alone, with one thread of torch, as in a
DataLoader's worker."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
import peers_dali
import pytest
import torch
from augment_rows import MEAN, STD
from peer_rows import needs
from PIL import Image
from results import Measure
from torch import Tensor
from torchvision.transforms import v2

from warpmix import Pipeline, RaggedImages, RandomHorizontalFlip, RandomResizedCrop

COUNT, RESULT = 64, 224
SIZES = {"400x400": ((400, 401), (400, 401)), "375x500": ((375, 376), (500, 501))}
SIZES["sides of 300 to 500"] = ((300, 501), (300, 501))
"""Heights and widths, from the first to below the second."""

PIPELINE = Pipeline([RandomResizedCrop(RESULT), RandomHorizontalFlip()], mean=MEAN, std=STD)
PEER = v2.Compose(
    [
        v2.RandomResizedCrop(RESULT, antialias=True),
        v2.RandomHorizontalFlip(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(MEAN, STD),
    ]
)
ON_BYTES = v2.Compose([v2.RandomResizedCrop(RESULT, antialias=True), v2.RandomHorizontalFlip()])
TO_FLOAT = v2.Compose(
    [v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD, inplace=True)]
)
Images = Sequence[Tensor]  # N of [3, H, W] uint8
Row = Callable[[], object]


# ---- rows: from images and a buffer for the batch, what is to be timed --------------------------


def fused(images: Images, out: Tensor) -> Row:
    mixed = len({image.shape for image in images}) > 1
    source = RaggedImages.from_list(images) if mixed else _stacked(images)
    return lambda: PIPELINE(source, out=out)


def _stacked(images: Images) -> Tensor:
    """[N, 3, H, W], in the images' order in memory."""
    if images[0].is_contiguous():
        return torch.stack(list(images))
    return torch.stack([image.permute(1, 2, 0) for image in images]).permute(0, 3, 1, 2)


def torchvision(images: Images, out: Tensor) -> Row:
    return lambda: torch.stack([PEER(image) for image in images])


def torchvision_by_batch(images: Images, out: Tensor) -> Row:
    """Crops and flips bytes one by one, and converts them together."""
    return lambda: TO_FLOAT(torch.stack([ON_BYTES(image) for image in images]))


def pillow(images: Images, out: Tensor) -> Row:
    mean, std = (255 * np.array(values, np.float32) for values in (MEAN, STD))
    sources = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in images]
    batch = out.permute(0, 2, 3, 1).numpy()

    def row() -> Tensor:
        for i, image in enumerate(sources):
            np.divide(np.subtract(ON_BYTES(image), mean, dtype=np.float32), std, out=batch[i])
        return out

    return row


def albumentations(images: Images, out: Tensor) -> Row:
    import albumentations as A
    import cv2

    transform = A.Compose(
        [
            A.RandomResizedCrop((RESULT, RESULT), interpolation=cv2.INTER_AREA),
            A.HorizontalFlip(),
            A.Normalize(MEAN, STD),
        ]
    )
    sources = [np.ascontiguousarray(image.permute(1, 2, 0).numpy()) for image in images]
    batch = out.permute(0, 2, 3, 1).numpy()

    def row() -> Tensor:
        for i, image in enumerate(sources):
            batch[i] = transform(image=image)["image"]
        return out

    return row


def dali(images: Images, out: Tensor) -> Row:
    sources = [np.ascontiguousarray(image.permute(1, 2, 0).numpy()) for image in images]
    return functools.partial(peers_dali.made, "crops", sources)


def floor(images: Images, out: Tensor) -> Row:
    """Copies as many bytes as the results have, to their type."""
    source = torch.stack([image[:, :RESULT, :RESULT] for image in images])
    return lambda: out.copy_(source)


# By name: the function, whether its images and its batch are interleaved, what it needs beside
# torch and torchvision, and a column of ratios.
ROWS: dict[str, tuple[Callable[[Images, Tensor], Row], bool, bool, str | None, str | None]] = {
    "fused, NHWC to channels_last": (fused, True, True, None, None),
    "fused, NCHW to NCHW": (fused, False, False, None, None),
    "torchvision v2, per sample, NHWC": (torchvision, True, False, None, "torchvision"),
    "torchvision v2, per sample, NCHW": (torchvision, False, False, None, "torchvision"),
    "torchvision v2, bytes per sample, floats per batch": (
        torchvision_by_batch, True, False, None, "torchvision"
    ),
    "Pillow, per sample": (pillow, True, True, None, "Pillow"),
    "albumentations, per sample": (albumentations, True, True, "albumentations", "albument."),
    "DALI, CPU pipeline": (dali, True, True, "nvidia.dali", "DALI"),
    "floor: copy_ to the output's type": (floor, True, True, None, "floor"),
}  # fmt: skip
ALL = [
    pytest.param(size, name, marks=needs(ROWS[name][3]), id=f"{size}, {name}")
    for size in SIZES
    for name in ROWS
]


def made_by(name: str, size: str) -> Row:
    """Return the row's work."""
    function, nhwc, channels_last, _, _ = ROWS[name]
    generator = np.random.default_rng(0)
    images = []
    for _ in range(COUNT):
        height, width = (int(generator.integers(*bounds)) for bounds in SIZES[size])
        image = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
        planar = torch.from_numpy(image).permute(2, 0, 1)
        images.append(planar if nhwc else planar.contiguous())
    order = torch.channels_last if channels_last else torch.contiguous_format
    return function(images, torch.empty(COUNT, 3, RESULT, RESULT).to(memory_format=order))


@pytest.mark.parametrize(("size", "name"), ALL)
def test_crops(measure: Measure, size: str, name: str) -> None:
    torch.set_num_threads(1)
    measure(
        made_by(name, size),
        group=f"crops: {COUNT} of {size} to {RESULT}x{RESULT} float32, 1 thread",
        row=name,
        baseline=ROWS[name][4],
    )


@pytest.mark.parametrize(("size", "name"), [one for one in ALL if "floor" not in str(one.id)])
def test_every_row_makes_a_normalised_batch(size: str, name: str) -> None:
    batch = made_by(name, size)()
    assert isinstance(batch, Tensor)
    assert batch.shape == (COUNT, 3, RESULT, RESULT) and batch.dtype == torch.float32
    pixels = batch * torch.tensor(STD)[:, None, None] + torch.tensor(MEAN)[:, None, None]
    assert pixels.min() > -1e-4 and pixels.max() < 1 + 1e-4
    assert abs(float(pixels.mean()) - 0.5) < 0.02  # of noise; and its spread is less than noise's
    assert 0.05 < pixels.std() < 0.28
