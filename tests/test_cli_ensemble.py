"""``warpmix ensemble``, and ``warpmix vote`` over stores, end to end; the words of their errors."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_cli import HEAVY, images, run  # noqa: F401 (a fixture)
from test_select import noisy

from warpmix import predictions, train
from warpmix.data import load_folder
from warpmix.ensemble import Bundle, fit_ensemble, vote
from warpmix.predictions import PredictionStore

SPLITS = {"val": slice(0, 400), "test": slice(400, 1000), "kaggle": slice(1000, 1200)}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve models' predictions for 400 validation, 600 test and 200 unlabelled samples."""
    path = tmp_path_factory.mktemp("stores") / "store"
    scores, labels = noisy(12, 1200)
    made = PredictionStore(path, create=True)
    for m in range(12):
        for split, rows in SPLITS.items():
            known = None if split == "kaggle" else labels[rows]
            made.add(scores[m, rows], model=f"m{m:02}", split=split, labels=known, seed=m)
    return path


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_vote_over_a_store(store: Path, tmp_path: Path) -> None:
    code, output = run(
        *("vote", store, "--method", "all", "--top", "10,50,100"),
        *("--rank-on", "val", "--score-on", "test", "--out", tmp_path),
    )
    assert code == 0, output
    for words in (
        "soft vote",
        "hard vote",
        "weighted vote",
        "geometric vote",
        "rank vote",
        "greedy by accuracy",
        "stacked",
        "ECE",
    ):
        assert words in output
    assert len(rows_of(tmp_path / "curve.csv")) == 12
    methods = {row["name"]: row for row in rows_of(tmp_path / "methods.csv")}
    opened = PredictionStore(store).open("test")
    assert opened.labels is not None
    every = vote(opened.read()).labels == opened.labels
    soft = methods["soft, best 100 %"]
    assert float(soft["accuracy"]) == float(every.double().mean())
    assert f"| soft, best 100 % | 12 | {float(soft['accuracy']) * 100:.2f} (" in (
        (tmp_path / "methods.md").read_text()
    )
    assert float(soft["low"]) < float(soft["accuracy"]) < float(soft["high"])
    assert [int(methods[f"soft, best {f} %"]["models"]) for f in ("16.7", "50", "100")] == [
        2,
        6,
        12,
    ]
    assert f"{float(soft['accuracy']) * 100:.2f} (" in output


@pytest.mark.parametrize("method", ["soft", "weighted", "greedy", "stack"])
def test_vote_by_one_method(store: Path, tmp_path: Path, method: str) -> None:
    code, output = run("vote", store, "--method", method, "--top", "50", "--out", tmp_path)
    assert code == 0, output
    found = {row["method"] for row in rows_of(tmp_path / "methods.csv")[1:]}
    assert found == {method}


def test_a_store_and_files_vote_together(store: Path, tmp_path: Path) -> None:
    scores, labels = noisy(1, 1200, seed=9)
    rows = SPLITS["test"]
    np.savez(tmp_path / "other.npz", scores=scores[0, rows].numpy(), labels=labels[rows].numpy())
    code, output = run(
        *("vote", store, tmp_path / "other.npz", "--rank-on", "test", "--out", tmp_path / "vote")
    )
    assert code == 2 and "do not belong together: labels differ" in output
    _, labels = noisy(12, 1200)
    np.savez(tmp_path / "other.npz", scores=scores[0, rows].numpy(), labels=labels[rows].numpy())
    code, output = run(
        *("vote", store, tmp_path / "other.npz", "--rank-on", "test", "--out", tmp_path / "vote")
    )
    assert code == 0, output
    assert len(rows_of(tmp_path / "vote" / "curve.csv")) == 13


def test_select_and_stack(store: Path) -> None:
    code, output = run("ensemble", "select", store, "--size", 10, "--metric", "log_loss")
    assert code == 0 and "best single model" in output, output
    opened = PredictionStore(store).open("val")
    assert opened.labels is not None
    fitted = fit_ensemble(opened.read(), opened.labels, "greedy", size=10, metric="log_loss")
    assert f"{len(fitted.members)} members" in output
    for member, weight in zip(fitted.members.tolist(), fitted.weights, strict=True):
        assert f"m{member:02} │ {weight:.4f}" in output
    code, output = run("ensemble", "stack", store, "--features", "labels")
    assert code == 0 and "stack" in output


