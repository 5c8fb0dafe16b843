"""What commands print: names as they are, on any width, into a pipe that may be closed."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.table import Table
from typer.testing import CliRunner

from warpmix.cli import app
from warpmix.cli._app import console
from warpmix.figures.evaluation import draw_confusion
from warpmix.predictions import PredictionStore

HOSTILE = ("[unknown]", "[red]x[/red]", "[/]", ":cat:", "a [b]", r"\[c]")


def run(*arguments: object, columns: int = 80) -> tuple[int, str]:
    """Exit code and output of a command."""
    result = CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": str(columns)})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


# ---- names --------------------------------------------------------------------------------------


def test_class_names_are_printed_as_they_are(tmp_path: Path) -> None:
    folders = [name.replace("/", "-") for name in HOSTILE]
    for name in folders:
        (tmp_path / "[data]" / name).mkdir(parents=True)
        Image.new("RGB", (2, 2)).save(tmp_path / "[data]" / name / "1.png")
    code, output = run("data", "describe", tmp_path / "[data]")
    assert code == 0
    shown = [line.rsplit(maxsplit=2)[0].strip() for line in output.splitlines() if "16.7%" in line]
    assert shown == sorted(folders)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Predictions of models with hostile names for two splits, and of classes with such names."""
    noise = np.random.default_rng(0)
    made = PredictionStore(tmp_path / "[store]", create=True)
    for split in ("val", "test"):
        labels = noise.integers(0, 3, 20)
        for name in HOSTILE:
            rows = torch.from_numpy(noise.dirichlet((1, 1, 1), 20))
            made.add(
                rows, model=name, split=split, labels=torch.from_numpy(labels), classes=HOSTILE[:3]
            )
    return tmp_path / "[store]"


@pytest.mark.parametrize("columns", [20, 40, 80])
@pytest.mark.parametrize("command", ["list", "vote", "select", "diversity"])
def test_no_table_loses_a_name(store: Path, tmp_path: Path, command: str, columns: int) -> None:
    arguments = {
        "list": ("ensemble", "list", store),
        "vote": ("vote", store, "--replicates", 9, "--out", tmp_path / "[out]"),
        "select": ("ensemble", "select", store),
        "diversity": ("ensemble", "diversity", store, "--split", "val"),
    }[command]
    code, output = run(*arguments, columns=columns)
    assert code == 0, output
    expected = HOSTILE[:3] if command == "diversity" else HOSTILE[:1]
    missing = [part for name in expected for part in name.split() if part not in output]
    assert not missing and "…" not in output


def test_narrow_tables_keep_every_cell(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("one heading", "two", title="title")
    table.add_column("three", justify="right")
    table.add_row("some words that wrap", "unbreakable-" * 4, "12.34 (12.30–12.50)")
    for columns in (10, 40, 200):
        console.width = columns
        try:
            console.print(table)
        finally:
            console._width = None
        words = capsys.readouterr().out.split()
        cells = [
            "one",
            "heading",
            "two",
            "three",
            "some",
            "words",
            "that",
            "wrap",
            "12.34",
            "(12.30–12.50)",
        ]
        assert set(cells) <= set(words) and "unbreakable-" * 4 in words


def test_pictures_take_names_as_they_are(tmp_path: Path) -> None:
    """Dollars would make a formula, here a wrong one; of Latin-1 no letter can be drawn."""
    names = ("$a_{$", "caf\udce9", "[x]")
    draw_confusion(tmp_path / "out.png", np.eye(3, dtype=np.int64), names, "$x_{$ and \udce9")
    with Image.open(tmp_path / "out.png") as picture:
        assert min(picture.size) > 200


# ---- shares of few models -----------------------------------------------------------------------


def test_vote_shows_each_ensemble_once(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, output = run(
        *("vote", store, "--method", "soft", "--top", "1,10,10,20,50,100", "--out", out),
        *("--replicates", 9),
    )
    assert code == 0, output
    assert "1 %, 10 % (1)" in output and "20 % (2)" in output
    with (out / "methods.csv").open() as file:
        names = [row["name"] for row in csv.DictReader(file)]
    assert len(names) == len(set(names)) == 5  # the best single model, and 1, 2, 3 and 6 of them


# ---- pipes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["model", "list"], ["--help"], ["data", "nothing"]])
def test_a_closed_pipe_is_no_error(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "warpmix", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read().decode()
    assert process.returncode == (2 if "nothing" in arguments else 0)
    assert "Traceback" not in errors and "Pipe" not in errors
