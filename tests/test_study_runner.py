"""Running studies: killed at any moment, by two runners at once, with runs that fail."""

from __future__ import annotations

import csv
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from warpmix.study.collect import load_results
from warpmix.study.executors import Batch
from warpmix.study.folder import run_folder
from warpmix.study.live import LiveStatus
from warpmix.study.load import load_study
from warpmix.study.plan import Plan
from warpmix.study.results import StudyResults
from warpmix.study.runner import Runner
from warpmix.study.worker import Outcome, record_failure
from warpmix.train.claims import claim, owner_of
from warpmix.train.run_folder import CHECKPOINT_FILE

LOGGED = Path(__file__).parent / "programs" / "study_with_log.py"
KILLS = int(os.environ.get("WARPMIX_STUDY_KILLS", "3"))  # 20 take minutes

# The heads on one frozen network's features are trained as one batched model.
RECIPE = """\
title: Tiny
base: {data: digits, train_images: 200, epochs: 2, batch_size: 50, device: cpu, threads: 1}
repeats: 2
series:
  mlp: {title: MLP, settings: {model: mlp_s}}
  head: {title: Head, settings: {model: vgg3, width: 4, frozen: true, epochs: 8}}
sweeps:
  rate: {title: Rate, series: [mlp, head], grid: {lr: [0.01, 0.05, 0.1]}}
  momentum: {title: Momentum, series: [mlp, head], start_from: rate, grid: {momentum: [0.5, 0.9]}}
"""


def start(recipe: Path, out: Path, log: Path | None = None) -> subprocess.Popen[bytes]:
    """Start a runner; its workers write into the log what they train."""
    program = ["-m", "warpmix"] if log is None else [str(LOGGED)]
    command = [sys.executable, *program, "study", "run", str(recipe), "--out", str(out)]
    return subprocess.Popen(
        [*command, "--no-report", "--workers", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "STARTS": str(log)},
    )


def finish(process: subprocess.Popen[bytes]) -> str:
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output.decode()
    return output.decode()


