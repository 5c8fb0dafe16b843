"""Every public call with one argument wrong: TypeError, ValueError, or a result, and nothing else.

``WARPMIX_WRONG_CALLS`` is how many calls to make; 20,000 take five seconds.
"""

from __future__ import annotations

import inspect
import os
import random
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import warpmix
from warpmix import Pipeline, Targets, augment, data, ensemble, models, ops, predictions, train

CALLS = int(os.environ.get("WARPMIX_WRONG_CALLS", "20000"))

IMAGES = torch.randint(0, 256, (6, 3, 8, 8), dtype=torch.uint8)
LABELS = torch.arange(6) % 3
RAGGED, PARTS = warpmix.RaggedImages.from_list(list(IMAGES)), ("pixels", "offsets", "sizes")
PROBABILITIES = torch.rand(4, 6, 3).softmax(2)
TARGETS = Targets(LABELS, LABELS.flip(0), torch.full((6,), 0.5))


@dataclass(frozen=True)
class Call:
    """A call that works, argument by argument."""

    function: Callable[..., Any]
    arguments: dict[str, Any]


def _calls() -> dict[str, Call]:
    pipeline = Pipeline([augment.RandomShift(0.2), augment.CutMix()], seed=1)
    draws = pipeline.draw(images=IMAGES)
    batch = {"images": IMAGES, "labels": LABELS, "ids": torch.arange(6), "epoch": 1}
    settings = {"p": 1.0, "mean": (0.5, 0.5, 0.5), "std": (0.2, 0.2, 0.2), "seed": 1}
    votes = {"predictions": PROBABILITIES, "logits": False}
    judged = votes | {"targets": LABELS}
    calls = {
        "Pipeline": Call(Pipeline, {"transforms": [augment.CutMix()], **settings}),
        "Pipeline()": Call(
            pipeline,
            batch
            | {"index": torch.arange(6), "active": torch.ones(6, dtype=torch.bool)}
            | {"step": torch.zeros(1, dtype=torch.int64), "out": torch.empty(6, 3, 8, 8)}
            | {"sums": ops.channel_sums(IMAGES)},
        ),
        "draw": Call(pipeline.draw, {"images": IMAGES, "ids": torch.arange(6), "epoch": 1}),
        "replay": Call(pipeline.replay, {"images": IMAGES, "draws": draws, "labels": LABELS}),
        "output_size": Call(pipeline.output_size, {"height": 8, "width": 8, "channels": 3}),
        "explain": Call(pipeline.explain, {"height": 8, "width": 8, "channels": 3}),
        "CutMix()": Call(augment.CutMix(), batch | {"seed": 1}),
        "channel_sums": Call(ops.channel_sums, {"images": IMAGES}),
        "RaggedImages": Call(warpmix.RaggedImages, {name: getattr(RAGGED, name) for name in PARTS}),
        "from_list": Call(warpmix.RaggedImages.from_list, {"images": list(IMAGES)}),
        "select": Call(RAGGED.select, {"rows": torch.arange(3)}),
        "Pipeline(RaggedImages)": Call(Pipeline([augment.CenterCrop(4)]), {"images": RAGGED}),
        "from_config": Call(warpmix.from_config, {"config": [{"RandomShift": {"max_shift": 0.2}}]}),
        "mixed_cross_entropy": Call(
            warpmix.mixed_cross_entropy,
            {"logits": torch.randn(6, 3), "target": TARGETS, "weight": torch.ones(3)}
            | {"reduction": "mean", "label_smoothing": 0.1},
        ),
        "to_onehot": Call(TARGETS.to_onehot, {"num_classes": 3, "smoothing": 0.1}),
        "vote": Call(
            ensemble.vote,
            votes | {"method": "soft", "weights": [1.0] * 4, "temperature": 1.0, "device": "cpu"},
        ),
        "vote_curve": Call(
            ensemble.vote_curve,
            judged | {"ranking": [0, 1, 2, 3], "weights": [1.0] * 4, "temperature": 1.0},
        ),
        "rank": Call(ensemble.rank, judged),
        "member_accuracies": Call(ensemble.member_accuracies, judged),
        "diversity": Call(ensemble.diversity, judged),
        "select_greedy": Call(
            ensemble.select_greedy,
            judged | {"size": 3, "metric": "accuracy", "initial": 0, "bags": 1, "seed": 1},
        ),
        "fit_weights": Call(ensemble.fit_weights, judged),
        "fit_ensemble": Call(
            ensemble.fit_ensemble, judged | {"method": "greedy", "fraction": 1.0, "size": 3}
        ),
        "fit_temperature": Call(
            ensemble.fit_temperature, {"scores": PROBABILITIES[0], "targets": LABELS}
        ),
        "expected_calibration_error": Call(
            ensemble.expected_calibration_error,
            {"scores": PROBABILITIES[0], "targets": LABELS, "bins": 5},
        ),
        "at_temperature": Call(
            ensemble.at_temperature, {"scores": PROBABILITIES[0], "temperature": 2.0}
        ),
        "bootstrap_intervals": Call(
            ensemble.bootstrap_intervals,
            {"correct": torch.ones(2, 6, dtype=torch.bool), "replicates": 10, "seed": 1}
            | {"confidence": 0.9},
        ),
        "from_arrays": Call(
            data.from_arrays,
            {"images": IMAGES.permute(0, 2, 3, 1).numpy(), "labels": LABELS.numpy()}
            | {"classes": ("a", "b", "c"), "name": "arrays", "layout": "NHWC"},
        ),
        "stratified_split": Call(
            data.stratified_split, {"labels": LABELS, "fraction": 0.5, "seed": 1}
        ),
        "stratified_subset": Call(
            data.stratified_subset, {"labels": LABELS, "count": 3, "seed": 1}
        ),
        "few_shot": Call(data.few_shot, {"labels": LABELS, "per_class": 1, "seed": 1}),
        "k_fold": Call(data.k_fold, {"labels": LABELS, "folds": 2, "fold": 0, "seed": 1}),
        "create": Call(
            models.create,
            {"name": "vgg3", "num_classes": 3, "head": (4,), "dropout": 0.1, "image_size": 8}
            | {"in_channels": 3, "tta": "none", "options": {"width": 4}},
        ),
        "load_config": Call(
            train.load_config,
            {"data": "digits", "lr": 0.1, "epochs": 1, "head": [4], "augment": "warsaw-all"}
            | {"block_dropout": 0.1, "logger": "csv", "seed": 1},
        ),
        "predictions.save": Call(
            predictions.save,
            {"path": Path("/nonexistent/predictions.npz"), "predictions": PROBABILITIES[0]}
            | {"labels": LABELS, "model": "m", "split": "test"},
        ),
        "collate": Call(warpmix.collate, {"samples": [(image, 1) for image in IMAGES.unbind()]}),
    }
    for name in sorted(augment.__all__):
        transform = getattr(augment, name)
        if name.startswith(("Random", "Cut", "Mix", "Grid", "Color", "Normalize")):
            try:
                plain = transform()
            except TypeError:
                continue
            if hasattr(plain, "__dataclass_fields__"):
                known = plain.__dataclass_fields__.items()
                fields = {
                    of: getattr(plain, of)
                    for of, field in known
                    if of in inspect.signature(transform).parameters
                }
                calls[name] = Call(transform, fields)
    return calls


