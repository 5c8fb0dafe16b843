"""Readers of predictions and their stores."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fuzzing import mutations as m
from fuzzing.valid_files import CLASSES, LABELS, SCORES, Reader, npy
from warpmix import predictions
from warpmix.predictions import PredictionStore, Samples, import_files


def _npz(at: Path) -> Path:
    np.savez(at / "a.npz", m=SCORES.numpy(), labels=LABELS.numpy(), ids=np.arange(6))
    return at / "a.npz"


def _csv(at: Path) -> Path:
    rows = [f"img{i},{i % 3},{','.join(map(str, row))}" for i, row in enumerate(SCORES.tolist())]
    (at / "a.csv").write_text("\n".join(["id,label,cat,dog,owl", *rows]) + "\n")
    return at / "a.csv"


def _votes_csv(at: Path) -> Path:
    (at / "a.csv").write_text("id,predicted\n" + "".join(f"{i},{i % 3}\n" for i in range(6)))
    return at / "a.csv"


def _saved(at: Path) -> Path:
    ids = [f"img{i}" for i in range(6)]
    predictions.save(
        at / "a.safetensors", SCORES, LABELS, model="a", split="test", classes=CLASSES, ids=ids
    )
    return at / "a.safetensors"


def _store(wanted: str, at: Path) -> Path:
    store = PredictionStore(at / "store", create=True)
    for name in ("a", "b"):
        store.add(
            SCORES, model=name, split="val", labels=LABELS, classes=CLASSES, seed=3,
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


PREDICTIONS = (
    Reader("predictions .npy", partial(npy, SCORES.numpy()), predictions.load, m.damage_npy),
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
)  # fmt: skip
