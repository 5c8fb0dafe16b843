"""Recipes of studies: what they are refused for, and which runs they come to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from warpmix.study.load import choose_study, load_study
from warpmix.study.merging import apply_layers, merge
from warpmix.study.plan import Plan
from warpmix.study.results import RunResult

RECIPE = """\
title: T
base: {data: digits, epochs: 1}
repeats: 2
series:
  a: {title: A}
  b: {title: B, settings: {width: 4}}
sweeps:
  rate:
    title: R
    series: [a, b]
    grid: {lr: [0.1, 0.2]}
  decay:
    title: D
    series: [a, b]
    start_from: rate
    grid: {magnitude: [0.1, 0.3]}
    choices: {L1: {l1: $magnitude}, both: {l1: $magnitude, l2: $magnitude}}
  strength:
    title: S
    settings: {augment: warsaw-shift}
    grid: {augment.RandomShift.max_shift: [0.1, 0.3]}
  extra: {title: E, optional: true, seeds: [7]}
pools:
  all: [{sweep: [rate, decay]}]
ensembles:
  votes: {title: V, pool: all}
figures:
  - {number: '1', title: F, kind: values, runs: [{sweep: rate}], x: lr}
quick: {repeats: 1, base: {epochs: null}}
"""


def write(folder: Path, text: str = RECIPE) -> Path:
    path = folder / "own.yaml"
    path.write_text(text)
    return path


def plan(folder: Path, sweeps: list[str] | None = None) -> Plan:
    return Plan(load_study(write(folder)), sweeps)


def finished(plan: Plan, accuracy: dict[float, float]) -> dict[str, RunResult]:
    """Results of the first sweep, by its learning rate."""
    return {
        run.id: RunResult(
            *(run.id, run.sweep, run.series, run.values, run.repeat, run.config.seed, Path()),
            status="done",
            validation_accuracy=accuracy[run.values["lr"]],
        )
        for run in plan.runs({})
        if run.sweep == "rate"
    }


def test_the_plan_is_grid_by_choices_by_series_by_repeats(tmp_path: Path) -> None:
    runs = plan(tmp_path).runs({})
    counts = {name: sum(r.sweep == name for r in runs) for name in ("rate", "decay", "strength")}
    assert counts == {"rate": 2 * 2 * 2, "decay": 2 * 2 * 2 * 2, "strength": 2 * 2}
    assert len(runs) == sum(counts.values())  # without the optional sweep
    both = [r.config for r in runs if r.values.get("choice") == "both"]
    assert {(c.l1, c.l2) for c in both} == {(0.1, 0.1), (0.3, 0.3)}
    shifts = [r.config.augment[0] for r in runs if r.sweep == "strength"]
    assert [each["RandomShift"]["max_shift"] for each in shifts] == [0.1, 0.1, 0.3, 0.3]
    assert {r.config.width for r in runs if r.series == "b"} == {4}


def test_a_sweep_waits_for_the_best_value_and_carries_it_for_each_series(tmp_path: Path) -> None:
    study = plan(tmp_path)
    waiting = [r for r in study.runs({}) if r.sweep == "decay"]
    assert {r.id for r in waiting} == {""}
    results = finished(study, {0.1: 0.5, 0.2: 0.9})
    for name, result in results.items():
        if result.series == "b" and result.values["lr"] == 0.2:
            results[name] = replace(result, status="failed", validation_accuracy=None)
    runs = [r for r in study.runs(results) if r.sweep == "decay"]
    assert all(r.id for r in runs)
    assert {(r.series, r.config.lr) for r in runs} == {("a", 0.2), ("b", 0.1)}
    one_less = dict(list(results.items())[1:])
    assert "" in {r.id for r in study.runs(one_less) if r.sweep == "decay" and r.series == "a"}


def test_a_sweep_has_seeds_of_its_own_equal_for_all_its_values(tmp_path: Path) -> None:
    runs = plan(tmp_path, ["rate", "strength", "extra"]).runs({})
    seeds = {
        name: {r.repeat: r.config.seed for r in runs if r.sweep == name}
        for name in ("rate", "strength", "extra")
    }
    for run in runs:
        assert run.config.seed == seeds[run.sweep][run.repeat]
        assert run.config.split_seed == 0
    assert not set(seeds["rate"].values()) & set(seeds["strength"].values())
    assert seeds["extra"] == {0: 7}


def test_ids_are_stable_and_differ_by_what_matters_alone(tmp_path: Path) -> None:
    def ids(**settings: object) -> list[str]:
        return [r.id for r in Plan(load_study(write(tmp_path), settings=settings)).runs({})]

    first = ids()
    known = [each for each in first if each]
    assert len(set(known)) == len(known)
    assert first == ids() == ids(device="cpu", threads=3, root=str(tmp_path))
    assert not set(known) & set(ids(momentum=0.5))


def test_a_sweep_that_is_asked_for_brings_those_it_starts_from(tmp_path: Path) -> None:
    assert list(plan(tmp_path, ["decay"]).sweeps) == ["rate", "decay"]
    with pytest.raises(ValueError, match="no sweep 'dekay' in own; it has rate, decay"):
        plan(tmp_path, ["dekay"])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("repeats: 2", "repeat: 2", ":3: repeat: unknown field, did you mean 'repeats'?"),
        ("epochs: 1}", "epoch: 1}", ":2: base.epoch: unknown setting, did you mean 'epochs'?"),
        ("epochs: 1}", "epochs: no}", ":2: base.epochs: input should be greater than or equal"),
        ("epochs: 1}", "seed: 1}", ":2: base.seed: runs have seeds of their own"),
        ("    grid: {lr:", "    grid: {lrr:", ":11: sweeps.rate.grid.lrr: no setting, and no"),
        ("[0.1, 0.2]", "[0.1, -1]", ":11: sweeps.rate.grid.lr.1: input should be greater than 0"),
        ("series: [a, b]", "series: [a, c]", ":10: sweeps.rate.series: no series 'c'; did you"),
        ("from: rate", "from: rat", ":15: sweeps.decay.start_from: no earlier sweep 'rat'; did"),
        ("from: rate", "from: strength", "start_from: no earlier sweep 'strength'"),
        ("{l1: $magnitude}", "{l1: $magnitud}", ":17: sweeps.decay.choices.L1.l1: no variable"),
        ("warsaw-shift", "warsaw-shft", ":20: sweeps.strength.settings.augment: 'warsaw-shft' is"),
        ("RandomShift.", "RandomShft.", "no transform 'RandomShft'; did you mean 'RandomShift'"),
        ("Shift.max_shift", "Shift.max", "no field of RandomShift 'max'; did you mean 'max_shift'"),
        ("augment.RandomShift", "augment.3", ":18: sweeps.strength: (augment.3.max_shift 0.1)"),
        ("pool: all", "pool: al", ":26: ensembles.votes.pool: no pool 'al'; did you mean 'all'?"),
        ("[rate, decay]}", "[rat]}", ":24: pools.all.0.sweep: no sweep 'rat'; did you mean 'rate'"),
        ("x: lr", "x: lrr", ":28: figures.0.x: no axis or setting 'lrr'; did you mean 'lr'?"),
        ("kind: values", "kind: value", ":28: figures.0.kind: input should be 'values', 'bars'"),
        ("title: T\n", "title: T\ntitle: U\n", ":2: title: given twice"),
        ("title: T", "title: [T", ":2: not valid YAML"),
        ("seeds: [7]", "seeds: [7, 7]", ":22: sweeps.extra.seeds: a seed stands twice"),
    ],
)
def test_an_error_names_the_file_the_line_and_the_field(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    assert old in RECIPE
    path = write(tmp_path, RECIPE.replace(old, new, 1))
    with pytest.raises(ValueError) as error:
        Plan(load_study(path))
    assert str(error.value).startswith(f"{path}:")
    assert words in str(error.value)


def test_an_error_of_a_form_names_its_own_line(tmp_path: Path) -> None:
    path = write(tmp_path, RECIPE.replace("epochs: null", "epohs: 2"))
    load_study(path)
    with pytest.raises(ValueError, match=r"own.yaml:29: base.epohs: unknown setting"):
        load_study(path, "quick")


def test_forms_are_merged_key_by_key(tmp_path: Path) -> None:
    # RFC 7386, appendix A
    assert merge({"a": "b", "b": "c"}, {"a": None}) == {"b": "c"}
    assert merge({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}) == {"a": {"b": "d"}}
    assert merge({"a": [{"b": "c"}]}, {"a": [1]}) == {"a": [1]}
    assert merge({"a": "foo"}, {"a": {"bb": {"ccc": None}}}) == {"a": {"bb": {}}}
    quick = load_study(write(tmp_path), "quick", settings={"lr": 0.3}).recipe
    assert (quick.repeats, quick.base) == (1, {"data": "digits", "lr": 0.3})


def test_a_path_may_name_a_place_in_the_augment_list() -> None:
    layers = [{"augment": ["RandomShift", {"RandomCropBlackout": {}}]}, {"augment.1.max_border": 3}]
    assert apply_layers(layers)["augment"] == [
        {"RandomShift": {}},
        {"RandomCropBlackout": {"max_border": 3}},
    ]


def test_the_form_on_digits_stands_in_where_data_are_missing(tmp_path: Path) -> None:
    text = RECIPE + "digits: {needs: {cifar-10-*: null}}\nneeds: {cifar-10-*: download it}\n"
    path = write(tmp_path, text)
    chosen, missing = choose_study(path, quick=True, root=tmp_path)
    assert (chosen.form, chosen.folder_name) == ("digits", "own-digits")
    assert missing == [f"{tmp_path} has no cifar-10-*: download it"]
    with pytest.raises(FileNotFoundError, match=r"has no cifar-10-.: download it; name another"):
        choose_study(path, root=tmp_path)
    (tmp_path / "cifar-10-batches-py").mkdir()
    assert choose_study(path, quick=True, root=tmp_path)[0].form == "quick"
