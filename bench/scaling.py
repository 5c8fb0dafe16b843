"""What a batch costs, against its size, the images' size, threads, the chain's length, and how much
photos differ in size; with the floor, a copy to the output's type, beside it. Part of compare.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import measuring
from augment_rows import Case, Work
from measuring import Effort
from peer_rows import Row
from photo_rows import PhotoCase, PhotoWork
from works import TRANSFORMS, WORKS, Compared

from warpmix import (
    CutMix,
    RandomBrightness,
    RandomContrast,
    RandomCrop,
    RandomErasing,
    RandomHorizontalFlip,
    RandomHue,
    RandomSaturation,
)

ROWS = ("warpmix", "warpmix, ready buffer", "floor: copy_ to the output's type")
STEPS = (
    RandomHorizontalFlip(),
    RandomCrop(None, padding=4),
    RandomBrightness((0.6, 1.4)),
    RandomContrast((0.6, 1.4)),
    RandomSaturation((0.6, 1.4)),
    RandomErasing(),
    CutMix(),
    RandomHue((-0.1, 0.1)),
)
PIXELS = 1 << 20
"""Of a batch, where the images' size is what changes."""
BATCHES = tuple(4**k for k in range(8))
EFFORTS = {
    "full": Effort(seconds=0.4),
    "quick": Effort(seconds=0.05, fewest=3),
    "tiny": Effort(seconds=0.001, fewest=2),
}

Point = tuple[float, Compared, Any, Any]
"""The place on the axis, the work, the case, and the transforms; without them photos."""


def points(device: str, form: str) -> dict[str, list[Point]]:
    """By panel."""
    basic, crops = WORKS["basic chain"], WORKS["crops"]
    chain = TRANSFORMS["basic"]
    cores = len(os.sched_getaffinity(0))
    counts = sorted({1, *(n for n in (2, 4, 8, 16, 32, 64) if n < cores), cores})
    sides = (16, 32, 64, 96, 128, 224, 384, 512)
    spreads = (0, 12, 25, 40)  # photos stay larger than the crops, for the floor's sake
    found: dict[str, list[Point]] = {
        "batch": [(b, basic, Case(device, b, 32), chain) for b in BATCHES],
        "size": [
            (s, basic, Case(device, max(PIXELS // s**2, 2), s), chain) for s in sides
        ],
        "threads": [(n, basic, Case(device, 1024, 32, threads=n), chain) for n in counts],
        "length": [
            (n, basic, Case(device, 256, 96), STEPS[:n]) for n in range(len(STEPS) + 1)
        ],
        "spread": [
            (s, crops, PhotoCase(device, 64, _sides(s)), None) for s in spreads
        ],
    }  # fmt: skip
    if device == "cuda":
        del found["threads"]
    if form == "tiny":
        found = {name: panel[:2] for name, panel in found.items() if name in ("batch", "length")}
    return found


def _sides(spread: int) -> str:
    """Of photos that differ from 400 by as many percent at most."""
    return f"sides of {4 * (100 - spread)} to {4 * (100 + spread)}"


def curves(form: str, device: str) -> dict[str, list[dict[str, Any]]]:
    """Return by panel the points: "x", "row", "images", and seconds a batch."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name, panel in points(device, form).items():
        print(f"         scaling: {name}", flush=True)
        found[name] = [one for point in panel for one in _measured(point, EFFORTS[form])]
    return found


def _measured(point: Point, effort: Effort) -> Iterator[dict[str, Any]]:
    x, compared, case, transforms = point

    def make() -> Any:
        return PhotoWork(case) if transforms is None else Work(case, transforms)

    work = make() if case.device == "cpu" else None
    for row in compared.rows:
        if row.name not in ROWS:
            continue

        def child(row: Row = row) -> dict[str, float]:
            return measuring.measured(work or make(), case, row, effort)

        found: dict[str, Any] = {"x": x, "row": row.name, "images": case.batch}
        try:
            found |= measuring.in_child(child, effort.limit)
        except RuntimeError as error:
            found["failed"] = str(error)
        yield found