def accuracies(results: StudyResults) -> dict[str, tuple[float | None, float | None]]:
    return {r.id: (r.test_accuracy, r.validation_loss) for r in results.runs}


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "tiny.yaml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="module")
def undisturbed(recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    out = tmp_path_factory.mktemp("undisturbed")
    finish(start(recipe, out))
    return load_results(out)


def test_a_study_runs_to_its_end_with_the_best_carried(undisturbed: StudyResults) -> None:
    assert [r.status for r in undisturbed.runs] == ["done"] * 20
    for series in ("mlp", "head"):
        own = [r for r in undisturbed.runs if r.series == series]
        rates: dict[float, list[float]] = {}
        for run in own[:6]:
            assert run.validation_accuracy is not None
            rates.setdefault(run.values["lr"], []).append(run.validation_accuracy)
        best = max(rates, key=lambda rate: sum(rates[rate]))
        assert {r.settings["lr"] for r in own[6:] if r.settings} == {best}
    assert not list(undisturbed.folder.glob(f"runs/*/{CHECKPOINT_FILE}"))
    with (undisturbed.folder / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [r.id for r in undisturbed.runs]
    assert [float(row["test_accuracy"]) for row in rows] == [
        r.test_accuracy for r in undisturbed.runs
    ]


def test_a_study_killed_at_random_moments_ends_with_the_same_results(
    recipe: Path, undisturbed: StudyResults, tmp_path: Path
) -> None:
    """SIGKILL of the runner, whose workers end with it."""
    chance = random.Random(0)
    for _ in range(KILLS):
        process = start(recipe, tmp_path)
        time.sleep(chance.uniform(1, 12))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    finish(start(recipe, tmp_path))
    assert accuracies(load_results(tmp_path)) == accuracies(undisturbed)


def test_two_runners_never_do_a_run_twice(
    recipe: Path, undisturbed: StudyResults, tmp_path: Path
) -> None:
    """Every worker writes down what it trains."""
    log = tmp_path / "starts.txt"
    together = [start(recipe, tmp_path / "study", log=log) for _ in range(2)]
    for process in together:
        finish(process)
    assert accuracies(load_results(tmp_path / "study")) == accuracies(undisturbed)
    starts = [line.split() for line in log.read_text().splitlines()]
    assert sorted(id for _, id in starts) == sorted(accuracies(undisturbed))
    assert len({process for process, _ in starts}) > 2  # each runner has two


def test_a_failed_run_is_recorded_and_the_others_go_on(tmp_path: Path) -> None:
    recipe = tmp_path / "failing.yaml"
    recipe.write_text(
        RECIPE.replace("repeats: 2", "repeats: 1").replace("[0.01, 0.05, 0.1]", "[0.01, 1.0e+30]")
    )
    out = tmp_path / "study"
    output = finish(start(recipe, out))
    assert "6 runs done, 2 failed" in output
    results = load_results(out)
    failed = {r.series: r for r in results.runs if r.status == "failed"}
    for run in failed.values():
        assert run.values == {"lr": 1.0e30}
        assert run.error is not None
        assert "Traceback" in run.error
    assert "training diverged in epoch 1: the loss became nan" in str(failed["mlp"].error)
    # A linear head's outputs stay finite: as large as the rate.
    assert re.search(r"in epoch 1: the loss became \d\.\d+e\+\d\d;", str(failed["head"].error))
    carried = [r for r in results.runs if r.series == "mlp" and r.sweep == "momentum"]
    assert {r.settings["lr"] for r in carried if r.settings} == {0.01}
    before = {r.id: r.folder.stat().st_mtime_ns for r in results.runs}
    finish(start(recipe, out))  # nothing is left, and nothing is done again
    assert {r.id: r.folder.stat().st_mtime_ns for r in load_results(out).runs} == before


class Failing:
    """An executor whose runs fail."""

    workers = 2

    def __init__(self, folder: Path) -> None:
        self.folder, self.given, self.tried = folder, list[Batch](), list[str]()

    def submit(self, batch: Batch) -> None:
        self.given.append(batch)
        self.tried += [task.id for task in batch]

    def collect(self, seconds: float) -> list[tuple[Batch, dict[str, Outcome] | None]]:
        ended, self.given = self.given, []
        for task in (task for batch in ended for task in batch):
            record_failure(run_folder(self.folder, task.id), "no\n")
        return [(batch, {task.id: "failed" for task in batch}) for batch in ended]

    def close(self) -> None:
        pass


def test_failed_runs_of_the_sweeps_asked_for_are_tried_again_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "two.yaml"
    path.write_text(RECIPE.replace(" start_from: rate,", ""))
    study = load_study(path)
    out = tmp_path / "study"

    def tried(retry_failed: bool, *sweeps: str) -> int:
        executor = Failing(out)
        live = LiveStatus(Console(), study.recipe)
        Runner(Plan(study, sweeps), out, retry_failed=retry_failed, on_change=live.update).run(
            executor
        )
        return len(executor.tried)

    assert tried(False, "rate", "momentum") == 20
    assert capsys.readouterr().out.count("20 of 20 runs, 20 failed") == 1
    assert tried(False, "rate", "momentum") == 0
    assert tried(True, "momentum") == 8
    assert len(list(out.glob("runs/*/error.txt"))) == 20  # those of the other sweep are still there


def test_a_claim_is_one_process_alone_and_void_when_it_dies(tmp_path: Path) -> None:
    path = tmp_path / "claims" / "a.lock"
    script = (
        "import sys, time; from pathlib import Path; from warpmix.train.claims import claim\n"
        "with claim(Path(sys.argv[1])) as free:\n    print(free, flush=True); time.sleep(600)"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == "True\n"
    with claim(path) as free:
        assert not free
    words = owner_of(path)
    assert words is not None
    assert words.startswith(f"process {owner.pid} on ")
    owner.kill()
    owner.communicate()
    assert owner_of(path) is None  # its file is still there
    assert json.loads(path.read_text())["pid"] == owner.pid
    with claim(path) as free:
        assert free
