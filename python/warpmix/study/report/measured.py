"""A study whose images have no test part is reported by its validation figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warpmix.study.recipe import Figure, Recipe
from warpmix.study.report.selecting import Study
from warpmix.study.results import RunResult

_ON_VALIDATION: dict[str, Any] = {"split": "validation", "published": []}


@dataclass(frozen=True)
class _Untested:
    name: str
    recipe: Recipe
    form: str
    folder: Path
    runs: Sequence[RunResult]


def was_tested(study: Study) -> bool:
    """Return whether a run has a test accuracy, or none has any accuracy yet."""
    done = [run for run in study.runs if run.status == "done"]
    return any(run.test_accuracy is not None for run in done) or not any(
        run.validation_accuracy is not None for run in done
    )


def with_measured_splits(study: Study) -> Study:
    """Return the study as it is, or, where no run was tested, with validation in place of test.

    Published values that are of test images are left out then: nothing is comparable with them.
    """
    if was_tested(study):
        return study
    recipe = _on_validation(study.recipe)
    return _Untested(study.name, recipe, study.form, study.folder, study.runs)


def _on_validation(recipe: Recipe) -> Recipe:
    changed = {
        name: {key: _changed(part, _ON_VALIDATION) for key, part in getattr(recipe, name).items()}
        for name in ("sweeps", "ensembles")
    }
    figures = [_figure_on_validation(figure) for figure in recipe.figures]
    return recipe.model_copy(update={**changed, "figures": figures})


def _figure_on_validation(figure: Figure) -> Figure:
    numbers = [_changed(n, {"split": "validation", "published": None}) for n in figure.numbers]
    metric = "validation_accuracy" if figure.metric == "test_accuracy" else figure.metric
    return figure.model_copy(update={"numbers": numbers, "metric": metric})


def _changed(part: Any, update: dict[str, Any]) -> Any:
    """Return a part of the recipe that is about test images with other values."""
    return part.model_copy(update=update) if part.split == "test" else part
