"""The pages for readers: their Python runs, a page's blocks one after the other, their commands are
those of the command line, and their tables name what there is."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import re
import runpy
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

import warpmix
from warpmix.cli import app

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md")))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
WITH_EXAMPLES = {"README.md", "augmentation.md", "training.md", "tutorial-study.md", "numerics.md"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_its_python_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # what an example writes
    text = page.read_text("utf-8")
    names: dict[str, object] = {"__name__": "__main__"}  # a block goes on with those before it
    ran, printed = 0, io.StringIO()
    for block in BLOCK.finditer(text):
        language, source = block.groups()
        if language == "text":
            continue
        if language == "output":  # of the Python before it
            assert printed.getvalue() == source
            continue
        if language == "yaml":
            yaml.safe_load(source)
            continue
        if language == "sh":
            for line in source.splitlines():
                check_command(line)
            continue
        assert language == "python", f"{page.name}: a block of {language or 'no language'}"
        above = text.count("\n", 0, block.start()) + 1  # so that errors name the page's line
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile("\n" * above + source, str(page), "exec"), names)
        ran += 1
    assert text.count("```") == 2 * len(BLOCK.findall(text))
    assert ran > 0 or page.name not in WITH_EXAMPLES


def check_command(line: str) -> None:
    """Check that a line is a command of ``warpmix``, with flags and choices that it has."""
    name, *words = shlex.split(line)
    if name == "torchrun":
        words = words[words.index("warpmix") + 1 :]
    else:
        assert name == "warpmix", f"{line}: what is no command of warpmix is a block of text"
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        assert words[0] in command.commands, line
        command = command.commands[words.pop(0)]
    flags = {flag: p for p in command.params for flag in (*p.opts, *p.secondary_opts)}
    for flag in (word for word in words if word.startswith("--")):
        assert flag in flags, f"{line}: {flag} is no flag of the command"


def test_the_command_line_page_is_that_of_the_commands() -> None:
    script = runpy.run_path(str(DOCS / "site" / "command_line.py"))
    written = script["PAGE"].read_text("utf-8")
    assert written == script["page"](), "run: python docs/site/command_line.py"


def test_the_reference_has_every_public_name() -> None:
    documented = set()
    for page in sorted((DOCS / "reference").glob("*.md")):
        documented.update(re.findall(r"^::: (\S+)$", page.read_text("utf-8"), re.MULTILINE))
    for name in documented:  # what is listed exists
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute) or importlib.import_module(name)
    for name in warpmix.__all__:
        value = getattr(warpmix, name)
        whole = inspect.ismodule(value) and name not in ("augment", "cli")
        if whole or name in warpmix.augment.__all__:
            assert f"warpmix.{name}" in documented, f"add ::: warpmix.{name} to a reference page"


# Where the names of the first column are; a library that is not installed is not asked.
PEERS = {
    "torchvision": "torchvision.transforms.v2",
    "kornia": "kornia.augmentation",
    "albumentations": "albumentations",
    "timm": "timm.data",
    "dali": "nvidia.dali.fn",
}


def calls(cell: str) -> list[tuple[str, str]]:
    """Return the calls in a cell of a table: the name that is called, and the code."""
    found = [(re.match(r"([\w.]+)\(.*\)$", code), code) for code in re.findall(r"`([^`]+)`", cell)]
    return [(name[1], code) for name, code in found if name is not None]


@pytest.mark.parametrize("library", PEERS)
def test_a_migration_table_names_what_there_is(library: str) -> None:
    """The calls in the column ``warpmix`` can be made, and those beside them exist."""
    text = (DOCS / "migration" / f"{library}.md").read_text("utf-8")
    peer = None
    with contextlib.suppress(ModuleNotFoundError):
        peer = importlib.import_module(PEERS[library])
    rows = [row.split(" | ") for row in re.findall(r"^\| (.+) \|$", text, re.MULTILINE)]
    assert len(rows) > 20
    for theirs, ours, *_ in rows:
        for name, code in calls(ours):
            if "." not in name:  # a method of a pipeline
                eval(code, dict(vars(warpmix.augment)))
        for name, code in calls(theirs):
            parent, parts = peer, name.split(".")
            for part in parts if peer is not None and parts[0] not in ("aug", "auto_aug") else ():
                parent = getattr(parent, part, None)
                assert parent is not None, f"{library} has no {code}"
