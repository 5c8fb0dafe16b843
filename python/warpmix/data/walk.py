"""Which files below a folder are images, and an account of those that are not."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from warpmix.data.images import EXTENSIONS, why_no_image

_NAMED = 10  # files in the notice
_OF_SYSTEMS = frozenset({"__MACOSX", "@eaDir"})  # of macOS's archives, of Synology's disks


class Walk:
    """Finds the images of one source, and keeps account of the files that it leaves out.

    A file is an image if its extension is one of :data:`warpmix.data.images.EXTENSIONS`, or else
    if Pillow knows its content. Hidden files and folders are passed over. Links to folders are
    followed, but no folder is read twice: there are neither loops nor copies.

    Args:
        root: the folder of the source.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        real = Path(os.path.realpath(root))
        self._above = {str(real), *map(str, real.parents)}
        self._entered: set[str] = set()
        self._left_out: list[tuple[Path, str]] = []
        self._metadata = 0  # files ._* of macOS

    def images(self, folders: Sequence[Path]) -> list[list[Path]]:
        """Return the images in each folder and in the folders below it, sorted by path.

        Raises:
            OSError: a folder cannot be listed.
        """
        found: list[list[Path]] = [[] for _ in folders]
        real: list[tuple[Path, int]] = []
        links: list[tuple[Path, int]] = []
        for number, folder in enumerate(folders):
            (links if folder.is_symlink() else real).append((folder, number))
        while real or links:
            # Of a folder and a link to it, the folder counts: so links wait.
            folder, number = real.pop() if real else links.pop(0)
            if not self._enter(folder):
                continue
            files, below = self._list(folder)
            found[number] += files
            for path in below:
                (links if path.is_symlink() else real).append((path, number))
        return [self._without_others(files) for files in found]

    def loose_images(self, folder: Path) -> list[Path]:
        """Return the images in a folder itself, sorted; other files there are of no interest."""
        files, left_out = self._list(folder)[0], list(self._left_out)
        images = self._without_others(files)
        self._left_out = left_out
        return images

    def holds_images(self) -> bool:
        """Return whether an image lies in the root itself."""
        files = self._list(self._root)[0]
        return any(_is_called_image(path) for path in files) or any(
            why_no_image(path) is None for path in files
        )

    def leave_out(self, paths: Sequence[Path], reason: str) -> None:
        """Note files that are left out for another reason than their content."""
        self._left_out += [(path, reason) for path in paths]

    def left_out(self) -> str:
        """Return in words how many files are left out, and which; nothing if there are none."""
        chosen = sorted(self._left_out)
        named = [f"{path.relative_to(self._root)} ({why})" for path, why in chosen[:_NAMED]]
        if len(chosen) > _NAMED:
            named.append(f"and {len(chosen) - _NAMED} more")
        return f"{len(chosen)} left out: {', '.join(named)}" if chosen else ""

    def warn(self) -> None:
        """Warn of what is left out, if anything is."""
        words = [self.left_out()] if self._left_out else []
        if self._metadata:
            words.append(f"{self._metadata} of macOS's ._* files ignored, which hold no images")
        if words:
            warnings.warn(f"{self._root.absolute()}: {'; '.join(words)}", stacklevel=2)

    def _enter(self, folder: Path) -> bool:
        """Return whether a folder is to be read; note the links that lead back."""
        real = os.path.realpath(folder)
        if real in self._above and folder != self._root:
            self._left_out.append((folder, "a link to a folder that it lies in"))
        elif real in self._entered:
            self._left_out.append((folder, "a link to a folder that is read already"))
        else:
            self._entered.add(real)
            return True
        return False

    def _list(self, folder: Path) -> tuple[list[Path], list[Path]]:
        """Return the files and the folders in a folder, hidden ones passed over."""
        files, folders = [], []
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda each: each.name):
                path = folder / entry.name
                if not is_shown(entry.name):
                    self._metadata += entry.name.startswith("._") and entry.is_file()
                elif entry.is_dir():
                    folders.append(path)
                elif entry.is_file():
                    files.append(path)
                else:
                    reason = "a link to nothing" if entry.is_symlink() else "no regular file"
                    self._left_out.append((path, reason))
        return files, folders

    def _without_others(self, files: list[Path]) -> list[Path]:
        """Return the images among files, sorted, and note the others."""
        doubtful = [path for path in files if not _is_called_image(path)]
        if not doubtful:
            return sorted(files)
        with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
            reasons = zip(doubtful, pool.map(why_no_image, doubtful), strict=True)
            others = {path: reason for path, reason in reasons if reason is not None}
        self._left_out += others.items()
        return sorted(path for path in files if path not in others)


def _is_called_image(path: Path) -> bool:
    return path.suffix.lower() in EXTENSIONS


def is_shown(name: str) -> bool:
    """Return whether a file or a folder of this name is looked at."""
    return not name.startswith(".") and name not in _OF_SYSTEMS
