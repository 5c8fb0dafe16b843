"""Decoded files in a cache: continued, checked, streamed; the same bytes every way."""

from __future__ import annotations

import multiprocessing
import shutil
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from warpmix.augment import (
    ColorJitter,
    CutMix,
    MixUp,
    Pipeline,
    RandomChoice,
    RandomContrast,
    RandomCropBlackout,
    RandomErasing,
    RandomHorizontalFlip,
    RandomRotation,
    RandomShift,
    Resize,
)
from warpmix.cli import app
from warpmix.data import Dataset, Loader, StreamedDataset, cache_build, load_folder, open_cache
from warpmix.data.decode import Decoder
from warpmix.data.folder import list_folder
from warpmix.data.images import BadImageError
from warpmix.train import TrainConfig, fit
from warpmix.train.data import load_splits


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """300 images of 20x24 in three classes; 100 a class."""
    noise = np.random.default_rng(0)
    root = tmp_path / "photos"
    for number in range(300):
        path = root / f"class{number % 3}" / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise.integers(0, 256, (20, 24, 3)).astype(np.uint8)).save(path)
    return root


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warpmix.data.decode._LARGEST_BLOCK", 16)


def same(one: Dataset, other: Dataset) -> bool:
    return one.images.equal(other.images) and one.labels.equal(other.labels)


# ---- made, opened, verified ---------------------------------------------------------------------


def test_a_cache_holds_what_decoding_gives_and_is_opened_without_decoding(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = load_folder(folder)
    assert same(load_folder(folder, cache=tmp_path / "caches"), plain)
    monkeypatch.setattr(Decoder, "decode", None)
    again = load_folder(folder, cache=tmp_path / "caches")
    assert same(again, plain) and again.classes == plain.classes
    (made,) = (tmp_path / "caches").iterdir()
    assert {path.name for path in made.iterdir()} == {"images.u8", "cache.json", ".lock"}


@pytest.mark.parametrize("change", ["touched", "added", "size", "fit"])
def test_other_files_or_sizes_make_another_cache(folder: Path, tmp_path: Path, change: str) -> None:
    files = list_folder(folder)
    first = open_cache(files, tmp_path / "caches", (8, 8))
    if change == "touched":
        noise = np.zeros((20, 24, 3), np.uint8)
        Image.fromarray(noise).save(files.paths[0])
    if change == "added":
        shutil.copy(files.paths[0], files.paths[0].with_name("zzz.png"))
    size, fit_as = (
        ((9, 9) if change == "size" else (8, 8)),
        ("crop" if change == "fit" else "stretch"),
    )
    second = open_cache(list_folder(folder), tmp_path / "caches", size, fit=fit_as)
    assert first.folder != second.folder


def test_damage_is_found(folder: Path, tmp_path: Path, small_blocks: None) -> None:
    cache = open_cache(list_folder(folder), tmp_path)
    assert not any(differs for _, differs in cache.damaged())
    with (cache.folder / "images.u8").open("r+b") as file:
        file.seek(40 * 20 * 24 * 3)
        file.write(b"\0\0\0")
    assert [rows for rows, differs in cache.damaged() if differs] == [range(32, 48)]
    with (cache.folder / "images.u8").open("r+b") as file:
        file.truncate(1000)
    with pytest.raises(ValueError, match=r"is damaged: \d+ bytes were expected, got 1000; delete"):
        open_cache(list_folder(folder), tmp_path)


# ---- interrupted --------------------------------------------------------------------------------


@pytest.mark.parametrize("cut_line", [False, True])
def test_interrupted_caching_goes_on_where_it_stopped(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    small_blocks: None,
    cut_line: bool,
) -> None:
    files = list_folder(folder)
    written = []
    original = cache_build._write

    def write(images: Any, block: Any, start: int) -> object:
        if len(written) == 5:
            raise KeyboardInterrupt
        written.append(block.rows)
        return original(images, block, start)

    with monkeypatch.context() as patch:
        patch.setattr(cache_build, "_write", write)
        with pytest.raises(KeyboardInterrupt):
            open_cache(files, tmp_path)
    (made,) = tmp_path.glob("photos-*")
    if cut_line:  # a kill while the last note was being written: that block is decoded again
        journal = made / "journal.jsonl"
        journal.write_bytes(journal.read_bytes()[:-5])
    decoded = []
    monkeypatch.setattr(
        cache_build,
        "_write",
        lambda images, block, start: decoded.append(block.rows) or original(images, block, start),
    )
    cache = open_cache(files, tmp_path)
    assert decoded[0].start == (4 if cut_line else 5) * 16
    assert same(cache.dataset(), load_folder(folder))


def _prepare(root: Path, caches: Path) -> None:
    open_cache(list_folder(root), caches)


def test_caching_that_is_killed_again_and_again_ends_right(folder: Path, tmp_path: Path) -> None:
    caches = tmp_path / "caches"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["warpmix.data.cache", "sklearn.model_selection"])
    moments = np.random.default_rng(1).uniform(0, 0.3, 6)
    for moment in moments:
        process = context.Process(target=_prepare, args=(folder, caches))
        process.start()
        process.join(moment)
        process.kill()
        process.join()
    cache = open_cache(list_folder(folder), caches)
    assert same(cache.dataset(), load_folder(folder))
    assert not any(differs for _, differs in cache.damaged())


