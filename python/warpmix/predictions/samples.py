"""Which samples were predicted, in which order: what models must share to vote together."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor

from warpmix._files import atomic_write
from warpmix._numbers import native
from warpmix._reading import parse_json, quoted, reading_file
from warpmix._tensor_files import read_tensor_file

_FORMAT = "warpmix.samples"
_ID_KINDS = {("int64", torch.int64), ("text", torch.uint8)}
_REMEDY = "import the split's predictions into a new store"

Ids = Tensor | tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Samples:
    """N samples in their order.

    Attributes:
        ids: [N] int64, or N strings (file names, say); distinct.
        labels: [N] int64 true classes, or None where they are unknown.
    """

    ids: Ids
    labels: Tensor | None

    @property
    def digest(self) -> str:
        """SHA-256 of the ids in their order, in hexadecimal."""
        return hashlib.sha256(ids_to_tensor(self.ids).numpy().tobytes()).hexdigest()

    def label_difference(self, other: Samples) -> str:
        """Say how the labels differ; "" where they don't or where one side has none."""
        if self.labels is None or other.labels is None:
            return ""
        differing = self.labels != other.labels
        if count := int(differing.sum()):
            row = int(differing.int().argmax())
            return (
                f"its labels differ for {count} of {len(self.ids)} samples, first for sample {row}"
            )
        return ""

    def save(self, path: Path) -> None:
        """Write a safetensors file, whole or not at all."""
        tensors = {"ids": ids_to_tensor(self.ids)}
        if self.labels is not None:
            tensors["labels"] = self.labels
        with atomic_write(path) as temporary:
            temporary.write_bytes(save(tensors, {"format": _FORMAT, "ids": ids_kind(self.ids)}))

    @classmethod
    def load(cls, path: Path) -> Samples:
        """Read a file of :meth:`save`.

        Raises:
            FileNotFoundError: there is none.
            ValueError: it is damaged or holds something else.
        """
        if not path.is_file():
            raise FileNotFoundError(f"no file of samples {path.absolute()}")
        with reading_file(path, _REMEDY):
            tensors, metadata = read_tensor_file(path, _REMEDY)
            if metadata.get("format") != _FORMAT:
                raise ValueError("not a file of samples")
            ids, labels = ids_from_tensor(tensors["ids"], metadata["ids"]), tensors.get("labels")
            check_ids(ids, len(ids))
            if labels is not None and (labels.dtype, len(labels)) != (torch.int64, len(ids)):
                raise ValueError(
                    f"its labels must be one int64 a sample, [{len(ids)}], got "
                    f"{quoted(list(labels.shape))} of {labels.dtype}; {_REMEDY}"
                )
            return cls(ids, labels)


def list_ids(ids: Ids) -> list[int] | list[str]:
    """Return the ids as Python's own values."""
    return ids.tolist() if isinstance(ids, Tensor) else list(ids)


def check_ids(ids: Ids | Sequence[str | int | os.PathLike[str]] | None, count: int) -> Ids:
    """Return ids in one of their two forms; row numbers where there are none.

    Raises:
        TypeError: neither integers nor strings.
        ValueError: not one a sample, or not distinct.
    """
    if ids is None:
        return torch.arange(count)
    checked = _as_ids(ids)
    if tuple(np.shape(checked)) != (count,):
        raise ValueError(f"ids must be one a sample, [{count}], got {list(np.shape(checked))}")
    values = list_ids(checked)
    if len(set(values)) != count:
        twice = next(value for value, times in Counter(values).items() if times > 1)
        raise ValueError(f"ids must be distinct, got {twice!r} twice")
    return checked


def _as_ids(ids: Tensor | Sequence[str | int | os.PathLike[str]]) -> Ids:
    if isinstance(ids, Tensor) or (len(ids) and isinstance(ids[0], (int, np.integer))):
        tensor = ids.cpu() if isinstance(ids, Tensor) else torch.from_numpy(native(np.asarray(ids)))
        if tensor.is_floating_point() or tensor.dtype == torch.bool:
            raise TypeError(f"ids must be integers or strings, got {tensor.dtype}")
        return tensor.long().contiguous()
    if not all(isinstance(value, (str, os.PathLike)) for value in ids):
        raise TypeError(f"ids must be integers or strings, got {type(ids[0]).__name__}")
    return tuple(str(value) for value in ids)


def ids_to_tensor(ids: Ids) -> Tensor:
    """Return int64 ids as they are, strings as the bytes of their JSON: tensors hold no text."""
    if isinstance(ids, Tensor):
        return ids
    return torch.frombuffer(bytearray(json.dumps(ids).encode()), dtype=torch.uint8)


def ids_kind(ids: Ids) -> str:
    """Return what :func:`ids_from_tensor` must know: "int64" or "text"."""
    return "int64" if isinstance(ids, Tensor) else "text"


def ids_from_tensor(tensor: Tensor, kind: str) -> Ids:
    """Return the ids of a tensor of :func:`ids_to_tensor`.

    Raises:
        ValueError: another kind, or a tensor that holds no such ids.
    """
    if tensor.dim() != 1 or (kind, tensor.dtype) not in _ID_KINDS:
        raise ValueError(
            f"its ids must be a row of int64, or of uint8 that are text, got {quoted(kind)} in "
            f"{quoted(list(tensor.shape))} of {tensor.dtype}"
        )
    return tensor if kind == "int64" else strings_from_json(tensor.numpy().tobytes())


def strings_from_json(text: str | bytes) -> tuple[str, ...]:
    """Return the strings of a JSON list.

    Raises:
        ValueError: it is none.
    """
    values = parse_json(text)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(f"expected a list of strings, got {quoted(values)}")
    return tuple(values)
