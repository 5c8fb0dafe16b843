"""The files of a predictions store: names, the writers' lock, the index."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from urllib.parse import quote, unquote

from warpmix._files import atomic_write, lock, make_folder, remove_unfinished, target_of, writing
from warpmix._reading import quoted, read_json_object, reading_file
from warpmix.predictions.entry import Entry

INDEX_FILE = "index.json"
"""Its presence makes a folder a store."""

_FORMAT = "warpmix.predictions-store"
_VERSION = 1
_LOCK_FILE = ".lock"
_REMEDY = (
    f'replace a damaged index with {{"format": "{_FORMAT}", "version": {_VERSION}, '
    '"entries": []}: it is made anew from the members\' files'
)
_SAMPLES_SUFFIX = ".samples.safetensors"
_MEMBER_SUFFIX = ".safetensors"

_removed_here: set[Path] = set()  # stores whose last removal this process finished


class StoreFolder:
    """A store's folder, without its rules.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def is_store(self) -> bool:
        return (self.path / INDEX_FILE).is_file()

    def make(self) -> None:
        """Make an empty store, unless another process was faster.

        Raises:
            ValueError: the folder holds something else.
        """
        make_folder(self.path)
        own = {_LOCK_FILE, INDEX_FILE}
        foreign = sorted(
            p.name for p in self.path.iterdir() if (target_of(p.name) or p.name) not in own
        )
        if foreign and not self.is_store():
            raise ValueError(
                f"{self.path} must be empty or a store of predictions, got a folder with "
                f"{foreign[0]}"
            )
        with self.lock():
            if not self.is_store():
                self.write_index(())

    def member(self, split: str, model: str) -> Path:
        return self.path / _file_name(split) / f"{_file_name(model)}{_MEMBER_SUFFIX}"

    def samples(self, split: str) -> Path:
        return self.path / f"{_file_name(split)}{_SAMPLES_SUFFIX}"

    def members(self) -> dict[tuple[str, str], Path]:
        """Return the finished members' files, by (split, model)."""
        return {
            (unquote(path.parent.name), unquote(path.name.removesuffix(_MEMBER_SUFFIX))): path
            for path in self.path.glob(f"*/*{_MEMBER_SUFFIX}")
            if not path.name.startswith(".")
        }

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Let one writer in at a time, of all processes; the system frees a killed one's lock.

        What a killed one left unfinished is removed.
        """
        with lock(self.path / _LOCK_FILE):
            for folder in (self.path, *(p for p in self.path.iterdir() if p.is_dir())):
                remove_unfinished(folder, _is_ours)
            yield

    def removed(self, split: str | None) -> frozenset[str]:
        """Return the models that the last removal named, if another process made it of this split.

        That may have been killed, so that to remove them again is no mistake.
        """
        if self.path.resolve() in _removed_here:
            return frozenset()
        first, *models = (self.path / _LOCK_FILE).read_text("utf-8", "replace").split("\n")
        return frozenset(map(unquote, models)) if first == quote(split or "") else frozenset()

    def note_removal(self, models: Iterable[str], split: str | None = None) -> None:
        """Note in the lock's file which models are about to be removed; none: forget the last."""
        noted = "\n".join(map(quote, (split or "", *models)))
        path = self.path / _LOCK_FILE
        if noted or path.stat().st_size:
            with writing(path):
                path.write_text(noted, "utf-8")
        _removed_here.discard(self.path.resolve())

    def end_removal(self) -> None:
        """Remember, in this process alone, that the removal came to its end."""
        _removed_here.add(self.path.resolve())

    def read_index(self) -> tuple[Entry, ...]:
        """Return the listed members.

        Raises:
            ValueError: the index is damaged, or of a later version.
        """
        path = self.path / INDEX_FILE
        index = read_json_object(path, _REMEDY)
        with reading_file(path, _REMEDY):
            made_by = index.get("format"), index.get("version")
            if made_by != (_FORMAT, _VERSION):
                raise ValueError(
                    f"expected {_FORMAT} of version {_VERSION}, got {quoted(made_by[0])} of "
                    f"version {quoted(made_by[1])}; {_REMEDY}"
                )
            if not isinstance(index.get("entries"), list):
                raise ValueError(f"expected a list of entries; {_REMEDY}")
            entries = tuple(Entry.of_json(facts) for facts in index["entries"])
            if len({entry.key for entry in entries}) < len(entries):
                raise ValueError(f"a member is listed twice; {_REMEDY}")
            return entries

    def write_index(self, entries: Iterable[Entry]) -> None:
        ordered = sorted(entries, key=lambda entry: entry.key)
        index = {
            "format": _FORMAT,
            "version": _VERSION,
            "entries": [asdict(entry) for entry in ordered],
        }
        with atomic_write(self.path / INDEX_FILE) as temporary:
            temporary.write_text(json.dumps(index, indent=1) + "\n")


def _is_ours(name: str) -> bool:
    """Return whether a file that is not finished was to be one of a store."""
    return name == INDEX_FILE or name.endswith(_MEMBER_SUFFIX)


def _file_name(name: str) -> str:
    """Return a name that is one path component, not hidden, and can be turned back."""
    quoted = quote(name, safe=" +,=@()")
    return f"%2E{quoted[1:]}" if quoted.startswith(".") else quoted
