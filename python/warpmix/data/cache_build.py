"""Making a cache: decode, write, note; after an interruption, go on behind the last note."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path
from typing import IO, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, RootModel
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
SIZES_FILE = "sizes.i32"
FORMAT = 1  # of the cache: another number makes another cache

JOURNAL_FILE = "journal.jsonl"


_Checksum = Annotated[int, Field(ge=0, lt=2**32)]
_LeftOut = tuple[NonNegativeInt, str, bool]


class CacheRecord(BaseModel):
    """What ``cache.json`` holds.

    Attributes:
        format: :data:`FORMAT`.
        name: of the source.
        size: height and width of the images; None: each has its own, as SIZES_FILE tells.
        block_size: files that have a checksum together.
        checksums: CRC-32 of each block's pixels.
        left_out: the fields of each :class:`warpmix.data.decode.LeftOut`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int
    name: str
    size: tuple[PositiveInt, PositiveInt] | None
    block_size: PositiveInt
    checksums: tuple[_Checksum, ...]
    left_out: tuple[_LeftOut, ...]

    def check(self, files: int, size: tuple[int, int] | None) -> None:
        """Refuse a record that is not of so many files.

        Args:
            files: how many were decoded.
            size: height and width they were to come to; None: their own.

        Raises:
            ValueError: another format or size; a checksum too many or missing; files left out that
                are not there, or twice.
        """
        blocks = -(-files // self.block_size)
        rows = [row for row, _, _ in self.left_out]
        if self.format != FORMAT or size not in (None, self.size):
            raise ValueError(f"expected format {FORMAT} and images of {size}; {_REMEDY}")
        if len(self.checksums) != blocks:
            raise ValueError(
                f"expected the checksums of {blocks} blocks, got {len(self.checksums)}; {_REMEDY}"
            )
        if rows != sorted(set(rows)) or (rows and rows[-1] >= files):
            raise ValueError(f"left_out must name some of {files} files, rising; {_REMEDY}")


class _Note(RootModel[tuple[NonNegativeInt, _Checksum, tuple[_LeftOut, ...]]]):
    """A line of the journal: a block's number, its checksum, what it leaves out."""


_REMEDY = "delete its folder, and it is made again"


def build(
    folder: Path,
    files: ImageFiles,
    size: tuple[int, int] | None,
    fit: Fit,
    skip_bad_images: bool,
    store_size: int | None = None,
) -> None:
    """Decode the files that the journal does not list yet, and then write ``cache.json``.

    Raises:
        ValueError: none that can be read.
        OSError: the disk is full.
    """
    decoder = make_decoder(files.paths, size, fit, skip_bad_images, store_size)
    layout = decoder.layout
    if layout.size is None:
        with atomic_write(folder / SIZES_FILE) as temporary:
            temporary.write_bytes(layout.sizes.tobytes())
    blocks = decoder.blocks()
    notes = _read_journal(folder / JOURNAL_FILE, decoder)
    total = layout.bytes
    images_file = folder / IMAGES_FILE
    if not images_file.is_file() or images_file.stat().st_size != total:
        notes = {}
    mode = "r+b" if notes else "w+b"
    with (
        images_file.open(mode) as images,
        (folder / JOURNAL_FILE).open("a" if notes else "w") as journal,
        _progress(files, sum(len(blocks[number]) for number in notes)) as advance,
    ):
        if not notes:
            if total > 0:
                os.posix_fallocate(images.fileno(), 0, total)  # a full disk shows now
            _note(journal, _head(decoder))
        for block in decoder.decode(rows for i, rows in enumerate(blocks) if i not in notes):
            number = block.rows.start // decoder.block_size
            notes[number] = _write(images, block, layout.part(block.rows)[0])
            _note(journal, [number, *notes[number]])
            advance(len(block.rows))
    left_out = [each for number in range(len(blocks)) for each in notes[number][1]]
    record = CacheRecord(
        format=FORMAT,
        name=files.name,
        size=layout.without([row for row, _, _ in left_out]).size,
        block_size=decoder.block_size,
        checksums=tuple(notes[number][0] for number in range(len(blocks))),
        left_out=tuple(left_out),
    )
    with atomic_write(folder / CACHE_FILE) as temporary:
        temporary.write_text(record.model_dump_json(), "utf-8")
    (folder / JOURNAL_FILE).unlink(missing_ok=True)  # one who waited may have been faster


def _head(decoder: Decoder) -> list[Any]:
    """Return the journal's first line: what its blocks are of."""
    return [decoder.layout.size, decoder.block_size]


def _write(images: IO[bytes], block: Block, start: int) -> list[Any]:
    """Put a block's pixels on the disk; its checksum and what it leaves out."""
    content = block.pixels.tobytes()
    images.seek(start)
    images.write(content)
    images.flush()
    os.fdatasync(images.fileno())  # before the journal says that it is there
    return [zlib.crc32(content), [astuple(each) for each in block.left_out]]


def _note(journal: Any, entry: list[Any]) -> None:
    journal.write(_line(entry).decode())
    journal.flush()


def _read_journal(path: Path, decoder: Decoder) -> dict[int, list[Any]]:
    """Return what :func:`_write` returned for each block that is on the disk, by its number.

    A last line that was cut off does not count, nor do damaged ones; nor does a journal of other
    blocks: what they would tell is decoded again.
    """
    if not path.exists():
        return {}
    head, *lines = path.read_bytes().splitlines(keepends=True) or [b""]
    if head != _line(_head(decoder)):
        return {}
    blocks, notes = decoder.blocks(), {}
    for line in lines:
        try:
            note = _Note.model_validate_json(line)
            rows = blocks[note.root[0]]
        except (ValueError, IndexError):
            continue
        number, checksum, left_out = note.root
        if line == _line(note.model_dump()) and all(each[0] in rows for each in left_out):
            notes[number] = [checksum, left_out]
    with atomic_write(path) as temporary:  # without the lines that do not count
        temporary.write_bytes(b"".join([head, *(_line([n, *rest]) for n, rest in notes.items())]))
    return notes


def _line(entry: Any) -> bytes:
    return json.dumps(entry).encode() + b"\n"


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
