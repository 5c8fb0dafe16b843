"""What a reader is, and what the valid files hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fuzzing import mutations as m

Make = Callable[[Path], Path]


@dataclass(frozen=True)
class Reader:
    """A reader.

    Attributes:
        name: of the row in the table.
        make: fills a folder with valid files, and returns the one that is damaged.
        read: reads them, given the damaged file.
        mutate: how it is damaged.
    """

    name: str
    make: Make
    read: Callable[[Path], Any]
    mutate: m.Mutation


CLASSES = ("cat", "dog", "owl")
_rng = np.random.default_rng(0)
SCORES = torch.from_numpy(_rng.dirichlet(np.ones(3), 6).astype(np.float32))
LABELS = torch.tensor([0, 1, 2, 0, 1, 2])
PIXELS = _rng.integers(0, 256, (6, 8, 8, 3)).astype(np.uint8)


def write_text(name: str, content: str, at: Path) -> Path:
    (at / name).write_text(content)
    return at / name


def npy(array: np.ndarray, at: Path, name: str = "a.npy") -> Path:
    np.save(at / name, array)
    return at / name
