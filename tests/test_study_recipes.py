"""The recipes of the five studies hold what their papers ran, showed and published.

The lists below are read from the papers, sweep by sweep; a recipe that loses one of them fails.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from warpmix.study.load import load_study
from warpmix.study.plan import Plan
from warpmix.study.recipe import Figure, Published, Recipe, Selection
from warpmix.study.results import Form
from warpmix.study.source import names
from warpmix.train import TrainConfig

ROOT = Path(__file__).parents[1]
REPORTS = ROOT.parent / "shared"  # the papers' texts, where they are at hand
STUDIES = (
    "warsaw-cifar10",
    "fruit-transfer",
    "cinic10-transfer",
    "cifar10-architectures",
    "cifar10-baselines",
)
KERAS = ("warsaw-cifar10", "cinic10-transfer", "cifar10-baselines")
FORMS: tuple[Form, ...] = ("full", "quick", "digits")

EXTRACTORS = ["custom", "efficientnet", "mobilenet-frozen", "mobilenet-random"]
BACKBONES = ["resnet", "efficientnet", "convnext"]
PRETRAINED = ["mobilenet", "resnet", "efficientnet"]
WARSAW_AUGMENTATIONS = [f"warsaw-{name}" for name in ("shift", "crop", "contrast", "cutmix", "all")]
MAGNITUDES = [1e-5, 1e-4, 1e-3, 1e-2, 1e-1]
OPTIMIZERS = ["sgd", "rmsprop", "adam", "adamax", "nadam", "adagrad", "adadelta", "ftrl"]

# study, sweep, its series, the values that each setting takes in it, its combinations a series.
MUST_RUN: list[tuple[str, str, list[str], dict[str, list[Any]], int]] = [
    ("warsaw-cifar10", "learning-rate", EXTRACTORS, {"lr": [0.01, 0.05, 0.1, 0.2, 0.5]}, 5),
    ("warsaw-cifar10", "batch-size", EXTRACTORS, {"batch_size": [64, 96, 128]}, 3),
    ("warsaw-cifar10", "dropout", EXTRACTORS, {"dropout": [0, 0.2, 0.4, 0.6, 0.8]}, 5),
    ("warsaw-cifar10", "l2", EXTRACTORS, {"l2": [0, 0.2, 0.5, 0.7, 1]}, 5),
    (
        "warsaw-cifar10",
        "augmentation",
        ["mobilenet-random"],
        {
            "augment": WARSAW_AUGMENTATIONS,
            "expand": [0.5],
            "copies": ["once"],
            "lr": [0.01],
            "batch_size": [64],
            "dropout": [0.2],
            "l2": [0],
        },
        5,
    ),
    (
        "warsaw-cifar10",
        "augmentation-each-epoch",
        ["mobilenet-random"],
        {"augment": WARSAW_AUGMENTATIONS, "copies": ["each-epoch"]},
        5,
    ),
    ("fruit-transfer", "networks", ["mlp", "cnn"], {"model": ["fruit_mlp", "fruit_cnn"]}, 1),
    ("fruit-transfer", "batch-size", ["cnn"], {"batch_size": [8, 64, 256]}, 3),
    ("fruit-transfer", "learning-rate", ["cnn"], {"lr": [1e-5, 1e-4, 1e-3, 1e-2]}, 4),
    ("fruit-transfer", "dropout", ["cnn"], {"dropout": [0.5, 0], "block_dropout": [0.25, 0]}, 2),
    (
        "fruit-transfer",
        "transfer",
        ["vgg16", "resnet50", "efficientnet-b2"],
        {
            "model": ["vgg16", "resnet50", "efficientnet_b2"],
            "head": [[256]],
            "frozen": [True],
            "batch_size": [8],
        },
        1,
    ),
    ("fruit-transfer", "transfer-whole", ["efficientnet-b2"], {"frozen": [False]}, 1),
    ("cinic10-transfer", "learning-rate", BACKBONES, {"lr": [1e-4, 3e-4, 5e-4, 1e-3]}, 4),
    ("cinic10-transfer", "batch-size", BACKBONES, {"batch_size": [32, 64, 128]}, 3),
    ("cinic10-transfer", "dropout", BACKBONES, {"dropout": [0.3, 0.5, 0.7]}, 3),
    ("cinic10-transfer", "l1", BACKBONES, {"l1": [0, 1e-4, 5e-4], "penalty": ["hidden"]}, 3),
    (
        "cinic10-transfer",
        "augmentation",
        BACKBONES,
        {"augment": [None, "rotation", "brightness", "contrast", "zoom", "cutmix"]},
        6,
    ),
    ("cinic10-transfer", "few-shot", BACKBONES, {"few_shot": [10, 50, 200]}, 3),
    (
        "cifar10-architectures",
        "mlp-size",
        ["mlp-s", "mlp-l"],
        {
            "model": ["mlp_s", "mlp_l"],
            "dropout": [0.1],
            "batch_size": [128],
            "lr": [1e-3],
            "weight_decay": [0.01],
        },
        1,
    ),
    (
        "cifar10-architectures",
        "cnn-grid",
        ["cnn"],
        {
            "batch_size": [64, 128],
            "lr": [1e-2, 1e-3, 1e-4],
            "weight_decay": [0, 0.01],
            "block_dropout": [0, 0.5],
        },
        72,
    ),
    (
        "cifar10-architectures",
        "vit",
        ["vit"],
        {"batch_size": [64, 128], "lr": [1e-2, 1e-3, 1e-4]},
        6,
    ),
    (
        "cifar10-architectures",
        "fine-tuning",
        PRETRAINED,
        {
            "model": ["mobilenet_v3_small", "resnet18", "efficientnet_v2_s"],
            "frozen": [None],
            "input_size": ["weights"],
        },
        1,
    ),
    (
        "cifar10-architectures",
        "new-last-layer",
        PRETRAINED,
        {"frozen": [True], "frozen_mode": ["train"], "lr": [1e-4]},
        1,
    ),
    ("cifar10-baselines", "baselines", ["baseline-1", "baseline-2"], {"epochs": [20]}, 1),
    (
        "cifar10-baselines",
        "batch-norm",
        ["baseline-1", "baseline-2"],
        {"batch_norm": ["before", "after", "none"]},
        3,
    ),
    (
        "cifar10-baselines",
        "batch-size",
        ["baseline-2"],
        {"batch_size": [32, 64, 128, 256], "batch_norm": ["before"]},
        4,
    ),
    (
        "cifar10-baselines",
        "initialisation",
        ["baseline-2"],
        {"init": ["zero", "normal", "glorot", "he_truncated"], "batch_size": [256]},
        4,
    ),
    (
        "cifar10-baselines",
        "dropout",
        ["baseline-2"],
        {"block_dropout": [0.2, 0.5, [0.2, 0.5, 0.7]], "epochs": [20, 50]},
        4,
    ),
    (
        "cifar10-baselines",
        "weight-decay",
        ["baseline-2"],
        {"l1": [None, *MAGNITUDES], "l2": [None, *MAGNITUDES], "block_dropout": [0, 0.2]},
        30,
    ),
    (
        "cifar10-baselines",
        "activation",
        ["baseline-2"],
        {
            "activation": ["relu", "leaky_relu", "sigmoid", "tanh"],
            "batch_norm": ["before", "none", "after"],
        },
        12,
    ),
    ("cifar10-baselines", "optimiser", ["baseline-2"], {"opt": OPTIMIZERS}, 9),
    (
        "cifar10-baselines",
        "learning-rate",
        ["baseline-2"],
        {"opt": ["sgd", "rmsprop", "adam", "adamax"]},
        16,
    ),
    (
        "cifar10-baselines",
        "combined",
        ["baseline-2"],
        {"block_dropout": [[0.2, 0.5, 0.7]], "l2": [1e-4], "batch_size": [256]},
        1,
    ),
    (
        "cifar10-baselines",
        "augmentation",
        ["baseline-2"],
        {"augment": ["shift-flip-zoom", "mixup", "cutout", "baselines-all"]},
        4,
    ),
]

# Figures and tables by the papers' numbers, or by a name where they have none, and what they show.
SHOWN: dict[str, dict[str, str]] = {
    "warsaw-cifar10": {
        **{f"Figure {number}": "values" for number in range(1, 5)},
        "Figure 5": "bars",
        "Table 1": "ensemble",
        "Table 2": "versions",
        "Times": "times",
        "Kaggle": "numbers",
    },
    "fruit-transfer": {
        "Figure 1": "examples",
        "Figure 2": "sizes",
        "Figure 3": "outliers",
        "Section 3.3": "table",
        "Section 3.4": "table",
        "Section 3.5": "table",
        "Figure 4": "curves",
        "Figure 4, confusion matrix": "confusion",
        "Figure 5": "curves",
        "Figure 6": "curves",
        **{
            f"Section 4.{section}, {part}": kind
            for section in (1, 2)
            for part, kind in (
                ("layers", "network"),
                ("training", "curves"),
                ("confusion matrix", "confusion"),
                ("table", "table"),
            )
        },
        "Section 4.3, training": "curves",
        "Section 4.3, table": "table",
        "Section 4.3, VGG-16": "confusion",
        "Section 4.3, ResNet-50": "confusion",
        "Section 4.3, EfficientNet-B2": "confusion",
    },
    "cinic10-transfer": {
        **{
            f"Figure 4.{number}": "curves"
            for number in range(1, 28)
            if number not in (5, 9, 13, 17, 23, 27)
        },
        **{f"Figure 4.{number}": "values" for number in (5, 9, 13, 17, 27)},
        "Figure 4.23": "bars",
        "Figure 4.28": "ensemble",
        "Table 4.1": "ensemble",
        "Table 5.1": "numbers",
    },
    "cifar10-architectures": {
        **{f"Figure {number}": "curves" for number in range(1, 13)},
        "Kaggle": "numbers",
    },
    "cifar10-baselines": {
        **{f"Figure {number}": "curves" for number in (1, 2, 3, 4, 5, 13, 14, 15)},
        "Figure 6": "values",
        "Figure 7": "bars",
        "Figure 8": "values",
        "Figure 9": "network",
        "Figure 10": "network",
        "Figure 11": "confusion",
        "Figure 12": "examples",
        "Figure 16": "examples",
        "Figure 17": "examples",
        "Accuracies": "numbers",
    },
}

# Published accuracies in per cent, as the papers print them.
PUBLISHED: dict[str, list[float]] = {
    "warsaw-cifar10": [
        *(92.99, 93.07, 92.86, 92.84, 93.06, 93.04, 92.71, 92.49, 92.82, 92.52, 92.17, 91.21),
        *(91.29, 63, 10),
    ],
    "fruit-transfer": [
        *(51.63, 74.548, 71.653, 65.983, 63.21, 74.55, 67.19, 33.53, 75.513),
        *(93.73, 92.88, 96.50),
    ],
    "cinic10-transfer": [55.40, 56.45, 65.87, 67.30, 63.23, 67.85],
    "cifar10-architectures": [42.42, 72.52, 54.08, 83.16, 40, 63, 67, 71, 65, 51, 87, 77, 73],
    "cifar10-baselines": [64.89, 73.67, 79.26, 75.54, 80.33, 81.03, 83.7, 82.2, 81.3, 78.6],
}


@cache
def read_recipe(study: str, form: Form = "full") -> Recipe:
    """Return a packaged study's recipe in one of its forms."""
    return load_study(study, form).recipe


