"""Layers of several networks of one architecture, each applied to all of them together.

Activations are either images [B, M C, H, W], the channels of model 0 first, or rows [M, B, F], of M
models and B samples of each. Linear layers are batched matrix products, convolutions on a GPU are
grouped ones, and batch norm over M C channels is each model's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

Layer = Callable[[Tensor], Tensor]

_DROPOUTS = (nn.Dropout, nn.Dropout2d)
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
# Each channel or each number alone, without weights.
_ALIKE = (
    nn.ReLU,
    nn.LeakyReLU,
    nn.Sigmoid,
    nn.Tanh,
    nn.GELU,
    nn.SiLU,
    nn.ELU,
    nn.Identity,
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveMaxPool2d,
)


def leaves(module: nn.Module) -> Iterator[nn.Module]:
    """Yield the layers of nested ``nn.Sequential`` in their order; another module is one layer."""
    if type(module) is nn.Sequential:
        for child in module:
            yield from leaves(child)
    else:
        yield module


def unknown_layer(parts: Iterable[nn.Module]) -> str | None:
    """Return the name of the first layer that has no form for several models, or None."""
    for part in parts:
        for layer in leaves(part):
            plain = not isinstance(layer, nn.Conv2d) or layer.padding_mode == "zeros"
            averages = isinstance(layer, _BATCH_NORMS) and layer.momentum is None
            # Of its rows alone; with weights each model would have its own.
            weighted = isinstance(layer, nn.LayerNorm) and layer.elementwise_affine
            known = {nn.Linear, nn.Conv2d, nn.Flatten, nn.LayerNorm}
            known |= {*_DROPOUTS, *_BATCH_NORMS, *_ALIKE}
            if type(layer) not in known or not plain or averages or weighted:
                return type(layer).__name__
    return None


def stack_layers(
    parts: Sequence[Sequence[nn.Module]],
    stacked: Mapping[int, Tensor],
    generators: Sequence[torch.Generator],
) -> list[Layer]:
    """Return the layers of all models, which become one.

    Args:
        parts: of each model, its modules in the order they are applied in. The buffers of their
            batch norms become views of what the returned layers update.
        stacked: the trained weights [M, ...] under the ``id`` of the first model's.
        generators: of each model's dropout.

    Raises:
        ValueError: models of different layers, or a layer without such a form.
    """
    if unknown := unknown_layer(parts[0]):
        raise ValueError(f"networks with a layer {unknown} cannot be trained as one")
    models = [[layer for part in own for layer in leaves(part)] for own in parts]
    if len({tuple(_describe(layer) for layer in own) for own in models}) > 1:
        raise ValueError("networks that train as one must have the same layers, theirs differ")
    return [
        _stack(layers, stacked, generators)
        for layers in zip(*models, strict=True)
        if type(layers[0]) is not nn.Identity
    ]


def _describe(layer: nn.Module) -> str:
    """Return what must be equal: all but a dropout's rate."""
    return type(layer).__name__ if isinstance(layer, _DROPOUTS) else repr(layer)


def _stack(
    layers: Sequence[Any], stacked: Mapping[int, Tensor], generators: Sequence[torch.Generator]
) -> Layer:
    first, models = layers[0], len(layers)
    if isinstance(first, _DROPOUTS):
        return _Dropout(layers, generators)
    if isinstance(first, _BATCH_NORMS):
        return _BatchNorm(layers, stacked)
    if isinstance(first, nn.Flatten):
        return lambda x: _as_rows(x, models)
    if isinstance(first, nn.LayerNorm):
        return lambda x: first(_as_rows(x, models))
    if isinstance(first, nn.Linear | nn.Conv2d):
        weight = stacked[id(first.weight)]
        bias = None if first.bias is None else stacked[id(first.bias)]
        if isinstance(first, nn.Conv2d):
            return lambda x: _convolve(x, first, weight, bias)
        return lambda x: _multiply(x, weight, bias)
    call: Layer = first
    return call


def _as_rows(x: Tensor, models: int) -> Tensor:
    """Return images as rows; rows stay what they are."""
    return x if x.dim() == 3 else x.reshape(len(x), models, -1).transpose(0, 1)


