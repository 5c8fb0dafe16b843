"""The tutorial's commands, as they stand on the page, from a folder of images to the report."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from PIL import Image

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
    small["repeats"] = 1  # a seventh of the time
    small["base"] |= {"epochs": 1, "width": 2, "image_size": 16}
    Path("my-study.yaml").write_text(yaml.safe_dump(small, sort_keys=False), "utf-8")

    said = {}
    for command in COMMAND.findall(text)[1:]:
        _, *arguments = shlex.split(command)
        call = [sys.executable, "-m", "warpmix", *arguments]
        done = subprocess.run(call, capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        said[arguments[0], arguments[1]] = " ".join(done.stdout.split())
    assert "180 files" in said["data", "describe"]
    assert "14 runs in studies/my-study" in said["study", "show"]
    assert "14 runs done, 0 failed" in said["study", "run"]
    page = Path("studies/my-study/report/index.html")
    assert str(page) in said["study", "report"] and str(page) in text
    html = page.read_text("utf-8")
    for figure in small["figures"]:
        assert figure["title"] in html
    assert html.count("<svg") >= 12  # six pictures, wide and narrow
    assert "No run" not in html and "No images" not in html


def test_the_recipe_is_accepted_as_it_stands(text: str, tmp_path: Path) -> None:
    from warpmix.study.load import load_study
    from warpmix.study.plan import Plan

    path = tmp_path / "my-study.yaml"
    path.write_text(RECIPE.findall(text)[0], "utf-8")
    runs = Plan(load_study(path)).runs({})
    assert len(runs) == 42
    assert f"{len(runs)} runs in studies/my-study" in text
