"""Safetensors files, read whole."""

from __future__ import annotations

from pathlib import Path

from safetensors import safe_open
from torch import Tensor

from warpmix._reading import reading_file


def read_tensor_file(path: Path, remedy: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return (the tensors of a safetensors file by their names, its metadata).

    Args:
        remedy: what to do about a damaged one; see :func:`warpmix._reading.reading_file`.

    Raises:
        OSError: it cannot be read.
        InvalidFileError: it is damaged, or no safetensors file.
    """
    with reading_file(path, remedy), safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return tensors, file.metadata() or {}
