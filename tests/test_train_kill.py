"""A run that is killed again and again, at any moment."""

from __future__ import annotations

import csv
import multiprocessing
import random
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from warpmix.train import TrainConfig, fit
from warpmix.train.checkpoint import load_checkpoint
from warpmix.train.model import ModelSpec, read_tensors
from warpmix.train.run_folder import RUN_FILES

KILLS = 10


def train(config: TrainConfig, folder: str, started: Any) -> None:
    torch.set_num_threads(1)
    started.set()
    fit(config, folder, resume=(folder / "checkpoint.safetensors").exists())


def wait_for_writes(path: Path, process: Any, count: int) -> None:
    """Returns when the file has been written `count` times more, or the process has ended."""

    def written() -> int:
        return path.stat().st_mtime_ns if path.exists() else 0

    last = written()
    while count > 0 and process.is_alive():
        time.sleep(0.002)
        if written() != last:
            last, count = written(), count - 1


def spec_of(path: Path) -> ModelSpec:
    return ModelSpec.from_json(read_tensors(path)[1]["spec"])


@pytest.mark.parametrize(
    "changes",
    [
        {"augment": "warsaw-all", "model": "vgg3_bn", "head": "dense", "dropout": 0.3, "ema": 0.9},
        {"augment": "warsaw-all", "expand": 0.5, "copies": "once", "model": "cnn3"},
    ],
)
def test_a_run_killed_at_random_moments_ends_with_the_same_weights(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    """SIGKILL, which nothing can catch; no checkpoint is ever unreadable."""
    config = TrainConfig(epochs=40, few_shot=20, batch_size=32, threads=1, device="cpu", **changes)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    start = time.perf_counter()
    fit(config, whole)
    duration = time.perf_counter() - start

    # Children of a server that has imported everything once start at once, and without torch's
    # threads of this process.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["warpmix.train.loop", "sklearn.datasets", "sklearn.model_selection"]
    )
    moments = random.Random(0)
    kills, epochs = 0, []
    checkpoint = killed / "checkpoint.safetensors"
    while True:
        started = context.Event()
        process = context.Process(target=train, args=(config, killed, started))
        process.start()
        assert started.wait(60)
        # Within three epochs of the start, at any speed: ten kills never reach the end.
        if kills < KILLS:
            wait_for_writes(checkpoint, process, moments.randrange(4))
            process.join(moments.uniform(0, duration / 40))
        else:
            process.join()
        if process.exitcode is not None:
            assert process.exitcode == 0
            break
        process.kill()
        process.join()
        kills += 1
        if checkpoint.exists():
            epochs.append(len(load_checkpoint(checkpoint, spec_of(checkpoint))["history"]))
    assert kills == KILLS and epochs == sorted(epochs) and len(set(epochs)) > 2, epochs

    one, other = (load_file(folder / "model.safetensors") for folder in (whole, killed))
    assert one.keys() == other.keys() and all(one[key].equal(other[key]) for key in one)
    histories = []
    for folder in (whole, killed):
        with (folder / "history.csv").open() as file:
            histories.append([{**row, "seconds": ""} for row in csv.DictReader(file)])
    assert histories[0] == histories[1] and len(histories[0]) == 40
    assert {path.name for path in killed.iterdir()} == RUN_FILES
