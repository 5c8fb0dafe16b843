"""Readers of images, labels, archives and caches."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import shutil
import tarfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from fuzzing import mutations as m
from fuzzing.valid_files import CLASSES, LABELS, PIXELS, Reader, npy
from warpmix.data import archive, arrays, cache, cifar, cifar_images, folder, images, survey
from warpmix.data.safe_pickle import load_pickle


def _images_npz(at: Path) -> Path:
    np.savez(at / "x.npz", x_train=PIXELS, y_train=LABELS.numpy())
    return at / "x.npz"


def _pair(wanted: str, at: Path) -> Path:
    np.save(at / "data.npy", np.concatenate([PIXELS] * 3))
    np.save(at / "labels.npy", np.concatenate([LABELS.numpy()] * 3))
    return at / wanted


def _cifar101(at: Path) -> Path:
    np.save(at / "cifar10.1_v6_labels.npy", np.arange(4))
    return npy(np.zeros((4, 32, 32, 3), np.uint8), at, "cifar10.1_v6_data.npy")


def _cifar(name: str, at: Path) -> Path:
    """The python layout of CIFAR-10 or CIFAR-100, three images a file."""
    pixels = np.zeros((3, 3072), np.uint8)
    if name == "meta" or name == "test":
        batch = {b"data": pixels, b"fine_labels": [0, 1, 2], b"coarse_labels": [0, 1, 2]}
        names = {b"fine_label_names": [b"a", b"b", b"c"], b"coarse_label_names": [b"a"]}
        (at / "cifar-100-python").mkdir()
        for file, content in (("train", batch), ("test", batch), ("meta", names)):
            (at / "cifar-100-python" / file).write_bytes(pickle.dumps(content, 2))
        return at / "cifar-100-python" / name
    (at / "cifar-10-batches-py").mkdir()
    files = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta"]
    for file in files:
        content = pickle.dumps({b"data": pixels, b"labels": [0, 1, 2]}, 2)
        (at / "cifar-10-batches-py" / file).write_bytes(content)
    return at / "cifar-10-batches-py" / "test_batch"


def _read_cifar100(path: Path) -> Any:
    return cifar.load_cifar100(path.parent, "test", verify=False)


def _binary(wanted: str, at: Path) -> Path:
    folder10 = at / "cifar-100-binary"
    folder10.mkdir()
    for file in ("train.bin", "test.bin"):
        (folder10 / file).write_bytes((b"\0\1" + bytes(3072)) * 2)
    for level in ("fine", "coarse"):
        (folder10 / f"{level}_label_names.txt").write_text("a\nb\nc\n")
    return folder10 / wanted


def _tar(at: Path) -> Path:
    with tarfile.open(at / "a.tar.gz", "w:gz") as tar:
        for i in range(3):
            info = tarfile.TarInfo(f"inner/f{i}")
            info.size = 600
            tar.addfile(info, io.BytesIO(bytes(range(200)) * 3))
    return at / "a.tar.gz"


def _damage_tar(rng: Any, content: bytes) -> bytes:
    if rng.random() < 0.5:
        return m.damage(rng, content)
    return gzip.compress(m.damage(rng, gzip.decompress(content)))


def _kaggle(at: Path) -> Path:
    (at / "train").mkdir()
    for i in (1, 2):
        Image.fromarray(PIXELS[i]).save(at / "train" / f"{i}.png")
    (at / "trainLabels.csv").write_text("id,label\n1,cat\n2,dog\n")
    return at / "trainLabels.csv"


def _image(kind: str, mode: str, at: Path) -> Path:
    path = at / f"a.{kind}"
    if mode == "I;16":
        Image.fromarray(PIXELS[0, ..., 0].astype(np.uint16) * 200).save(path)
    else:
        Image.fromarray(PIXELS[0]).convert(mode).save(path)
    return path


def _folder_of_images(at: Path) -> Path:
    for name in CLASSES:
        (at / "photos" / name).mkdir(parents=True)
        for i in range(3):
            Image.fromarray(PIXELS[i]).save(at / "photos" / name / f"{i}.png")
    return at / "photos" / "cat" / "1.png"


def _read_folder(path: Path) -> Any:
    return folder.load_folder(path.parents[1], image_size=8, skip_bad_images=True)


def _cache(wanted: str, at: Path) -> Path:
    """A cache; its key holds the files' times, so they are set."""
    _folder_of_images(at)
    made = _open_cache(at)
    shutil.copy(made.folder / "cache.json", at / "record")
    if wanted == "journal.jsonl":
        record = json.loads((made.folder / "cache.json").read_text())
        lines = [[record["size"], record["block_size"]], [0, record["checksums"][0], []]]
        (made.folder / wanted).write_text("".join(json.dumps(line) + "\n" for line in lines))
        (made.folder / "cache.json").unlink()
    return at / made.folder / wanted


