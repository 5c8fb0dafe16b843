"""Every reader of the package: a small valid file, made by the package, and what reads it."""

from __future__ import annotations

import fcntl
import gzip
import io
import json
import os
import pickle
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from fuzzing import mutations as m
from warpmix import Pipeline, models, predictions, recipes
from warpmix.augment import from_config
from warpmix.data import archive, arrays, cache, cifar, cifar_images, folder, images, survey
from warpmix.data.safe_pickle import load_pickle
from warpmix.ensemble import Bundle, fit_ensemble
from warpmix.models.weights import read_state
from warpmix.predictions import PredictionStore, Samples, import_files
from warpmix.study import collect, load, source
from warpmix.study import folder as study_folder
from warpmix.study.plan import Plan
from warpmix.study.report import overview
from warpmix.train import ModelSpec, TrainConfig, claims, load_config, load_model
from warpmix.train.checkpoint import load_checkpoint, save_checkpoint
from warpmix.train.history import EpochRecord, read_history, write_history
from warpmix.train.loggers import read_known
from warpmix.train.model import copy_weights, read_tensors, save_model, write_tensors
from warpmix.train.run_folder import load_settings

Make = Callable[[Path], Path]


@dataclass(frozen=True)
class Reader:
    """A reader.

    Attributes:
        name: of the row in the table.
        make: fills a folder with valid files, and returns the one that is damaged.
        read: reads them, given the damaged file.
        mutate: how it is damaged.
    """

    name: str
    make: Make
    read: Callable[[Path], Any]
    mutate: m.Mutation


CLASSES = ("cat", "dog", "owl")
_rng = np.random.default_rng(0)
_SCORES = torch.from_numpy(_rng.dirichlet(np.ones(3), 6).astype(np.float32))
_LABELS = torch.tensor([0, 1, 2, 0, 1, 2])
_PIXELS = _rng.integers(0, 256, (6, 8, 8, 3)).astype(np.uint8)


# ---- predictions --------------------------------------------------------------------------------


def _npy(array: np.ndarray, at: Path, name: str = "a.npy") -> Path:
    np.save(at / name, array)
    return at / name


def _npz(at: Path) -> Path:
    np.savez(at / "a.npz", m=_SCORES.numpy(), labels=_LABELS.numpy(), ids=np.arange(6))
    return at / "a.npz"


def _csv(at: Path) -> Path:
    rows = [f"img{i},{i % 3},{','.join(map(str, row))}" for i, row in enumerate(_SCORES.tolist())]
    (at / "a.csv").write_text("\n".join(["id,label,cat,dog,owl", *rows]) + "\n")
    return at / "a.csv"


def _votes_csv(at: Path) -> Path:
    (at / "a.csv").write_text("id,predicted\n" + "".join(f"{i},{i % 3}\n" for i in range(6)))
    return at / "a.csv"


def _saved(at: Path) -> Path:
    ids = [f"img{i}" for i in range(6)]
    predictions.save(
        at / "a.safetensors", _SCORES, _LABELS, model="a", split="test", classes=CLASSES, ids=ids
    )
    return at / "a.safetensors"


def _store(wanted: str, at: Path) -> Path:
    store = PredictionStore(at / "store", create=True)
    for name in ("a", "b"):
        store.add(
            _SCORES, model=name, split="val", labels=_LABELS, classes=CLASSES, seed=3,
            ids=[f"img{i}" for i in range(6)],
        )  # fmt: skip
    return at / "store" / wanted


def _open_store(path: Path) -> Any:
    root = next(p for p in path.parents if p.name == "store")
    store = PredictionStore(root)
    return store.open("val").read(), predictions.load_many([root])


def _import_csv(path: Path) -> Any:
    store = PredictionStore(path.parent / "s", create=True)
    options = predictions.ReadOptions(num_classes=3)
    return import_files(store, [path], split="val", options=options)


# ---- images -------------------------------------------------------------------------------------


def _images_npz(at: Path) -> Path:
    np.savez(at / "x.npz", x_train=_PIXELS, y_train=_LABELS.numpy())
    return at / "x.npz"


def _pair(wanted: str, at: Path) -> Path:
    np.save(at / "data.npy", np.concatenate([_PIXELS] * 3))
    np.save(at / "labels.npy", np.concatenate([_LABELS.numpy()] * 3))
    return at / wanted


def _cifar101(at: Path) -> Path:
    np.save(at / "cifar10.1_v6_labels.npy", np.arange(4))
    return _npy(np.zeros((4, 32, 32, 3), np.uint8), at, "cifar10.1_v6_data.npy")


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
        Image.fromarray(_PIXELS[i]).save(at / "train" / f"{i}.png")
    (at / "trainLabels.csv").write_text("id,label\n1,cat\n2,dog\n")
    return at / "trainLabels.csv"


def _image(kind: str, mode: str, at: Path) -> Path:
    path = at / f"a.{kind}"
    if mode == "I;16":
        Image.fromarray(_PIXELS[0, ..., 0].astype(np.uint16) * 200).save(path)
    else:
        Image.fromarray(_PIXELS[0]).convert(mode).save(path)
    return path


