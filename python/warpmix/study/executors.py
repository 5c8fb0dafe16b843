"""Where runs are trained: in processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from typing import Protocol

from warpmix.study.worker import Outcome, Task, train_tasks

# glibc gives blocks above 32 MiB back to the kernel at every release, and gets them page by page at
# the next step. To keep them takes an epoch of vit6 from 38 to 21 s, a step of baseline2 from 1.01
# to 0.88 s. Other C libraries ignore these.
_KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(4 << 30), "MALLOC_TRIM_THRESHOLD_": str(8 << 30)}

Batch = tuple[Task, ...]
"""Runs that a worker gets at once."""


class Executor(Protocol):
    """Trains batches of runs, several at once.

    Attributes:
        workers: how many at once.
    """

    workers: int

    def submit(self, batch: Batch) -> None:
        """Have a batch trained."""

    def collect(self, seconds: float) -> list[tuple[Batch, dict[str, Outcome] | None]]:
        """Return what has ended, waiting so long for it; None for a batch whose worker died."""

    def close(self) -> None:
        """End the workers, whatever they are doing."""


class LocalExecutor:
    """Processes of this machine, each with torch and the data set loaded once.

    Args:
        study_folder: of the study.
        workers: processes.
        threads: CPU threads of each.
    """

    def __init__(self, study_folder: Path, workers: int, threads: int) -> None:
        self.workers = workers
        self._folder, self._threads = study_folder, threads
        self._pool = worker_pool(workers, threads)
        self._running: dict[Future[dict[str, Outcome]], Batch] = {}

    def submit(self, batch: Batch) -> None:
        """Have a batch trained."""
        try:
            future = self._pool.submit(train_tasks, self._folder, batch)
        except BrokenProcessPool:
            future = Future()
            future.set_exception(BrokenProcessPool())
        self._running[future] = batch

    def collect(self, seconds: float) -> list[tuple[Batch, dict[str, Outcome] | None]]:
        """Return what has ended; a worker that died takes all others with it, a new pool begins."""
        if not self._running:
            return []
        ended, _ = wait(self._running, seconds, FIRST_COMPLETED)
        found: list[tuple[Batch, dict[str, Outcome] | None]] = []
        broken = False
        for future in ended:
            batch = self._running.pop(future)
            if isinstance(future.exception(), BrokenProcessPool):
                broken = True
                found.append((batch, None))
            else:
                found.append((batch, future.result()))
        if broken:
            found += [(batch, None) for batch in self._running.values()]
            self._running.clear()
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = worker_pool(self.workers, self._threads)
        return found

    def close(self) -> None:
        """End the workers, whatever they are doing; their runs go on from their last epoch."""
        processes: Sequence[multiprocessing.Process]
        processes = list((getattr(self._pool, "_processes", None) or {}).values())
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._running:
            for process in processes:
                process.terminate()


def worker_pool(workers: int, threads: int) -> ProcessPoolExecutor:
    """Return processes that train, each with so many CPU threads."""
    for name, value in _KEEP_MEMORY.items():
        os.environ.setdefault(name, value)
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, context, _start_worker, (threads,))


def _start_worker(threads: int) -> None:
    """Prepare a worker: its threads, and its end with the runner's, even by SIGKILL."""
    import torch

    torch.set_num_threads(threads)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end_with_parent() -> None:
        wait_for([parent.sentinel])
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