@pytest.mark.parametrize("method", ["soft", "hard", "weighted", "greedy", "stack"])
def test_a_bundle_decides_as_it_was_fitted(store: Path, tmp_path: Path, method: str) -> None:
    bundle, out = tmp_path / "bundle", tmp_path / "submission.csv"
    options = ("--method", method, "--top", 50, "--size", 8)
    code, output = run("ensemble", "export", store, *options, "--out", bundle)
    assert code == 0 and "predicts over stored predictions alone" in output, output
    code, output = run("ensemble", "predict", bundle, store, "--split", "kaggle", "--out", out)
    assert code == 0, output
    opened = PredictionStore(store)
    val, kaggle = opened.open("val"), opened.open("kaggle")
    assert val.labels is not None
    greedy = {"size": 8} if method == "greedy" else {}
    fitted = fit_ensemble(val.read(), val.labels, method, fraction=0.5, **greedy)
    want = fitted.vote(kaggle.read())
    rows = rows_of(out)
    assert [int(row["label"]) for row in rows] == want.labels.tolist()
    assert [row["id"] for row in rows] == [str(i) for i in range(200)]
    described = json.loads((bundle / "ensemble.json").read_text())
    assert described["method"] == method and described["chosen"]["fitted_on"] == "val"
    assert 0.05 <= described["temperature"] <= 20
    again = Bundle.load(bundle)
    assert again.vote(kaggle.read()[fitted.members]).labels.equal(want.labels)


def test_safetensors_of_a_bundle_are_predictions(store: Path, tmp_path: Path) -> None:
    assert run("ensemble", "export", store, "--method", "soft", "--out", tmp_path / "b")[0] == 0
    out = tmp_path / "p.safetensors"
    assert run("ensemble", "predict", tmp_path / "b", store, "--out", out)[0] == 0
    stored = predictions.load(out)
    assert stored.model == "b" and stored.accuracy is not None and stored.accuracy > 0.8


def test_list_remove_diversity(store: Path, tmp_path: Path) -> None:
    code, output = run("ensemble", "list", store)
    assert code == 0 and "m11" in output and "probabilities" in output
    code, output = run("ensemble", "diversity", store, "--out", tmp_path)
    assert code == 0 and "error correlation" in output
    assert len(rows_of(tmp_path / "pairs.csv")) == 66
    assert len(rows_of(tmp_path / "classes.csv")) == 5
    scores, _ = noisy(2, 50)
    PredictionStore(tmp_path / "s", create=True).add(scores[0], model="a", split="test")
    assert run("ensemble", "remove", tmp_path / "s", "a")[0] == 0
    code, output = run("ensemble", "remove", tmp_path / "s", "a")
    assert code == 2 and "has no predictions of 'a'" in output


def test_import_from_the_command_line(tmp_path: Path) -> None:
    scores, labels = noisy(3, 90)
    arrays = {f"net{m}__probs": scores[m].numpy() for m in range(3)}
    np.savez(tmp_path / "all.npz", **arrays, labels=labels.numpy())
    for split, rows in (("val", "0:40"), ("test", "40:90")):
        code, output = run(
            *("ensemble", "import", tmp_path / "s", tmp_path / "all.npz", "--dtype", "float16"),
            *("--arrays", "*__probs", "--split", split, "--rows", rows),
        )
        assert code == 0 and "3 predictions added" in output, output
    opened = PredictionStore(tmp_path / "s").open("test")
    assert opened.models == ("net0", "net1", "net2") and opened.dtype == torch.float16
    assert opened.read().equal(scores[:, 40:].half())
    code, output = run("vote", tmp_path / "s", "--top", "100", "--out", tmp_path / "vote")
    assert code == 0, output


# ---- tables of other programs ------------------------------------------------------------------

NAMES = ("ant", "bee", "cat", "dog", "elk")


def write_table(path: Path, scores: torch.Tensor, order: list[int], rows: list[int]) -> Path:
    """A table as pandas writes it, with text ids, of columns and rows in this order."""
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(["image_id", *(f"prob_{NAMES[c]}" for c in order)])
        writer.writerows([f"{i}.png", *scores[i, order].tolist()] for i in rows)
    return path


def test_vote_over_unlabelled_tables_in_other_orders(tmp_path: Path) -> None:
    scores, _ = noisy(3, 20)
    rows, columns = list(range(20)), list(range(5))
    tables = [
        write_table(tmp_path / "a.csv", scores[0], columns, rows),
        write_table(tmp_path / "b.CSV", scores[1], columns, rows[::-1]),
        write_table(tmp_path / "c.csv", scores[2], columns[::-1], rows),
    ]
    code, output = run("vote", *tables, "--method", "hard", "--out", tmp_path / "out")
    assert code == 0, output
    assert f"{tables[1]}: rows were in another order, aligned by id" in output
    assert f"{tables[2]}: classes were in another order, aligned by name" in output
    assert "test has no labels: accuracies are unknown" in output
    decided = rows_of(tmp_path / "out" / "labels.csv")
    want = vote(scores, "hard").labels
    assert [row["id"] for row in decided] == [f"{i}.png" for i in rows]
    assert [row["label"] for row in decided] == [NAMES[label] for label in want]