def _folder_of_images(at: Path) -> Path:
    for name in CLASSES:
        (at / "photos" / name).mkdir(parents=True)
        for i in range(3):
            Image.fromarray(_PIXELS[i]).save(at / "photos" / name / f"{i}.png")
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
        Image.fromarray(_PIXELS[0, : 8 - i % 3]).save(path)
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


# ---- settings, recipes, studies -----------------------------------------------------------------

_RECIPE = """\
augment:
  - RandomCrop: {size: 8, padding: 1}
  - RandomHorizontalFlip
  - ColorJitter: {brightness: 0.2}
p: 0.5
"""
_SETTINGS = """\
model: vgg3
width: 4
lr: 1.0e-3
epochs: 3
mean: [0.5, 0.5, 0.5]
std: [0.2, 0.2, 0.2]
augment:
  - RandomHorizontalFlip: {p: 0.5}
"""
_STUDY = """\
title: A study
about: In few words.
base: {data: digits, model: vgg3, width: 4, epochs: 1}
repeats: 2
series:
  plain: {title: Plain}
  other: {title: Other, settings: {lr: 0.1}}
sweeps:
  lr: {title: Rate, series: [plain, other], grid: {lr: [0.01, 0.1]}}
  aug: {title: Augmentation, choices: {none: {}, flip: {augment: [RandomHorizontalFlip]}}}
figures:
  - {number: Figure 1, title: Rate, kind: values, runs: [{sweep: lr}], x: lr}
"""


def _text(name: str, content: str, at: Path) -> Path:
    (at / name).write_text(content)
    return at / name


def _read_recipe(path: Path) -> Any:
    return Pipeline(from_config(recipes.read_augmentation(path)["augment"]))


def _config(at: Path) -> Path:
    text = json.dumps(TrainConfig(augment=["RandomHorizontalFlip"]).model_dump(mode="json"))
    return _text("config.json", text, at)


def _read_study_recipe(path: Path) -> Any:
    study = load.load_study(path)
    return Plan(study, set(study.recipe.sweeps)).runs({})


def _study(wanted: str, at: Path) -> Path:
    at = at / "study"
    study = load.load_study(_text_in(at, "r.yaml", _STUDY))
    runs = Plan(study, set(study.recipe.sweeps)).runs({})
    study_folder.write_study(at, study, runs)
    run = at / "runs" / runs[0].id
    run.mkdir(parents=True)
    figures = dict.fromkeys(("test_accuracy", "validation_accuracy", "validation_loss"), 0.5)
    figures |= {"train_accuracy": 0.5, "best_epoch": 1, "epochs": 1, "seconds": 2.0}
    study_folder.write_result(run, figures)
    runtime = {"cpu": "EPYC", "devices": [{"name": "H100"}]}
    environment = {"versions": {"torch": "2.11"}, "build": {"commit": "3e8f746"}}
    (run / "environment.json").write_text(json.dumps(environment | {"runtime": runtime}))
    failed = at / "runs" / runs[1].id
    failed.mkdir()
    (failed / "error.txt").write_text("Traceback\nRuntimeError: é")
    return {
        "study.json": at / "study.json", "result.json": run / "result.json",
        "error.txt": failed / "error.txt", "environment.json": run / "environment.json",
    }[wanted]  # fmt: skip


def _text_in(at: Path, name: str, content: str) -> Path:
    at.mkdir(parents=True)
    return _text(name, content, at)


def _read_study(path: Path) -> Any:
    return collect.load_results(next(p for p in path.parents if p.name == "study"))


def _read_environments(path: Path) -> Any:
    return overview.environments(_read_study(path))


