"""Lightning Fabric, set up from the settings and from what torchrun says."""

from __future__ import annotations

import os

import torch
from lightning.fabric import Fabric
from lightning.fabric.strategies import DDPStrategy


def make_fabric(device: str, precision: str, threads: int | None = None) -> Fabric:
    """Fabric for this process: of one device, or one of those that ``torchrun`` started.

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
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        return Fabric(accelerator=device, devices=1, precision=precision)  # type: ignore[arg-type]
    local = int(os.environ.get("LOCAL_WORLD_SIZE", world))
    fabric = Fabric(
        accelerator=device,
        devices=local,
        num_nodes=world // local,
        # Buffers are averaged once an epoch instead: ranks with fewer batches would wait for ever.
        strategy=DDPStrategy(broadcast_buffers=False),
        precision=precision,  # type: ignore[arg-type]
    )
    fabric.launch()
    return fabric
