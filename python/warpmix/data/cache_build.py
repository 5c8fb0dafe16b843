"""Making a cache: decode, write, note; after an interruption, go on behind the last note."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path
from typing import IO, Any

import numpy as np
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from warpmix._files import atomic_write
from warpmix.data.decode import Block, Decoder, ImageFiles, make_decoder
from warpmix.data.images import Fit

CACHE_FILE = "cache.json"
IMAGES_FILE = "images.u8"
FORMAT = 1  # of the cache: another number makes another cache

JOURNAL_FILE = "journal.jsonl"


def build(
    folder: Path, files: ImageFiles, size: tuple[int, int] | None, fit: Fit, skip_bad_images: bool
) -> None:
    """Decode the files that the journal does not list yet, and then write ``cache.json``.

    Raises:
        ValueError: images of different sizes, or none that can be read.
        OSError: the disk is full.
    """
    decoder = make_decoder(files.paths, size, fit, skip_bad_images)
    blocks = decoder.blocks()
    notes = _read_journal(folder / JOURNAL_FILE, decoder)
    mode = "r+b" if notes else "w+b"
    total = int(np.prod((len(files.paths), *decoder.size, 3)))
    with (
        (folder / IMAGES_FILE).open(mode) as images,
        (folder / JOURNAL_FILE).open("a" if notes else "w") as journal,
        _progress(files, sum(len(blocks[number]) for number in notes)) as advance,
    ):
        if not notes:
            os.posix_fallocate(images.fileno(), 0, total)  # a full disk shows now
            _note(journal, [decoder.size, decoder.block_size])
        for block in decoder.decode(rows for i, rows in enumerate(blocks) if i not in notes):
            number = block.rows.start // decoder.block_size
            notes[number] = _write(images, block)
            _note(journal, [number, *notes[number]])
            advance(len(block.rows))
    record = {
        "format": FORMAT,
        "name": files.name,
        "size": decoder.size,
        "block_size": decoder.block_size,
        "checksums": [notes[number][0] for number in range(len(blocks))],
        "left_out": [each for number in range(len(blocks)) for each in notes[number][1]],
    }
    with atomic_write(folder / CACHE_FILE) as temporary:
        temporary.write_text(json.dumps(record), "utf-8")
    (folder / JOURNAL_FILE).unlink(missing_ok=True)  # one who waited may have been faster


def _write(images: IO[bytes], block: Block) -> list[Any]:
    """Put a block's pixels on the disk; its checksum and what it leaves out."""
    content = block.pixels.tobytes()
    images.seek(block.rows.start * block.pixels[0].nbytes)
    images.write(content)
    images.flush()
    os.fdatasync(images.fileno())  # before the journal says that it is there
    return [zlib.crc32(content), [astuple(each) for each in block.left_out]]


def _note(journal: Any, entry: list[Any]) -> None:
    journal.write(json.dumps(entry) + "\n")
    journal.flush()


def _read_journal(path: Path, decoder: Decoder) -> dict[int, list[Any]]:
    """Return what :func:`_write` returned for each block that is on the disk, by its number.

    A last line that was cut off does not count; nor does a journal of other blocks.
    """
    if not path.exists():
        return {}
    entries = []
    for line in path.read_text("utf-8").splitlines(keepends=True):
        if not line.endswith("\n"):
            break
        entries.append(json.loads(line))
    if not entries or entries[0] != [list(decoder.size), decoder.block_size]:
        return {}
    whole = "".join(json.dumps(entry) + "\n" for entry in entries)
    with atomic_write(path) as temporary:  # without the line that was cut off
        temporary.write_text(whole, "utf-8")
    return {number: [checksum, left_out] for number, checksum, left_out in entries[1:]}


@contextmanager
def _progress(files: ImageFiles, done: int) -> Iterator[Any]:
    """Return a bar on the terminal, if there is one: a function that moves it on."""
    console = Console(stderr=True)
    what = TextColumn("{task.description}", markup=False)
    columns = (what, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bars = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with bars:
        bar = bars.add_task(f"decoding {files.name}", total=len(files.paths), completed=done)
        yield lambda count: bars.advance(bar, count)
