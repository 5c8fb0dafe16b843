"""The roof: a large copy within one device's memory, bytes read plus bytes written."""

from __future__ import annotations

import pytest
import torch
from results import DEVICES, Measure

SIZE = {"cpu": 1 << 29, "cuda": 1 << 32}  # bytes: far more than any cache holds


@pytest.mark.parametrize("device", DEVICES)
def test_copy(measure: Measure, device: str) -> None:
    size = SIZE[device]
    if device == "cuda":
        size = min(size, torch.cuda.mem_get_info()[0] // 4)
    source = torch.randint(0, 256, (size,), dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    measure(
        lambda: target.copy_(source),
        group=f"{device}: large copy",
        row=f"copy of {size >> 20} MiB",
        device=device,
        moved=2 * size,
        roof=device == "cuda",  # a CPU's small batches stay in its cache
    )
