"""Crops, fills and random erasing against torchvision's own functionals, pixel for pixel."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import CenterCrop as PeerCenterCrop
from torchvision.transforms.v2 import functional as F

from warpmix import CenterCrop, CutMix, Pipeline, RandomCrop, RandomErasing, RandomRotation

COUNT, HEIGHT, WIDTH = 40, 12, 9


def images(channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    shape = (COUNT, channels, HEIGHT, WIDTH)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def run(transform: Any, source: Tensor, training: bool = True) -> tuple[Tensor, dict[str, Tensor]]:
    """The batch of a transform alone, as uint8, and what it drew."""
    pipeline = Pipeline([transform], dtype=torch.uint8, seed=1).train(training)
    ids = torch.arange(len(source))
    (drawn,) = pipeline.draw(ids, images=source).named() if training else (None,)
    batch = pipeline(source, ids=ids)
    assert isinstance(batch, Tensor)
    return batch, {} if drawn is None else dict(drawn.values)


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric"])
@pytest.mark.parametrize(
    ("size", "padding", "needed"),
    [
        (8, None, False),
        ((5, 9), None, False),
        ((12, 9), 4, False),
        (None, (2, 3), False),
        ((10, 4), (1, 2, 3, 4), False),
        ((14, 12), None, True),
        ((15, 6), (1, 0), True),
    ],
)
def test_random_crop_is_torchvisions(size: Any, padding: Any, needed: bool, mode: str) -> None:
    source = images()
    transform = RandomCrop(size, padding, needed, (7, 0, 255), mode)
    batch, drawn = run(transform, source)
    height, width = (
        (HEIGHT, WIDTH) if size is None else (size if isinstance(size, tuple) else (size,) * 2)
    )
    assert tuple(batch.shape) == (COUNT, 3, height, width)
    sides = (0,) if padding is None else (padding if isinstance(padding, tuple) else (padding,))
    left, top, right, bottom = sides * (4 // len(sides))
    across = max(0, width - (left + WIDTH + right)) if needed else 0
    down = max(0, height - (top + HEIGHT + bottom)) if needed else 0
    whole = [left + across, top + down, right + across, bottom + down]
    seen = set()
    for i, (dx, dy) in enumerate(zip(drawn["dx"].tolist(), drawn["dy"].tolist(), strict=True)):
        fill = [7, 0, 255] if mode == "constant" else None
        padded = F.pad(source[i], whole, fill=fill, padding_mode=mode)
        x, y = whole[0] - dx, whole[1] - dy
        assert 0 <= x <= padded.shape[2] - width and 0 <= y <= padded.shape[1] - height
        assert torch.equal(batch[i], padded[:, y : y + height, x : x + width])
        seen.add((x, y))
    assert len(seen) > 1


@pytest.mark.parametrize("size", [5, (6, 4), (7, 9), (13, 9), (15, 16), (4, 20)])
def test_center_crop_is_torchvisions(size: Any) -> None:
    source = images()
    for training in (True, False):
        batch, _ = run(CenterCrop(size), source, training)
        assert torch.equal(batch, PeerCenterCrop(size)(source))


def test_evaluation_and_unaugmented_samples_get_the_central_window() -> None:
    source = images()
    central = PeerCenterCrop(8)(source)
    assert torch.equal(run(RandomCrop(8), source, training=False)[0], central)
    assert torch.equal(run(RandomCrop(8, p=0.0), source)[0], central)
    pipeline = Pipeline([RandomCrop(8), CutMix()], dtype=torch.uint8, seed=0).eval()
    assert torch.equal(pipeline(source), central)


def test_what_cannot_be_cut_is_refused() -> None:
    with pytest.raises(ValueError, match=r"16 pixels of width cannot be cut out of 9.*pad_if"):
        run(RandomCrop((12, 16)), images())
    with pytest.raises(ValueError, match=r"9 pixels beyond the width of 9 are more than 'reflect'"):
        run(RandomCrop(None, (9, 0), padding_mode="reflect"), images())
    with pytest.raises(
        ValueError, match=r"fill must be one number, or one for each .*\(3\), got 2"
    ):
        run(RandomCrop(None, 2, fill=(1, 2)), images())


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_random_erasing_fills_with_bytes_of_their_own(channels: int) -> None:
    source = torch.full((COUNT, channels, HEIGHT, WIDTH), 100, dtype=torch.uint8)
    batch, drawn = run(RandomErasing(1.0, (0.3, 0.5), value="random"), source)
    erased = []
    for i, image in enumerate(batch):
        x0, y0, x1, y1 = (int(drawn[name][i]) for name in ("x0", "y0", "x1", "y1"))
        erased.append(image[:, y0:y1, x0:x1].flatten())
        image[:, y0:y1, x0:x1] = 100
        assert (image == 100).all()
    values = torch.cat(erased).double()
    # Uniform on 0..255: mean 127.5, deviation 73.9; five deviations of the mean's.
    assert abs(float(values.mean()) - 127.5) < 5 * 73.9 / len(values) ** 0.5
    assert len(values.unique()) > 200


def test_erasing_and_rotation_fill_each_channel() -> None:
    source = torch.full((COUNT, 5, HEIGHT, WIDTH), 100, dtype=torch.uint8)
    fill = (1, 2, 3, 4, 5)
    for transform in (RandomErasing(1.0, value=fill), RandomRotation((45, 45), fill=fill)):
        batch, _ = run(transform, source)
        for channel, value in enumerate(fill):
            assert set(batch[:, channel].unique().tolist()) <= {value, *range(value, 101)}
            assert (batch[:, channel] == value).any()
