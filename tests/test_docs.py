"""The pages for readers: their Python runs, a page's blocks one after the other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
WITH_EXAMPLES = {"README.md", "augmentation.md", "training.md", "tutorial-study.md"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
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
        assert language == "python", f"{page.name}: a block of {language or 'no language'}"
        above = text.count("\n", 0, block.start()) + 1  # so that errors name the page's line
        exec(compile("\n" * above + source, str(page), "exec"), names)
        ran += 1
    assert text.count("```") == 2 * len(BLOCK.findall(text))
    assert ran > 0 or page.name not in WITH_EXAMPLES