def _wrong_values() -> list[Any]:
    """Values that are nobody's: types, dtypes, shapes, devices, ranges and memory."""
    vector = torch.arange(6)
    quantised = torch.quantize_per_tensor(torch.rand(6, 3, 8, 8), 0.1, 0, torch.quint8)
    tensors = [
        *(torch.zeros(shape) for shape in ((), (0,), (6,), (6, 3), (0, 3, 8, 8), (6, 3, 8, 8, 1))),
        *(torch.zeros(6, 3, 8, 8, dtype=d) for d in (torch.bool, torch.int8, torch.cfloat)),
        *(torch.zeros(6, 3, 8, 8, dtype=d) for d in (torch.float8_e4m3fn, torch.uint16)),
        *(torch.full((6,), v) for v in (-1, 3, 6, 10**7, 2**62, -(2**63))),
        *(torch.full((6, 3), v) for v in (float("nan"), float("inf"), -1.0, 1e30)),
        torch.full((4, 6, 3), float("nan")),
        vector.to("meta"), IMAGES.to("meta"), PROBABILITIES.to("meta"),
        vector.to_sparse(), IMAGES.to_sparse(), PROBABILITIES.to_sparse(), quantised,
        torch.nested.nested_tensor([torch.rand(2), torch.rand(3)]),
        torch.rand(6, 3, 8, 8).requires_grad_(), torch.rand(6, 8, 3, 8).transpose(1, 2),
        torch.rand(1, 3, 8, 8).expand(6, 3, 8, 8), torch.rand(1, 1, 3).expand(4, 6, 3),
        torch.empty(3, 0, 8, 8, dtype=torch.uint8), torch.empty(6, 17, 8, 8, dtype=torch.uint8),
    ]  # fmt: skip
    arrays = [
        np.zeros((6, 8, 8, 3)), np.zeros((6, 8, 8, 3), np.uint8)[::-1], np.zeros(6, ">i8"),
        np.zeros((4, 6, 3), ">f4"), np.array(["a", "b"]), np.array([None, {}], object),
        np.zeros(6, "M8[s]"), np.zeros(6, [("a", int)]), np.float32("nan"), np.int64(2**62),
        np.ma.masked_array([1, 2, 3], [0, 1, 0]), np.zeros((2, 3, 4, 5, 6)),
    ]  # fmt: skip
    numbers = [
        -1, 0, 1, 2, 3, 7, 10**4, 2**31, 2**32, 2**63, 2**64, 10**30, -(2**63), True, False,
        0.5, -0.5, 1.5, 1e-30, 1e30, 1e300, float("nan"), float("inf"), -float("inf"), 1 + 2j,
    ]  # fmt: skip
    others = [
        None, "", "cat", "cuda:99", "soft", "[bold]", "\0", "x" * 5000, b"bytes", (), [], {}, set(),
        (1,), (1, 2), (2, 1), (-1, 1), (0.5, 0.5), (1, 2, 3, 4), [[1, 2], [3]], [None], ["a", 1],
        {"a": 1}, {1: 2}, object(), object, len, range(3), iter([1, 2]), slice(None), ...,
        torch.float64, torch.device("meta"), torch.device("cpu"), [float("nan")] * 4, Path("/"),
    ]  # fmt: skip
    return [*tensors, *arrays, *numbers, *others]


