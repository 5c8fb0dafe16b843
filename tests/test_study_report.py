"""The report of a study: its page, its Markdown, and the files beside them."""

from __future__ import annotations

import base64
import csv
import io
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from study_runs import RECIPE, MadeStudy

from warpmix.ensemble import rank, vote
from warpmix.predictions import load_many
from warpmix.study.recipe import Figure, Recipe, Selection
from warpmix.study.report import votes, write_report
from warpmix.study.report.curves import average
from warpmix.study.report.differences import make_differences
from warpmix.study.report.images import make_examples, make_outliers, make_sizes
from warpmix.study.report.listings import make_numbers
from warpmix.study.report.parts import Column, Table
from warpmix.study.report.selecting import label_of, select
from warpmix.study.report.values import make_values
from warpmix.train import load_config


@pytest.fixture
def study(made_study: MadeStudy) -> MadeStudy:
    return made_study


@pytest.fixture
def page(study_page: Path) -> Path:
    return study_page


class Elements(HTMLParser):
    """All elements of a page, and which were left open."""

    VOID = ("meta", "link", "img", "br", "hr")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_every_figure_is_on_the_page_in_its_place_and_in_the_contents(
    study: MadeStudy, page: Path
) -> None:
    text = page.read_text("utf-8")
    ids = [a["id"] for tag, a in Elements(text).found if tag == "section"]
    links = [a["href"] for tag, a in Elements(text).found if tag == "a"]
    assert links == [f"#{each}" for each in ids]
    wanted = [
        f.number.lower().replace(" ", "-") for f in study.recipe.figures if f.title != "A variant"
    ]
    assert ids[: len(wanted)] == wanted
    assert "figure-12" not in ids  # of a sweep that was left to choice and not run


