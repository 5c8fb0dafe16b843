"""CIFAR-10 in its official layouts: found, checked, unpacked, read."""

from __future__ import annotations

import os
import pickle
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
import torch

from warpmix.data import Dataset, load, load_cifar10

ROWS = 2  # images a file in the tiny copies
NAMES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]


def rows_of(number: int) -> tuple[np.ndarray, list[int]]:
    generator = np.random.default_rng(number)
    pixels = generator.integers(0, 256, (ROWS, 3072), dtype=np.uint8)
    return pixels, generator.integers(0, 10, ROWS).tolist()


def write_python(folder: Path, protocol: int = 2) -> Path:
    folder.mkdir(parents=True)
    for number, name in enumerate(NAMES):
        pixels, labels = rows_of(number)
        batch = {"data": pixels, "labels": labels, "filenames": ["a.png"] * ROWS}
        (folder / name).write_bytes(pickle.dumps(batch, protocol))
    return folder


def write_binary(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for number, name in enumerate(NAMES):
        pixels, labels = rows_of(number)
        records = np.concatenate([np.array(labels, np.uint8)[:, None], pixels], axis=1)
        (folder / f"{name}.bin").write_bytes(records.tobytes())
    return folder


def pack(archive: Path, folder: Path) -> Path:
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, folder.name)
    return archive


def check_tiny(dataset: Dataset, numbers: Iterable[int]) -> None:
    """The dataset holds the rows of these files, planes turned into pixels."""
    pixels = np.concatenate([rows_of(number)[0] for number in numbers])
    labels = [label for number in numbers for label in rows_of(number)[1]]
    assert dataset.images.shape == (len(labels), 32, 32, 3)
    assert dataset.images.permute(0, 3, 1, 2).reshape(-1, 3072).numpy().tobytes() == (
        pixels.tobytes()
    )
    assert dataset.labels.tolist() == labels
    assert dataset.classes[6] == "frog" and dataset.name == "cifar10"


# ---- layouts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("write", [write_python, write_binary])
@pytest.mark.parametrize("place", ["", "cifar-10-batches", "data/anything"])
def test_both_layouts_are_found_by_looking(
    tmp_path: Path, write: Callable[..., Path], place: str
) -> None:
    write(tmp_path / "root" / place)
    check_tiny(load_cifar10(tmp_path / "root", "train", verify=False), range(5))
    check_tiny(load_cifar10(tmp_path / "root", "test", verify=False), [5])


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_pickle_protocols(tmp_path: Path, protocol: int) -> None:
    write_python(tmp_path / "py", protocol)
    check_tiny(load_cifar10(tmp_path, verify=False), range(5))


def test_python_2_pickles_as_the_official_ones(tmp_path: Path) -> None:
    pixels, labels = rows_of(5)
    parts = [  # with short byte strings (U) for text, as Python 2 and its numpy wrote them
        b"\x80\x02}(U\x04datacnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b",
        b"\x87R(K\x01K\x02M\x00\x0c\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff",
        b"\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T" + len(pixels.tobytes()).to_bytes(4, "little"),
        pixels.tobytes() + b"tbU\x06labels](",
        b"".join(b"K" + bytes([label]) for label in labels) + b"eu.",
    ]
    (tmp_path / "test_batch").write_bytes(b"".join(parts))
    check_tiny(load_cifar10(tmp_path, "test", verify=False), [5])


def test_nothing_found(tmp_path: Path) -> None:
    write_python(tmp_path / "py")
    (tmp_path / "py" / "data_batch_3").unlink()
    with pytest.raises(FileNotFoundError, match=r"no CIFAR-10 under .*cifar-10-python.tar.gz"):
        load_cifar10(tmp_path, "train", verify=False)
    check_tiny(load_cifar10(tmp_path, "test", verify=False), [5])
    with pytest.raises(ValueError, match="split must be 'train' or 'test' for cifar10, got 'val'"):
        load_cifar10(tmp_path, "val")


def test_no_network_is_an_error_with_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*_: object, **__: object) -> NoReturn:
        raise OSError("Name or service not known")

    monkeypatch.setattr("torchvision.datasets.utils.download_url", offline)
    with pytest.raises(
        ConnectionError, match=r"fetch https://.*cifar-10-python.tar.gz on a machine"
    ):
        load("cifar10", root=tmp_path, download=True)


# ---- checksums and damage -----------------------------------------------------------------------


