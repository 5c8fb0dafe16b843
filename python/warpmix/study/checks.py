"""What a recipe must hold beyond each field's own type: names that exist, settings that are."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from warpmix import recipes
from warpmix._reading import quoted
from warpmix.study.merging import AUGMENT, is_path
from warpmix.study.recipe import Figure, Recipe, Selection, Settings, Sweep
from warpmix.study.source import Place, Problem
from warpmix.train.config import TrainConfig
from warpmix.train.settings import Settings as TrainSettings

_MOST_RUNS = 10_000  # of a sweep
_ROLES = ("series", "choice", "repeat", "sweep")  # axes that are no settings


def nearest_name(name: Any, known: Iterable[str]) -> str:
    """Return a remedy: the nearest known name, or that there is none."""
    names = sorted(known)
    return f"did you mean {recipes.nearest(str(name), names)!r}?" if names else "there are none"


def validation_problems(error: ValidationError) -> list[Problem]:
    """Say pydantic's errors in words; an unknown field with the nearest of its neighbours."""
    found = []
    for each in error.errors():
        place: Place = each["loc"]
        if each["type"] == "extra_forbidden":
            near = nearest_name(place[-1], _fields_at(place[:-1]))
            found.append(Problem(place, f"unknown field, {near}"))
        else:
            given = "" if each["type"] == "missing" else f", got {quoted(each['input'])}"
            message = each["msg"].removeprefix("Value error, ")
            found.append(Problem(place, message[0].lower() + message[1:] + given))
    return found


def _fields_at(place: Place) -> list[str]:
    """Return the fields of the part of a recipe at a place."""
    model: Any = Recipe
    for part in place:
        if hasattr(model, "model_fields") and part in model.model_fields:
            model = model.model_fields[part].annotation
        else:
            inner = getattr(model, "__args__", ())
            model = inner[-1] if inner else model
    while not hasattr(model, "model_fields") and getattr(model, "__args__", None):
        model = model.__args__[-1]
    return list(getattr(model, "model_fields", {}))


def check_recipe(recipe: Recipe) -> list[Problem]:
    """Return all that is wrong with names and settings."""
    found = [*_check_settings(("base",), recipe.base, _all_variables(recipe))]
    for name, series in recipe.series.items():
        place = ("series", name, "settings")
        found += _check_settings(place, series.settings, _all_variables(recipe))
    earlier: list[str] = []
    for name, sweep in recipe.sweeps.items():
        found += _check_sweep(("sweeps", name), recipe, sweep, earlier)
        earlier.append(name)
    for name, selections in recipe.pools.items():
        found += _check_selections(("pools", name), recipe, selections)
    for name, ensemble in recipe.ensembles.items():
        found += _known(("ensembles", name, "pool"), [ensemble.pool], recipe.pools, "pool")
    for i, figure in enumerate(recipe.figures):
        found += _check_figure(("figures", i), recipe, figure)
    return found


def _all_variables(recipe: Recipe) -> set[str]:
    return {name for sweep in recipe.sweeps.values() for name in variables(sweep)}


def variables(sweep: Sweep) -> list[str]:
    """Return the axes of a grid that are no settings, and stand for ``$name`` in settings."""
    return [n for n in sweep.grid if n not in TrainConfig.model_fields and not is_path(n)]


def _known(
    place: Place, names: Iterable[str], known: Collection[str], what: str
) -> Iterator[Problem]:
    for name in names:
        if name not in known:
            yield Problem(place, f"no {what} {name!r}; {nearest_name(name, known)}")


def _check_sweep(
    place: Place, recipe: Recipe, sweep: Sweep, earlier: Sequence[str]
) -> Iterator[Problem]:
    yield from _known((*place, "series"), sweep.series, recipe.series, "series")
    yield from _known((*place, "start_from"), sweep.start_from, earlier, "earlier sweep")
    if sweep.seeds is not None and sweep.repeats not in (None, len(sweep.seeds)):
        yield Problem((*place, "seeds"), f"{len(sweep.seeds)} seeds for {sweep.repeats} repeats")
    if sweep.seeds is not None and len(set(sweep.seeds)) < len(sweep.seeds):
        yield Problem((*place, "seeds"), "a seed stands twice: its runs would be the same")
    runs = math.prod(map(len, (sweep.choices or "-", sweep.series or "-", *sweep.grid.values())))
    if runs * (sweep.repeats or recipe.repeats) > _MOST_RUNS:
        yield Problem(place, f"more than {_MOST_RUNS:,} runs; split it into several studies")
    names = variables(sweep)
    yield from _check_settings((*place, "settings"), sweep.settings, names)
    for choice, settings in sweep.choices.items():
        yield from _check_settings((*place, "choices", choice), settings, names)
    used = set(_texts([recipe.base, sweep.settings, *sweep.choices.values()]))
    used |= set(_texts([series.settings for series in recipe.series.values()]))
    for name, values in sweep.grid.items():
        here = (*place, "grid", name)
        if not values:
            yield Problem(here, "needs at least one value")
        if name in names and "$" + name not in used:
            near = nearest_name(name, TrainConfig.model_fields)
            yield Problem(here, f"no setting, and no settings say ${name}; {near}")
        if name not in names:
            for i, value in enumerate(values):
                yield from _check_setting((*here, i), name, value, names)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def _check_settings(
    place: Place, settings: Settings, variables: Collection[str]
) -> Iterator[Problem]:
    for name, value in settings.items():
        yield from _check_setting((*place, name), name, value, variables)


