"""Sizes are looked at before work is done: what is too much is refused, with the bound in words."""

from __future__ import annotations

import json
import struct
import threading
import time
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from fuzzing.corpus import labels_npz
from PIL import Image
from typer.testing import CliRunner

from warpmix import InvalidFileError, Pipeline, models
from warpmix._memory import check_room, free_memory
from warpmix._pillow import to_8_bits
from warpmix._reading import in_words, quoted, reading_file, shorten
from warpmix.cli import app
from warpmix.data import Dataset, Loader, from_arrays
from warpmix.data import images as image_files
from warpmix.data.images import BadImageError, read_image
from warpmix.train import load_config


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, " ".join(result.output.split())


def test_a_label_of_300_million_makes_no_names() -> None:
    images = np.zeros((2, 4, 4, 3), np.uint8)
    with pytest.raises(ValueError, match=r"labels must be below 100,000, .* got 300000000"):
        from_arrays(images, np.array([0, 300_000_000]))
    assert len(from_arrays(images, np.array([0, 99_999])).classes) == 100_000


@pytest.mark.parametrize(
    "settings",
    [
        {"image_size": 10**9},
        {"input_size": 10**9},
        {"width": 10**6},
        {"head": [10**9]},
        {"head": [1] * 1000},
        {"encoder_layers": 10**9},
        {"feed_forward": 10**9},
        {"threads": 10**9},
        {"epochs": 10**12},
        {"expand": 1e9},
    ],
    ids=str,
)
def test_settings_are_bounded(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"must be .*(at most|less than or equal to)"):
        load_config(None, **settings)


def test_weights_are_counted_before_they_are_made() -> None:
    begun = time.monotonic()
    for name, side, options in (("vgg3", 32, {"width": 60_000}), ("mlp_s", 10_000, {})):
        with pytest.raises(ValueError, match=r"weights, such as .* do not fit into"):
            models.create(name, 100_000, image_size=side, options=options)
    with pytest.raises(ValueError, match="num_classes must be from 2 to 100000"):
        models.create("vgg3", 10**9)
    with pytest.raises(ValueError, match=r"image_size must be 1 to 10,000 pixels each way"):
        models.create("resnet18", 2, image_size=10**9)
    assert time.monotonic() - begun < 5


V1 = "sys/fs/cgroup/memory"
V2 = "sys/fs/cgroup"
NO_LIMIT = 9223372036854771712  # the first version's way to say so


@pytest.mark.parametrize(
    ("groups", "files", "free"),
    [
        ("0::/\n", {}, 8000 * 1024),  # the root, which has no such files
        (
            "0::/job/step\n",  # the step's own 3 MB, and 1 MB that is left to the whole job
            {
                f"{V2}/job/step/memory.max": "3000000",
                f"{V2}/job/step/memory.current": "0",
                f"{V2}/job/memory.max": "5000000",
                f"{V2}/job/memory.current": "4500000",
                f"{V2}/job/memory.stat": "anon 1\ninactive_file 500000\n",
            },
            1_000_000,
        ),
        (
            "3:cpuset:/\n4:memory:/box\n0::/\n",
            {
                f"{V1}/memory.limit_in_bytes": NO_LIMIT,
                f"{V1}/memory.usage_in_bytes": 10,
                f"{V1}/box/memory.limit_in_bytes": 2_000_000,
                f"{V1}/box/memory.usage_in_bytes": 2_500_000,
            },
            0,
        ),
        ("0::/seen/from/outside\n", {f"{V2}/memory.max": "max"}, 8000 * 1024),
    ],
)
def test_free_memory_is_what_the_group_leaves(
    groups: str,
    files: dict[str, object],
    free: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    meminfo = "MemTotal: 16000 kB\nMemAvailable: 8000 kB\nHugePages_Total: 0\n"
    for name, text in {"proc/self/cgroup": groups, "proc/meminfo": meminfo, **files}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(text))
    monkeypatch.setattr("warpmix._memory._SYSTEM", tmp_path)
    assert free_memory() == free


