"""RandomResizedCrop(224) from larger images, a flip and normalisation, beside the libraries that
people use for it; decoding is left out for all. The CPU alone, with one thread of torch, as in a
DataLoader's worker."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from augment_rows import MEAN, STD
from PIL import Image
from results import Measure
from torch import Tensor
from torchvision.transforms import v2

from warpmix import Pipeline, RandomHorizontalFlip, RandomResizedCrop

COUNT, RESULT = 64, 224
SIZES = ((400, 400), (375, 500))

PIPELINE = Pipeline([RandomResizedCrop(RESULT), RandomHorizontalFlip()], mean=MEAN, std=STD)
PEER = v2.Compose(
    [
        v2.RandomResizedCrop(RESULT, antialias=True),
        v2.RandomHorizontalFlip(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(MEAN, STD),
    ]
)
ON_PIL = v2.Compose([v2.RandomResizedCrop(RESULT), v2.RandomHorizontalFlip()])
Row = Callable[[Tensor, Tensor], Tensor]  # images [N, 3, H, W] uint8 and a buffer, to the batch


def fused(images: Tensor, out: Tensor) -> Tensor:
    batch = PIPELINE(images, out=out)
    assert isinstance(batch, Tensor)
    return batch


def torchvision(images: Tensor, out: Tensor) -> Tensor:
    return torch.stack([PEER(image) for image in images])


def pillow(images: Tensor, out: Tensor) -> Tensor:
    mean, std = (255 * np.array(values, np.float32) for values in (MEAN, STD))
    batch = out.permute(0, 2, 3, 1).numpy()
    for i, image in enumerate(images.permute(0, 2, 3, 1).numpy()):
        made = ON_PIL(Image.fromarray(image))
        np.divide(np.subtract(made, mean, dtype=np.float32), std, out=batch[i])
    return out


def floor(images: Tensor, out: Tensor) -> Tensor:
    """Copies as many bytes as the results have, to their type."""
    return out.copy_(images[..., :RESULT, :RESULT])


# By name: the function, whether its images and its batch are interleaved, and a column of ratios.
ROWS: dict[str, tuple[Row, bool, bool, str | None]] = {
    "fused, NHWC to channels_last": (fused, True, True, None),
    "fused, NCHW to NCHW": (fused, False, False, None),
    "torchvision v2, per sample, NHWC": (torchvision, True, False, "torchvision"),
    "torchvision v2, per sample, NCHW": (torchvision, False, False, "torchvision"),
    "Pillow, per sample, NHWC": (pillow, True, True, "Pillow"),
    "floor: copy_ to the output's type": (floor, True, True, "floor"),
}


def made_by(name: str, size: tuple[int, int]) -> Callable[[], Tensor]:
    """Return the row's work."""
    function, nhwc, channels_last, _ = ROWS[name]
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (COUNT, *size, 3), dtype=torch.uint8, generator=generator)
    source = images.permute(0, 3, 1, 2)
    source = source if nhwc else source.contiguous()
    order = torch.channels_last if channels_last else torch.contiguous_format
    out = torch.empty(COUNT, 3, RESULT, RESULT).to(memory_format=order)
    return lambda: function(source, out)


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("size", SIZES)
def test_crops(measure: Measure, size: tuple[int, int], name: str) -> None:
    torch.set_num_threads(1)
    height, width = size
    measure(
        made_by(name, size),
        group=f"crops: {COUNT}x3x{height}x{width} to {RESULT}x{RESULT} float32, 1 thread",
        row=name,
        baseline=ROWS[name][3],
    )


@pytest.mark.parametrize("name", [name for name in ROWS if ROWS[name][3] != "floor"])
def test_every_row_makes_a_normalised_batch(name: str) -> None:
    batch = made_by(name, (320, 300))()
    assert batch.shape == (COUNT, 3, RESULT, RESULT) and batch.dtype == torch.float32
    pixels = batch * torch.tensor(STD)[:, None, None] + torch.tensor(MEAN)[:, None, None]
    assert pixels.min() > -1e-4 and pixels.max() < 1 + 1e-4
    assert abs(float(pixels.mean()) - 0.5) < 0.02  # of noise; and its spread is less than noise's
    assert 0.05 < pixels.std() < 0.28
