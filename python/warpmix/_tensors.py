"""Tensors as the ops take them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def check_dense(name: str, value: Any) -> None:
    """Check that a value is a tensor of plain numbers with memory behind it.

    Raises:
        TypeError: it is no tensor, or a sparse, nested or quantised one.
        ValueError: it is on the meta device, which has no memory.
    """
    if not isinstance(value, Tensor):
        raise TypeError(
            f"{name} must be a torch.Tensor, got {type(value).__name__}; use torch.as_tensor"
        )
    if value.is_nested:
        raise TypeError(f"{name} must be one dense tensor, got a nested one; use torch.stack")
    if value.layout != torch.strided:
        raise TypeError(f"{name} must be dense, got {value.layout}; use {name}.to_dense()")
    if value.is_quantized:
        raise TypeError(f"{name} must not be quantised, got {value.dtype}; use {name}.dequantize()")
    if value.is_meta:
        raise ValueError(f"{name} must be on a CPU or a CUDA device, got meta, which has no memory")
