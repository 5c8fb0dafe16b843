"""What was run, and on what: the top of a report, and the runs that failed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timezone

from pydantic import BaseModel

from warpmix._reading import read_json_object, reading_file
from warpmix.study.report.measured import was_tested
from warpmix.study.report.parts import Column, Section, Table, joined
from warpmix.study.report.selecting import Study, describe_setting, title_of_series
from warpmix.study.results import RunResult
from warpmix.train.run_folder import ENVIRONMENT_FILE

_REMEDY = "delete it; the page is made without it"

FORMS = {"full": "full", "quick": "quick", "digits": "digits, in place of the paper's data"}


class _Device(BaseModel):
    name: str


class _Runtime(BaseModel):
    cpu: str = "unknown CPU"
    devices: tuple[_Device, ...] = ()


class _Build(BaseModel):
    commit: str | None = None


class Environment(BaseModel):
    """What the page says of the ``environment.json`` of a run."""

    versions: dict[str, str] = {}
    runtime: _Runtime = _Runtime()
    build: _Build | None = None

    @property
    def hardware(self) -> str:
        """The GPUs and the CPU."""
        devices = Counter(device.name for device in self.runtime.devices)
        names = [name if n == 1 else f"{n} × {name}" for name, n in devices.items()]
        return ", ".join([*names, self.runtime.cpu])

    @property
    def commit(self) -> str:
        """What the package was built from; empty where nobody knows."""
        return (self.build.commit or "")[:12] if self.build else ""


def environments(study: Study) -> list[Environment]:
    """Return the distinct environments that finished runs have recorded."""
    found: list[Environment] = []
    for run in study.runs:
        path = run.folder / ENVIRONMENT_FILE
        if run.status == "done" and path.is_file():
            values = read_json_object(path, _REMEDY)
            with reading_file(path, _REMEDY):
                environment = Environment.model_validate(values)
            if environment not in found:
                found.append(environment)
    return found


def state_of(study: Study) -> Counter[str]:
    """Return how many runs are done, failed, running and missing."""
    return Counter(run.status for run in study.runs)


def say_state(study: Study) -> str:
    """Return in words how far the study is."""
    state = state_of(study)
    others = [f"{state[s]:,} {s}" for s in ("failed", "running", "missing") if state[s]]
    done = f"{state['done']:,} of {len(study.runs):,} runs done"
    return f"{done}, {joined(others)}" if others else done


def warnings_of(study: Study) -> list[str]:
    """Return what a reader must know before any number."""
    found = []
    if study.form != "full":
        found.append(
            f"This is the {study.form} form of the study: smaller networks, fewer images or fewer "
            "epochs than the paper's. It shows that every part runs. Its figures are not "
            "comparable with the published ones, which are shown for orientation alone."
        )
    state = state_of(study)
    if state["done"] < len(study.runs):
        found.append(
            f"The study is not complete: {say_state(study)}. Means are over finished runs alone; "
            "each table says how many."
        )
    if not was_tested(study):
        found.append(
            "The images have no labelled test part: all accuracies are of the validation images. "
            "These also choose each run's epoch and the best settings, so that the best figures "
            "are somewhat too high."
        )
    return found


def facts_of(study: Study) -> list[tuple[str, str]]:
    """Return what was run and on what, as label and text."""
    recipe = study.recipe
    paper = ", ".join(str(part) for part in (recipe.authors, recipe.year) if part)
    facts = [
        ("Study", study.name),
        *([("Paper", paper)] if paper else []),
        *([("Paper's framework", recipe.framework)] if recipe.framework else []),
        ("Form", FORMS.get(study.form, study.form)),
        ("Runs", say_state(study)),
        ("Repeats", _repeats(study.runs)),
        ("Seeds", _seeds(study.runs)),
    ]
    known = environments(study)
    for title, parts in (
        ("Hardware", [each.hardware for each in known]),
        ("Versions", [", ".join(f"{n} {v}" for n, v in each.versions.items()) for each in known]),
        ("Built from", [each.commit for each in known]),
    ):
        distinct = [text for text in dict.fromkeys(parts) if text]
        if distinct:
            facts.append((title, "; ".join(distinct)))
    facts.append(("Written", datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")))
    return facts


def _repeats(runs: Sequence[RunResult]) -> str:
    counts = Counter(
        (run.sweep, run.series, json.dumps(dict(run.values), default=str)) for run in runs
    )
    sizes = sorted(set(counts.values()))
    if not sizes:
        return "none"
    return f"n = {sizes[0]}" if len(sizes) == 1 else f"n = {sizes[0]} to {sizes[-1]} by sweep"


def _seeds(runs: Sequence[RunResult]) -> str:
    seeds = sorted({run.seed for run in runs})
    if len(seeds) <= 8:
        return ", ".join(map(str, seeds))
    return f"{len(seeds):,} different ones, each sweep's own; see runs.csv"


def make_failures(study: Study) -> Section | None:
    """Return the runs that failed, each with its last line of traceback; None without any."""
    failed = [run for run in study.runs if run.status == "failed"]
    if not failed:
        return None
    rows = [
        {
            "id": run.id,
            "sweep": study.recipe.sweeps[run.sweep].title,
            "setting": _setting(study, run),
            "repeat": run.repeat + 1,
            "error": (run.error or "unknown").strip().splitlines()[-1],
        }
        for run in failed
    ]
    columns = (
        Column("id", "Run"),
        Column("sweep", "Sweep"),
        Column("setting", "Setting"),
        Column("repeat", "Repeat", "count"),
        Column("error", "Error"),
    )
    table = Table("failed-runs", columns, tuple(rows), folded=len(rows) > 12)
    return Section("", "Failed runs", tables=(table,))


def runs_table(study: Study) -> Table:
    """Return a row a run, for those who want to calculate themselves."""
    metrics = (
        "test_accuracy",
        "validation_accuracy",
        "validation_loss",
        "train_accuracy",
        "best_epoch",
        "epochs",
        "seconds",
    )
    plain = ("id", "sweep", "series", "repeat", "seed", "status", *metrics)
    axes = list(dict.fromkeys(name for run in study.runs for name in run.values))
    rows = [
        {
            **{name: getattr(run, name) for name in plain},
            **{f"axis {axis}": run.values.get(axis) for axis in axes},
        }
        for run in study.runs
    ]
    names = ("id", "sweep", "series", *(f"axis {axis}" for axis in axes), *plain[3:])
    return Table("runs", tuple(Column(name, name) for name in names), tuple(rows))


def _setting(study: Study, run: RunResult) -> str:
    parts = [title_of_series(study.recipe, run.series)] if run.series else []
    if run.values:
        parts.append(describe_setting(study.recipe, run.values, list(run.values)))
    return ", ".join(parts)