def _cache_of_mixed_sizes(at: Path) -> Path:
    _folder_of_images(at)
    for i, path in enumerate(sorted((at / "photos").rglob("*.png"))):
        Image.fromarray(PIXELS[0, : 8 - i % 3]).save(path)
    return at / _open_cache(at, None).folder / "sizes.i32"


def _open_cache(at: Path, size: tuple[int, int] | None = (8, 8)) -> cache.ImageCache:
    for path in (at / "photos").rglob("*.png"):
        os.utime(path, (1e9, 1e9))
    os.chdir(at)  # the key holds the files' paths, too
    files = folder.list_folder(Path("photos"))
    return cache.open_cache(files, "cache", size)


def _read_cache(path: Path, size: tuple[int, int] | None = (8, 8)) -> Any:
    opened = _open_cache(path.parents[2], size)
    return list(opened.damaged()), opened.dataset(), opened.stream().read(torch.arange(2))


IMAGES = (
    Reader("images .npz", _images_npz, arrays.load_arrays, m.damage_zip),
    Reader("images .npy", partial(_pair, "data.npy"), arrays.load_arrays, m.damage_npy),
    Reader("labels .npy", partial(_pair, "labels.npy"),
           lambda path: arrays.load_arrays(path.parent / "data.npy"), m.damage_npy),
    Reader("CIFAR-10.1", _cifar101, lambda path: arrays.load_cifar101(path.parent), m.damage_npy),
    Reader("CIFAR-10 batch", partial(_cifar, "test_batch"),
           lambda path: cifar.load_cifar10(path.parent, "test", verify=False), m.damage_pickle),
    Reader("CIFAR-100 batch", partial(_cifar, "test"), _read_cifar100, m.damage_pickle),
    Reader("CIFAR-100 meta", partial(_cifar, "meta"), _read_cifar100, m.damage_pickle),
    Reader("pickle alone", partial(_cifar, "test"), load_pickle, m.damage_pickle),
    Reader("CIFAR-100 .bin", partial(_binary, "test.bin"), _read_cifar100, m.damage),
    Reader("CIFAR-100 names", partial(_binary, "fine_label_names.txt"), _read_cifar100,
           m.damage_text),
    Reader("archive .tar.gz", _tar,
           lambda path: archive.extract_archive(path, "inner", None), _damage_tar),
    Reader("Kaggle's trainLabels.csv", _kaggle,
           lambda path: cifar_images.list_kaggle_cifar10(path.parent), m.damage_text),
    Reader("image .png", partial(_image, "png", "RGB"), images.read_image, m.damage_png),
    Reader("image .png, 16 bits", partial(_image, "png", "I;16"), images.read_image, m.damage_png),
    Reader("image .png, palette", partial(_image, "png", "P"), images.read_image, m.damage_png),
    Reader("image .jpg", partial(_image, "jpg", "RGB"), images.read_image, m.damage),
    Reader("image .gif", partial(_image, "gif", "P"), images.read_image, m.damage),
    Reader("image .bmp", partial(_image, "bmp", "RGB"), images.read_image, m.damage),
    Reader("image .tif", partial(_image, "tif", "RGB"), images.read_image, m.damage),
    Reader("image .webp", partial(_image, "webp", "RGB"), images.read_image, m.damage),
    Reader("image .ppm", partial(_image, "ppm", "RGB"), images.read_image, m.damage),
    Reader("image headers", partial(_image, "png", "RGB"), lambda path: survey.survey([path]),
           m.damage_png),
    Reader("folder of images", _folder_of_images, _read_folder, m.damage_png),
    Reader("cache.json", partial(_cache, "cache.json"), _read_cache, m.damage_json),
    Reader("cache: images.u8", partial(_cache, "images.u8"), _read_cache, m.damage),
    Reader("cache: journal.jsonl", partial(_cache, "journal.jsonl"), _read_cache, m.damage_text),
    Reader("cache: sizes.i32", _cache_of_mixed_sizes, partial(_read_cache, size=None), m.damage),
)  # fmt: skip