@pytest.mark.parametrize(("method", "fitted"), [("all", "soft"), ("greedy", "greedy")])
def test_vote_fits_on_labels_and_decides_without(
    store: Path, tmp_path: Path, method: str, fitted: str
) -> None:
    code, output = run(
        *("vote", store, "--score-on", "kaggle", "--method", method, "--top", "50"),
        *("--out", tmp_path),
    )
    assert code == 0 and "accuracies are unknown" in output, output
    opened = PredictionStore(store)
    val = opened.open("val")
    assert val.labels is not None
    chosen = fit_ensemble(val.read(), val.labels, fitted, fraction=0.5)
    want = chosen.vote(opened.open("kaggle").read()).labels
    assert [int(row["label"]) for row in rows_of(tmp_path / "labels.csv")] == want.tolist()


def test_doubts_are_settled_by_flags(tmp_path: Path) -> None:
    scores, labels = noisy(2, 20)
    rows, columns = list(range(20)), list(range(5))
    table = write_table(tmp_path / "a.csv", scores[0], columns, rows)
    np.savez(tmp_path / "b.npz", scores=scores[1].numpy(), labels=labels.numpy())
    arguments = ("vote", table, tmp_path / "b.npz", "--rank-on", "test", "--out", tmp_path / "out")
    code, output = run(*arguments)
    assert code == 2 and "(--assume-same-order)" in output, output
    code, output = run(*arguments, "--assume-same-order")
    assert code == 2 and "(--classes)" in output and not (tmp_path / "out").exists(), output
    code, output = run(*arguments, "--assume-same-order", "--classes", ",".join(NAMES))
    assert code == 0, output
    soft = vote(scores).labels == labels
    both = rows_of(tmp_path / "out" / "curve.csv")[1]
    assert float(both["soft"]) == float(soft.double().mean())


def test_a_bundle_reads_a_store_of_another_order(tmp_path: Path) -> None:
    scores, labels = noisy(2, 60)
    backwards = [4, 3, 2, 1, 0]
    first = PredictionStore(tmp_path / "first", create=True)
    other = PredictionStore(tmp_path / "other", create=True)
    for m, member in enumerate(scores):
        first.add(member, model=f"m{m}", split="val", labels=labels, classes=NAMES)
        other.add(member[:, backwards], model=f"m{m}", split="test", classes=NAMES[::-1])
    bundle, out = tmp_path / "bundle", tmp_path / "out.csv"
    code, output = run("ensemble", "export", first.path, "--method", "stack", "--out", bundle)
    assert code == 0, output
    code, output = run("ensemble", "predict", bundle, other.path, "--out", out, "--scores")
    assert code == 0, output
    want = Bundle.load(bundle).vote(scores)
    assert [row["predicted"] for row in rows_of(out)] == [NAMES[i] for i in want.labels]
    again = predictions.load(out)
    assert again.classes == NAMES and again.labels is None
    assert again.predictions.equal(want.scores.float())
    nameless = PredictionStore(tmp_path / "nameless", create=True)
    for m, member in enumerate(scores):
        nameless.add(member, model=f"m{m}", split="test")
    code, output = run("ensemble", "predict", bundle, nameless.path, "--out", out)
    assert code == 2 and "name them with --classes" in output, output
    arguments = ("--out", out, "--classes", ",".join(NAMES))
    code, output = run("ensemble", "predict", bundle, nameless.path, *arguments)
    assert code == 0, output
    assert [row["label"] for row in rows_of(out)] == [NAMES[i] for i in want.labels]


# ---- runs ---------------------------------------------------------------------------------------


def test_runs_become_a_store_and_a_bundle_that_predicts(
    images: Any,  # noqa: F811
    tmp_path: Path,
) -> None:
    runs = [tmp_path / "runs" / f"seed{seed}" for seed in range(2)]
    for seed, folder in enumerate(runs):
        arguments = ("--epochs", 1, "--batch-size", 16, "--device", "cpu", "--seed", seed)
        code, output = run(
            "train", images, *arguments, "--out", folder, "--store", tmp_path / "store"
        )
        assert code == 0, output
    code, output = run("ensemble", "import", tmp_path / "imported", *runs)
    assert code == 0 and "4 predictions added" in output, output
    assert (
        PredictionStore(tmp_path / "imported").entries()
        == PredictionStore(tmp_path / "store").entries()
    )
    entries = PredictionStore(tmp_path / "store").entries("test")
    assert [(e.model, e.recipe, e.seed) for e in entries] == [
        ("seed0", "none", 0),
        ("seed1", "none", 1),
    ]
    for source in (tmp_path / "store", tmp_path / "runs"):
        bundle = tmp_path / f"bundle-{source.name}"
        options = ("--method", "soft", "--out", bundle)
        code, output = run("ensemble", "export", source, *options)
        assert code == 0 and "predicts images" in output, output
        code, output = run(
            "predict", bundle, "--split", "test", "--out", tmp_path / "p.safetensors"
        )
        assert code == 0, output
        dataset = load_folder(images, "test")
        members = torch.stack([train.predict(folder, dataset) for folder in runs])
        got = predictions.load(tmp_path / "p.safetensors")
        assert got.predictions.argmax(1).equal(vote(members).labels)
        assert (
            tmp_path / f"bundle-{source.name}" / "members" / "1" / "model.safetensors"
        ).is_file()