@pytest.mark.filterwarnings("ignore")
def test_one_wrong_argument_is_a_type_or_value_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a wrong text is a right path: "cat" is a file's name
    calls, wrong = _calls(), _wrong_values()
    for name, call in calls.items():
        if name != "predictions.save":  # which has no folder to write to
            call.function(**call.arguments)
    choice, outcomes, leaked = random.Random(0), Counter[str](), Counter[str]()
    for _ in range(CALLS):
        name = choice.choice(sorted(calls))
        call = calls[name]
        argument, place = choice.choice(sorted(call.arguments)), choice.randrange(len(wrong))
        value = wrong[place]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                call.function(**call.arguments | {argument: value})
            outcomes["result"] += 1
        except (TypeError, ValueError) as error:
            outcomes[type(error).__name__] += 1
            if not 0 < len(str(error)) < 2000:
                leaked[f"{name}({argument}={value!r:.60}): a message of {len(str(error))}"] += 1
        except OSError as error:
            outcomes[type(error).__name__] += 1
            if name not in ("predictions.save", "load_config"):  # which name files
                leaked[f"{name}({argument}={value!r:.60}): {error!r:.100}"] += 1
        except Exception as error:
            shown = str(error).partition("\n")[0][:150]
            leaked[f"{name}({argument}={value!r:.60}): {type(error).__name__}: {shown}"] += 1
    print(sum(outcomes.values()), "calls:", dict(outcomes))
    assert not leaked, "\n".join(f"{count} x {line}" for line, count in leaked.most_common())