def points(recipe: Recipe, sweep: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Give each combination of a sweep: its place on every axis, and the settings that make it.

    What an earlier sweep would hand over is left out.
    """
    part = recipe.sweeps[sweep]
    for series in part.series or [""]:
        for choice in part.choices or [""]:
            for values in itertools.product(*part.grid.values()):
                place: dict[str, Any] = dict(zip(part.grid, values, strict=True))
                settings = {
                    **recipe.base,
                    **(recipe.series[series].settings if series else {}),
                    **part.settings,
                    **(part.choices[choice] if choice else {}),
                }
                settings = {
                    key: place.get(value[1:], value) if isinstance(value, str) else value
                    for key, value in settings.items()
                }
                settings |= {k: v for k, v in place.items() if k in TrainConfig.model_fields}
                if choice:
                    place["choice"] = choice
                if series:
                    place["series"] = series
                yield place, settings


def matches(place: dict[str, Any], at: dict[str, Any]) -> bool:
    """Tell whether a combination lies where ``at`` says."""
    return all(place.get(axis) == value for axis, value in at.items())


def numbers_of(recipe: Recipe) -> list[Published]:
    """Return everything published in a recipe."""
    of_text = [
        Published(accuracy=number.published)
        for figure in recipe.figures
        for number in figure.numbers
        if number.published is not None
    ]
    parts = (*recipe.sweeps.values(), *recipe.ensembles.values())
    return [*of_text, *(value for part in parts for value in part.published)]


@pytest.mark.parametrize("study", STUDIES)
def test_it_is_packaged(study: str) -> None:
    assert study in names()


@pytest.mark.parametrize(
    ("study", "sweep", "series", "settings", "count"),
    MUST_RUN,
    ids=[f"{study} {sweep}" for study, sweep, *_ in MUST_RUN],
)
def test_what_the_paper_ran_is_a_sweep(
    study: str, sweep: str, series: list[str], settings: dict[str, list[Any]], count: int
) -> None:
    recipe = read_recipe(study)
    assert recipe.sweeps[sweep].series == series
    combinations = list(points(recipe, sweep))
    assert len(combinations) == count * len(series)
    for name, expected in settings.items():
        found = [None if made.get(name) == [] else made.get(name) for _, made in combinations]
        assert [value for value in found if value not in expected] == [], name
        assert [value for value in expected if value not in found] == [], name


def test_every_variant_is_optional_and_every_other_sweep_must_run() -> None:
    must = {(study, sweep) for study, sweep, *_ in MUST_RUN}
    for study in STUDIES:
        for name, sweep in read_recipe(study).sweeps.items():
            assert sweep.optional or (study, name) in must, f"{study}: {name}"


def test_the_warsaw_study_trains_385_models_and_votes_over_380() -> None:
    recipe = read_recipe("warsaw-cifar10")
    places = {
        name: [place for place, _ in points(recipe, name)]
        for name, sweep in recipe.sweeps.items()
        if not sweep.optional
    }
    assert recipe.repeats * sum(len(found) for found in places.values()) == 385
    assert recipe.repeats == 5
    assert all(sweep.repeats is None for sweep in recipe.sweeps.values())
    pooled = sum(
        not any(place.get(axis) in values for axis, values in part.leave_out.items())
        for part in recipe.pools["paper-380"]
        for name in part.sweep
        for place in places[name]
    )
    assert recipe.repeats * pooled == 380
    assert recipe.pools["paper-380"][-1].leave_out == {"choice": ["all"]}
    assert recipe.ensembles["votes"].shares == [0.1, 0.2, 0.3, 0.4, 0.5, 1.0]
    # Repeated settings are trained again: no sweep has seeds of another.
    assert all(sweep.seeds is None for sweep in recipe.sweeps.values())


def test_the_warsaw_study_carries_the_best_value_forward_in_the_papers_order() -> None:
    sweeps = read_recipe("warsaw-cifar10").sweeps
    order = ["learning-rate", "batch-size", "dropout", "l2"]
    assert list(sweeps)[:5] == [*order, "augmentation"]
    for place, name in enumerate(order):
        assert sweeps[name].start_from == order[:place]


def test_the_cnn_grid_is_216_runs() -> None:
    recipe = read_recipe("cifar10-architectures")
    grid = recipe.sweeps["cnn-grid"]
    assert grid.seeds == [0, 1, 2]
    assert len(grid.seeds) * len(list(points(recipe, "cnn-grid"))) == 216
    transforms = [
        [next(iter(entry)) for entry in settings.get("augment", [])]
        for settings in grid.choices.values()
    ]
    flip_and_rotation = ["RandomHorizontalFlip", "RandomRotation"]
    assert transforms == [[], flip_and_rotation, [*flip_and_rotation, "RandomErasing"]]


def test_the_three_methods_of_the_cinic_ensemble() -> None:
    recipe = read_recipe("cinic10-transfer")
    assert recipe.ensembles["three"].methods == ["soft", "hard", "stacked"]
    (best,) = recipe.pools[recipe.ensembles["three"].pool]
    assert best.best == "series"


@pytest.mark.parametrize("study", KERAS)
def test_keras_defaults_are_named(study: str) -> None:
    base = read_recipe(study).base
    expected: dict[str, Any] = {
        "init": "glorot",
        "opt_style": "keras",
        "monitor": "total_loss",
        "restore": "last",
        "sched": "constant",
    }
    if (
        study != "cinic10-transfer"
    ):  # whose batch norm is frozen, and whose optimiser has no momentum
        expected |= {"bn_eps": 1e-3, "bn_momentum": 0.01, "momentum": 0}
    if study == "cifar10-baselines":
        expected["negative_slope"] = 0.3
    assert {key: base.get(key) for key in expected} == expected


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("study", STUDIES)
def test_what_the_paper_shows_is_a_figure(study: str, form: Form) -> None:
    figures = {figure.number: figure.kind for figure in read_recipe(study, form).figures}
    assert {number: figures.get(number) for number in SHOWN[study]} == SHOWN[study]
    assert len(figures) == len(read_recipe(study, form).figures)  # no number twice


@pytest.mark.parametrize("study", STUDIES)
def test_published_values_are_those_of_the_paper(study: str) -> None:
    found = {round(100 * value.accuracy, 3) for value in numbers_of(read_recipe(study))}
    assert found == {round(value, 3) for value in PUBLISHED[study]}


@pytest.mark.parametrize("study", STUDIES)
def test_published_values_stand_in_the_papers_text(study: str) -> None:
    """Read again in the paper, or in the summary of what its pictures say."""
    texts = [REPORTS / "reports" / f"{study}.txt", REPORTS / "EXPERIMENTS.md"]
    if not all(text.is_file() for text in texts):
        pytest.skip(f"the papers' texts are not at {REPORTS}")
    printed = {
        float(word)
        for text in texts
        for word in re.findall(r"\d+(?:\.\d+)?", text.read_text("utf-8"))
    }
    for value in PUBLISHED[study]:
        assert value in printed or round(value / 100, 6) in printed, value


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("study", STUDIES)
def test_published_values_lie_at_points_of_their_sweep(study: str, form: Form) -> None:
    recipe = read_recipe(study, form)
    for name, sweep in recipe.sweeps.items():
        places = [place for place, _ in points(recipe, name)]
        for value in sweep.published:
            assert any(matches(place, value.at) for place in places), (name, value)
    for name, ensemble in recipe.ensembles.items():
        assert ensemble.pool in recipe.pools, name
        for value in ensemble.published:
            assert value.at["share"] in ensemble.shares, (name, value)
            assert value.at["method"] in ensemble.methods, (name, value)


def check_selection(recipe: Recipe, selection: Selection) -> list[dict[str, Any]]:
    """Refuse a selection of what no sweep has; the places that it selects otherwise."""
    selected = []
    for name in selection.sweep:
        places = [place for place, _ in points(recipe, name)]
        for series in selection.series:
            assert series in recipe.sweeps[name].series, (name, selection)
        for axis, values in (*selection.where.items(), *selection.leave_out.items()):
            swept = [place[axis] for place in places]
            assert all(value in swept for value in values), (name, selection)
        selected += [
            {**place, **selection.axes}
            for place in places
            if (not selection.series or place["series"] in selection.series)
            and all(place[axis] in values for axis, values in selection.where.items())
            and not any(place[axis] in values for axis, values in selection.leave_out.items())
        ]
    assert selected, selection
    return selected


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("study", STUDIES)
def test_figures_show_runs_that_exist(study: str, form: Form) -> None:
    recipe = read_recipe(study, form)
    shown: set[str] = set()
    for figure in recipe.figures:
        check_figure(recipe, figure)
        shown |= {name for part in figure.runs for name in part.sweep}
    for pool in recipe.pools.values():
        for part in pool:
            check_selection(recipe, part)
    assert set(recipe.sweeps) == shown  # every sweep is in a figure


def check_figure(recipe: Recipe, figure: Figure) -> None:
    """Refuse axes that the shown runs do not have, and names of nothing."""
    for number in figure.numbers:
        for part in number.runs:
            check_selection(recipe, part)
    if figure.kind in ("ensemble", "vote_curve"):
        assert figure.ensemble in recipe.ensembles, figure.number
        return
    if figure.kind in ("numbers", "versions", "times"):
        return
    places = [place for part in figure.runs for place in check_selection(recipe, part)]
    assert places, figure.number
    if figure.kind in ("values", "bars", "heatmap"):
        assert figure.x is not None, figure.number
    for axis in (figure.x, figure.y, figure.panels, figure.series):
        assert axis is None or all(axis in place for place in places), (figure.number, axis)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("study", STUDIES)
def test_the_runs_can_be_planned(study: str, form: Form) -> None:
    """Every combination's settings are those of a training run, and go together."""
    read = load_study(study, form)
    repeats = {
        n: len(s.seeds or ()) or s.repeats or read.recipe.repeats
        for n, s in read.recipe.sweeps.items()
    }
    planned = Plan(read, list(repeats)).runs({})
    counts = {name: sum(run.sweep == name for run in planned) for name in repeats}
    assert counts == {n: k * len(list(points(read.recipe, n))) for n, k in repeats.items()}
    if study == "warsaw-cifar10":
        assert len(Plan(read).runs({})) == 385


@pytest.mark.parametrize("form", ["quick", "digits"])
@pytest.mark.parametrize("study", STUDIES)
def test_short_forms_keep_every_sweep_and_figure(study: str, form: Form) -> None:
    full, short = read_recipe(study), read_recipe(study, form)
    assert list(short.sweeps) == list(full.sweeps)
    assert [figure.number for figure in short.figures] == [f.number for f in full.figures]
    assert short.differences != full.differences  # they say that they are short
    if form == "digits":
        assert short.needs == {}
        assert all(made["data"] == "digits" for n in short.sweeps for _, made in points(short, n))


@pytest.mark.parametrize("study", STUDIES)
def test_a_page_tells_of_it(study: str) -> None:
    page = (ROOT / "docs" / "studies" / f"{study}.md").read_text("utf-8")
    assert f"warpmix study run {study} --quick" in page
    assert f"studies/{study}.md" in (ROOT / "docs" / "studies.md").read_text("utf-8")
