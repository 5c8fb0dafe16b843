"""The runs of a study, in the order in which they can be run."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from warpmix.study.checks import variables
from warpmix.study.identity import as_json, run_id, sweep_seed
from warpmix.study.load import Study, place_problem
from warpmix.study.merging import apply_layers, replace_text
from warpmix.study.recipe import Settings, Sweep
from warpmix.study.results import RunResult
from warpmix.train.config import TrainConfig, load_config

_NAMED = frozenset({"cifar10", "cifar100", "cinic10", "kaggle-cifar10"})  # data sets in a root


@dataclass(frozen=True)
class PlannedRun:
    """A run that a study consists of.

    Attributes:
        id: see :func:`warpmix.study.identity.run_id`; empty while it waits for a best value.
        sweep, series, values, repeat: as in :class:`warpmix.study.results.RunResult`.
        config: its settings. While it waits, those with the first values of earlier sweeps.
    """

    id: str
    sweep: str
    series: str
    values: Mapping[str, Any]
    repeat: int
    config: TrainConfig


@dataclass(frozen=True)
class _Best:
    """The best value of a sweep for a series: the settings of its choice and its grid values."""

    choice: Settings
    grid: Settings


class Plan:
    """All runs of a study.

    Args:
        study: read by :func:`warpmix.study.load.load_study`.
        sweeps: names of those to run, with those they start from; None: all but the optional.

    Raises:
        ValueError: no such sweep; settings that contradict each other.
    """

    def __init__(self, study: Study, sweeps: Collection[str] | None = None) -> None:
        known = study.recipe.sweeps
        for name in sweeps or ():
            if name not in known:
                raise ValueError(f"no sweep {name!r} in {study.name}; it has {', '.join(known)}")
        wanted = set(sweeps or (name for name in known if not known[name].optional))
        for name in reversed(known):
            if name in wanted:
                wanted.update(known[name].start_from)
        self.study = study
        self.sweeps = {name: known[name] for name in known if name in wanted}
        self._blocks: dict[tuple[str, str, str, bool], list[PlannedRun]] = {}
        self.runs({})  # every sweep's settings are checked, with the first values of earlier ones

    def runs(self, results: Mapping[str, RunResult]) -> list[PlannedRun]:
        """Return all runs; those whose settings wait for others have no id.

        Args:
            results: of the runs that are done or have failed, by id.
        """
        found: dict[tuple[str, str], list[PlannedRun]] = {}
        for name, sweep in self.sweeps.items():
            for series in sweep.series or [""]:
                carried, is_settled = self._carried(sweep, series, found, results)
                found[name, series] = self._block(name, series, carried, is_settled)
        return [run for block in found.values() for run in block]

    def _carried(
        self,
        sweep: Sweep,
        series: str,
        found: Mapping[tuple[str, str], Sequence[PlannedRun]],
        results: Mapping[str, RunResult],
    ) -> tuple[list[_Best], bool]:
        """Return the best values to start from, and whether all of them are known."""
        carried, is_settled = [], True
        for name in sweep.start_from:
            block = found.get((name, series), ())
            if not block:  # the earlier sweep lacks this series
                continue
            earlier = self.sweeps[name]
            best = best_values(block, results, earlier.best_by)
            if best is None:
                is_settled, best = False, block[0].values
            choice = earlier.choices.get(str(best.get("choice")), {})
            grid = {key: value for key, value in best.items() if key != "choice"}
            carried.append(_Best(choice, grid))
        return carried, is_settled

    def _block(
        self, name: str, series: str, carried: Sequence[_Best], is_settled: bool
    ) -> list[PlannedRun]:
        """Return the runs of a sweep for a series, made once for each start."""
        start = as_json({str(i): [best.choice, best.grid] for i, best in enumerate(carried)})
        key = (name, series, start, is_settled)
        if key not in self._blocks:
            self._blocks[key] = list(self._make_runs(name, series, carried, is_settled))
        return self._blocks[key]

    def _make_runs(
        self, name: str, series: str, carried: Sequence[_Best], is_settled: bool
    ) -> Iterator[PlannedRun]:
        recipe, sweep = self.study.recipe, self.sweeps[name]
        seeds = self._seeds(name, sweep)
        for choice, grid in _combinations(sweep):
            values = {**({} if choice is None else {"choice": choice}), **grid}
            layers = [
                recipe.base,
                recipe.series[series].settings if series else {},
                *itertools.chain.from_iterable((best.choice, best.grid) for best in carried),
                sweep.settings,
                {} if choice is None else sweep.choices[choice],
                grid,
            ]
            names = {n for each in recipe.sweeps.values() for n in variables(each)}
            try:
                settings = self._settings(layers, names)
                configs = [load_config(None, **settings, seed=seed) for seed in seeds]
            except ValueError as error:
                where = ", ".join(
                    f"{k} {v}" for k, v in {"series": series, **values}.items() if v != ""
                )
                problem = place_problem(name, f"({where}) {error}")
                self.study.source.refuse([problem])
                raise
            for repeat, config in enumerate(configs):
                own = run_id(config, name, series, repeat) if is_settled else ""
                yield PlannedRun(own, name, series, values, repeat, config)

    def _settings(self, layers: Sequence[Settings], names: Collection[str]) -> Settings:
        """Return the layers' settings, variables and the data folder put in their places."""
        given = {f"${key}": layer[key] for layer in layers for key in layer if key in names}
        plain = [{k: v for k, v in layer.items() if k not in names} for layer in layers]
        root = str(self.study.root)
        filled = [replace_text(layer, given, {"{root}": root}) for layer in plain]
        settings = apply_layers(filled)
        if settings.get("data") in _NAMED:
            settings.setdefault("root", root)
        return settings

    def _seeds(self, name: str, sweep: Sweep) -> list[int]:
        if sweep.seeds is not None:
            return sweep.seeds
        recipe = self.study.recipe
        count = sweep.repeats or recipe.repeats
        return [sweep_seed(recipe.seed, name, repeat) for repeat in range(count)]


def _combinations(sweep: Sweep) -> Iterator[tuple[str | None, Settings]]:
    """Yield every choice (None without any) with every combination of the grid's values."""
    for choice in sweep.choices or [None]:
        for values in itertools.product(*sweep.grid.values()):
            yield choice, dict(zip(sweep.grid, values, strict=True))


def best_values(
    block: Iterable[PlannedRun], results: Mapping[str, RunResult], by: str
) -> Mapping[str, Any] | None:
    """Return the values whose mean over the repeats is best; None while runs are missing.

    A failed run counts as the worst, and so does one that diverged, by its loss. Of equally good
    values the first one is best.

    Raises:
        ValueError: the runs have no validation images to be judged by.
    """
    scores: dict[str, list[float]] = {}
    values: dict[str, Mapping[str, Any]] = {}
    for run in block:
        result = results.get(run.id)
        if not run.id or result is None or result.status not in ("done", "failed"):
            return None
        score = getattr(result, by)
        if result.status == "done" and score is None and result.best_epoch != 0:
            raise ValueError(
                f"sweep {run.sweep} has no {by} to choose the best value by: set validation above 0"
            )
        sign = 1.0 if by == "validation_accuracy" else -1.0
        worst = 0.0 if by == "validation_accuracy" else -math.inf
        good = result.status == "done" and score is not None and math.isfinite(score)
        key = as_json(run.values)
        values[key] = run.values
        scores.setdefault(key, []).append(sign * score if good else worst)
    if not scores:
        return None
    return values[max(scores, key=lambda key: sum(scores[key]) / len(scores[key]))]
