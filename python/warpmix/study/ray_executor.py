"""Where runs are trained: on a Ray cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from warpmix.study.executors import Batch
from warpmix.study.worker import Outcome, train_tasks

_RETRIES = 3  # by Ray, of a run whose worker is lost


class RayExecutor:
    """Tasks of a Ray cluster, which must see the study folder and the data at the same paths.

    Args:
        study_folder: of the study.
        workers: runs at once; None: as many as the cluster's cores, or its GPUs, hold.
        gpus_per_run: share of a GPU that each run gets, such as 0.25; 0: none.
        address: of a cluster, or ``auto``; None: a local one is started, and ended at the end.

    Raises:
        ImportError: Ray is not installed.
        ConnectionError: there is no cluster at the address.
        ValueError: the cluster has no GPU, and ``gpus_per_run`` asks for one.
    """

    def __init__(
        self, study_folder: Path, workers: int | None, gpus_per_run: float, address: str | None
    ) -> None:
        try:
            import ray
        except ImportError as error:
            raise ImportError(
                f"ray is not installed ({error}): pip install 'warpmix[ray]', or use the local "
                "executor"
            ) from error
        self._ray: Any = ray
        self._folder = study_folder.resolve()
        self._owns = not ray.is_initialized()
        if self._owns:
            own: dict[str, Any] = {"num_cpus": workers, "include_dashboard": False}
            options: dict[str, Any] = {} if address is not None else own
            ray.init(address=address or "local", log_to_driver=False, **options)
        resources = ray.cluster_resources()
        if gpus_per_run > resources.get("GPU", 0):
            self.close()
            raise ValueError(
                f"gpus_per_run must be at most the cluster's {resources.get('GPU', 0):g} GPUs, got "
                f"{gpus_per_run:g}; on cores alone it is 0"
            )
        free = resources["GPU"] / gpus_per_run if gpus_per_run else resources.get("CPU", 1)
        self.workers = workers or max(1, int(free))
        share: dict[str, Any] = {"num_gpus": gpus_per_run, "max_calls": 0} if gpus_per_run else {}
        self._train = ray.remote(num_cpus=1, max_retries=_RETRIES, **share)(train_tasks)
        self._running: dict[Any, Batch] = {}

    def submit(self, batch: Batch) -> None:
        """Have a batch trained; Ray does it again if its worker is lost."""
        self._running[self._train.remote(self._folder, batch)] = batch

    def collect(self, seconds: float) -> list[tuple[Batch, dict[str, Outcome] | None]]:
        """Return what has ended; None for a batch whose workers were lost again and again."""
        if not self._running:
            return []
        ended, _ = self._ray.wait(list(self._running), num_returns=1, timeout=seconds)
        found: list[tuple[Batch, dict[str, Outcome] | None]] = []
        for reference in ended:
            batch = self._running.pop(reference)
            try:
                found.append((batch, self._ray.get(reference)))
            except self._ray.exceptions.RayTaskError:
                raise  # train_tasks records a run's own errors: this is one of the study's files
            except self._ray.exceptions.RayError:
                found.append((batch, None))
        return found

    def close(self) -> None:
        """Take back what is left, and leave the cluster."""
        for reference in getattr(self, "_running", ()):
            self._ray.cancel(reference, force=True)
        if self._owns:
            self._ray.shutdown()
