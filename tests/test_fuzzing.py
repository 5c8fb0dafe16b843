"""Every reader, on damaged files: one line that names the file, and nothing else happens."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from fuzzing.corpus import CORPUS, MENDED
from fuzzing.process import LINES, LONGEST, fuzz
from fuzzing.readers import READERS
from fuzzing.valid_files import Reader

from warpmix import InvalidFileError

BY_NAME = {reader.name: reader for reader in READERS}
EXECUTIONS = 15  # of a reader here; `make fuzz` has hundreds


def damaged(reader: str, change: object, at: Path) -> Path:
    """The damaged file of a reader, among its valid ones."""
    path = BY_NAME[reader].make(at)
    path.write_bytes(change(path.read_bytes()))  # type: ignore[operator]
    return path


@pytest.mark.parametrize(
    ("reader", "name"), [(reader, name) for reader, cases in CORPUS.items() for name in cases]
)
def test_it_is_refused_in_a_line(
    reader: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = damaged(reader, CORPUS[reader][name], tmp_path.resolve())
    begun = time.monotonic()
    with pytest.raises(ValueError) as caught:
        BY_NAME[reader].read(path)
    message = str(caught.value)
    assert time.monotonic() - begun < 10
    assert len(message) <= LONGEST and message.count("\n") < LINES
    if reader != "--set":
        assert isinstance(caught.value, InvalidFileError)
        assert path.name in message or path.parent.name in message
        assert ";" in message or ":" in message  # the remedy


@pytest.mark.parametrize(
    ("reader", "name"), [(reader, name) for reader, cases in MENDED.items() for name in cases]
)
def test_it_is_mended(
    reader: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = damaged(reader, MENDED[reader][name], tmp_path.resolve())
    BY_NAME[reader].read(path)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_damage_ends_in_a_line(reader: Reader) -> None:
    counts = fuzz(reader, EXECUTIONS, seed=0)
    assert counts.done == EXECUTIONS
    assert counts.failures == 0, counts.examples
