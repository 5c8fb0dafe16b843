"""Programs that people have: each runs as it was, and with warpmix after five changed lines.

``programs/NAME_before.py`` is the program, ``programs/NAME_after.py`` the same with warpmix. Each
has two worker processes, and gives its batches of two epochs and its last loss.
"""

from __future__ import annotations

import difflib
import math
import runpy
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

FOLDER = Path(__file__).parent / "programs"
NAMES = ("lightning", "dict_rows", "timm", "torchvision")
LINES = 5
SIDES = {"torchvision": 176, "timm": 224}  # of the crops, pixels; 32 else
NORMALISED = ("torchvision",)


def run(name: str) -> tuple[list[Tensor], float]:
    """Run a program in this process; its DataLoader forks workers."""
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the programs' frameworks advise on their DataLoaders
        program: dict[str, Any] = runpy.run_path(str(FOLDER / f"{name}.py"))
        batches, loss = program["main"]()
    return batches, loss


@pytest.mark.parametrize("name", NAMES)
def test_at_most_five_lines_are_changed(name: str) -> None:
    before, after = (
        (FOLDER / f"{name}_{which}.py").read_text("utf-8").splitlines()
        for which in ("before", "after")
    )
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    changed = sum(
        max(end - begin, to - start)
        for kind, begin, end, start, to in matcher.get_opcodes()
        if kind != "equal"
    )
    assert 0 < changed <= LINES, f"{name}: {changed} lines"


@pytest.mark.parametrize("name", NAMES)
def test_the_program_runs_as_it_was(name: str) -> None:
    batches, loss = run(f"{name}_before")
    assert len(batches) == 8 and math.isfinite(loss)


@pytest.mark.parametrize("name", NAMES)
def test_the_program_runs_with_warpmix(name: str) -> None:
    batches, loss = run(f"{name}_after")
    assert len(batches) == 8 and math.isfinite(loss)
    for batch in batches:
        side = SIDES.get(name, 32)
        assert batch.dtype == torch.float32 and tuple(batch.shape) == (16, 3, side, side)
        assert (float(batch.min()) < 0.0) == (name in NORMALISED) and float(batch.max()) > 0.5
    # Epochs hold the same images in the same order, the first two batches come from two workers:
    # wherever the random numbers repeated, two epochs would give the same bytes.
    first, second = batches[:4], batches[4:]
    assert not any(torch.equal(a, b) for a, b in zip(first, second, strict=True))
