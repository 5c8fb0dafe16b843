"""The folder of a bundle: made under another name, or completed where a killed export began it."""

from __future__ import annotations

import filecmp
import os
from pathlib import Path

from warpmix._files import flush, make_folder, remove_unfinished

BUNDLE_FILE = "ensemble.json"
"""By it a bundle's folder is known: it may also have its first member's settings, as runs have."""


def complete_folder(folder: Path, made: Path) -> None:
    """Move the files of a bundle to those that are in its folder already; ``ensemble.json`` last.

    Raises:
        ValueError: the folder holds other files, or files of another content.
    """
    files = [path.relative_to(made) for path in made.rglob("*") if path.is_file()]
    for file in files:
        if (folder / file.parent).is_dir():
            remove_unfinished(folder / file.parent, file.name.__eq__)
    there = {
        path.relative_to(folder)
        for path in folder.rglob("*")
        if made not in path.parents and not path.is_dir()
    }
    for file in there:
        if file not in files or not filecmp.cmp(folder / file, made / file, shallow=False):
            raise ValueError(not_empty(folder))
    for file in sorted(files, key=lambda file: (file.name == BUNDLE_FILE, file)):
        if file not in there:
            make_folder((folder / file).parent)
            (made / file).rename(folder / file)
    flush(folder)


def is_bundle(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is a folder that holds a bundle."""
    return (Path(path) / BUNDLE_FILE).is_file()


def not_empty(folder: Path) -> str:
    return (
        f"{folder} must be empty to hold a bundle, and holds other files or another bundle; choose "
        "another folder"
    )
