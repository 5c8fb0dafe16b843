"""The update rules of Keras's optimisers that torch has otherwise, and Ftrl, which it has not.

Source: the ``update_step`` of each class in ``keras/src/optimizers`` of Keras 3. In the formulas
below w is a weight, g its gradient, t the number of the step from 1, and sums begin at 0 where
nothing else is said. Weight decay is Keras's in all of them: before its step a weight is
multiplied by 1 - lr · weight_decay.

Keras's Nadam is torch's with ``momentum_decay=1`` and decoupled decay, and its AdamW is its Adam
with decay, so they are not here.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, optim
from torch.optim.optimizer import ParamsT

_Values = dict[str, Any]


class _Rule(optim.Optimizer):
    """What the rules share: a step is decay, then each weight's own update.

    Args:
        params: weights or groups of them, as torch's optimisers take them.
        lr: learning rate.
        weight_decay: as above.
        constants: all that the rule's formula names.
    """

    def __init__(
        self, params: ParamsT, lr: float, weight_decay: float = 0.0, **constants: Any
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, **constants})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step; return what the closure, which computes the gradients, returns."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                if group["weight_decay"] != 0:
                    weight.mul_(1 - group["lr"] * group["weight_decay"])
                self._update(weight, weight.grad, group, self.state[weight])
        return loss

    @abstractmethod
    def _update(self, weight: Tensor, gradient: Tensor, group: _Values, state: _Values) -> None:
        """Change a weight and its state, which is empty before the first step."""


class SGD(_Rule):
    """Gradient descent: v = momentum · v - lr · g; w += v.

    torch's has the rate outside of v, so that a change of the rate acts on past gradients too.
    With ``nesterov``: w += momentum · v - lr · g.
    """

    def _update(self, weight: Tensor, gradient: Tensor, group: _Values, state: _Values) -> None:
        lr, momentum = group["lr"], group["momentum"]
        if momentum == 0:
            weight.sub_(gradient, alpha=lr)
            return
        velocity = _kept(state, "velocity", weight)
        velocity.mul_(momentum).sub_(gradient, alpha=lr)
        if group["nesterov"]:
            weight.add_(velocity, alpha=momentum).sub_(gradient, alpha=lr)
        else:
            weight.add_(velocity)


class RMSprop(_Rule):
    """RMSprop: v = rho · v + (1 - rho) · g²; m = momentum · m + lr · g / √(v + eps); w -= m.

    torch's divides by √v + eps, and has the rate outside of m.
    """

    def _update(self, weight: Tensor, gradient: Tensor, group: _Values, state: _Values) -> None:
        lr, rho, momentum = group["lr"], group["rho"], group["momentum"]
        square = _kept(state, "square", weight)
        square.mul_(rho).addcmul_(gradient, gradient, value=1 - rho)
        root = (square + group["eps"]).sqrt_()
        if momentum == 0:
            weight.addcdiv_(gradient, root, value=-lr)
            return
        velocity = _kept(state, "velocity", weight)
        velocity.mul_(momentum).addcdiv_(gradient, root, value=lr)
        weight.sub_(velocity)


class Adagrad(_Rule):
    """Adagrad: n += g², which begins at ``accumulator``; w -= lr · g / √(n + eps).

    torch's divides by √n + eps.
    """

    def _update(self, weight: Tensor, gradient: Tensor, group: _Values, state: _Values) -> None:
        total = _kept(state, "sum", weight, group["accumulator"])
        total.addcmul_(gradient, gradient)
        weight.addcdiv_(gradient, (total + group["eps"]).sqrt_(), value=-group["lr"])


class Adadelta(_Rule):
    """Adadelta: v = rho · v + (1 - rho) · g²; d = g · √(u + eps) / √(v + eps);
    u = rho · u + (1 - rho) · d²; w -= lr · d.

    torch's is the same but for the decay.
    """

    def _update(self, weight: Tensor, gradient: Tensor, group: _Values, state: _Values) -> None:
        rho, eps = group["rho"], group["eps"]
        square = _kept(state, "square", weight)
        steps = _kept(state, "square_of_steps", weight)
        square.mul_(rho).addcmul_(gradient, gradient, value=1 - rho)
        step = (steps + eps).sqrt_().mul_(gradient).div_((square + eps).sqrt_())
        steps.mul_(rho).addcmul_(step, step, value=1 - rho)
        weight.sub_(step, alpha=group["lr"])


class Adam(_Rule):
    """Adam as in section 2 of Kingma and Ba: m = beta1 · m + (1 - beta1) · g;
    v = beta2 · v + (1 - beta2) · g²; w -= lr · √(1 - beta2ᵗ) / (1 - beta1ᵗ) · m / (√v + eps).

    torch's eps is √(1 - beta2ᵗ) times as large: it is added to the corrected root.
    """

    def _update(self, weight: Tensor, gradient: Tensor, group: _Values, state: _Values) -> None:
        beta1, beta2 = group["betas"]
        mean, square = _kept(state, "mean", weight), _kept(state, "square", weight)
        step = state["step"] = state.get("step", 0) + 1
        mean.lerp_(gradient, 1 - beta1)
        square.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        rate = group["lr"] * (1 - beta2**step) ** 0.5 / (1 - beta1**step)
        weight.addcdiv_(mean, square.sqrt().add_(group["eps"]), value=-rate)


class Adamax(_Rule):
    """Adamax: m = beta1 · m + (1 - beta1) · g; u = max(beta2 · u, |g|);
    w -= lr / (1 - beta1ᵗ) · m / (u + eps).

    torch's has the eps in u: max(beta2 · u, |g| + eps).
    """

    def _update(self, weight: Tensor, gradient: Tensor, group: _Values, state: _Values) -> None:
        beta1, beta2 = group["betas"]
        mean, largest = _kept(state, "mean", weight), _kept(state, "largest", weight)
        step = state["step"] = state.get("step", 0) + 1
        mean.lerp_(gradient, 1 - beta1)
        torch.maximum(largest.mul_(beta2), gradient.abs(), out=largest)
        rate = group["lr"] / (1 - beta1**step)
        weight.addcdiv_(mean, largest + group["eps"], value=-rate)


class Ftrl(_Rule):
    """Follow the regularised leader, as TensorFlow's ``ApplyFtrl`` at Keras's defaults:
    z += g - (√(n + g²) - √n) / lr · w; n += g², which begins at ``accumulator``;
    w = -z · lr / √n.

    Sources: McMahan et al. 2013, "Ad click prediction: a view from the trenches", algorithm 1;
    https://www.tensorflow.org/api_docs/python/tf/keras/optimizers/Ftrl with
    ``learning_rate_power=-0.5`` and without its own L1, L2 and shrinkage. z begins at 0, not at
    what would give the first weights: where n begins at n₀, a weight keeps 1 - √(n₀ / n) of its
    first value, and one without gradients becomes 0.
    """

    def _update(self, weight: Tensor, gradient: Tensor, group: _Values, state: _Values) -> None:
        lr = group["lr"]
        total = _kept(state, "sum", weight, group["accumulator"])
        linear = _kept(state, "linear", weight)
        root = total.sqrt()
        total.addcmul_(gradient, gradient)
        new_root = total.sqrt()
        linear.add_(gradient).addcmul_(new_root - root, weight, value=-1 / lr)
        weight.copy_(linear).mul_(-lr).div_(new_root)


def _kept(state: _Values, name: str, weight: Tensor, first: float = 0.0) -> Tensor:
    """Return a tensor of a weight's state, which begins at ``first``."""
    if name not in state:
        state[name] = torch.full_like(weight, first)
    tensor: Tensor = state[name]
    return tensor
