"""Weights from a file into a backbone: all of them, or an error that says what does not fit."""

from __future__ import annotations

import io
import re
import zipfile
from collections import OrderedDict, deque
from mmap import ACCESS_READ, mmap
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from warpmix._pickles import checked_opcodes
from warpmix._reading import in_words, reading_file
from warpmix._tensor_files import read_tensor_file

State = OrderedDict[str, Tensor]

FILE_SUFFIXES = (".safetensors", ".pth", ".pt")

_REMEDY = "get the file again, or save the state dict anew with torch.save"
_OLD_PICKLES = 5  # of a file of torch before 1.6, ahead of its numbers
_SHOWN_KEYS = 3  # of each kind, in an error
_SHOWN_LENGTH = 100  # characters of each

# torchvision's published DenseNets have the keys "norm.1" and "conv.1" for "norm1" and "conv1".
_OLD_DENSENET = re.compile(r"(\.denselayer\d+\.(?:norm|conv))\.([12]\.)")


def read_state(path: Path) -> State:
    """Return a state dict from a file, see :func:`original_names`.

    Args:
        path: ``.safetensors``, or ``.pth`` or ``.pt`` as of ``torch.save``: the state dict itself,
            or one under the key ``state_dict`` or ``model``. Nothing but tensors and plain
            containers is read from it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, or holds something else.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no weights file {path.absolute()}")
    if path.suffix == ".safetensors":
        return original_names(read_tensor_file(path, _REMEDY)[0])
    with reading_file(path, _REMEDY):
        _check_sizes(path)
        try:
            state: Any = torch.load(path, map_location="cpu", weights_only=True)
        except UnpicklingError as error:
            raise ValueError(
                f"{path} cannot be read as weights: it is damaged, or holds more than tensors "
                f"({in_words(error)}); {_REMEDY}"
            ) from error
        for key in ("state_dict", "model"):
            if isinstance(state, dict) and isinstance(state.get(key), dict):
                state = state[key]
        if not isinstance(state, dict) or not all(map(_is_weight, state.items())):
            raise ValueError(f"{path} holds no state dict: a dict of tensors was expected")
        return original_names(state)


def _check_sizes(path: Path) -> None:
    """Refuse what would take more memory than the file's size: torch compresses nothing."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if sum(info.file_size for info in members) > path.stat().st_size:
                raise ValueError(f"its tensors would be longer than the file; {_REMEDY}")
            for info in members:
                if info.filename.endswith(".pkl"):
                    deque(checked_opcodes(io.BytesIO(archive.read(info))), 0)
        return
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as mapped:
        for _ in range(_OLD_PICKLES):
            deque(checked_opcodes(mapped), 0)


def _is_weight(item: tuple[Any, Any]) -> bool:
    """Whether an entry of a state dict has a name and holds numbers, in this machine's memory."""
    name, tensor = item
    is_plain = isinstance(tensor, Tensor) and tensor.layout == torch.strided
    return isinstance(name, str) and is_plain and not (tensor.is_quantized or tensor.is_meta)


def original_names(state: dict[str, Tensor]) -> State:
    """Return the state dict with the keys of the original network as it is today.

    Prefixes of DistributedDataParallel are taken off, as is that of a :class:`Network`'s backbone,
    whose head is left out. torchvision's old DenseNet keys are renamed.
    """
    plain = {key.removeprefix("module."): tensor for key, tensor in state.items()}
    own = {
        key.removeprefix("backbone."): tensor
        for key, tensor in plain.items()
        if key.startswith("backbone.")
    }
    named = State((_OLD_DENSENET.sub(r"\1\2", k), tensor) for k, tensor in (own or plain).items())
    # By these versions, modules recognise older keys of theirs; 2 is MNASNet's, which insists.
    versions = {"": {"version": 2}} if own else getattr(state, "_metadata", {"": {"version": 2}})
    vars(named)["_metadata"] = versions
    return named


def load_backbone(
    backbone: nn.Module, state: State, source: str, unused: tuple[str, ...] = ()
) -> None:
    """Copy weights into a backbone.

    Args:
        backbone: without its classifier.
        state: of :func:`read_state` or :func:`original_names`; changed.
        source: where ``state`` comes from, for the error.
        unused: modules of the original network that the backbone lacks.

    Raises:
        ValueError: a key is missing, left over, or of another shape.
    """
    for key in [key for key in state if key.startswith(tuple(f"{name}." for name in unused))]:
        del state[key]
    misshapen = [
        key
        for key, tensor in backbone.state_dict().items()
        if key in state and state[key].shape != tensor.shape
    ]
    for key in misshapen:
        del state[key]
    missing, left_over = backbone.load_state_dict(state, strict=False)
    problems = {
        "missing": [key for key in missing if key not in misshapen],
        "left over": left_over,
        "of another shape": misshapen,
    }
    if any(problems.values()):
        raise ValueError(
            f"{source} is a checkpoint of another model: "
            + "; ".join(f"{what}: {_abridged(keys)}" for what, keys in problems.items() if keys)
        )


def _abridged(keys: list[str]) -> str:
    shown = ", ".join(key[:_SHOWN_LENGTH] for key in keys[:_SHOWN_KEYS])
    return shown if len(keys) <= _SHOWN_KEYS else f"{shown}, … ({len(keys)} in all)"
