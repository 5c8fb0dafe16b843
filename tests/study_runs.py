"""A study of made-up runs for the tests of reports: every kind of figure, nothing is trained.

The files of the runs are real ones, written by what writes a run's files; the figures in them are
drawn at random around what :func:`true_accuracy` says.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from warpmix import info, predictions
from warpmix._files import write_json
from warpmix.study.recipe import Recipe, Sweep
from warpmix.study.results import RunResult
from warpmix.train import ModelSpec, load_config
from warpmix.train.history import EpochRecord, write_history
from warpmix.train.model import copy_weights, save_model
from warpmix.train.run_folder import (
    CONFIG_FILE,
    ENVIRONMENT_FILE,
    HISTORY_FILE,
    MODEL_FILE,
    PREDICTIONS_FILES,
)

CLASSES = tuple(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])

RECIPE = """
title: Does a made-up study of a rather long name fill a page from the phone to the wide screen?
authors: Nobody, Somebody
year: 2023
framework: Keras
about: Which learning rate, which augmentation, and does a vote help?
base: {data: digits, model: vgg3, width: 4, epochs: 6, batch_size: 64, opt: sgd, sched: cosine}
repeats: 3
series:
  plain: {title: Custom CNN}
  b0: {title: "EfficientNet-B0, ImageNet weights, frozen", settings: {block_dropout: 0.1}}
  random: {title: "MobileNetV3-small, random weights", settings: {block_dropout: 0.3}}
sweeps:
  lr:
    title: Learning rate
    series: [plain, b0, random]
    grid: {lr: [0.01, 0.05, 0.1, 0.5]}
    published:
      - {at: {series: plain, lr: 0.01}, accuracy: 0.71}
      - {at: {series: plain, lr: 0.1}, accuracy: 0.78}
      - {at: {series: random, lr: 0.1}, accuracy: 0.9129}
  augmentation:
    title: Augmentation
    repeats: 2
    series: [plain, b0]
    choices:
      none: {}
      shift: {augment: warsaw-shift}
      contrast: {augment: warsaw-contrast}
      shifts + flips + zoom: {augment: shift-flip-zoom}
      "cutmix, then a border of black pixels": {augment: warsaw-cutmix}
    published: [{at: {choice: shift}, accuracy: 0.8}]
  grid:
    title: Batch and rate
    repeats: 1
    grid: {batch_size: [64, 128], lr: [1.0e-4, 1.0e-3], dropout: [0.0, 0.5]}
    split: validation
  decay:
    title: Weight decay
    repeats: 2
    grid: {l2: [1.0e-5, 1.0e-4, 1.0e-3, 1.0e-2, 1.0e-1]}
  later: {title: Left to choice, optional: true, choices: {a: {}, b: {}}}
pools:
  everything: [{sweep: [lr, augmentation]}]
ensembles:
  shares:
    title: Votes
    pool: everything
    shares: [0.1, 0.2, 0.3, 0.5, 1.0]
    published:
      - {at: {share: 0.1, method: soft}, accuracy: 0.9299}
      - {at: {share: 1.0, method: hard}, accuracy: 0.9121}
  fitted: {title: Four votes, pool: everything, shares: [0.05],
    methods: [soft, hard, weighted, stacked]}
figures:
  - {number: Figure 1, title: Learning rate, about: One parameter at a time., kind: values,
     runs: [{sweep: lr}], x: lr}
  - {number: Figure 2, title: Weight decay, kind: values,
     runs: [{sweep: decay}], x: l2, log_x: true}
  - {number: Figure 3, title: Augmentation, kind: bars, x: choice, runs: [{sweep: augmentation},
      {sweep: lr, series: plain, where: {lr: [0.1]}, axes: {choice: from Figure 1}}]}
  - {number: Figure 4, title: Training with each augmentation, kind: curves,
     runs: [{sweep: augmentation}], panels: choice}
  - {number: Figure 5, title: Loss alone, kind: curves, runs: [{sweep: lr}], panels: lr,
     metric: validation_loss}
  - {number: Figure 6, title: Batch and rate, kind: heatmap, runs: [{sweep: grid}], x: lr,
     y: batch_size}
  - {number: Figure 7, title: Where it errs, kind: confusion, runs: [{sweep: lr, best: series}],
     series: series}
  - {number: Table 1, title: Votes, kind: ensemble, ensemble: shares}
  - {number: Table 2, title: Four votes, kind: ensemble, ensemble: fitted}
  - {number: Figure 8, title: Votes by size, kind: vote_curve, ensemble: shares}
  - {number: Table 3, title: All settings, kind: table, runs: [{sweep: lr}, {sweep: augmentation}]}
  - {number: Table 4, title: Figures of the text, kind: numbers, numbers: [
      {title: Best single model, runs: [{sweep: lr}], of: best, published: 0.9129},
      {title: Never run, runs: [{sweep: later}], published: 0.5, note: A variant.}]}
  - {number: Figure 9, title: Examples, kind: examples, runs: [{sweep: augmentation}]}
  - {number: Figure 10, title: Sizes, kind: sizes}
  - {number: Figure 11, title: Left out, kind: outliers}
  - {number: Table 5, title: The network, kind: network, runs: [{sweep: lr, series: plain}]}
  - {number: Table 6, title: Versions, kind: versions}
  - {number: Table 7, title: Times, kind: times}
  - {number: Figure 12, title: A variant, kind: bars, runs: [{sweep: later}], x: choice}