def test_the_page_needs_no_network_and_no_script(page: Path) -> None:
    elements = Elements(page.read_text("utf-8"))
    assert elements.open == []
    for tag, attributes in elements.found:
        assert tag not in ("script", "iframe", "object")
        for name in ("src", "href"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:")), (tag, value)
    assert not re.search(r"url\((?!#)|@import", page.read_text("utf-8"))


def test_its_images_can_be_read(page: Path) -> None:
    sources = [a["src"] for tag, a in Elements(page.read_text("utf-8")).found if tag == "img"]
    assert len(sources) >= 12
    for source in sources:
        assert source is not None
        content = base64.b64decode(source.removeprefix("data:image/png;base64,"), validate=True)
        assert Image.open(io.BytesIO(content)).size == (8, 8)  # scikit-learn's digits


def test_names_of_parts_are_given_once(page: Path) -> None:
    ids = [a["id"] for _, a in Elements(page.read_text("utf-8")).found if a.get("id")]
    assert len(ids) == len(set(ids))


def test_colours_follow_the_page(page: Path) -> None:
    text = page.read_text("utf-8")
    used = set(re.findall(r"var\(--([\w-]+)\)", text))
    defined = re.findall(r"--([\w-]+):", text)
    assert used <= set(defined)
    assert all(defined.count(name) == 2 for name in used)  # light and dark


def test_files_beside_the_page(page: Path) -> None:
    markdown = (page.parent / "README.md").read_text("utf-8")
    named = re.findall(r"\]\(([^)#]+)\)", markdown)
    assert {"figure-1.png", "figure-1.csv", "table-1.csv", "figure-9.png"} <= set(named)
    for name in named:
        assert (page.parent / name).stat().st_size > 0
    for name in {name for name in named if name.endswith(".png")}:
        Image.open(page.parent / name).verify()
    assert not list(page.parent.glob(".*"))  # nothing unfinished


def test_variants_have_a_gallery_each(study: MadeStudy) -> None:
    eight = load_config(variants="fruit-eightfold", copies="once").model_dump(mode="json")
    runs = [replace(run, settings=eight) for run in study.runs if run.sweep == "lr"]
    shown = make_examples(
        replace(study, runs=runs),
        Figure(number="Figure 1", title="Copies", kind="examples", runs=[Selection(sweep="lr")]),
    )
    assert len(shown.galleries) == 8
    assert [g.title.rpartition(": ")[2] for g in shown.galleries[:3]] == [
        *("Originals", "horizontal", "vertical")
    ]


def test_what_was_run_is_said_first(study: MadeStudy, page: Path) -> None:
    text = page.read_text("utf-8")
    head = text[: text.index("<nav")]
    planned = len(study.runs)
    assert f"{planned - 2} of {planned} runs done, 1 failed and 1 missing" in head
    assert "quick form" in head and "not comparable" in head
    for label in ("Hardware", "Versions", "Seeds", "Repeats", "Written"):
        assert f"<dt>{label}</dt>" in head


def test_where_no_run_was_tested_the_validation_images_count(
    study: MadeStudy, tmp_path: Path
) -> None:
    untested = replace(study, runs=[replace(run, test_accuracy=None) for run in study.runs])
    text = write_report(untested, tmp_path).read_text("utf-8")
    assert "no labelled test part" in text[: text.index("<nav")]
    assert "Mean validation accuracy" in text and "Mean test accuracy" not in text
    by_rate = list(csv.DictReader((tmp_path / "figure-1.csv").open()))
    assert "published" not in by_rate[0]  # the paper's values are of test images
    of_first = [run.validation_accuracy for run in study.runs if run.status == "done"][:2]
    assert None not in of_first and float(by_rate[0]["mean"]) == pytest.approx(np.mean(of_first))
    assert all(row["accuracy"] for row in csv.DictReader((tmp_path / "table-1.csv").open()))


def test_a_full_study_is_not_excused(study: MadeStudy, tmp_path: Path) -> None:
    done = [run for run in study.runs if run.status == "done"]
    plain = study.recipe.model_copy(update={"figures": [], "ensembles": {}})
    full = replace(study, form="full", runs=done, recipe=plain)
    assert 'class="warning"' not in write_report(full, tmp_path).read_text("utf-8")


def test_titles_are_written_as_text(study: MadeStudy, tmp_path: Path) -> None:
    recipe = study.recipe.model_copy(update={"figures": [], "title": "<b>a & b</b>"})
    text = write_report(replace(study, recipe=recipe), tmp_path).read_text("utf-8")
    assert "&lt;b&gt;a &amp; b&lt;/b&gt;" in text and "<b>a & b" not in text


def test_a_study_without_runs_has_a_page(study: MadeStudy, tmp_path: Path) -> None:
    waiting = [
        replace(run, id="", status="missing", settings=None, test_accuracy=None)
        for run in study.runs
    ]
    text = write_report(replace(study, runs=waiting), tmp_path).read_text("utf-8")
    assert f"0 of {len(waiting)} runs done" in text
    assert "<svg" not in text.replace("figure svg", "")


# ---- figures ------------------------------------------------------------------------------------


def rows_of(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_values_are_means_over_finished_runs_beside_the_published(
    study: MadeStudy, page: Path
) -> None:
    rows = {(r["series"], r["value"]): r for r in rows_of(page.parent, "figure-1")}
    row = rows["Custom CNN", "0.01"]
    finished = [
        run.test_accuracy
        for run in study.runs
        if (run.sweep, run.series, run.values.get("lr")) == ("lr", "plain", 0.01)
        and run.status == "done"
    ]
    assert (row["n"], row["planned"]) == ("2", "3")  # the third failed
    assert float(row["mean"]) == pytest.approx(np.mean(finished), abs=1e-12)
    assert float(row["std"]) == pytest.approx(np.std(finished, ddof=1), abs=1e-12)
    assert float(row["published"]) == 0.71
    assert rows["Custom CNN", "0.05"]["published"] == ""


def test_runs_of_another_sweep_stand_for_a_choice(study: MadeStudy, page: Path) -> None:
    rows = rows_of(page.parent, "figure-3")
    row = next(r for r in rows if r["value"] == "from Figure 1")
    runs = [
        r for r in study.runs if r.sweep == "lr" and r.series == "plain" and r.values["lr"] == 0.1
    ]
    assert float(row["mean"]) == pytest.approx(np.mean([r.test_accuracy for r in runs]), abs=1e-12)


def test_votes_are_those_of_the_ensemble_package(study: MadeStudy, page: Path) -> None:
    pool = [r for r in study.runs if r.sweep in ("lr", "augmentation") and r.status == "done"]
    test = load_many([run.folder / "predictions.safetensors" for run in pool])
    validation = load_many([run.folder / "predictions-val.safetensors" for run in pool])
    assert validation.labels is not None
    best = rank(validation.predictions, validation.labels)[: -(-len(pool) // 5)]
    for row in rows_of(page.parent, "table-1"):
        if row["share"] == "0.2":
            method = row["method"].split()[0]
            found = vote(test.predictions[best], method).labels == test.labels
            assert int(row["models"]) == len(best)
            assert float(row["accuracy"]) == pytest.approx(float(found.double().mean()), abs=1e-12)


def test_ensembles_are_counted_once_and_anew_when_predictions_change(
    study: MadeStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(study.folder / "runs", tmp_path / "runs")
    runs = [replace(run, folder=tmp_path / "runs" / run.id) for run in study.runs]
    copied = replace(study, folder=tmp_path, runs=runs)
    ensemble = study.recipe.ensembles["shares"]
    first = votes.count(copied, ensemble)
    with monkeypatch.context() as patch:
        patch.setattr(votes, "load_many", lambda files: pytest.fail("read again"))
        assert votes.count(copied, ensemble) == first
        other = [run.folder for run in runs if run.status == "done"]
        shutil.copy(other[1] / "predictions.safetensors", other[0] / "predictions.safetensors")
        with pytest.raises(pytest.fail.Exception):
            votes.count(copied, ensemble)


def test_the_mean_of_curves_of_different_lengths() -> None:
    found = average([np.array([1.0, 2.0, 3.0]), np.array([3.0, np.nan])])
    assert found.mean.tolist() == [2.0, 2.0, 3.0]
    assert found.runs.tolist() == [2, 1, 1]
    assert found.std[0] == pytest.approx(2**0.5) and np.isnan(found.std[1:]).all()


def test_numbers_that_were_not_run_are_not_numbers(study: MadeStudy) -> None:
    figure = next(f for f in study.recipe.figures if f.kind == "numbers")
    ours, missing = make_numbers(study, figure).tables[0].rows
    best = max(
        (r for r in study.runs if r.sweep == "lr" and r.status == "done"),
        key=lambda run: run.validation_accuracy or 0,
    )
    assert ours["ours"] == best.test_accuracy
    assert (missing["ours"], missing["difference"], missing["n"]) == (None, None, 0)
    assert make_numbers(study, figure).tables[0].cells[1][1] == "–"


def test_the_best_setting_is_chosen_by_the_mean_of_its_repeats(study: MadeStudy) -> None:
    found = select(study, [Selection(sweep=["lr", "augmentation"], best="series")])
    assert [each.series for each in found] == ["plain", "b0", "random"]
    for each in found:
        means = [
            s.mean
            for g in select(study, [Selection(sweep=["lr", "augmentation"], series=[each.series])])
            if (s := g.summary("validation_accuracy"))
        ]
        own = each.summary("validation_accuracy")
        assert own is not None and own.mean == max(means)


def test_differences_name_what_is_worse_and_say_where_there_is_no_test(study: MadeStudy) -> None:
    section = make_differences(study)
    text = "\n".join(section.bullets)
    assert "Batch and rate: " in text and "no interval, because there is one run" in text
    assert any(table.name == "differences-figure-3" for table in section.tables)
    far = [
        replace(
            run,
            test_accuracy=(0.9 if run.values["lr"] == 0.1 else 0.5)
            + run.repeat / 1000
            + run.values["lr"] * run.repeat / 100,
        )
        for run in study.runs
        if run.sweep == "lr" and run.series == "plain"
    ]
    (sentence,) = make_differences(replace(study, runs=far)).bullets
    assert "0.1 is highest" in sentence and "worse beyond chance: 0.01, 0.05 and 0.5" in sentence


def test_a_figure_of_nothing_says_so(study: MadeStudy) -> None:
    figure = Figure(number="Figure 1", title="t", kind="values", runs=[Selection(sweep=["later"])])
    section = make_values(study, figure)
    assert section.pictures == () and "No runs of this figure" in section.notes[0]


@pytest.mark.parametrize(
    ("value", "label"),
    [(1e-5, "1e-5"), (0.05, "0.05"), (None, "none"), ([1, 3], "1, 3"), (True, "yes"), (64, "64")],
)
def test_labels_of_values(value: object, label: str) -> None:
    assert label_of(value) == label


def test_tables_are_rounded_on_the_page_alone(tmp_path: Path) -> None:
    columns = (
        Column("a", "A"),
        Column("s", "S", "share"),
        Column("d", "D", "points"),
        Column("i", "I", "interval"),
    )
    table = Table("t", columns, ({"a": "x", "s": 0.912345, "d": -0.01234, "i": (-0.02, 0.01)}, {}))
    assert table.cells == [["x", "91.23%", "−1.23", "−2.00 … +1.00"], ["–"] * 4]  # noqa: RUF001
    table.save(tmp_path)
    assert (tmp_path / "t.csv").read_text().splitlines() == [
        "a,s,d,i_low,i_high", "x,0.912345,-0.01234,-0.02,0.01", ",,,,",
    ]  # fmt: skip


def test_unknown_names_are_named(study: MadeStudy, tmp_path: Path) -> None:
    settings = yaml.safe_load(RECIPE)
    settings["figures"] = [
        {"number": "Table 1", "title": "t", "kind": "ensemble", "ensemble": "no"}
    ]
    recipe = Recipe.model_validate(settings)
    with pytest.raises(
        ValueError, match="Table 1: ensemble must be one of shares, fitted, got 'no'"
    ):
        write_report(replace(study, recipe=recipe), tmp_path)


def test_sizes_and_what_is_left_out(study: MadeStudy, tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    for name, sides in (("cherry", (32, 32, 20)), ("tomato", (32, 16))):
        for split, of_split in (("train", sides), ("test", (32,))):
            (tmp_path / split / name).mkdir(parents=True)
            for i, side in enumerate(of_split):
                pixels = noise.integers(0, 256, (side, 32, 3)).astype(np.uint8)
                Image.fromarray(pixels).save(tmp_path / split / name / f"{i}.png")
    settings = {"data": str(tmp_path), "fit": "only", "image_size": 32}
    run = replace(study.runs[0], settings=settings)
    of_folder = replace(study, runs=[run])
    sizes = make_sizes(of_folder, Figure(number="Figure 2", title="Sizes", kind="sizes"))
    by_size, by_class = sizes.tables
    assert {(r["height"], r["images"], r["kept"]) for r in by_size.rows} == {
        (32, 5, "yes"), (20, 1, "no"), (16, 1, "no"),
    }  # fmt: skip
    assert [tuple(row.values()) for row in by_class.rows] == [
        ("cherry", 3, 1), ("tomato", 2, 1), ("all", 5, 2),
    ]  # fmt: skip
    left = make_outliers(of_folder, Figure(number="Figure 3", title="t", kind="outliers"))
    assert [shown.image.shape[0] for shown in left.galleries[0].shown] == [20, 16]
