"""The memory of a network's weights, counted while it is built and refused before it is taken."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from warpmix._memory import free_memory, in_bytes

_MAKERS = (torch.empty, torch.zeros, torch.ones, torch.rand, torch.randn)


class WithinMemory(TorchFunctionMode):
    """While it is entered, new tensors that together take more than a limit are refused.

    Args:
        limit: in bytes; None: the memory that is free.

    Raises:
        ValueError: in the block, by the call that makes the tensor that is too much.
    """

    def __init__(self, limit: int | None = None) -> None:
        super().__init__()
        self._limit = limit
        self._left = 0

    def __enter__(self) -> WithinMemory:
        self._left = free_memory() if self._limit is None else self._limit
        super().__enter__()
        return self

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Count a tensor, then make it."""
        options = dict(kwargs or {})
        if func in _MAKERS:
            shape = args[0] if args and isinstance(args[0], Sequence) else args
            dtype = options.get("dtype") or torch.get_default_dtype()
            if all(isinstance(side, int) for side in shape):
                self._left -= math.prod(shape) * dtype.itemsize
            if self._left < 0:
                limit = "the memory that is free" if self._limit is None else in_bytes(self._limit)
                raise ValueError(
                    f"the network's weights, such as those of the shape {[*shape]}, do not fit "
                    f"into {limit}; choose a smaller image_size, width, head or number of classes"
                )
        return func(*args, **options)