differences:
  - Nothing here was trained, because a test must be quick.
"""


@dataclass(frozen=True)
class MadeStudy:
    """A study, as reports take it."""

    name: str
    recipe: Recipe
    form: str
    folder: Path
    runs: Sequence[RunResult]


def make_study(
    folder: Path, recipe: str = RECIPE, form: str = "quick", images: int = 200
) -> MadeStudy:
    """Write a study's runs: the third fails, the last is missing, all others are done."""
    made = Recipe.model_validate(yaml.safe_load(recipe))
    rng = np.random.default_rng(0)
    labels = torch.from_numpy(rng.integers(0, len(CLASSES), images))
    planned = [
        (name, series, values, repeat)
        for name, sweep in made.sweeps.items()
        if not sweep.optional
        for series in sweep.series or [""]
        for values in combinations(sweep)
        for repeat in range(sweep.repeats or made.repeats)
    ]
    runs = []
    for number, (name, series, values, repeat) in enumerate(planned):
        status = {2: "failed", len(planned) - 1: "missing"}.get(number, "done")
        run_id = f"{zlib.crc32(repr(planned[number]).encode()):08x}"
        settings = {
            **made.base,
            **(made.series[series].settings if series else {}),
            **{k: v for k, v in values.items() if k != "choice"},
            **made.sweeps[name].choices.get(values.get("choice", ""), {}),
            "seed": repeat,
        }
        config = load_config(None, **settings)
        known: dict[str, Any] = {}
        if status == "done":
            accuracy = true_accuracy(series, values) + rng.normal(0, 0.01)
            known = _write_run(folder / "runs" / run_id, config, accuracy, labels, rng)
            if number == 0:
                _write_model(folder / "runs" / run_id, config)
        runs.append(
            RunResult(
                run_id,
                name,
                series,
                values,
                repeat,
                repeat,
                folder / "runs" / run_id,
                status,  # type: ignore[arg-type]
                settings=config.model_dump(mode="json"),
                error="Traceback …\nRuntimeError: a made-up failure" if number == 2 else None,
                **known,
            )
        )
    return MadeStudy("made-up", made, form, folder, runs)


def combinations(sweep: Sweep) -> list[dict[str, Any]]:
    """Return the values of each setting of a sweep."""
    axes: dict[str, list[Any]] = {"choice": list(sweep.choices)} if sweep.choices else {}
    axes.update(sweep.grid)
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def true_accuracy(series: str, values: dict[str, Any]) -> float:
    """Return what the figures of a setting are drawn around."""
    base = {"plain": 0.75, "b0": 0.68, "random": 0.6}.get(series, 0.5)
    bend = -0.03 * abs(np.log10(values.get("lr", 0.1)) + 1) ** 2
    return float(base + bend + 0.02 * len(values.get("choice", "")) / 10)


def _write_run(
    folder: Path, config: Any, accuracy: float, labels: torch.Tensor, rng: np.random.Generator
) -> dict[str, Any]:
    folder.mkdir(parents=True)
    write_json(folder / CONFIG_FILE, config.model_dump(mode="json"))
    write_json(folder / ENVIRONMENT_FILE, _ENVIRONMENT)
    epochs = int(rng.integers(4, 8))
    history = []
    for epoch in range(1, epochs + 1):
        grown = accuracy * (1 - 0.6 * 0.5**epoch)
        noise = rng.normal(0, 0.008, 2)
        history.append(
            EpochRecord(
                epoch, config.lr, 2.2 * 0.7**epoch, grown + 0.03, 2.2 * 0.75**epoch + noise[0],
                grown + noise[1], 1.5,
            )
        )  # fmt: skip
    write_history(folder / HISTORY_FILE, history)
    found = {}
    for split, file in PREDICTIONS_FILES.items():
        scores = torch.from_numpy(rng.normal(0, 1, (len(labels), len(CLASSES)))).float()
        right = torch.from_numpy(rng.random(len(labels)) < accuracy)
        scores[right, labels[right]] += 5
        probabilities = torch.softmax(scores, 1)
        predictions.save(
            folder / file, probabilities, labels, model=folder.name, dataset="digits", split=split,
            classes=CLASSES,
        )  # fmt: skip
        found[split] = float((probabilities.argmax(1) == labels).double().mean())
    return {
        "test_accuracy": found["test"],
        "validation_accuracy": found["val"],
        "validation_loss": history[-1].validation_loss,
        "train_accuracy": max(each.train_accuracy for each in history),
        "best_epoch": epochs,
        "epochs": epochs,
        "seconds": 1.5 * epochs,
    }


def _write_model(folder: Path, config: Any) -> None:
    spec = ModelSpec(
        config.model, config.head, config.dropout, CLASSES, (8, 8), 1, (0.5,), (0.5,),
        options=config.network_options,
    )  # fmt: skip
    save_model(folder / MODEL_FILE, copy_weights(spec.build()), spec)


_ENVIRONMENT = info.collect()
