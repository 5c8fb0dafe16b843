"""Several processes that train one model: the same samples, and the same model, as one process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import noisy_classes
from safetensors.torch import load_file

from warpmix import predictions
from warpmix.augment import CutMix, Pipeline, RandomContrast, RandomShift
from warpmix.data import Dataset, Loader
from warpmix.train import TrainConfig, fit
from warpmix.train.distributed import share_of
from warpmix.train.run_folder import load_settings


def random_images(count: int) -> Dataset:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 8, 8, 3), dtype=torch.uint8, generator=generator)
    return Dataset(images, torch.arange(count), tuple(map(str, range(count))), "random")


# ---- the shares of the ranks --------------------------------------------------------------------


@pytest.mark.parametrize("world_size", [2, 3, 5])
@pytest.mark.parametrize("count", [1, 4, 23, 25, 47])
@pytest.mark.parametrize("expand", [0.0, 1.5])
def test_ranks_make_the_batches_of_one_process(count: int, world_size: int, expand: float) -> None:
    """Uneven last batches, of fewer samples than ranks too: each sample once, the same bytes."""
    pipeline = Pipeline([RandomShift(0.3), RandomContrast((1, 3)), CutMix()], seed=5)

    def loader(**ranks: int) -> Loader:
        return Loader(random_images(count), pipeline, 6, expand=expand, seed=3, **ranks)

    ranks = [loader(rank=rank, world_size=world_size) for rank in range(world_size)]
    for epoch in range(2):
        shares = [list(rank) for rank in ranks]
        whole = loader()
        whole.epoch = epoch
        assert {len(share) for share in shares} == {len(whole)}
        for number, (batch, targets) in enumerate(whole):
            parts = [share[number] for share in shares]
            own = [images[: len(labels.lam)] for images, labels in parts]
            assert torch.cat(own).equal(batch)
            for i, expected in enumerate(targets):
                assert torch.cat([labels[i] for _, labels in parts]).equal(expected)
            assert all(len(images) >= 2 for images, _ in parts)  # as batch norm needs
            sizes = [len(labels.lam) for _, labels in parts]
            assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(("count", "sizes"), [(13, [6, 7]), (12, [6, 6]), (14, [6, 6, 2])])
def test_a_single_last_sample_joins_the_batch_before(count: int, sizes: list[int]) -> None:
    loader = Loader(random_images(count), Pipeline(), 6, join_last=True)
    assert [len(batch) for batch, _ in loader] == sizes
    assert len(loader) == len(sizes)
    seen = torch.cat([targets.y_a for _, targets in loader])
    assert seen.sort().values.equal(torch.arange(count))


@pytest.mark.parametrize("world_size", [1, 2, 3, 7])
def test_ranks_predict_every_row_once(world_size: int) -> None:
    rows = [row for rank in range(world_size) for row in share_of(17, rank, world_size)]
    assert rows == list(range(17))


# ---- whole runs under torchrun ------------------------------------------------------------------


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes, dark and light; 83 images to train on: the last batch of 16 has three."""
    root = tmp_path_factory.mktemp("images")
    return noisy_classes(root, train=52, test=20, spread=190, dark=0, light=60)


