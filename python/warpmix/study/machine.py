"""How many runs at once this machine takes."""

from __future__ import annotations

import os

from warpmix._memory import free_memory

_MEMORY = 2 << 30  # bytes of a worker: torch, a data set such as CIFAR-10, a small network
_GPU_MEMORY = 16 << 30  # of a GPU, for each run on it


def core_count() -> int:
    """Return the CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def choose_workers(device: str) -> int:
    """Return how many runs to train at once.

    On the CPU a process a core: small networks do not fill two threads. As many as the free memory
    holds at 2 GiB each, or, on a GPU, its free memory at 16 GiB each, four at most.

    Args:
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``, of the settings.
    """
    import torch

    count = min(core_count(), free_memory() // _MEMORY)
    if device != "cpu" and torch.cuda.is_available():
        count = min(count, 4, torch.cuda.mem_get_info()[0] // _GPU_MEMORY)
    return max(1, int(count))
