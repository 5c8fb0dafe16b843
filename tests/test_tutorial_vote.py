"""The tutorial's commands, as they stand on the page, from a folder of images to a submission."""

from __future__ import annotations

import csv
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from warpmix.cli import app

TUTORIAL = Path(__file__).parents[1] / "docs" / "tutorial.md"
COMMANDS = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
STAND_IN = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def test_its_commands_lead_from_photos_to_a_submission(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WARPMIX_CACHE", str(tmp_path / "cache"))
    text = TUTORIAL.read_text("utf-8")
    (stand_in,) = STAND_IN.findall(text)
    exec(compile(stand_in, str(TUTORIAL), "exec"), {})
    commands = "".join(COMMANDS.findall(text)).splitlines()
    assert len(commands) == 12
    said = {}
    for command in commands:
        # As it stands it takes a minute: a quarter of the pixels, and fewer epochs.
        command = command.replace("-size 64", "-size 32").replace("epochs 8", "epochs 6")
        done = CliRunner().invoke(app, shlex.split(command)[1:])
        assert done.exit_code == 0, (command, done.output, done.exception)
        said[command] = " ".join(done.output.split())
    described, _, *trained = list(said.values())[:5]
    assert "180 files" in described and "60 files" in described
    for output in trained:  # chance is a third
        (accuracy,) = re.findall(r"test accuracy ([\d.]+)%", output)
        assert float(accuracy) > 60
    with Path("submission/labels.csv").open(encoding="utf-8") as file:
        labels = {row["id"]: row["label"] for row in csv.DictReader(file)}
    assert sorted(labels) == sorted(photo.name for photo in Path("unlabelled").iterdir())
    right = sum(name.startswith(label) for name, label in labels.items())
    assert right / len(labels) > 0.8
    assert Path("vote/curve.png").exists() and Path("preview.png").exists()