def torchrun(world_size: int, *program: object) -> str:
    command = (sys.executable, "-m", "torch.distributed.run", "--standalone")
    done = subprocess.run(
        [*command, f"--nproc-per-node={world_size}", *map(str, program)],
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "CUDA_VISIBLE_DEVICES": "",
            "PYTHONFAULTHANDLER": "1",  # a process that a library aborts says where it was
            "PYTHONWARNINGS": "ignore",  # Lightning's, about torch's functions, which fill a log
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# Without what sees its neighbours alone, batch norm and dropout, so that only the rounding of sums
# can differ between numbers of processes.
PLAIN = {"model": "vgg3", "epochs": 3, "batch_size": 16, "lr": 0.02, "augment": "warsaw-all"}
PLAIN |= {"opt": "sgd", "sched": "cosine"}
# With both, for a number of processes alone.
FULL = {"model": "vgg3_bn", "dropout": 0.2, "batch_size": 27, "opt": "sgd", "ema": 0.8}
FULL |= {"sched": "constant"}
# The head alone, on features of copies that are made once.
HEAD = {**PLAIN, "model": "cnn3", "frozen": True, "expand": 0.5, "copies": "once"}

_TWO_PROCESSES = """
import json, os, sys
from pathlib import Path
from warpmix.train import TrainConfig, fit

root, plain, full, head = json.loads(sys.argv[1])
fit(TrainConfig(**plain), f"{root}/2")
fit(TrainConfig(**full, epochs=3), f"{root}/whole")
fit(TrainConfig(**full, epochs=1), f"{root}/cut")
fit(TrainConfig(**full, epochs=3), f"{root}/cut", resume=True)
found = fit(TrainConfig(**{**plain, "lr": "auto", "epochs": 1}), f"{root}/found")
Path(f"{root}/rate of {os.environ['RANK']}").write_text(repr(found.history[0].lr))
for name in ("new", "shared"):
    fit(TrainConfig(**head, feature_cache=f"{root}/features"), f"{root}/{name}")
"""


@pytest.fixture(scope="module")
def runs(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs with 1, 2 and 3 gloo processes."""
    root = tmp_path_factory.mktemp("runs")
    common = {"data": str(images), "device": "cpu"}
    fit(TrainConfig(**common, **PLAIN), root / "1")
    program = root / "two.py"
    program.write_text(_TWO_PROCESSES)
    settings = [{**common, **each} for each in (PLAIN, FULL, HEAD)]
    torchrun(2, program, json.dumps([str(root), *settings]))
    fit(TrainConfig(**settings[2], feature_cache="off"), root / "uncached")
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in PLAIN.items()]
    command = ("-m", "warpmix", "train", images, "--device", "cpu", "--out", root / "3", *flags)
    assert torchrun(3, *command).count("test accuracy") == 1  # one process speaks
    return root


def test_processes_agree_with_one(runs: Path) -> None:
    one = load_file(runs / "1" / "model.safetensors")
    stored = predictions.load(runs / "1" / "predictions-val.safetensors")
    assert stored.accuracy > 0.8
    for world_size in (2, 3):
        folder = runs / str(world_size)
        for key, tensor in load_file(folder / "model.safetensors").items():
            torch.testing.assert_close(tensor, one[key], rtol=1e-3, atol=1e-4)
        other = predictions.load(folder / "predictions-val.safetensors")
        assert other.labels.equal(stored.labels)
        assert other.accuracy == stored.accuracy
        torch.testing.assert_close(other.predictions, stored.predictions, rtol=1e-3, atol=1e-4)


def test_processes_find_one_rate(runs: Path) -> None:
    first, second = ((runs / f"rate of {rank}").read_text() for rank in range(2))
    assert first == second
    found = load_settings(runs / "found")
    assert found.automatic.count("lr") == 1 and found.lr != TrainConfig(opt="sgd").lr


def test_a_run_of_two_processes_resumes_to_the_same_weights(runs: Path) -> None:
    one, other = (load_file(runs / name / "model.safetensors") for name in ("whole", "cut"))
    assert all(one[key].equal(other[key]) for key in one)


def test_processes_share_features(runs: Path) -> None:
    files = ("uncached", "new", "shared")
    whole, new, shared = (load_file(runs / name / "model.safetensors") for name in files)
    assert len(list((runs / "features").glob("*.safetensors"))) == 3
    for key, tensor in whole.items():
        torch.testing.assert_close(new[key], tensor, rtol=1e-3, atol=1e-4)
        assert new[key].equal(shared[key])


_LEAVES = """
import atexit
import torch.distributed as dist
from warpmix.train.distributed import make_fabric

# Registered first, so called last.
atexit.register(lambda: print("left" if not dist.is_initialized() else "still there", flush=True))
make_fabric("cpu", "32-true")
"""


def test_processes_leave_their_group_at_exit(tmp_path: Path) -> None:
    """gloo's threads would else outlive the interpreter, and abort one exit in some hundred."""
    program = tmp_path / "leaves.py"
    program.write_text(_LEAVES)
    assert torchrun(2, program).split().count("left") == 2
