"""warpmix._files: a reader never meets half a file."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import NoReturn

import pytest

from warpmix._files import atomic_write


def test_writes_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    for text in ("first", "second"):
        with atomic_write(path) as temporary:
            assert temporary.parent == tmp_path
            assert temporary.suffix == ".csv"
            temporary.write_text(text)
        assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]


def test_old_file_is_unseen_until_the_end(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_text("old")
    with atomic_write(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> NoReturn:
    path = tmp_path / "state"
    path.write_text("old")
    with pytest.raises(OSError) as caught, atomic_write(path) as temporary:
        temporary.write_text("ne")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.errno == errno.ENOSPC
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_body_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "state"):
        pass
    assert not list(tmp_path.iterdir())


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(FileNotFoundError, match="absent does not exist"),
        atomic_write(tmp_path / "absent" / "state"),
    ):
        pass