def test_processes_that_want_the_same_cache_share_it(folder: Path, tmp_path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    processes = [context.Process(target=_prepare, args=(folder, tmp_path)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert len(list(tmp_path.glob("photos-*"))) == 1
    assert same(open_cache(list_folder(folder), tmp_path).dataset(), load_folder(folder))


# ---- sizes and broken files ---------------------------------------------------------------------


def test_other_sizes_are_left_out_and_listed_cropped_or_stretched(
    folder: Path, tmp_path: Path
) -> None:
    wide = folder / "class1" / "wide.png"
    Image.fromarray(np.tile(np.arange(60, dtype=np.uint8)[None, :, None], (20, 1, 3))).save(wide)
    for cache in (None, tmp_path / "caches"):
        with pytest.warns(UserWarning, match=r"1 of 301 images are not 20x24 .*wide.png \(20x60\)"):
            kept = load_folder(folder, image_size=(20, 24), fit="only", cache=cache)
        assert len(kept) == 300
        cropped = load_folder(folder, image_size=(20, 24), fit="crop", cache=cache)
        row = list_folder(folder).paths.index(wide)
        assert cropped.images[row, 0, :, 0].tolist() == list(range(18, 42))
    with pytest.raises(ValueError, match="fit 'crop' needs image_size"):
        load_folder(folder, fit="crop")


def test_a_second_try_that_skips_decodes_nothing_anew(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "class0" / "bad.png").write_bytes(b"")
    (folder / "class2" / "worse.png").write_bytes(b"no image")
    files = list_folder(folder)
    with pytest.raises(BadImageError, match=r"2 of 302 images could not be read: .*bad.png is no"):
        open_cache(files, tmp_path)
    monkeypatch.setattr(Decoder, "decode", None)
    with pytest.warns(UserWarning, match=r"2 of 302 images could not be read.*worse.png"):
        cache = open_cache(files, tmp_path, skip_bad_images=True)
    dataset = cache.dataset()
    assert len(dataset) == len(files.paths) - 2 == len(cache.image_paths())
    streamed = cache.stream()
    assert streamed.read(torch.arange(len(streamed))).equal(dataset.images)
    assert streamed.labels.equal(dataset.labels)


# ---- streaming ----------------------------------------------------------------------------------

PIPELINES = {
    "none": [],
    "shift": [RandomShift(0.3)],
    "chain": [RandomShift(0.2), RandomContrast((1, 3)), CutMix(), RandomCropBlackout(0.2)],
    "choice": [RandomChoice([CutMix(), MixUp()]), RandomContrast((0.5, 2))],
    "warped": [
        Resize(40),
        RandomRotation(20),
        RandomHorizontalFlip(),
        ColorJitter(0.3, 0.3, 0.3, 0.1),
        CutMix(),
        RandomErasing(),
    ],
    "launches": [RandomCropBlackout(0.3), RandomShift(0.2), MixUp(), RandomContrast((1, 2))],
}


@pytest.mark.parametrize("name", PIPELINES)
@pytest.mark.parametrize("expand", [0.0, 0.5])
def test_streaming_gives_the_bytes_of_a_resident_data_set(
    folder: Path, tmp_path: Path, name: str, expand: float
) -> None:
    cache = open_cache(list_folder(folder), tmp_path)
    rows = torch.randperm(240, generator=torch.Generator().manual_seed(0))[:101]
    pipeline = Pipeline(PIPELINES[name], p=0.8, mean=0.4, std=0.2, seed=3)
    loaders = [
        Loader(data.subset(rows), pipeline, 32, expand=expand, seed=1)
        for data in (cache.dataset(), cache.stream())
    ]
    for _ in range(2):
        for (batch, targets), (other, other_targets) in zip(*loaders, strict=True):
            assert batch.equal(other)
            assert all(a.equal(b) for a, b in zip(targets, other_targets, strict=True))
    ranks = [
        Loader(
            cache.stream().subset(rows), pipeline, 32, expand=expand, seed=1, rank=r, world_size=3
        )
        for r in range(3)
    ]
    loaders[0].epoch = 0
    for (batch, _), *shares in zip(loaders[0], *ranks, strict=True):
        own = [images[: len(targets.lam)] for images, targets in shares]
        assert torch.cat(own).equal(batch)


def test_a_pass_that_is_given_up_and_one_that_fails_end_their_thread(
    folder: Path, tmp_path: Path
) -> None:
    cache = open_cache(list_folder(folder), tmp_path)
    passing = iter(Loader(cache.stream(), Pipeline(), 8))
    next(passing)
    passing.close()
    loader = Loader(cache.stream(), Pipeline(), 8)
    (cache.folder / "images.u8").write_bytes(b"")
    with pytest.raises(ValueError, match="is cut off; delete its folder"):
        list(loader)


def test_streaming_20_gb_needs_little_memory(tmp_path: Path) -> None:
    """A sparse file stands for the pixels: what is read of it is as long, and is zeros."""
    images, side = 136_000, 224
    path = tmp_path / "images.u8"
    with path.open("wb") as file:
        file.truncate(images * side * side * 3)
    assert path.stat().st_size > 20e9
    dataset = StreamedDataset(
        path, (images, side, side, 3), torch.arange(images), torch.arange(images) % 10,
        tuple("0123456789"), "large",
    )  # fmt: skip

    def resident() -> float:
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS:"))

    before = highest = resident()
    loader = Loader(dataset, Pipeline([RandomShift(), CutMix()]), 64)
    for number, _ in enumerate(loader):
        highest = max(highest, resident())
        if number == 25:
            break
    assert highest - before < 500e6  # batches, not the file: 26 of them alone read 500 MB


def test_training_from_a_stream_is_training_from_memory(folder: Path, tmp_path: Path) -> None:
    common = {"epochs": 2, "batch_size": 32, "model": "cnn3", "threads": 1, "device": "cpu"}
    common |= {"data": str(folder), "image_size": 8, "augment": "warsaw-all"}
    resident = fit(TrainConfig(**common, loading="resident"))
    streamed = fit(TrainConfig(**common, loading="stream", cache=str(tmp_path / "caches")))
    for name, tensor in resident.model.state_dict().items():
        assert tensor.equal(streamed.model.state_dict()[name])
    assert resident.test_accuracy == streamed.test_accuracy


def test_what_does_not_fit_into_memory_streams_and_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = TrainConfig(data=str(folder), image_size=8)
    device = torch.device("cpu")
    assert load_splits(config, device).placement.startswith("0.1 MB of images on cpu;")
    monkeypatch.setattr("warpmix.train.data.free_memory", lambda device: 50_000)
    splits = load_splits(config, device)
    assert splits.placement == "0.1 MB of images stream from the cache; 0.1 MB are free"
    assert isinstance(splits.train, StreamedDataset) and splits.test is None
    with pytest.raises(ValueError, match="loading stream needs images that come as files"):
        load_splits(TrainConfig(loading="stream"), device)


# ---- warpmix data -------------------------------------------------------------------------------


def run(*arguments: object) -> tuple[int, str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, " ".join(result.output.split())


def test_data_commands(folder: Path, tmp_path: Path) -> None:
    (folder / "class0" / "bad.png").write_bytes(b"")
    Image.new("L", (30, 10)).save(folder / "class1" / "grey.jpg")
    code, output = run("data", "describe", folder)
    assert code == 0 and "train:" in output and "test:" not in output
    assert "20 × 24" in output and "PNG RGB" in output and "bad.png (Unidentified" in output
    common = (folder, "--cache", tmp_path / "caches", "--image-size", 16, "--fit", "crop")
    code, output = run("data", "prepare", *common)
    assert (code, "bad.png is no whole image" in output) == (2, True)
    code, output = run("data", "prepare", *common, "--skip-bad-images")
    assert code == 0 and "images of 16x16 in" in output
    start = time.perf_counter()
    assert run("data", "prepare", *common, "--skip-bad-images")[0] == 0
    assert time.perf_counter() - start < 5
    assert run("data", "verify", *common, "--skip-bad-images")[0] == 0
    victim = next((tmp_path / "caches").glob("*/images.u8"))
    content = bytearray(victim.read_bytes())
    content[5] ^= 1
    victim.write_bytes(content)
    code, output = run("data", "verify", *common, "--skip-bad-images")
    assert (code, "images 0 to" in output, "1 blocks of the cache differ" in output) == (
        2,
        True,
        True,
    )
    code, output = run("data", "download", "digits")
    assert (code, "digits cannot be downloaded, only cifar10, cifar100" in output) == (2, True)