def _read_claim(path: Path) -> Any:
    with path.open("r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        return claims.owner_of(path)


def _settings_typed(path: Path) -> Any:
    return load.parse_settings(["lr=" + path.read_text("utf-8", "replace")])


# ---- runs, models, bundles ----------------------------------------------------------------------

_SPEC = ModelSpec(
    "vgg3", (4,), 0.1, CLASSES, (8, 8), 3, (0.5,) * 3, (0.2,) * 3, options={"width": 1}
)


def _model(at: Path) -> Path:
    save_model(at / "model.safetensors", copy_weights(_SPEC.build()), _SPEC)
    return at / "model.safetensors"


def _checkpoint(at: Path) -> Path:
    weights = copy_weights(_SPEC.build())
    optimizer = {"state": {0: {"m": torch.zeros(2)}}, "param_groups": [{"lr": 0.1}]}
    state = {"history": [{"epoch": 1}], "weights": weights, "best_weights": weights}
    save_checkpoint(at / "checkpoint.safetensors", {**state, "optimizer": optimizer}, _SPEC)
    return at / "checkpoint.safetensors"


def _history(at: Path) -> Path:
    records = [EpochRecord(i, 0.1, 1.0, 0.5, 1.0, 0.5, 2.0) for i in (1, 2, 3)]
    write_history(at / "history.csv", records)
    return at / "history.csv"


def _rows(at: Path) -> Path:
    write_tensors(at / "split.safetensors", {"train": torch.arange(4)}, {"dataset": "digits"})
    return at / "split.safetensors"


def _weights(suffix: str, at: Path) -> Path:
    state = copy_weights(_SPEC.build())
    if suffix == "safetensors":
        write_tensors(at / "w.safetensors", state, {})
        return at / "w.safetensors"
    torch.save({"state_dict": state}, at / "w.pth", _use_new_zipfile_serialization=suffix == "pth")
    return at / "w.pth"


def _read_weights(path: Path) -> Any:
    return read_state(path), models.create(
        "vgg3", 3, weights=path, image_size=8, options={"width": 1}
    )


def _bundle(wanted: str, at: Path) -> Path:
    stacked = torch.stack([_SCORES, _SCORES.flip(0), _SCORES.roll(1, 0)])
    method = "stack" if wanted == "stacking.safetensors" else "weighted"
    ensemble = fit_ensemble(stacked, _LABELS, method)
    network = _model(at)
    names = ["a", "b", "c"]
    made = Bundle.of(
        ensemble, names, networks=dict.fromkeys(names, network), classes=CLASSES,
        facts={"split": "val"},
    )  # fmt: skip
    made.save(at / "bundle")
    return at / "bundle" / wanted


def _read_bundle(path: Path) -> Any:
    bundle = Bundle.load(path.parent)
    return bundle.vote(torch.stack([_SCORES] * len(bundle.models)))


def _find_runs(path: Path) -> Any:
    from warpmix.cli._runs import find_runs

    return find_runs([path.parent])


def _run(at: Path) -> Path:
    _config(at)
    return _history(at)


READERS = (
    Reader("predictions .npy", partial(_npy, _SCORES.numpy()), predictions.load, m.damage_npy),
    Reader("predictions .npz", _npz, predictions.load, m.damage_zip),
    Reader("predictions .csv", _csv, predictions.load, m.damage_text),
    Reader("predictions .csv, imported", _votes_csv, _import_csv, m.damage_text),
    Reader("predictions .safetensors", _saved, predictions.load, m.damage_safetensors),
    Reader("store: member alone", partial(_store, "val/a.safetensors"), predictions.load,
           m.damage_safetensors),
    Reader("store: member", partial(_store, "val/a.safetensors"), _open_store,
           m.damage_safetensors),
    Reader("store: samples", partial(_store, "val.samples.safetensors"), _open_store,
           m.damage_safetensors),
    Reader("store: samples alone", partial(_store, "val.samples.safetensors"), Samples.load,
           m.damage_safetensors),
    Reader("store: index.json", partial(_store, "index.json"), _open_store, m.damage_json),
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
    Reader("recipe", partial(_text, "r.yaml", _RECIPE), _read_recipe, m.damage_text),
    Reader("settings .yaml", partial(_text, "s.yaml", _SETTINGS), load_config, m.damage_text),
    Reader("settings .json", _config, load_config, m.damage_json),
    Reader("run: config.json", _config, lambda path: load_settings(path.parent), m.damage_json),
    Reader("run: history.csv", _history, read_history, m.damage_text),
    Reader("runs, compared", _run, _find_runs, m.damage_text),
    Reader("run: split.safetensors", _rows, read_tensors, m.damage_safetensors),
    Reader("run: trackers.json",
           partial(_text, "t.json", '{"csv": {"epochs": 2, "log": "x"}}'), read_known,
           m.damage_json),
    Reader("run: checkpoint", _checkpoint, lambda path: load_checkpoint(path, _SPEC),
           m.damage_safetensors),
    Reader("model of a checkpoint", _checkpoint, load_model, m.damage_safetensors),
    Reader("model.safetensors", _model, load_model, m.damage_safetensors),
    Reader("weights .pth", partial(_weights, "pth"), _read_weights,
           partial(m.damage_zip, inner=m.damage_pickle)),
    Reader("weights .pth, before 1.6", partial(_weights, "old"), _read_weights, m.damage_pickle),
    Reader("weights .safetensors", partial(_weights, "safetensors"), _read_weights,
           m.damage_safetensors),
    Reader("bundle: ensemble.json", partial(_bundle, "ensemble.json"), _read_bundle,
           m.damage_json),
    Reader("bundle: stacking", partial(_bundle, "stacking.safetensors"), _read_bundle,
           m.damage_safetensors),
    Reader("study recipe", partial(_text, "s.yaml", _STUDY), _read_study_recipe, m.damage_text),
    Reader("study recipe alone", partial(_text, "s.yaml", _STUDY), source.read_source,
           m.damage_text),
    Reader("study.json", partial(_study, "study.json"), _read_study, m.damage_json),
    Reader("study: result.json", partial(_study, "result.json"), _read_study, m.damage_json),
    Reader("study: error.txt", partial(_study, "error.txt"), _read_study, m.damage_text),
    Reader("study: environment.json", partial(_study, "environment.json"), _read_environments,
           m.damage_json),
    Reader("study: claim", partial(_text, "c.lock", '{"host": "a", "pid": 1, "started": "b"}'),
           _read_claim, m.damage_json),
    Reader("--set", partial(_text, "v.yaml", "[0.1, {a: 2}]"), _settings_typed, m.damage_text),
)  # fmt: skip
