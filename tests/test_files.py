"""warpmix._files: a reader never meets half a file, and what goes wrong is told in words."""

from __future__ import annotations

import errno
import os
import resource
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

from warpmix._files import (
    atomic_write,
    default_cache,
    feature_cache,
    make_folder,
    temporary_folder,
    write_json,
    writing,
)
from warpmix.data import load
from warpmix.models.backbones import create_backbone


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


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("folder", "folder: it is a folder; choose another name"),
        ("pipe", "pipe: it is a device; choose another name"),
        ("file/state", "file is no folder; choose another folder"),
    ],
)
def test_what_is_in_the_place_of_a_file_or_a_folder_is_left_alone(
    tmp_path: Path, place: str, message: str
) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=f"cannot write .*{message}"), atomic_write(tmp_path / place):
        pass
    with pytest.raises(FileExistsError, match=r"cannot make the folder .*file is there and is no"):
        make_folder(tmp_path / "file" / "a" / "b")


def test_a_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "far" / "state")
    for text in ("first", "second"):  # there is no file yet, and then there is
        with atomic_write(tmp_path / "link") as temporary:
            temporary.write_text(text)
        assert (tmp_path / "far" / "state").read_text() == text
    assert (tmp_path / "link").is_symlink()


# ---- errors name the file and the remedy --------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "No space left on device; free some space there and run the same command"),
        (errno.EDQUOT, "Disk quota exceeded; free some of your quota"),
        (errno.EFBIG, r"File too large; raise the limit on the size of a file \(ulimit -f\)"),
        (errno.EROFS, "Read-only file system; choose another folder"),
        (errno.EACCES, "Permission denied; choose another folder"),
    ],
)
def test_errors_of_the_disk_name_the_file_and_the_remedy(
    tmp_path: Path, number: int, message: str
) -> None:
    path = tmp_path / "weights"
    with pytest.raises(OSError, match=f"^cannot write {path}: {message}") as caught, writing(path):
        raise OSError(number, os.strerror(number))
    assert caught.value.errno == number and type(caught.value) is type(OSError(number, ""))


def test_a_limit_on_the_size_of_files_is_met_for_real(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match=f"^cannot write {path}: File too large"):
            write_json(path, {"text": "a" * 2000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.iterdir())


def test_what_is_read_while_writing_keeps_its_name(tmp_path: Path) -> None:
    with (
        pytest.raises(FileNotFoundError, match="absent"),
        atomic_write(tmp_path / "copy") as temporary,
    ):
        shutil.copyfile(tmp_path / "absent", temporary)


# ---- what killed writers leave ------------------------------------------------------------------


def test_what_a_killed_writer_left_is_removed_and_a_living_ones_stays(tmp_path: Path) -> None:
    others = [
        tmp_path / name
        for name in (
            ".state.20240131.json",  # a date
            ".states.0123abcd.json",
            ".state.0123abcd.csv",
            "state.0123abcd.json",
        )
    ]
    for path in (*others, tmp_path / ".state.0123abcd.json"):
        path.touch()
    (tmp_path / ".state.89abcdef.json").mkdir()  # of a folder
    (tmp_path / ".state.89abcdef.json" / "part").touch()
    with atomic_write(tmp_path / "state.json") as living:
        living.write_text("first")
        write_json(tmp_path / "state.json", {})
        assert living.read_text() == "first"
        kept = {*others, living, tmp_path / "state.json"}
        assert set(tmp_path.iterdir()) == kept
    assert (tmp_path / "state.json").read_text() == "first"
    assert set(tmp_path.iterdir()) == kept - {living}


def test_a_temporary_folder_is_removed_unless_it_was_renamed(tmp_path: Path) -> None:
    path = tmp_path / "bundle"
    with pytest.raises(ZeroDivisionError), temporary_folder(path) as made:
        (made / "part").touch()
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())
    with temporary_folder(path) as made:
        (made / "part").touch()
        made.rename(path)
    assert [each.name for each in tmp_path.rglob("*")] == ["bundle", "part"]


# ---- the home folder ----------------------------------------------------------------------------


def test_an_unknown_home_folder_is_an_error_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unknown(user: int) -> NoReturn:
        raise KeyError(user)

    for name in ("HOME", "WARPMIX_CACHE", "WARPMIX_DATA", "TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    for function in (default_cache, feature_cache):
        with pytest.raises(FileNotFoundError, match=r"home folder is unknown.*WARPMIX_CACHE"):
            function()
    assert len(load("digits", "test")) == 360  # needs no folder
    with pytest.raises(FileNotFoundError, match=r"home folder is unknown.*WARPMIX_DATA or --root"):
        load("cifar10")
    with pytest.raises(FileNotFoundError, match=r"home folder is unknown.*TORCH_HOME"):
        create_backbone("resnet18", "DEFAULT")
