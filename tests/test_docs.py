"""The pages for readers: their Python runs, a page's blocks one after the other, their commands are
those of the command line, and their tables name what there is."""

from __future__ import annotations

import ast
import importlib
import inspect
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
# A program of tests/programs that the site shows whole; tests/test_programs.py runs it.
PROGRAM = re.compile(r'--8<-- "(tests/programs/\w+_after\.py)"\n')


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_its_python_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # what an example writes
    text = page.read_text("utf-8")
    names: dict[str, object] = {"__name__": "__main__"}  # a block goes on with those before it
    ran = 0
    for block in BLOCK.finditer(text):
        language, source = block.groups()
        if language == "text":
            continue
        if language == "yaml":
            yaml.safe_load(source)
            continue
        if language == "sh":
            for line in source.splitlines():
                check_command(line)
            continue
        program = PROGRAM.fullmatch(source)
        if program is not None:
            assert (ROOT / program[1]).exists()
            continue
        assert language == "python", f"{page.name}: a block of {language or 'no language'}"
        above = text.count("\n", 0, block.start()) + 1  # so that errors name the page's line
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


@pytest.mark.parametrize(
    "page", sorted((DOCS / "migration").glob("[!i]*.md")), ids=lambda page: page.stem
)
def test_a_migration_table_names_what_there_is(page: Path) -> None:
    """Calls in the column ``warpmix`` have names and parameters of the package."""
    checked = 0
    for row in re.findall(r"^\|(?!---)(.+)\|$", page.read_text("utf-8"), re.MULTILINE):
        cells = row.split(" | ")
        for code in re.findall(r"`([^`]+)`", cells[1] if len(cells) > 1 else ""):
            try:
                call = ast.parse(code.replace("…", "..."), mode="eval").body
            except SyntaxError:
                continue
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
                continue
            parameters = inspect.signature(getattr(warpmix, call.func.id)).parameters
            unknown = {word.arg for word in call.keywords} - set(parameters) - {None}
            assert not unknown, f"{code}: {unknown}"
            assert len([a for a in call.args if not isinstance(a, ast.Starred)]) <= len(parameters)
            checked += 1
    assert checked >= 3
