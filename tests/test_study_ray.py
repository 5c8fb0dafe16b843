"""A study on a local Ray cluster of two workers, one of which is killed."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from warpmix.study.collect import load_results
from warpmix.study.executors import Executor, LocalExecutor
from warpmix.study.load import load_study
from warpmix.study.plan import Plan
from warpmix.study.runner import Runner
from warpmix.train.claims import owner_of

pytest.importorskip("ray", reason="ray is not installed: pip install 'warpmix[ray]'")

RECIPE = """\
title: Tiny
base: {data: digits, train_images: 200, epochs: 4, batch_size: 50, device: cpu, threads: 1}
series:
  mlp: {title: MLP, settings: {model: mlp_s}}
  head: {title: Head, settings: {model: vgg3, width: 4, frozen: true}}
sweeps:
  rate: {title: Rate, series: [mlp, head], grid: {lr: [0.01, 0.02, 0.05, 0.1]}}
"""


def run(recipe: Path, out: Path, executor: Executor) -> dict[str, float | None]:
    Runner(Plan(load_study(recipe)), out).run(executor)
    return {r.id: r.test_accuracy for r in load_results(out).runs}


def kill_an_owner(out: Path, killed: list[int]) -> None:
    """Kills the first process that is training a run."""
    while not killed:
        for path in out.glob("claims/*.lock"):
            words = owner_of(path)
            if words is not None and words.startswith("process "):
                killed.append(int(words.split()[1]))
                os.kill(killed[0], signal.SIGKILL)
                return
        time.sleep(0.01)


def test_a_lost_workers_run_is_done_again(tmp_path: Path) -> None:
    from warpmix.study.ray_executor import RayExecutor

    recipe = tmp_path / "tiny.yaml"
    recipe.write_text(RECIPE)
    local, remote = tmp_path / "local", tmp_path / "remote"
    expected = run(recipe, local, LocalExecutor(local, 2, 1))
    killed: list[int] = []
    killer = threading.Thread(target=kill_an_owner, args=(remote, killed), daemon=True)
    killer.start()
    assert run(recipe, remote, RayExecutor(remote, 2, 0.0, None)) == expected
    assert killed
    assert None not in expected.values()
