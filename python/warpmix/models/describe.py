"""A network as a table: its layers, what they make, and their parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Layer:
    """A layer without layers of its own.

    Attributes:
        name: where it is in the network, such as ``"backbone.0"``.
        kind: its class, such as ``"Conv2d"``.
        output: shape for one image, without the batch; () where it makes no tensor.
        parameters: numbers it holds as weights, all and those that are trained.
        trained: see ``parameters``.
    """

    name: str
    kind: str
    output: tuple[int, ...]
    parameters: int
    trained: int


def describe(network: nn.Module, channels: int, height: int, width: int) -> list[Layer]:
    """Return the layers of a network in the order in which one batch of images passes them.

    Nothing is computed: shapes alone run through it. A parameter that belongs to a module with
    layers of its own, such as a position embedding, is listed under that module's name, so the
    parameters add up to all of the network's.

    Args:
        network: from [B, channels, height, width] to logits.

    Raises:
        RuntimeError, ValueError: the network cannot take such images.
    """
    rows: list[Layer] = []
    handles = []
    for name, module in network.named_modules():
        own = list(module.parameters(recurse=False))
        if own or not list(module.children()):
            handles.append(module.register_forward_hook(_recorder(name, rows)))
    shapes = {
        name: tensor.to("meta")
        for name, tensor in (*network.named_parameters(), *network.named_buffers())
    }
    training = network.training
    network.eval()
    try:
        images = torch.empty(2, channels, height, width, device="meta")
        torch.func.functional_call(network, shapes, (images,))
    finally:
        for handle in handles:
            handle.remove()
        network.train(training)
    seen = {row.name for row in rows}
    # Attention reads the weights of its parts without calling them.
    rows += [
        _row(name, module, None)
        for name, module in network.named_modules()
        if name not in seen and list(module.parameters(recurse=False))
    ]
    once: dict[str, Layer] = {}
    for row in rows:  # a layer that is used twice counts once
        once.setdefault(row.name, row)
    return list(once.values())


def _recorder(name: str, rows: list[Layer]) -> Any:
    def record(module: nn.Module, inputs: Any, output: Any) -> None:
        rows.append(_row(name, module, output))

    return record


def _row(name: str, module: nn.Module, output: Any) -> Layer:
    first = output[0] if isinstance(output, tuple) else output
    own = list(module.parameters(recurse=False))
    return Layer(
        name,
        type(module).__name__,
        tuple(first.shape[1:]) if isinstance(first, Tensor) else (),
        sum(p.numel() for p in own),
        sum(p.numel() for p in own if p.requires_grad),
    )
