"""Readers of settings, runs, models and bundles."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import torch

from fuzzing import mutations as m
from fuzzing.valid_files import CLASSES, LABELS, SCORES, Reader, write_text
from warpmix import models
from warpmix.ensemble import Bundle, fit_ensemble
from warpmix.models.weights import read_state
from warpmix.train import ModelSpec, TrainConfig, load_config, load_model
from warpmix.train.checkpoint import load_checkpoint, save_checkpoint
from warpmix.train.history import EpochRecord, read_history, write_history
from warpmix.train.loggers import read_known
from warpmix.train.model import copy_weights, read_tensors, save_model, write_tensors
from warpmix.train.run_folder import load_settings

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


def _config(at: Path) -> Path:
    content = json.dumps(TrainConfig(augment=["RandomHorizontalFlip"]).model_dump(mode="json"))
    return write_text("config.json", content, at)


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
    stacked = torch.stack([SCORES, SCORES.flip(0), SCORES.roll(1, 0)])
    method = "stack" if wanted == "stacking.safetensors" else "weighted"
    ensemble = fit_ensemble(stacked, LABELS, method)
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
    return bundle.vote(torch.stack([SCORES] * len(bundle.models)))


def _find_runs(path: Path) -> Any:
    from warpmix.cli._runs import find_runs

    return find_runs([path.parent])


def _run(at: Path) -> Path:
    _config(at)
    return _history(at)


RUNS = (
    Reader("settings .yaml", partial(write_text, "s.yaml", _SETTINGS), load_config, m.damage_text),
    Reader("settings .json", _config, load_config, m.damage_json),
    Reader("run: config.json", _config, lambda path: load_settings(path.parent), m.damage_json),
    Reader("run: history.csv", _history, read_history, m.damage_text),
    Reader("runs, compared", _run, _find_runs, m.damage_text),
    Reader("run: split.safetensors", _rows, read_tensors, m.damage_safetensors),
    Reader("run: trackers.json",
           partial(write_text, "t.json", '{"csv": {"epochs": 2, "log": "x"}}'), read_known,
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
)  # fmt: skip
