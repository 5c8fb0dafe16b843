"""``checkpoint.safetensors``: everything a run needs to go on after its last epoch.

Weights, best weights and optimiser are tensors, the rest is JSON in the file's metadata; nothing
is ever unpickled. All of it is one file, written in one step, so a kill at any moment leaves the
checkpoint of one epoch, and never half of it or parts of two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from warpmix._reading import quoted, reading_file
from warpmix.train.model import ModelSpec, read_tensors, write_tensors

REMEDY = "start the run again in a new folder"
"""What to do about a damaged checkpoint."""


def save_checkpoint(path: Path, state: Mapping[str, Any], spec: ModelSpec) -> None:
    """Write the state of a run, in one step.

    Args:
        path: the file to write or replace.
        state: dicts and lists with tensors, numbers, strings and None as their leaves.
        spec: of the model, without which the weights say nothing.
    """
    tensors: dict[str, Tensor] = {}
    tree = _pack(state, "", tensors)
    write_tensors(path, tensors, {"spec": asdict(spec), "state": tree})


def load_checkpoint(path: Path, spec: ModelSpec) -> dict[str, Any]:
    """Read what :func:`save_checkpoint` wrote; tuples come back as lists.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a checkpoint, or one of another model or other images than ``spec``.
    """
    tensors, metadata = read_tensors(path)
    with reading_file(path, REMEDY):
        if "state" not in metadata:
            raise ValueError(f"{path} holds a model's weights, not the checkpoint of a run")
        theirs = asdict(ModelSpec.from_json(metadata["spec"]))
        differing = [
            f"{name} {quoted(theirs[name])}, not {quoted(mine)}"
            for name, mine in asdict(spec).items()
            if theirs[name] != mine
        ]
        if differing:
            raise ValueError(f"{path} is the checkpoint of another model: {'; '.join(differing)}")
        state: dict[str, Any] = _unpack(metadata["state"], tensors)
        return state


def _pack(node: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """Move the tensors of a tree into ``tensors``; what is left is JSON."""
    if isinstance(node, Tensor):
        tensors[name] = node.detach().to("cpu", copy=True).contiguous()
        return {"tensor": name}
    if isinstance(node, Mapping):  # as pairs, because the optimiser's keys are integers
        return {"items": [[key, _pack(v, f"{name}/{key}", tensors)] for key, v in node.items()]}
    if isinstance(node, list | tuple):
        return [_pack(v, f"{name}/{i}", tensors) for i, v in enumerate(node)]
    return node


def _unpack(node: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Undo :func:`_pack`."""
    if isinstance(node, list):
        return [_unpack(v, tensors) for v in node]
    if isinstance(node, dict):
        if "tensor" in node:
            return tensors[node["tensor"]]
        return {key: _unpack(v, tensors) for key, v in node["items"]}
    return node