def _multiply(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    columns = weight.transpose(1, 2)
    return torch.bmm(x, columns) if bias is None else torch.baddbmm(bias[:, None], x, columns)


def _convolve(x: Tensor, layer: nn.Conv2d, weight: Tensor, bias: Tensor | None) -> Tensor:
    convolve: Callable[..., Tensor] = functional.conv2d
    how = (layer.stride, layer.padding, layer.dilation)
    models = len(weight)
    if x.device.type != "cpu":
        biases = None if bias is None else bias.flatten()
        return convolve(x, weight.flatten(0, 1), biases, *how, layer.groups * models)
    # A CPU's grouped convolution is slower than single ones, and rounds by the number of groups.
    own_biases = [None] * models if bias is None else bias
    parts = zip(x.chunk(models, dim=1), weight, own_biases, strict=True)
    return torch.cat([convolve(own, w, b, *how, layer.groups) for own, w, b in parts], dim=1)


class _Dropout:
    """Dropout of every model by its own rate and its own numbers.

    On a CPU they are those of ``nn.Dropout`` after ``torch.manual_seed`` with the seed of the
    model's generator: drawn in the same order, into memory of the same layout.
    """

    def __init__(self, layers: Sequence[Any], generators: Sequence[torch.Generator]) -> None:
        self._layers, self._generators = layers, generators

    def __call__(self, x: Tensor) -> Tensor:
        rates = [layer.p if layer.training else 0.0 for layer in self._layers]
        if not any(rates):
            return x
        if x.dim() == 3:
            return x * torch.stack(
                [
                    self._noise(torch.empty_like(own), rate, generator)
                    for own, rate, generator in zip(x, rates, self._generators, strict=True)
                ]
            )
        parts = x.detach().chunk(len(rates), dim=1)
        if isinstance(self._layers[0], nn.Dropout2d):
            parts = tuple(part[:, :, :1, :1] for part in parts)
        layout = torch.contiguous_format
        if x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous():
            layout = torch.channels_last
        noise = [
            self._noise(torch.empty_like(own, memory_format=layout), rate, generator)
            for own, rate, generator in zip(parts, rates, self._generators, strict=True)
        ]
        return x * torch.cat(noise, dim=1)

    @staticmethod
    def _noise(empty: Tensor, rate: float, generator: torch.Generator) -> Tensor:
        if rate == 0:
            return empty.fill_(1.0)
        return empty.bernoulli_(1 - rate, generator=generator).div_(1 - rate)


class _BatchNorm:
    """Batch norm over the channels of all models, its statistics shared with theirs."""

    def __init__(self, layers: Sequence[Any], stacked: Mapping[int, Tensor]) -> None:
        self._layers = layers
        first = layers[0]
        self._weight = None if first.weight is None else stacked[id(first.weight)]
        self._bias = None if first.bias is None else stacked[id(first.bias)]
        self._mean, self._variance, self._batches = (
            None if getattr(first, name) is None else _share_buffer(layers, name)
            for name in ("running_mean", "running_var", "num_batches_tracked")
        )

    def __call__(self, x: Tensor) -> Tensor:
        first = self._layers[0]
        if first.training and self._batches is not None:
            self._batches += 1
        rows = x.dim() == 3
        if rows:  # [M, B, F] to [B, M F]
            models, count, features = x.shape
            x = x.transpose(0, 1).reshape(count, models * features)
        out = functional.batch_norm(
            x,
            None if self._mean is None else self._mean.flatten(),
            None if self._variance is None else self._variance.flatten(),
            None if self._weight is None else self._weight.flatten(),
            None if self._bias is None else self._bias.flatten(),
            first.training or self._mean is None,
            first.momentum,
            first.eps,
        )
        return out.view(count, models, features).transpose(0, 1) if rows else out


def _share_buffer(layers: Sequence[nn.Module], name: str) -> Tensor:
    """Return a buffer of all models as one tensor, of which each model's becomes a view."""
    together = torch.stack([getattr(layer, name) for layer in layers])
    for layer, own in zip(layers, together, strict=True):
        setattr(layer, name, own)
    return together