def _check_setting(
    place: Place, name: str, value: Any, variables: Collection[str]
) -> Iterator[Problem]:
    """Check a setting alone: its name, its type and its range; not what is known only later."""
    for text in _texts(value):
        if text.startswith("$"):
            yield from _known(place, [text[1:]], variables, "variable")
            return
    if name == "seed":
        yield Problem(place, "runs have seeds of their own; name them with seeds of the sweep")
    elif is_path(name):
        yield from _check_path(place, name)
    elif name not in TrainConfig.model_fields:
        near = nearest_name(name, TrainConfig.model_fields)
        yield Problem(place, f"unknown setting, {near}")
    elif isinstance(value, str) and name == AUGMENT:
        try:
            recipes.read_augmentation(value)
        except (OSError, ValueError) as error:
            yield Problem(place, str(error))
    elif not isinstance(value, str) or name != "variants":
        try:
            TrainSettings.model_validate({name: value})
        except ValidationError as error:
            message = error.errors()[0]["msg"].removeprefix("Value error, ")
            yield Problem(place, f"{message[0].lower()}{message[1:]}, got {value!r}")


def _check_path(place: Place, key: str) -> Iterator[Problem]:
    """Check a key that leads into the ``augment`` list, without knowing the list."""
    import dataclasses

    import warpmix.augment  # its transforms register themselves
    from warpmix.augment.registry import registered

    assert warpmix.augment is not None
    parts = key.split(".")
    if len(parts) != 3:
        yield Problem(place, "must be augment.TRANSFORM.FIELD, or augment.PLACE.FIELD from 0")
        return
    _, name, field = parts
    if name.isdecimal():
        return
    classes = registered()
    if name not in classes:
        yield Problem(place, f"no transform {name!r}; {nearest_name(name, classes)}")
        return
    fields = [each.name for each in dataclasses.fields(classes[name])]
    yield from _known(place, [field], fields, f"field of {name}")


def _check_selections(
    place: Place, recipe: Recipe, selections: Sequence[Selection]
) -> Iterator[Problem]:
    for i, selection in enumerate(selections):
        here = (*place, i)
        yield from _known((*here, "sweep"), selection.sweep, recipe.sweeps, "sweep")
        yield from _known((*here, "series"), selection.series, recipe.series, "series")
        axes = _axes(recipe, [s for s in selection.sweep if s in recipe.sweeps])
        for part in ("where", "leave_out"):
            yield from _known((*here, part), getattr(selection, part), axes, "axis or setting")


def _axes(recipe: Recipe, sweeps: Iterable[str]) -> set[str]:
    """Return what runs of these sweeps may be told apart by."""
    grids = (recipe.sweeps[name].grid for name in sweeps)
    return {*_ROLES, *TrainConfig.model_fields, *(axis for grid in grids for axis in grid)}


def _check_figure(place: Place, recipe: Recipe, figure: Figure) -> Iterator[Problem]:
    yield from _check_selections((*place, "runs"), recipe, figure.runs)
    sweeps = [s for each in figure.runs for s in each.sweep if s in recipe.sweeps]
    given = {axis for each in figure.runs for axis in each.axes}
    for part in ("x", "y", "panels", "series"):
        name = getattr(figure, part)
        if name is not None:
            axes = _axes(recipe, sweeps) | given
            yield from _known((*place, part), [name], axes, "axis or setting")
    if figure.ensemble is not None:
        here = (*place, "ensemble")
        yield from _known(here, [figure.ensemble], recipe.ensembles, "ensemble")
    for i, number in enumerate(figure.numbers):
        yield from _check_selections((*place, "numbers", i, "runs"), recipe, number.runs)
