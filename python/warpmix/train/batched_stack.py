"""Several networks of one architecture as one: weights in one tensor, layers stacked."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from warpmix.train.batched_layers import stack_layers
from warpmix.train.config import TrainConfig
from warpmix.train.optimizer import make_optimizer
from warpmix.train.trainer import Trainer


class Stack:
    """The networks of several trainers, trained in common steps.

    All trained weights lie in one tensor, a row a model. The trainers' own networks hold views of
    it, so they always have the current weights, and so do the optimisers' rows: an optimiser of
    torch's, whatever its rule, sees each model as one long weight with its own settings.

    Args:
        trainers: of networks with the same layers, at the same epoch.
        configs: of each.
        on_features: the head alone is trained, and applied to features.
        epoch: that comes next.

    Attributes:
        optimizer: one group a model, in their order.
        rows: the weights of each model, with their gradients, [P].
    """

    def __init__(
        self,
        trainers: Sequence[Trainer],
        configs: Sequence[TrainConfig],
        on_features: bool,
        epoch: int,
    ) -> None:
        self._trainers, self._configs = trainers, configs
        networks = [trainer.network for trainer in trainers]
        self._weights = [
            [weight for weight in network.parameters() if weight.requires_grad]
            for network in networks
        ]
        first = self._weights[0]
        starts = [0]
        for weight in first:
            starts.append(starts[-1] + weight.numel())
        self._slices = [slice(a, b) for a, b in itertools.pairwise(starts)]
        together = first[0].new_empty(len(networks), starts[-1])
        self._gradients = torch.zeros_like(together)
        for row, weights in zip(together, self._weights, strict=True):
            for weight, part in zip(weights, self._slices, strict=True):
                row[part].copy_(weight.detach().flatten())
                weight.data = row[part].view(weight.shape)
        self._stacked = {
            id(weight): nn.Parameter(together[:, part].view(len(networks), *weight.shape))
            for weight, part in zip(first, self._slices, strict=True)
        }
        self._generators = [torch.Generator(together.device) for _ in networks]
        parts = [[n.head] if on_features else [n.backbone, n.head] for n in networks]
        self._on_features = on_features
        self._layers = stack_layers(parts, self._stacked, self._generators)
        self._penalties = self._penalty_factors()
        self.rows = [nn.Parameter(row) for row in together]
        for row, gradient in zip(self.rows, self._gradients, strict=True):
            row.grad = gradient
        self.optimizer = self._joined_optimizer(epoch)

    def seed(self, seeds: Sequence[int]) -> None:
        """Begin each model's dropout numbers."""
        for generator, seed in zip(self._generators, seeds, strict=True):
            generator.manual_seed(seed)

    def train(self, mode: bool) -> None:
        """Set all networks to training or to evaluation mode."""
        for trainer in self._trainers:
            network = trainer.network
            (network.head if self._on_features else network).train(mode)

    def repeat(self, batch: Tensor) -> Tensor:
        """Return samples, images or features, as the input of every model."""
        models = len(self._trainers)
        if self._on_features:
            return batch.expand(models, *batch.shape)
        layout = torch.channels_last if self._configs[0].channels_last else torch.contiguous_format
        return batch.repeat(1, models, 1, 1).contiguous(memory_format=layout)

    def join(self, batches: Sequence[Tensor]) -> Tensor:
        """Return the batch of each model as one input."""
        return torch.stack(list(batches)) if self._on_features else torch.cat(list(batches), 1)

    def __call__(self, batch: Tensor) -> Tensor:
        """Return logits [M, B, classes] of images [B, M C, H, W] or features [M, B, F]."""
        for layer in self._layers:
            batch = layer(batch)
        return batch

    def penalty(self) -> Tensor | None:
        """Return the sum of all models' L1 and L2 penalties; None where there are none."""
        total: Tensor | None = None
        for kernels, factors, function in self._penalties:
            for kernel in kernels:
                term = (function(kernel).flatten(1).sum(1) * factors).sum()
                total = term if total is None else total + term
        return total

    def backward(self, loss: Tensor) -> None:
        """Set the gradients of the rows to those of a sum of all models' losses."""
        gradients = torch.autograd.grad(loss, list(self._stacked.values()))
        for gradient, part in zip(gradients, self._slices, strict=True):
            self._gradients[:, part].view(gradient.shape).copy_(gradient)

    def hand_back(self) -> None:
        """Give the trainers' own optimisers what the common one has become, as views."""
        for trainer, row, group, weights in zip(
            self._trainers, self.rows, self.optimizer.param_groups, self._weights, strict=True
        ):
            own = trainer.optimizer
            own.param_groups[0]["lr"] = group["lr"]
            for weight, part in zip(weights, self._slices, strict=True):
                own.state[weight] = {
                    name: value[part].view(weight.shape)
                    if isinstance(value, Tensor) and value.shape == row.shape
                    else value
                    for name, value in self.optimizer.state[row].items()
                }

    def _penalty_factors(self) -> list[tuple[list[nn.Parameter], Tensor, Any]]:
        """Return, for L1 and L2 if any model has it: the kernels, each model's factor, and what is
        summed."""
        kernels = [self._stacked[id(kernel)] for kernel in self._trainers[0].penalty.kernels]
        found: list[tuple[list[nn.Parameter], Tensor, Any]] = []
        for name, function in (("l1", torch.abs), ("l2", torch.square)):
            factors = [getattr(config, name) for config in self._configs]
            if any(factors):
                found.append((kernels, kernels[0].new_tensor(factors), function))
        return found

    def _joined_optimizer(self, epoch: int) -> Optimizer:
        """Return one optimiser over the rows, with the state of the trainers' own."""
        joined: Optimizer | None = None
        for trainer, config, row, weights in zip(
            self._trainers, self._configs, self.rows, self._weights, strict=True
        ):
            own = make_optimizer(_Row(row), config, epoch)
            states = [trainer.optimizer.state.get(weight, {}) for weight in weights]
            own.state[row].update(
                {
                    name: torch.cat([state[name].flatten() for state in states])
                    if isinstance(value, Tensor) and value.shape == weights[0].shape
                    else value
                    for name, value in states[0].items()
                }
            )
            if joined is None:
                joined = own
            else:
                joined.add_param_group(own.param_groups[0])
                joined.state[row] = own.state[row]
        assert joined is not None
        return joined


def release(network: nn.Module) -> None:
    """Give a network memory of its own for its weights and statistics."""
    for tensor in (*network.parameters(), *network.buffers()):
        tensor.data = tensor.data.clone()


class _Row(nn.Module):
    """A model whose weights are one row."""

    def __init__(self, row: nn.Parameter) -> None:
        super().__init__()
        self.row = row
