"""Copies of the project, for faults: the checkout itself is never changed."""

from __future__ import annotations

import shutil
from collections import defaultdict
from pathlib import Path

from mutation.places import Language, Place

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "mutants"
CODE = {".h", ".cpp", ".py"}
COPIED = ["pyproject.toml", "setup.py", "README.md", "LICENSE", "csrc", "kernels", "python"]


def fresh_tree(tree: Path, except_for: str) -> None:
    """Fill a folder with the project, without what is compiled; what it holds otherwise stays.

    Files that are the same keep their times, so that a second build compiles little. -O1 compiles
    faster, to the same results.

    Args:
        except_for: the folder whose code ``write_changed`` writes.
    """
    for name in COPIED:
        top = ROOT / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            left_out = {".so", ".pyc"} | (CODE if name == except_for else set())
            if path.is_file() and path.suffix not in left_out:
                data = path.read_bytes()
                if name == "setup.py":
                    data = data.replace(b'"-O3",', b'"-O1",', 1)
                write(tree / path.relative_to(ROOT), data)


def write(path: Path, data: bytes) -> None:
    """Write a file if it is new or another."""
    if not path.exists() or path.read_bytes() != data:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def write_changed(tree: Path, folder: str, language: Language, inside: dict[int, Place]) -> None:
    """Write the files of a folder with the numbered faults in them, and the others as they are."""
    chosen: defaultdict[str, list[tuple[int, Place]]] = defaultdict(list)
    for number, place in inside.items():
        chosen[place.path].append((number, place))
    for path in sorted((ROOT / folder).rglob("*")):
        if path.suffix in CODE:
            name = path.relative_to(ROOT).as_posix()
            write(tree / name, language.woven(path.read_bytes(), chosen[name]))


def with_modules(tree: Path) -> None:
    """Put what is compiled in the checkout into a tree."""
    for module in (ROOT / "python" / "warpmix").glob("*.so"):
        shutil.copy2(module, tree / "python" / "warpmix")