def test_wrong_checksum(tmp_path: Path) -> None:
    write_python(tmp_path / "py")
    with pytest.raises(ValueError, match=r"data_batch_1 has the wrong checksum: MD5 c99cafc1"):
        load_cifar10(tmp_path)


def test_binary_cut_off(tmp_path: Path) -> None:
    path = write_binary(tmp_path / "bin") / "test_batch.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"test_batch.bin is cut off.*multiple of 3073"):
        load_cifar10(tmp_path, "test", verify=False)


def test_pickle_cut_off(tmp_path: Path) -> None:
    path = write_python(tmp_path / "py") / "test_batch"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="test_batch is damaged or not a pickle"):
        load_cifar10(tmp_path, "test", verify=False)


@pytest.mark.parametrize(
    "content",
    [
        [1, 2],
        {"data": np.zeros((2, 3072), np.float32), "labels": [0, 1]},
        {"data": np.zeros((2, 100), np.uint8), "labels": [0, 1]},
        {"data": np.zeros((2, 3072), np.uint8), "fine_labels": [0, 1]},
        {"data": np.zeros((2, 3072), np.uint8), "labels": ["cat", "dog"]},
    ],
)
def test_pickles_of_other_data(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "test_batch").write_bytes(pickle.dumps(content, 2))
    with pytest.raises(ValueError, match="test_batch is not a CIFAR-10 batch"):
        load_cifar10(tmp_path, "test", verify=False)


# ---- archives -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("write", "folder", "archive"),
    [
        (write_python, "cifar-10-batches-py", "cifar-10-python.tar.gz"),
        (write_binary, "cifar-10-batches-bin", "cifar-10-binary.tar.gz"),
    ],
)
@pytest.mark.parametrize("give_the_file", [True, False])
def test_archives_are_unpacked_once(
    tmp_path: Path, write: Callable[..., Path], folder: str, archive: str, give_the_file: bool
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    path = pack(root / archive, write(tmp_path / "made" / folder))
    given = path if give_the_file else root
    check_tiny(load_cifar10(given, "test", verify=False), [5])
    assert sorted(child.name for child in root.iterdir()) == sorted([archive, folder])
    path.write_bytes(b"not needed again") if give_the_file else path.unlink()
    check_tiny(load_cifar10(given, "train", verify=False), range(5))


def test_an_archive_with_a_wrong_checksum_is_not_unpacked(tmp_path: Path) -> None:
    folder = write_python(tmp_path / "made" / "cifar-10-batches-py")
    path = pack(tmp_path / "cifar-10-python.tar.gz", folder)
    with pytest.raises(ValueError, match=r"cifar-10-python.tar.gz has the wrong checksum"):
        load_cifar10(path)
    assert not (tmp_path / "cifar-10-batches-py").exists()


def test_what_is_there_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "cifar-10-batches-py").mkdir()
    path = tmp_path / "cifar-10-python.tar.gz"
    path.write_bytes(b"")
    with pytest.raises(FileExistsError, match="is there already; if it is incomplete, delete it"):
        load_cifar10(path)


# ---- the real thing -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The official python files, rebuilt from the shared test data."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    source = Path(os.environ.get("WARPMIX_TEST_DATA", beside))
    script = source / "rebuild_cifar10.py"
    if not script.is_file():
        pytest.skip(f"no CIFAR-10 in {source}: set WARPMIX_TEST_DATA to a folder that has it")
    import subprocess
    import sys

    root = tmp_path_factory.mktemp("cifar10")
    subprocess.run([sys.executable, script, source, root], check=True, capture_output=True)
    return root


def test_official_files_in_both_layouts(official: Path, tmp_path: Path) -> None:
    python = load_cifar10(official, "test")
    assert len(python) == 10_000
    assert torch.bincount(python.labels).tolist() == [1000] * 10
    planes = python.images.permute(0, 3, 1, 2).reshape(-1, 3072)
    records = torch.cat([python.labels.to(torch.uint8)[:, None], planes], dim=1)
    (tmp_path / "test_batch.bin").write_bytes(records.numpy().tobytes())
    binary = load_cifar10(tmp_path, "test")  # the checksum says that it is the official file
    assert binary.images.equal(python.images) and binary.labels.equal(python.labels)
    train = load_cifar10(official, "train")
    assert torch.bincount(train.labels).tolist() == [5000] * 10
    mean = train.images.float().mean((0, 1, 2)) / 255
    torch.testing.assert_close(mean, torch.tensor([0.4914, 0.4822, 0.4465]), rtol=0, atol=5e-5)
