"""Moves between pixels: bicubic, and the one of two that each sample draws, beside bilinear."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from results import DEVICES, Measure

from warpmix import Pipeline, RandomPerspective, RandomRotation, TimmRandAugment

SHAPES = ((1024, 32), (64, 224))
LAYOUTS = {"NHWC": torch.channels_last, "NCHW": torch.contiguous_format}


def moves(name: str, interpolation: str) -> list[Any]:
    return {
        "rotation": lambda: [RandomRotation(30, interpolation=interpolation)],
        "perspective": lambda: [RandomPerspective(0.5, 1.0, interpolation)],
        "timm": lambda: [TimmRandAugment("rand-m9-mstd0.5-inc1", interpolation)],
    }[name]()


ROWS = [
    (shape, layout, name, interpolation)
    for shape, layout, name in itertools.product(
        SHAPES, LAYOUTS, ("rotation", "perspective", "timm")
    )
    for interpolation in ("bilinear", "bicubic", *(["random"] if name == "timm" else []))
]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("shape", "layout", "name", "interpolation"),
    [pytest.param(*row, id=", ".join(map(str, row))) for row in ROWS],
)
def test_moves(
    measure: Measure,
    device: str,
    shape: tuple[int, int],
    layout: str,
    name: str,
    interpolation: str,
) -> None:
    torch.set_num_threads(1)
    count, side = shape
    images = torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8, device=device)
    images = images.contiguous(memory_format=LAYOUTS[layout])
    pipeline = Pipeline(moves(name, interpolation), mean=0.5, std=0.25, seed=0)
    ids = torch.arange(count, device=device)
    out = pipeline(images, ids=ids)
    measure(
        lambda: pipeline(images, ids=ids, out=out),
        group=f"{name}, {device} {count}x3x{side}x{side} {layout}",
        row=interpolation,
        device=device,
        moved=images.nbytes + out.nbytes,
        baseline=None if interpolation != "bilinear" else "bilinear",
    )