def test_batches_that_do_not_fit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = Dataset(
        torch.zeros(4, 8, 8, 3, dtype=torch.uint8), torch.arange(4), tuple("abcd"), "x"
    )
    Loader(dataset, Pipeline([]), 2)
    monkeypatch.setattr("warpmix._memory.free_memory", lambda: 1000)
    with pytest.raises(ValueError, match=r"4 samples in batches of 2 of 8x8 .* smaller batch_size"):
        Loader(dataset, Pipeline([]), 2)
    with pytest.raises(ValueError, match=r"it would take 2.0 GB, and 0.0 MB of memory are free; x"):
        check_room(2 * 10**9, "it", "x")


def test_16_bits_take_few_bytes_a_pixel() -> None:
    side = 3000
    image = Image.fromarray(np.full((side, side), 257 * 7, np.uint16))
    tracemalloc.start()
    made = to_8_bits(image)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.asarray(made)[0, 0] == 7
    assert peak < 8 * side**2  # three copies of 64 bits are 24


def large_png(path: Path, side: int) -> Path:
    """A file whose header says that it has so many pixels a side."""
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + b"\0\0\0\0IDAT" + bytes(8))
    return path


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_pixels_are_counted_before_they_are_decoded(tmp_path: Path) -> None:
    with pytest.raises(BadImageError, match=r"121,000,000 pixels, and at most 100,000,000 are"):
        read_image(large_png(tmp_path / "a.png", 11_000))


def test_threads_share_the_room_for_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_files, "MAX_PIXELS", 100)
    room, lock = image_files._Room(), threading.Lock()
    held = most = 0

    def decode(pixels: int) -> None:
        nonlocal held, most
        with room.taken(pixels):
            with lock:
                held += pixels
                most = max(most, held)
            time.sleep(0.005)
            with lock:
                held -= pixels

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(decode, [60, 30, 70, 10, 100, 40] * 3))
    assert 60 <= most <= 100 and held == 0


# ---- the boundary, and the command's exit code --------------------------------------------------


def test_the_system_s_errors_stay(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), reading_file(tmp_path / "a", "x"):
        (tmp_path / "a").read_bytes()
    refused = pytest.raises(InvalidFileError, match=r"a: damaged, .* \('k' is missing\); mend it$")
    with refused, reading_file("a", "mend it"):
        raise KeyError("k")
    refused = pytest.raises(InvalidFileError, match="more memory than there is")
    with refused, reading_file("a", "x"):
        raise MemoryError


def test_messages_fit_a_screen() -> None:
    assert shorten("a" * 5000) == "a" * 1499 + "…"
    assert shorten("\n".join("abc" * 10)) == "\n".join(
        ["a", "b", "c"] * 6 + ["a", "… and 11 lines more"]
    )
    assert len(quoted("a" * 10**6)) == 200 and quoted(10**5000) == "a value of the type int"
    assert in_words(RecursionError()) == "it is nested too deeply"


def test_verify_needs_every_checksum(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "photos" / name / "0.png")
    common = (tmp_path / "photos", "--cache", tmp_path / "caches")
    assert run("data", "prepare", *common)[0] == 0
    assert run("data", "verify", *common)[0] == 0
    (record,) = (tmp_path / "caches").glob("*/cache.json")
    written = json.loads(record.read_text())
    for checksums in ([], written["checksums"] * 2):
        record.write_text(json.dumps({**written, "checksums": checksums}))
        code, output = run("data", "verify", *common)
        assert code == 2 and "cache.json: expected the checksums of 1 blocks" in output
        assert "delete" in output and len(output) < 2000


@pytest.mark.parametrize(
    ("command", "name", "content"),
    [
        ("vote", "a.npz", b"PK\3\4"),
        ("vote", "a.csv", b"label,a,b\n--1,0.5,0.5\n"),
        ("evaluate", "model.safetensors", b""),
        ("train", "x.npz", labels_npz(300_000_000)),
        ("study show", "s.yaml", b"a: &a [*a]"),
        ("preview digits --augment", "r.yaml", b"[" * 100_000),
    ],
)
def test_the_command_ends_in_a_line(
    tmp_path: Path, command: str, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    code, output = run(*command.split(), tmp_path / name)
    assert code == 2 and "error: " in output and name in output
    assert len(output) < 2000
