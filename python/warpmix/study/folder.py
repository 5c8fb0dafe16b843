"""The folder of a study: which files, and how they are read and written.

| file | holds |
|---|---|
| ``study.json`` | the recipe as it is run, its form, and the plan: a row a run |
| ``runs/ID/`` | a run folder (:mod:`warpmix.train.run_folder`) |
| ``runs/ID/result.json`` | what the run came to; written last |
| ``runs/ID/error.txt`` | the traceback of a run that failed |
| ``claims/ID.lock`` | who is training the run |
| ``results.csv`` | a row a run |
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from warpmix._files import atomic_write, make_folder, write_json
from warpmix._reading import read_json_object, reading_file
from warpmix.study.identity import as_json
from warpmix.study.load import Study
from warpmix.study.plan import Plan, PlannedRun
from warpmix.study.recipe import Recipe
from warpmix.study.results import Form, RunResult, StudyResults

STUDY_FILE = "study.json"
RUNS_FOLDER = "runs"
CLAIMS_FOLDER = "claims"
RESULT_FILE = "result.json"
ERROR_FILE = "error.txt"
RESULTS_FILE = "results.csv"

_STUDY_REMEDY = "run warpmix study run again, which writes it anew"
_RESULT_REMEDY = "delete the file, and run warpmix study run again"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Row(_Part):
    """A run of the plan, as ``study.json`` has it; see :class:`RunResult`."""

    id: Annotated[str, Field(pattern=r"^[0-9a-f]*$")]  # the name of a folder
    sweep: str
    series: str
    values: dict[str, Any]
    repeat: int
    seed: int
    settings: dict[str, Any] | None


class _Stored(_Part):
    """What ``study.json`` holds."""

    name: str
    form: Form
    recipe: Recipe
    runs: list[_Row]


class _Figures(_Part):
    """What ``result.json`` holds; see :class:`RunResult`."""

    test_accuracy: float | None
    validation_accuracy: float | None
    validation_loss: float | None
    train_accuracy: float | None
    best_epoch: int | None
    epochs: int | None
    seconds: float | None
    divergence: str | None = None


def run_folder(study_folder: Path, identity: str) -> Path:
    """Return the folder of a run, whether it is there or not."""
    return study_folder / RUNS_FOLDER / (identity or "not-yet-known")


def claim_file(study_folder: Path, identity: str) -> Path:
    """Return the file of a run's claim."""
    return study_folder / CLAIMS_FOLDER / f"{identity}.lock"


def write_study(folder: Path, study: Study, runs: Sequence[PlannedRun]) -> None:
    """Write down what is being run."""
    make_folder(folder)
    rows = [row_of(run) for run in runs]
    recipe = study.recipe.model_dump(mode="json")
    values = {"name": study.name, "form": study.form, "recipe": recipe, "runs": rows}
    write_json(folder / STUDY_FILE, values)


def read_study(folder: Path) -> dict[str, Any]:
    """Read what :func:`write_study` wrote.

    Raises:
        FileNotFoundError: there is no study in the folder.
        ValueError: its file is damaged.
    """
    path = folder / STUDY_FILE
    if not path.is_file():
        raise FileNotFoundError(f"{folder} holds no study: there is no {STUDY_FILE} in it")
    values = read_json_object(path, _STUDY_REMEDY)
    with reading_file(path, _STUDY_REMEDY):
        _Stored.model_validate(values)
    return values


def write_result(folder: Path, figures: dict[str, Any]) -> None:
    """Write what a run came to; with this it is done."""
    write_json(folder / RESULT_FILE, _Figures.model_validate(figures).model_dump())


def read_result(study_folder: Path, row: dict[str, Any]) -> RunResult:
    """Return what a run has come to so far.

    Args:
        row: of the plan, with the fields ``id``, ``sweep``, ``series``, ``values``, ``repeat``,
            ``seed`` and ``settings`` of :class:`RunResult`.

    Raises:
        ValueError: the file of its result is damaged.
    """
    folder = run_folder(study_folder, row["id"])
    if row["id"]:
        result, error = folder / RESULT_FILE, folder / ERROR_FILE
        if result.is_file():
            values = read_json_object(result, _RESULT_REMEDY)
            with reading_file(result, _RESULT_REMEDY):
                figures = _Figures.model_validate(values).model_dump()
            return RunResult(**row, folder=folder, status="done", **figures)
        if error.is_file():
            text = error.read_text("utf-8", "replace")
            return RunResult(**row, folder=folder, status="failed", error=text)
    return RunResult(**row, folder=folder, status="missing")


def row_of(run: PlannedRun) -> dict[str, Any]:
    """Return a planned run as a row of :func:`read_result`."""
    return {
        "id": run.id,
        "sweep": run.sweep,
        "series": run.series,
        "values": dict(run.values),
        "repeat": run.repeat,
        "seed": run.config.seed,
        "settings": run.config.model_dump(mode="json") if run.id else None,
    }


def write_results(path: Path, runs: Iterable[RunResult]) -> None:
    """Write a table of runs, a row each: its place in the study, its figures, its last error."""
    left_out = {"settings", "values", "error", "folder"}
    columns = [field.name for field in fields(RunResult) if field.name not in left_out]
    with atomic_write(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*columns, "values", "error"])
        for run in runs:
            row = asdict(run)
            last = (run.error or "").strip().rpartition("\n")[2]
            writer.writerow([*(row[name] for name in columns), as_json(run.values), last])


def parse_stored(folder: Path) -> tuple[StudyResults, dict[str, Any]]:
    """Return the study of a folder and its runs, without asking who is training them."""
    stored = read_study(folder)
    runs = [read_result(folder, row) for row in stored["runs"]]
    recipe = Recipe.model_validate(stored["recipe"])
    return StudyResults(stored["name"], recipe, stored["form"], folder, runs), stored


def planned_results(plan: Plan, folder: Path) -> list[RunResult]:
    """Return the runs of a plan with what they have come to in a study folder."""
    results: dict[str, RunResult] = {}
    while True:
        rows = [read_result(folder, row_of(run)) for run in plan.runs(results)]
        found = {r.id: r for r in rows if r.status != "missing" and r.id not in results}
        if not found:
            return rows
        results.update(found)
