"""Experiment trackers that a run reports to, through Lightning's loggers.

``trackers.json`` in the run folder says which run of a tracker belongs to it, and how many epochs
the tracker knows. A resumed run goes on there, and tells the epochs that are missing: those between
a checkpoint and a kill, or all of them to a tracker that is new to the run.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from warpmix._files import make_folder, write_json
from warpmix._reading import quoted, read_json_object, reading_file
from warpmix.train.config import TrainConfig
from warpmix.train.history import EpochRecord
from warpmix.train.run_folder import TRACKERS_FILE

_EXPERIMENT = "warpmix"  # where neither the settings nor the tracker's variable name one
_SQLITE = "sqlite:///"
_MODULES = {
    "csv": (),
    "tensorboard": ("tensorboard",),
    "mlflow": ("mlflow", "sqlalchemy", "alembic"),
    "wandb": ("wandb",),
}


def check_loggers(names: Sequence[str]) -> None:
    """Refuse trackers whose packages are not installed.

    Args:
        names: as :attr:`warpmix.train.TrainConfig.logger`.

    Raises:
        ImportError: with the remedy.
    """
    for name in names:
        missing = [module for module in _MODULES[name] if find_spec(module) is None]
        if missing:
            raise ImportError(
                f"logger {name} needs {' and '.join(missing)}: pip install 'warpmix[{name}]', or "
                "leave it out; history.csv holds the same figures"
            )


class Trackers:
    """The trackers of one run, in one process.

    Args:
        config: of the run; its ``logger`` says which trackers.
        folder: the run folder; its name is the run's.
        history: the epochs that are done.
        environment: as :func:`warpmix.info.collect` returns it.
    """

    def __init__(
        self,
        config: TrainConfig,
        folder: Path,
        history: Sequence[EpochRecord],
        environment: Mapping[str, Any],
    ) -> None:
        self._folder = folder
        self._loggers: dict[str, Any] = {}
        path = folder / TRACKERS_FILE
        self._known: dict[str, dict[str, Any]] = read_known(path) if path.exists() else {}
        self._facts = {
            **config.model_dump(mode="json"),
            "run": folder.resolve().name,
            "environment": json.loads(json.dumps(environment)),  # plain values, no TorchVersion
        }
        for name in config.logger:
            earlier = self._known.get(name, {})
            logger, place = _OPEN[name](config, folder, earlier)
            self._loggers[name] = logger
            goes_on = bool(earlier) and place == {k: earlier.get(k) for k in place}
            if not goes_on:
                logger.log_hyperparams(self._facts)
            self._known[name] = {**place, "epochs": earlier["epochs"] if goes_on else 0}
        self.log_epochs(history)

    def log_epochs(self, history: Sequence[EpochRecord]) -> None:
        """Report the epochs that a tracker does not know yet, usually the last one."""
        for name, logger in self._loggers.items():
            for record in history[self._known[name]["epochs"] :]:
                figures = asdict(record)
                epoch = figures.pop("epoch")
                logger.log_metrics({k: v for k, v in figures.items() if v is not None}, epoch)
            logger.save()
            self._known[name]["epochs"] = len(history)
        write_json(self._folder / TRACKERS_FILE, self._known)

    def log_result(self, figures: Mapping[str, float | None], epoch: int) -> None:
        """Report the figures that a run ends with; None is left out."""
        given = {name: value for name, value in figures.items() if value is not None}
        for name, logger in self._loggers.items():
            if name == "tensorboard":  # its table of settings has a row a run, with these columns
                logger.log_hyperparams(self._facts, given, epoch)
            else:
                logger.log_metrics(given, epoch)
            logger.save()

    def close(self, status: str) -> None:
        """End the trackers' runs.

        Args:
            status: ``"success"`` or ``"failed"``.
        """
        for name, logger in self._loggers.items():
            logger.finalize(status)
            if name == "wandb":
                logger.experiment.finish(exit_code=int(status != "success"))


def read_known(path: Path) -> dict[str, dict[str, Any]]:
    """Read what each tracker knows: where its run is, and how many epochs it has.

    Raises:
        ValueError: the file is damaged.
    """
    remedy = "delete the file: the trackers begin runs of their own"
    known = read_json_object(path, remedy)
    with reading_file(path, remedy):
        for name, facts in known.items():
            if not isinstance(facts, dict) or not isinstance(facts.get("epochs"), int):
                raise ValueError(f"{quoted(name)} must say how many epochs it knows; {remedy}")
            if facts["epochs"] < 0:
                raise ValueError(f"{quoted(name)} must know at least 0 epochs; {remedy}")
    return known


# Each opens a tracker's run, the earlier one where there is one, and says where it is.


def _open_csv(
    config: TrainConfig, folder: Path, earlier: Mapping[str, Any]
) -> tuple[Any, dict[str, Any]]:
    from lightning.pytorch.loggers import CSVLogger

    for name in ("metrics.csv", "hparams.yaml"):  # the logger cannot append: all is told again
        (folder / "csv" / name).unlink(missing_ok=True)
    logger = CSVLogger(folder, name="", version="csv", flush_logs_every_n_steps=1)
    return logger, {"run": secrets.token_hex(4)}  # another one than before


def _open_tensorboard(
    config: TrainConfig, folder: Path, earlier: Mapping[str, Any]
) -> tuple[Any, dict[str, Any]]:
    from lightning.pytorch.loggers import TensorBoardLogger

    # Events of later steps are of an epoch that is told again, or of a deleted run.
    first = int(earlier.get("epochs", 0)) + 1
    logger = TensorBoardLogger(
        folder, name="", version="tensorboard", default_hp_metric=False, purge_step=first
    )
    return logger, {"run": "tensorboard"}


def _open_mlflow(
    config: TrainConfig, folder: Path, earlier: Mapping[str, Any]
) -> tuple[Any, dict[str, Any]]:
    from lightning.pytorch.loggers import MLFlowLogger

    asked = config.tracking_uri and _absolute(config.tracking_uri)
    uri = asked or earlier.get("uri") or os.environ.get("MLFLOW_TRACKING_URI")
    uri = _absolute(uri or f"{_SQLITE}mlflow.db")  # what `mlflow ui` looks for, too
    run = earlier.get("run") if earlier.get("uri") == uri else None
    with _alone_with(uri), _restored("MLFLOW_TRACKING_URI"):
        logger = MLFlowLogger(
            config.experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME") or _EXPERIMENT,
            run_name=folder.resolve().name,
            tracking_uri=uri,
            run_id=run,
        )
        client = logger.experiment
    if run is not None:
        client.update_run(run, status="RUNNING")
    return logger, {"run": logger.run_id, "uri": uri}


def _open_wandb(
    config: TrainConfig, folder: Path, earlier: Mapping[str, Any]
) -> tuple[Any, dict[str, Any]]:
    from lightning.pytorch.loggers import WandbLogger

    run = earlier.get("run") or secrets.token_hex(4)
    logger = WandbLogger(
        name=folder.resolve().name,
        save_dir=folder,
        id=run,
        project=config.experiment or os.environ.get("WANDB_PROJECT") or _EXPERIMENT,
    )
    return logger, {"run": run}


_OPEN = {
    "csv": _open_csv,
    "tensorboard": _open_tensorboard,
    "mlflow": _open_mlflow,
    "wandb": _open_wandb,
}


def _absolute(uri: str) -> str:
    """Return the address of a local database so that it holds in every working folder."""
    if not uri.startswith(_SQLITE):
        return uri
    return _SQLITE + str(Path(uri.removeprefix(_SQLITE)).resolve())


@contextmanager
def _alone_with(uri: str) -> Iterator[None]:
    """Keep other runs out while one may be making the local database's tables."""
    if not uri.startswith(_SQLITE):
        yield
        return
    folder = Path(uri.removeprefix(_SQLITE)).parent
    make_folder(folder)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _restored(variable: str) -> Iterator[None]:
    """Undo what MLflow does to the variable: the next run's store must not follow from this one."""
    value = os.environ.get(variable)
    try:
        yield
    finally:
        os.environ.pop(variable, None)
        if value is not None:
            os.environ[variable] = value
