"""Studies from recipes: which form, with which data, checked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from warpmix._files import home_cache
from warpmix._reading import quoted, reading_file
from warpmix._yaml import InvalidYamlError, parse_yaml
from warpmix.study.checks import check_recipe, validation_problems
from warpmix.study.merging import merge
from warpmix.study.recipe import Recipe
from warpmix.study.results import Form
from warpmix.study.source import Problem, Source, read_source


@dataclass(frozen=True)
class Study:
    """A study to be run.

    Attributes:
        name: of the recipe.
        form: of the recipe that is run.
        source: the recipe's text.
        recipe: in this form, with what the caller set.
        root: folder of the data sets.
    """

    name: str
    form: Form
    source: Source
    recipe: Recipe
    root: Path

    @property
    def folder_name(self) -> str:
        """The study folder's name: that of the recipe, with the form where it isn't the full."""
        return self.name if self.form == "full" else f"{self.name}-{self.form}"


def load_study(
    source: str | Path,
    form: Form = "full",
    *,
    root: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    repeats: int | None = None,
) -> Study:
    """Read a study.

    Args:
        source: a packaged recipe's name, or a YAML file.
        form: ``quick`` merges the recipe's ``quick`` over it, ``digits`` its ``digits`` over that.
        root: folder of the data sets; None: the variable ``WARPMIX_DATA``, else
            ``~/.cache/warpmix``.
        settings: over the recipe's ``base``; None as a value takes the key out.
        repeats: of every sweep, in place of the recipe's.

    Raises:
        FileNotFoundError: no such recipe.
        ValueError: the recipe is wrong; a line ``file:line: field: message`` for each problem.
    """
    text = read_source(source)
    with reading_file(source, "mend the recipe"):
        return _in_form(text, form, root, settings, repeats)


def _in_form(
    text: Source,
    form: Form,
    root: str | Path | None,
    settings: Mapping[str, Any] | None,
    repeats: int | None,
) -> Study:
    """Return the study of a recipe's text; arguments as :func:`load_study`."""
    document: Any = text.document
    overlays: dict[Form, tuple[str, ...]]
    overlays = {"full": (), "quick": ("quick",), "digits": ("digits", "quick")}
    text = replace(text, overlays=overlays[form])
    if form != "full":
        document = merge(document, document.get("quick") or {})
    if form == "digits":
        document = merge(document, document.get("digits") or {})
    document = {k: v for k, v in document.items() if k not in ("quick", "digits")}
    if settings:
        document = merge(document, {"base": dict(settings)})
    if repeats is not None:
        document = merge(document, {"repeats": repeats})
        sweeps = document.get("sweeps")
        for name in sweeps if isinstance(sweeps, dict) else ():
            if isinstance(sweeps[name], dict):
                sweeps[name] = _repeated(sweeps[name], repeats)
    recipe = parse_recipe(document, text)
    return Study(text.name, form, text, recipe, data_root(root))


def parse_recipe(document: Any, text: Source) -> Recipe:
    """Return the recipe of a document whose text is known; errors as :func:`load_study`."""
    try:
        recipe = Recipe.model_validate(document)
    except ValidationError as error:
        text.refuse(validation_problems(error))
        raise
    text.refuse(check_recipe(recipe))
    return recipe


def _repeated(sweep: dict[str, Any], repeats: int) -> dict[str, Any]:
    """Return a sweep with other repeats: as many of its seeds; more come from its name."""
    changed = {k: v for k, v in sweep.items() if k not in ("repeats", "seeds")}
    seeds = sweep.get("seeds") or []
    if len(seeds) >= repeats:
        changed["seeds"] = seeds[:repeats]
    return changed


def data_root(root: str | Path | None) -> Path:
    """Return the folder of the data sets; see :func:`load_study`."""
    if root is not None:
        return Path(root)
    named = os.environ.get("WARPMIX_DATA")
    return Path(named) if named else home_cache("WARPMIX_DATA or --root")


def missing_data(study: Study) -> list[str]:
    """Return what the recipe needs and the data folder lacks: a sentence each, with the remedy."""
    return [
        f"{study.root} has no {pattern}: {remedy}"
        for pattern, remedy in study.recipe.needs.items()
        if not any(study.root.glob(pattern))
    ]


def choose_study(
    source: str | Path,
    *,
    quick: bool = False,
    digits: bool = False,
    root: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    repeats: int | None = None,
    need_data: bool = True,
) -> tuple[Study, list[str]]:
    """Read a study in the form that was asked for, or that the data allow.

    ``quick`` becomes the form on digits where data are missing that it needs.

    Args:
        source, root, settings, repeats: as :func:`load_study`.
        quick, digits: the form that is asked for.
        need_data: False also returns a study whose data are missing.

    Returns:
        (the study, what the form that was asked for lacks: a sentence each).

    Raises:
        FileNotFoundError, ValueError: as :func:`load_study`; or data are missing.
    """
    form: Form = "digits" if digits else "quick" if quick else "full"
    study = load_study(source, form, root=root, settings=settings, repeats=repeats)
    missing = missing_data(study)
    if missing and form == "quick" and study.source.document.get("digits"):
        return load_study(source, "digits", root=root, settings=settings, repeats=repeats), missing
    if missing and need_data:
        raise FileNotFoundError(
            "; ".join(missing) + "; name another folder with --root, or try --quick"
        )
    return study, missing


def parse_settings(typed: list[str]) -> dict[str, Any]:
    """Return settings from ``KEY=VALUE`` texts, whose values are YAML.

    Raises:
        ValueError: a text without ``=``, or no YAML.
    """
    settings: dict[str, Any] = {}
    for text in typed:
        key, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"--set must be KEY=VALUE, got {text!r}")
        try:
            settings[key.strip().replace("-", "_")] = parse_yaml(value)
        except InvalidYamlError:
            raise ValueError(f"--set {key}: not a YAML value, got {quoted(value)}") from None
    return settings


def place_problem(sweep: str, message: str) -> Problem:
    """Return a problem of a sweep's settings together."""
    return Problem(("sweeps", sweep), message)