def test_refuses_in_words(store: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    cases: list[tuple[tuple[Any, ...], str]] = [
        (("vote", store, "--rank-on", "dev"), "no model with predictions for 'dev' and 'test'"),
        (("vote", store, "--rank-on", "kaggle"), "must hold labels to rank models on kaggle"),
        (("vote", store, "--score-on", "kaggle", "--top", "10,50"), "give --top one share"),
        (
            ("vote", store, "--rank-on", "kaggle", "--score-on", "kaggle", "--method", "greedy"),
            "--method greedy needs labels to rank and to fit on, got none for kaggle",
        ),
        (("vote", store, "--rank-on", "test", "--method", "stack"), "--method stack is fitted"),
        (("ensemble", "select", store, "--rank-on", "test"), "must differ, got test for both"),
        (("ensemble", "list", tmp_path), "no store of predictions at"),
        (("ensemble", "import", tmp_path / "full", store), "must be empty or a store"),
        (
            ("ensemble", "import", tmp_path / "s", "a.npy", "--rows", "5"),
            "--rows must be BEGIN:END",
        ),
        (("ensemble", "import", tmp_path / "s", "a.npy"), "no prediction file"),
        (("ensemble", "import", tmp_path / "s", tmp_path / "full"), "holds no run"),
        (
            ("ensemble", "export", store, "--out", tmp_path / "full"),
            "must be empty to hold a bundle",
        ),
        (("ensemble", "predict", tmp_path, store), "holds no ensemble.json"),
        (("ensemble", "predict", tmp_path, store, "--out", "x.txt"), "must end in .csv or"),
    ]
    for arguments, words in cases:
        code, output = run(*arguments)
        assert (code, words in output) == (2, True), (arguments, output)


def test_an_export_completes_its_own_bundle_and_touches_no_other(
    store: Path, tmp_path: Path
) -> None:
    """As after a kill, or into a folder that is there already."""

    def export(*options: object) -> tuple[int, str]:
        return run("ensemble", "export", store, "--method", "stack", "--out", bundle, *options)

    bundle = tmp_path / "deep" / "b"
    assert export()[0] == 0
    whole = {path.name: path.read_bytes() for path in bundle.iterdir()}
    assert set(whole) == {"ensemble.json", "stacking.safetensors"}
    for lost in ((), ("ensemble.json",), tuple(whole)):
        for name in lost:
            (bundle / name).unlink()
        half_made = (bundle / ".bundle.0123abcd", bundle.with_name(".b.0123abcd"))
        for folder in half_made:
            folder.mkdir()
            (folder / "ensemble.json").touch()
        code, output = export()
        assert code == 0, (lost, output)
        assert {path.name: path.read_bytes() for path in bundle.iterdir()} == whole, lost
        assert list(bundle.parent.iterdir()) == [bundle]
    code, output = export("--top", 50)
    assert (code, "another bundle; choose another folder" in output) == (2, True), output
    (bundle / "notes.txt").touch()
    code, output = export()
    assert (code, "must be empty to hold a bundle" in output) == (2, True), output
    assert {path.name for path in bundle.iterdir()} == {*whole, "notes.txt"}


def test_a_damaged_bundle_is_named(store: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "b"
    assert run("ensemble", "export", store, "--method", "stack", "--out", bundle)[0] == 0
    whole = (bundle / "stacking.safetensors").read_bytes()
    (bundle / "stacking.safetensors").write_bytes(whole[:-9])
    with pytest.raises(ValueError, match=r"stacking.safetensors: .*; export the ensemble again"):
        Bundle.load(bundle)
    (bundle / "ensemble.json").write_text("{}")
    with pytest.raises(ValueError, match=r"ensemble.json: .*format: Field required"):
        Bundle.load(bundle)


# ---- help ---------------------------------------------------------------------------------------

COMMANDS = ("import", "list", "remove", "diversity", "select", "stack", "export", "predict")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_examples(command: str) -> None:
    code, output = run("ensemble", command, "--help")
    assert code == 0 and f"$ warpmix ensemble {command}" in output


def test_help_waits_for_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "warpmix", "ensemble", "select", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "typer" in imported and not imported.intersection((*HEAVY, "scipy"))
