"""Mixing a float batch that another chain normalised: CutMix and MixUp beside torchvision's."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from peers_torchvision import CUTMIX, MIXUP
from results import DEVICES, Measure

import warpmix

SHAPES = ((128, 224), (1024, 32))
DTYPES = (torch.float32, torch.float16, torch.bfloat16)
PEERS = {"CutMix": CUTMIX, "MixUp": MIXUP}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("shape", "dtype", "mix", "row"),
    [
        pytest.param(*parts, id=", ".join(map(str, parts)))
        for parts in itertools.product(SHAPES, DTYPES, PEERS, ("warpmix", "torchvision", "floor"))
    ],
)
def test_floats(
    measure: Measure, device: str, shape: tuple[int, int], dtype: torch.dtype, mix: str, row: str
) -> None:
    count, side = shape
    images = torch.randn(count, 3, side, side, device=device).to(dtype)
    labels = torch.randint(0, 10, (count,), device=device)
    own, peer, out = getattr(warpmix, mix)(), PEERS[mix], torch.empty_like(images)
    calls: dict[str, Callable[[], object]] = {
        "warpmix": lambda: own(images, labels),
        "torchvision": lambda: peer(images, labels),
        "floor": lambda: out.copy_(images),
    }
    names = {"torchvision": "torchvision v2, one draw a batch", "floor": "floor: copy_"}
    kind = str(dtype).removeprefix("torch.")
    measure(
        calls[row],
        group=f"{mix}, {device} {count}x3x{side}x{side} {kind}",
        row=names.get(row, row),
        device=device,
        moved=2 * images.nbytes,
        baseline=None if row == "warpmix" else row,
    )
