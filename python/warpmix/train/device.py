"""Lightning Fabric, set up from the settings."""

from __future__ import annotations

import torch
from lightning.fabric import Fabric


def make_fabric(device: str, precision: str, threads: int | None = None) -> Fabric:
    """One device's Fabric.

    Args:
        device, precision, threads: as in :class:`warpmix.train.TrainConfig`.

    Raises:
        ValueError: the device is not there, or does not support the precision.
    """
    has_cuda = torch.cuda.is_available()
    if device == "auto":
        device = "cuda" if has_cuda else "cpu"
    if device == "cuda" and not has_cuda:
        raise ValueError("device must be cpu or auto on this machine: torch sees no CUDA device")
    if device == "cpu" and precision == "16-mixed":
        raise ValueError("precision 16-mixed needs a CUDA device; use bf16-mixed or 32-true here")
    if threads is not None:
        torch.set_num_threads(threads)
    return Fabric(accelerator=device, devices=1, precision=precision)  # type: ignore[arg-type]
