"""The trackers of a run: what they are told, once, whatever kills the run in between."""

from __future__ import annotations

import csv
import json
import struct
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from warpmix.train import TrainConfig, fit, load_config, loggers
from warpmix.train.history import EpochRecord
from warpmix.train.recorder import Recorder

FIGURES = ("lr", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy")


def settings(epochs: int = 2, **changes: Any) -> TrainConfig:
    small: dict[str, Any] = {"data": "digits", "model": "cnn3", "few_shot": 5, "sched": "constant"}
    return TrainConfig(epochs=epochs, device="cpu", threads=1, **{**small, **changes})


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return {
        tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]
    }


def expected(history: tuple[EpochRecord, ...], name: str) -> list[tuple[int, Any]]:
    return [(r.epoch, pytest.approx(getattr(r, name), rel=1e-6)) for r in history]  # float32 events


# ---- TensorBoard and CSV ------------------------------------------------------------------------


def test_a_resumed_run_goes_on_in_the_same_events_and_table(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    run = tmp_path / "run"
    fit(settings(2, logger="csv,tensorboard"), run)
    result = fit(settings(3, logger="csv,tensorboard"), run, resume=True)

    told = scalars(run / "tensorboard")
    for name in FIGURES:
        assert told[name] == expected(result.history, name)
    assert told["test_accuracy"][-1] == (3, pytest.approx(result.test_accuracy))
    written = yaml.safe_load((run / "tensorboard" / "hparams.yaml").read_text())
    assert (written["run"], written["few_shot"]) == ("run", 5)
    assert written["environment"]["versions"]["torch"]

    with (run / "csv" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["1", "2", "3", "3"]
    losses = [float(row["train_loss"]) for row in rows[:3]]
    assert losses == [record.train_loss for record in result.history]
    assert float(rows[3]["test_accuracy"]) == result.test_accuracy
    assert yaml.safe_load((run / "csv" / "hparams.yaml").read_text())["epochs"] == 3


@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_epoch_at_which_the_run_was_killed_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Killed after the checkpoint, before the tracker was told, or before that was written down."""
    pytest.importorskip("tensorboard")
    run = tmp_path / "run"

    def killed(*_: object) -> None:
        if moment == "before" or len((run / "history.csv").read_text().splitlines()) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if moment == "before":
            patch.setattr(loggers.Trackers, "log_epochs", lambda self, history: None)
            patch.setattr(loggers.Trackers, "log_result", killed)
        else:
            write = loggers.write_json

            def write_until_killed(path: Path, values: Any) -> None:
                if values["tensorboard"]["epochs"] == 2:
                    raise KeyboardInterrupt
                write(path, values)

            patch.setattr(loggers, "write_json", write_until_killed)
        with pytest.raises(KeyboardInterrupt):
            fit(settings(2, logger="tensorboard"), run)
    result = fit(settings(3, logger="tensorboard"), run, resume=True)
    for name in FIGURES:
        assert scalars(run / "tensorboard")[name] == expected(result.history, name)


# ---- MLflow -------------------------------------------------------------------------------------


def mlflow_client(uri: str) -> Any:
    pytest.importorskip("sqlalchemy")
    pytest.importorskip("alembic")
    return pytest.importorskip("mlflow").MlflowClient(uri)


def test_mlflow_has_settings_epochs_and_the_outcome_in_one_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    client = mlflow_client(f"sqlite:///{tmp_path}/mlflow.db")  # the default of a run started here
    config = settings(1, logger="mlflow", experiment="digits")
    fit(config, tmp_path / "run-a")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    changed = config.model_copy(update={"epochs": 2})
    result = fit(changed, tmp_path / "run-a", resume=True)
    assert not list((tmp_path / "elsewhere").iterdir())

    experiment = client.get_experiment_by_name("digits")
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.info.status) == ("run-a", "FINISHED")
    assert (run.data.params["model"], run.data.params["few_shot"]) == ("cnn3", "5")
    assert run.data.params["environment/versions/torch"]
    for name in FIGURES:
        points = client.get_metric_history(run.info.run_id, name)
        assert [(p.step, p.value) for p in points] == [
            (record.epoch, getattr(record, name)) for record in result.history
        ]
    assert run.data.metrics["test_accuracy"] == result.test_accuracy
    assert run.data.metrics["best_epoch"] == result.best_epoch

    # A run that fails says so; one that had no tracker before tells it all its epochs.
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    before = fit(settings(2), tmp_path / "run-b")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(loggers.Trackers, "log_result", fail)
        with pytest.raises(OSError, match="disk full"):
            fit(settings(2, logger="mlflow", tracking_uri=uri), tmp_path / "run-b", resume=True)
    default = client.get_experiment_by_name("warpmix").experiment_id
    (run,) = client.search_runs([default])
    assert run.info.status == "FAILED"
    points = client.get_metric_history(run.info.run_id, "train_loss")
    assert [p.value for p in points] == [record.train_loss for record in before.history]


def test_runs_that_begin_at_once_share_a_new_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow's own making of the tables failed for two of three processes that did it at once."""
    for package in ("mlflow", "sqlalchemy", "alembic"):
        pytest.importorskip(package)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    begin = (
        "import sys; from pathlib import Path; from warpmix.train import TrainConfig, loggers\n"
        "config = TrainConfig(logger='mlflow')\n"
        "loggers.Trackers(config, Path(sys.argv[1]), [], {}).close('success')\n"
    )
    folders = [tmp_path / f"run{i}" for i in range(2)]
    for folder in folders:
        folder.mkdir()
    started = [
        subprocess.Popen(
            [sys.executable, "-c", begin, str(folder)],
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
        )
        for folder in folders
    ]
    for process in started:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    client = mlflow_client(f"sqlite:///{tmp_path}/mlflow.db")
    experiment = client.get_experiment_by_name("warpmix")
    names = {run.info.run_name for run in client.search_runs([experiment.experiment_id])}
    assert names == {"run0", "run1"}


# ---- W&B ----------------------------------------------------------------------------------------


def test_wandb_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    run = tmp_path / "run"
    fit(settings(1, logger="wandb"), run)
    result = fit(settings(2, logger="wandb"), run, resume=True)
    identity = json.loads((run / "trackers.json").read_text())["wandb"]["run"]
    parts = sorted((run / "wandb").glob("offline-run-*"))
    assert [part.name.rpartition("-")[2] for part in parts] == [identity, identity]
    told = wandb_history(next(parts[1].glob("*.wandb")))
    assert told[0]["train_loss"] == result.history[1].train_loss
    assert told[0]["trainer/global_step"] == 2
    assert told[-1]["test_accuracy"] == result.test_accuracy


def wandb_history(path: Path) -> list[dict[str, Any]]:
    """The figures in W&B's file: LevelDB's log format after 7 bytes of W&B's own."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, rows, parts, position = path.read_bytes(), [], b"", 7
    while position + 7 <= len(data):
        if -position % 32768 < 7:  # no header fits into the rest of the block
            position += -position % 32768
        _, length, kind = struct.unpack_from("<IHB", data, position)
        parts += data[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # whole, or the last part
            record, parts = Record.FromString(parts), b""
            if record.HasField("history"):
                items = record.history.item
                rows.append({i.key or i.nested_key[0]: json.loads(i.value_json) for i in items})
    return rows


# ---- refusals, and who logs ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tensorboard", "mlflow", "wandb"])
def test_a_missing_package_is_named_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(loggers, "find_spec", lambda module: None)
    with pytest.raises(ImportError, match=rf"needs .*{name}.*: pip install 'warpmix\[{name}\]'"):
        fit(settings(logger=f"csv,{name}"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_settings_of_trackers() -> None:
    assert load_config(logger="mlflow,csv,csv").logger == ("mlflow", "csv")
    assert load_config(logger=["csv"]).logger == ("csv",)
    assert load_config(logger="none").logger == load_config().logger == ()
    with pytest.raises(ValueError, match=r"logger.0 must be 'csv', 'tensorboard', 'mlflow' or"):
        load_config(logger="tensorbord")
    with pytest.raises(ValueError, match="logger needs a run folder"):
        fit(settings(logger="csv"))


def test_the_first_rank_alone_logs(tmp_path: Path) -> None:
    for rank in (1, 0):
        fabric: Any = SimpleNamespace(is_global_zero=rank == 0, barrier=lambda: None)
        spec: Any = None
        trainer: Any = SimpleNamespace(history=[])
        with Recorder(tmp_path / "run", settings(logger="csv"), spec, fabric) as recorder:
            recorder.open(trainer, {})
        assert (tmp_path / "run" / "csv").exists() == (rank == 0)
