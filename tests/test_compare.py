"""`make compare` in its smallest form, with the libraries that are here, and its pages."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
BENCH = ROOT / "bench"
STORED = sorted((BENCH / "results").glob("compare-*.json"))


def compare(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", BENCH / "compare.py", *arguments]
    paths = [str(ROOT / "python"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, env=environment
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run."""
    folder = tmp_path_factory.mktemp("compare")
    done = compare("--tiny", "--out", folder)
    assert done.returncode == 0, done.stderr
    return folder


def rows(folder: Path) -> list[dict[str, Any]]:
    document = json.loads((folder / "compare-cpu.json").read_text())
    return [row for case in document["cases"] for row in case["rows"]]


def test_every_row_has_figures_or_a_reason(made: Path) -> None:
    for row in rows(made):
        assert "failed" not in row, row
        if "left_out" in row:
            assert row["left_out"].startswith(("needs ", "compiles "))
            continue
        assert 0 < row["minimum"] <= row["median"] and row["per_second"] > 0
        assert row["cpu"] > 0 and row["memory"] >= 0 and row["n"] >= 2
    assert {row["row"] for row in rows(made) if "median" in row} >= {
        "warpmix", "PyTorch, NCHW", "torchvision v2, per sample", "scikit-learn"
    }  # fmt: skip


def test_scaling_and_training_have_figures(made: Path) -> None:
    document = json.loads((made / "compare-cpu.json").read_text())
    points = [point for panel in document["scaling"].values() for point in panel]
    assert len(points) == 12 and all(point["median"] > 0 for point in points)
    assert all(one.get("median", 1) > 0 and "failed" not in one for one in document["training"])


def test_the_page_tells_all(made: Path) -> None:
    page, every = ((made / f"comparison{end}.md").read_text() for end in ("", "-rows"))
    for word in ("torch ", "load ", "commit ", "One thread", "Scaling", "Training"):
        assert word in page
    for row in rows(made):
        assert f"| {row['row']} |" in every
    for name in re.findall(r"!\[.*?\]\((.*?)\)", page):
        picture = (made / name).read_text()
        assert picture.startswith("<?xml") and len(picture) < 300_000
    assert len(re.findall(r"!\[.*?\]", page)) == 2


def test_pages_rendered_again_are_those_of_the_run(made: Path, tmp_path: Path) -> None:
    """Figures are stored with fewer digits than they have: pages show those that are stored."""
    again = compare("--render", made / "compare-cpu.json", "--out", tmp_path)
    assert again.returncode == 0, again.stderr
    pages = sorted(tmp_path.iterdir())
    assert len(pages) == 4
    for page in pages:
        assert page.read_text() == (made / page.name).read_text(), page.name


def test_slower_rows_are_listed(monkeypatch: pytest.MonkeyPatch, made: Path) -> None:
    monkeypatch.syspath_prepend(str(BENCH))
    import comparison_page

    document = json.loads((made / "compare-cpu.json").read_text())
    case = document["cases"][0]
    document["cases"] = [case]
    ours = comparison_page.reference(case)
    for row in case["rows"]:
        if comparison_page.is_peer(row) and "median" in row:
            row["median"] = row["minimum"] = 2 * ours["median"]
    ours["minimum"] = ours["median"]
    assert list(comparison_page._losses(document)) == ["In no row, by median or by minimum."]
    peer = next(row for row in case["rows"] if row["row"] == "torchvision v2, per batch *")
    peer["minimum"] = ours["minimum"] / 2
    *_, line = comparison_page._losses(document)
    assert "torchvision v2, per batch *" in line and "0.50 (2.00)" in line


def test_a_row_that_fails_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH))
    import measuring

    def hangs() -> None:
        import time

        time.sleep(60)

    with pytest.raises(RuntimeError, match=r"ZeroDivisionError: .*zero"):
        measuring.in_child(lambda: 1 // 0, 10.0)
    with pytest.raises(RuntimeError, match="not done after 0 s"):
        measuring.in_child(hangs, 0.2)
    with pytest.raises(RuntimeError, match="ended with status"):
        measuring.in_child(lambda: os._exit(3), 10.0)


def test_memory_is_that_of_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that were there before do not count, those of the call do, freed ones too."""
    monkeypatch.syspath_prepend(str(BENCH))
    import measuring

    before = bytearray(os.urandom(1)) * (64 << 20)

    def child() -> tuple[int, int]:
        return (
            measuring.extra_memory(lambda: len(bytearray(b"x" * (32 << 20)))),
            measuring.extra_memory(lambda: len(before)),
        )

    taken, none = measuring.in_child(child, 30.0)
    assert 32 << 20 <= taken < 80 << 20 and none < 4 << 20


@pytest.mark.parametrize("stored", STORED, ids=lambda path: path.stem)
def test_the_docs_have_the_stored_figures(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that was edited by hand, or left behind, differs."""
    monkeypatch.syspath_prepend(str(BENCH))
    import comparison_page

    document = json.loads(stored.read_text())
    name = comparison_page.stem(document)
    link = f"bench/results/{stored.name}"
    pictures = [f"{name}.svg", f"{name}-scaling.svg"]
    assert (ROOT / f"docs/{name}.md").read_text() == comparison_page.page(document, link, pictures)
    assert (ROOT / f"docs/{name}-rows.md").read_text() == comparison_page.rows_page(document, link)
