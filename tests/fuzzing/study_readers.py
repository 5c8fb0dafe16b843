"""Readers of recipes and studies."""

from __future__ import annotations

import fcntl
import json
from functools import partial
from pathlib import Path
from typing import Any

from fuzzing import mutations as m
from fuzzing.valid_files import Reader, write_text
from warpmix import Pipeline, recipes
from warpmix.augment import from_config
from warpmix.study import collect, load, source
from warpmix.study import folder as study_folder
from warpmix.study.plan import Plan
from warpmix.study.report import overview
from warpmix.train import claims

_RECIPE = """\
augment:
  - RandomCrop: {size: 8, padding: 1}
  - RandomHorizontalFlip
  - ColorJitter: {brightness: 0.2}
p: 0.5
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


def _read_recipe(path: Path) -> Any:
    return Pipeline(from_config(recipes.read_augmentation(path)["augment"]))


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
    return write_text(name, content, at)


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


STUDIES = (
    Reader("recipe", partial(write_text, "r.yaml", _RECIPE), _read_recipe, m.damage_text),
    Reader("study recipe", partial(write_text, "s.yaml", _STUDY), _read_study_recipe,
           m.damage_text),
    Reader("study recipe alone", partial(write_text, "s.yaml", _STUDY), source.read_source,
           m.damage_text),
    Reader("study.json", partial(_study, "study.json"), _read_study, m.damage_json),
    Reader("study: result.json", partial(_study, "result.json"), _read_study, m.damage_json),
    Reader("study: error.txt", partial(_study, "error.txt"), _read_study, m.damage_text),
    Reader("study: environment.json", partial(_study, "environment.json"), _read_environments,
           m.damage_json),
    Reader("study: claim", partial(write_text, "c.lock", '{"host": "a", "pid": 1, "started": "b"}'),
           _read_claim, m.damage_json),
    Reader("--set", partial(write_text, "v.yaml", "[0.1, {a: 2}]"), _settings_typed, m.damage_text),
)  # fmt: skip
