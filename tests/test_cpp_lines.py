"""The count of C++ lines in ``make coverage``, on a program whose lines are known."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cpp_lines import counts, table

SOURCE = """int twice(int x) { return 2 * x; }
int never(int x) {
  return x;
}
int main(int count, char**) {
  return count > 9 ? never(count) : 2 - twice(count);
}
"""


def test_lines_that_never_ran_are_named(tmp_path: Path) -> None:
    source = tmp_path / "kernels" / "a.cpp"
    source.parent.mkdir()
    source.write_text(SOURCE)
    command = ["g++", "--coverage", "-O0", "-o", "a", "kernels/a.cpp"]
    subprocess.run(command, cwd=tmp_path, check=True)
    with pytest.raises(ValueError, match="no counts"):
        counts(tmp_path)
    subprocess.run(["./a"], cwd=tmp_path, check=True)
    rows, percent = table(counts(tmp_path))
    assert rows[0].split() == ["kernels/a.cpp", "5", "60.0%", "2,", "3"]
    assert percent == 60.0
