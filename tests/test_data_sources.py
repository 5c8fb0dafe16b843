"""CIFAR's relatives and users' arrays, in small copies of their official layouts."""

from __future__ import annotations

import csv
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from warpmix.data import from_arrays, load, load_cifar100, open_images
from warpmix.data.cifar import CLASSES

ROWS = 4


def pixels(seed: int, count: int = ROWS) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)


def planes(seed: int) -> np.ndarray:
    return pixels(seed).transpose(0, 3, 1, 2).reshape(ROWS, -1)


# ---- CIFAR-100 ----------------------------------------------------------------------------------

FINE, COARSE = [f"fine{i}" for i in range(100)], [f"coarse{i}" for i in range(20)]
LABELS = {"train": ([5, 99, 0, 7], [3, 19, 0, 1]), "test": ([1, 2, 3, 4], [1, 1, 2, 2])}


def write_python(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for seed, (split, (fine, coarse)) in enumerate(LABELS.items()):
        batch = {"data": planes(seed), "fine_labels": fine, "coarse_labels": coarse}
        (folder / split).write_bytes(pickle.dumps(batch, 2))
    meta = {"fine_label_names": FINE, "coarse_label_names": COARSE}
    (folder / "meta").write_bytes(pickle.dumps(meta, 2))
    return folder


def write_binary(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for seed, (split, (fine, coarse)) in enumerate(LABELS.items()):
        records = np.concatenate(
            [np.array(coarse, np.uint8)[:, None], np.array(fine, np.uint8)[:, None], planes(seed)],
            1,
        )
        (folder / f"{split}.bin").write_bytes(records.tobytes())
    (folder / "fine_label_names.txt").write_text("\n".join(FINE) + "\n\n")
    (folder / "coarse_label_names.txt").write_text("\n".join(COARSE) + "\n")
    return folder


@pytest.mark.parametrize("write", [write_python, write_binary])
@pytest.mark.parametrize("split", ["train", "test"])
def test_cifar100_in_both_layouts(
    tmp_path: Path, write: Callable[[Path], Path], split: str
) -> None:
    write(tmp_path / "cifar-100")
    fine = load_cifar100(tmp_path, split, verify=False)
    coarse = load_cifar100(tmp_path, split, verify=False, coarse=True)
    expected = torch.from_numpy(pixels(0 if split == "train" else 1))
    assert fine.images.equal(expected) and coarse.images.equal(expected)
    assert (fine.labels.tolist(), coarse.labels.tolist()) == LABELS[split]
    assert fine.classes == tuple(FINE) and coarse.classes == tuple(COARSE)
    assert (fine.name, coarse.name) == ("cifar100", "cifar100-coarse")


def test_cifar100_is_checked_and_refused_like_cifar10(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no CIFAR-100 under .*cifar-100-python.tar.gz"):
        load("cifar100", root=tmp_path)
    write_python(tmp_path / "py")
    with pytest.raises(ValueError, match=r"train has the wrong checksum: MD5 16019d7e"):
        load("cifar100", root=tmp_path)
    (tmp_path / "py" / "test").write_bytes(pickle.dumps({"data": planes(0), "labels": [0] * 4}, 2))
    with pytest.raises(ValueError, match="test is not a CIFAR-100 batch"):
        load_cifar100(tmp_path, "test", verify=False)


# ---- CIFAR-10.1 and arrays ----------------------------------------------------------------------


@pytest.mark.parametrize("place", ["", "datasets", "CIFAR-10.1/datasets"])
@pytest.mark.parametrize("version", ["v4", "v6"])
def test_cifar101(tmp_path: Path, place: str, version: str) -> None:
    folder = tmp_path / place
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / f"cifar10.1_{version}_data.npy", pixels(0))
    np.save(folder / f"cifar10.1_{version}_labels.npy", np.array([3, 1, 4, 1], np.int32))
    dataset = load(f"cifar10.1-{version}", "test", tmp_path)
    assert dataset.images.equal(torch.from_numpy(pixels(0)))
    assert dataset.labels.tolist() == [3, 1, 4, 1] and dataset.classes == CLASSES
    with pytest.raises(ValueError, match="is a test set alone"):
        load(f"cifar10.1-{version}", "train", tmp_path)


def test_cifar101_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no CIFAR-10.1 under .*cifar10.1_v6_data.npy"):
        load("cifar10.1-v6", "test", tmp_path)
    np.save(tmp_path / "cifar10.1_v6_data.npy", pixels(0))
    with pytest.raises(FileNotFoundError, match=r"has no labels beside it: .*v6_labels.npy"):
        load("cifar10.1-v6", "test", tmp_path)
    np.save(tmp_path / "cifar10.1_v6_labels.npy", np.array([{}] * 4, object))
    with pytest.raises(ValueError, match=r"labels.npy: it holds .*, and not numbers or text"):
        load("cifar10.1-v6", "test", tmp_path)


def test_arrays_of_users(tmp_path: Path) -> None:
    images, labels = pixels(0, 40), np.arange(40) % 2
    direct = from_arrays(images, labels, ("even", "odd"))
    assert direct.images.equal(torch.from_numpy(images)) and direct.classes == ("even", "odd")
    planar = from_arrays(images.transpose(0, 3, 1, 2), labels[:, None], layout="NCHW")
    assert planar.images.equal(direct.images) and planar.labels.equal(direct.labels)
    assert planar.classes == ("0", "1")
    assert from_arrays(images[..., 0], labels).images.shape == (40, 32, 32, 1)
    with pytest.raises(TypeError, match=r"labels must be integers, got torch.float64"):
        from_arrays(images, labels.astype(float))
    with pytest.raises(TypeError, match=r"images must be a torch.uint8 tensor"):
        from_arrays(images.astype(np.float32), labels)

    np.savez(tmp_path / "one.npz", images=images, labels=labels)
    train, test = (load(tmp_path / "one.npz", split) for split in ("train", "test"))
    assert (len(train), len(test)) == (32, 8)
    np.savez(
        tmp_path / "parts.npz",
        x_train=images, y_train=labels[:, None], x_test=images[:6], y_test=labels[:6],
    )  # fmt: skip
    assert len(load(tmp_path / "parts.npz", "test")) == 6
    np.save(tmp_path / "my_images.npy", images)
    np.save(tmp_path / "my_labels.npy", labels)
    assert load(tmp_path / "my_images.npy").images.equal(train.images)
    np.savez(tmp_path / "other.npz", a=images)
    with pytest.raises(ValueError, match=r"must hold 'images' and 'labels'.*got a"):
        load(tmp_path / "other.npz")


# ---- CINIC-10 -----------------------------------------------------------------------------------


def write_cinic(folder: Path) -> Path:
    for seed, split in enumerate(("train", "valid", "test")):
        for label, name in enumerate(CLASSES):
            (folder / split / name).mkdir(parents=True)
            for i, image in enumerate(pixels(10 * seed + label, 2)):
                Image.fromarray(image).save(folder / split / name / f"cifar10-{split}-{i}.png")
    (folder / "README.md").write_text("CINIC-10")
    return folder


def test_cinic10_in_a_folder_and_in_its_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = write_cinic(tmp_path / "made")
    root = tmp_path / "root"
    root.mkdir()
    with tarfile.open(root / "CINIC-10.tar.gz", "w:gz") as tar:
        tar.add(made, ".")  # the official archive has no folder at its top
    with pytest.raises(ValueError, match=r"CINIC-10.tar.gz has the wrong checksum"):
        load("cinic10", root=root)
    monkeypatch.setattr("warpmix.data.archive.check_md5", lambda *_: None)
    for place in (made, root):
        for seed, split in enumerate(("train", "val", "test")):
            dataset = load("cinic10", split, place)
            assert dataset.classes == CLASSES and dataset.name == "cinic10"
            assert dataset.labels.tolist() == sorted(list(range(10)) * 2)
            assert dataset.images[:2].equal(torch.from_numpy(pixels(10 * seed, 2)))
    assert (root / "CINIC-10" / "README.md").exists()
    assert sorted(path.name for path in root.iterdir()) == ["CINIC-10", "CINIC-10.tar.gz"]
    with pytest.raises(FileNotFoundError, match=r"no CINIC-10 under .*CINIC-10.tar.gz there"):
        load("cinic10", root=tmp_path / "nothing")


# ---- Kaggle -------------------------------------------------------------------------------------


def write_kaggle(root: Path, train: int = 30, test: int = 25) -> Path:
    for split, count in (("train", train), ("test", test)):
        (root / split).mkdir(parents=True)
        for number, image in enumerate(pixels(len(split), count), start=1):
            Image.fromarray(image).save(root / split / f"{number}.png")
    with (root / "trainLabels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "label"])
        writer.writerows((i, CLASSES[(i - 1) % 10]) for i in range(1, train + 1))
    return root


def test_kaggles_files_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    write_kaggle(tmp_path)
    train = load("kaggle-cifar10", "train", tmp_path)
    assert train.labels.tolist() == [i % 10 for i in range(30)]  # 2 comes before 10
    assert train.images.equal(torch.from_numpy(pixels(5, 30)))
    test = open_images("kaggle-cifar10", "test", tmp_path)
    assert test.labels is None
    assert [path.stem for path in test.image_paths()] == [str(i) for i in range(1, 26)]
    streamed = test.stream()
    assert streamed.read(torch.arange(25)).equal(torch.from_numpy(pixels(4, 25)))
    for attempt in (lambda: load("kaggle-cifar10", "test", tmp_path), test.dataset):
        with pytest.raises(ValueError, match=r"has no labels.*warpmix predict --submission"):
            attempt()


def test_kaggles_files_after_other_programs(tmp_path: Path) -> None:
    """Windows marks the labels as UTF-8, and macOS puts a hidden file beside each image."""
    write_kaggle(tmp_path)
    labels = tmp_path / "trainLabels.csv"
    labels.write_text(labels.read_text(), "utf-8-sig")
    (tmp_path / "train/._1.png").write_bytes(b"\0\5\x16\7")
    assert load("kaggle-cifar10", "train", tmp_path).labels.tolist() == [i % 10 for i in range(30)]


def test_kaggle_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"looked for train and trainLabels.csv"):
        load("kaggle-cifar10", root=tmp_path)
    write_kaggle(tmp_path)
    Image.fromarray(pixels(0, 1)[0]).save(tmp_path / "train" / "31.png")
    with pytest.raises(ValueError, match=r"has no label for 1 images, such as 31.png"):
        load("kaggle-cifar10", root=tmp_path)
    Image.fromarray(pixels(0, 1)[0]).save(tmp_path / "train" / "cat.png")
    with pytest.raises(ValueError, match=r"cat.png must have a number for its name"):
        load("kaggle-cifar10", root=tmp_path)
