"""The tutorial's commands, as they stand on the page, from a folder of images to the report."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

from warpmix.cli import app
from warpmix.study.load import load_study
from warpmix.study.plan import Plan

TUTORIAL = Path(__file__).parents[1] / "docs" / "tutorial-study.md"
COMMAND = re.compile(r"^```text\n((?:pip|warpmix) .*)\n```$", re.MULTILINE)
RECIPE = re.compile(r"^```yaml\n(.*?)^```$", re.DOTALL | re.MULTILINE)
STAND_IN = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def text() -> str:
    return TUTORIAL.read_text("utf-8")


def test_there_are_five_commands(text: str) -> None:
    commands = COMMAND.findall(text)
    assert len(commands) == len(re.findall(r"^## \d", text, re.MULTILINE)) == 5
    assert commands[0] == "pip install ."


def test_its_commands_lead_from_photos_to_the_page(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (stand_in,) = STAND_IN.findall(text)
    exec(compile(stand_in, str(TUTORIAL), "exec"), {})
    photos = list(Path("photos").rglob("*.jpg"))
    assert len(photos) == 180
    assert len({Image.open(photo).size for photo in photos}) == 12
    (recipe,) = RECIPE.findall(text)
    small = yaml.safe_load(recipe)
    # As it stands it takes minutes: the same sweeps and figures with fewer and smaller runs.
    small["repeats"] = 1
    small["base"] |= {"epochs": 1, "width": 2, "image_size": 16}
    rates, augmentations = small["sweeps"].values()
    rates["grid"]["lr"] = rates["grid"]["lr"][:2]
    augmentations["choices"] = dict(list(augmentations["choices"].items())[:2])
    rates["series"] = augmentations["series"] = ["plain"]
    Path("my-study.yaml").write_text(yaml.safe_dump(small, sort_keys=False), "utf-8")

    said = []
    for command in COMMAND.findall(text)[1:]:
        done = CliRunner().invoke(app, shlex.split(command)[1:])
        assert done.exit_code == 0, (command, done.output, done.exception)
        said.append(" ".join(done.output.split()))
    described, shown, ran, reported = said
    assert "180 files" in described
    assert "4 runs in studies/my-study" in shown and "about 0:" in shown
    assert "4 runs done, 0 failed" in ran
    page = Path("studies/my-study/report/index.html")
    assert str(page) in reported and str(page) in text
    html = page.read_text("utf-8")
    for figure in small["figures"]:
        assert figure["title"] in html
    assert html.count("<svg") >= 12  # six pictures, wide and narrow
    assert "No run" not in html and "No images" not in html


def test_the_recipe_is_accepted_as_it_stands(text: str, tmp_path: Path) -> None:
    path = tmp_path / "my-study.yaml"
    path.write_text(RECIPE.findall(text)[0], "utf-8")
    runs = Plan(load_study(path)).runs({})
    assert len(runs) == 42
    assert f"{len(runs)} runs in studies/my-study" in text
