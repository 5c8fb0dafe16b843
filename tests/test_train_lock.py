"""A run folder belongs to one training at a time, and is free at once when this one is killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from warpmix.cli import app
from warpmix.study.folder import run_folder
from warpmix.study.worker import Task, train_tasks
from warpmix.train import Callback, RunInUseError, TrainConfig, Trainer, fit, fit_together
from warpmix.train.claims import claim
from warpmix.train.run_folder import LOCK_FILE, RUN_FILES, remove_run

HOLD = """\
import sys, time
from pathlib import Path
from warpmix.train.claims import claim
with claim(Path(sys.argv[1])) as free:
    print(free, flush=True)
    time.sleep(600)
"""
TRAIN = """\
import sys, time
from pathlib import Path
from warpmix.cli import app
Path(sys.argv[2]).touch()
while not Path(sys.argv[3]).exists():
    time.sleep(0.001)
app(["train", "digits", "--few-shot", "16", "--model", "cnn3", "--epochs", "2", "--device", "cpu",
     "--threads", "1", "--out", sys.argv[1]])
"""


def settings(**changes: Any) -> TrainConfig:
    small = {"few_shot": 16, "model": "cnn3", "epochs": 2, "threads": 1, "device": "cpu"}
    return TrainConfig(**{**small, **changes})


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that trains in the folder ``run``, as far as others can see."""
    arguments = [sys.executable, "-c", HOLD, str(tmp_path / "run" / LOCK_FILE)]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    yield process
    process.kill()
    process.communicate()


def test_a_folder_in_use_names_its_owner_until_that_is_killed(
    owner: subprocess.Popen[str], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    words = rf"run is in use: process {owner.pid} on \S+ since \S+ is training in it; choose ano"
    with pytest.raises(RunInUseError, match=words):
        fit(settings(), run)
    with pytest.raises(RunInUseError, match=words):
        fit_together([settings()], [run])
    result = CliRunner().invoke(app, ["train", "digits", "--out", str(run)])
    assert (result.exit_code, len(result.output.strip().splitlines())) == (2, 1)
    assert f"process {owner.pid} on" in result.output
    assert [path.name for path in run.iterdir()] == [LOCK_FILE]  # nothing else was written

    owner.kill()
    owner.wait()
    fit(settings(), run)
    assert {path.name for path in run.iterdir()} == RUN_FILES


def test_a_run_in_work_cannot_be_resumed(owner: subprocess.Popen[str], tmp_path: Path) -> None:
    fit(settings(), tmp_path / "other")
    for path in (tmp_path / "other").iterdir():
        path.rename(tmp_path / "run" / path.name)
    with pytest.raises(RunInUseError, match=f"process {owner.pid} on"):
        fit(settings(), tmp_path / "run", resume=True)
    result = CliRunner().invoke(app, ["train", "--resume", str(tmp_path / "run")])
    assert result.exit_code == 2
    assert "or end it and then resume its run" in result.output
    with pytest.raises(RunInUseError):
        remove_run(tmp_path / "run")
    assert {path.name for path in (tmp_path / "run").iterdir()} == RUN_FILES | {LOCK_FILE}
    owner.kill()
    owner.wait()
    remove_run(tmp_path / "run")
    assert not list((tmp_path / "run").iterdir())
    remove_run(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_of_two_trainings_that_start_at_once_one_goes_on(tmp_path: Path) -> None:
    go = tmp_path / "go"
    ready = [tmp_path / "ready1", tmp_path / "ready2"]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", TRAIN, str(tmp_path / "run"), str(file), str(go)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for file in ready
    ]
    while not all(file.exists() for file in ready):
        assert all(process.poll() is None for process in processes)
    go.touch()
    errors = [process.communicate(timeout=120)[1] for process in processes]
    codes = [process.returncode for process in processes]
    assert sorted(codes) == [0, 2], errors
    (error,) = errors[codes.index(2)].splitlines()
    # The slower one may come when the other has a checkpoint, or has ended.
    assert f"process {processes[codes.index(0)].pid} on" in error or "holds a run already" in error
    assert {path.name for path in (tmp_path / "run").iterdir()} == RUN_FILES


def test_no_other_training_gets_the_folder_between_epochs(tmp_path: Path) -> None:
    class Second(Callback):
        tried = 0

        def on_epoch_end(self, trainer: Trainer) -> None:
            with pytest.raises(RunInUseError, match=f"process {os.getpid()} on"):
                fit(settings(), tmp_path / "run", resume=len(trainer.history) > 1)
            self.tried += 1

    second = Second()
    fit(settings(), tmp_path / "run", callbacks=[second])
    assert second.tried == 2


def test_a_training_that_cannot_start_leaves_no_folder(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for name in ("run", "runs/of/mine", "there/run"):
        with pytest.raises(FileNotFoundError):
            fit(settings(data=str(tmp_path / "missing.npz")), tmp_path / name)
        with pytest.raises(FileNotFoundError, match="holds no run"):
            fit(settings(), tmp_path / name, resume=True)
    assert [path.name for path in tmp_path.rglob("*")] == ["there"]


def test_a_study_leaves_a_run_alone_that_somebody_resumes(tmp_path: Path) -> None:
    folder = run_folder(tmp_path, "a")
    fit(settings(), folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with claim(folder / LOCK_FILE) as free:
        assert free
        assert train_tasks(tmp_path, [Task("a", settings())]) == {"a": "claimed"}
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_lock_that_its_owner_deletes_meanwhile_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that opened the file before its owner deleted it must not lock the old one."""
    path, opened, original = tmp_path / "a.lock", list[int](), os.open

    def slow(*arguments: Any, **options: Any) -> int:
        descriptor = original(*arguments, **options)
        if not opened:
            path.unlink()  # as the owner does when it lets go
        opened.append(descriptor)
        return descriptor

    monkeypatch.setattr("warpmix.train.claims.os.open", slow)
    with claim(path) as free:
        assert free
        assert len(opened) == 2
        assert os.path.samestat(os.fstat(opened[1]), path.stat())
        with claim(path) as second:
            assert not second
        assert path.exists()
    assert not path.exists()
