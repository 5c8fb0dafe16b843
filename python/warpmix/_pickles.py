"""What a pickle asks for, before it is read.

A pickle says how long its next string is, and at which place of its memory it keeps a value. A
reader takes the memory first, and finds out then that the file ends.
"""

from __future__ import annotations

import pickletools
from collections.abc import Iterator
from typing import Protocol

_SPARE_PLACES = 1000


class Readable(Protocol):
    """A file in memory or mapped into it: reading beyond its end takes no memory."""

    def read(self, size: int, /) -> bytes: ...

    def readline(self) -> bytes: ...


def checked_opcodes(file: Readable) -> Iterator[str]:
    """Yield the names of a pickle's opcodes, up to its end; nothing is called or kept.

    Raises:
        ValueError: a length beyond the file's end, a place beyond the number of values, or no
            pickle.
    """
    for count, (opcode, argument, _) in enumerate(pickletools.genops(file), start=1):  # type: ignore[arg-type]
        keeps = opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and argument is not None
        if keeps and int(argument or 0) > count + _SPARE_PLACES:
            raise ValueError(f"it has a place {argument} in a memory of {count} values")
        yield opcode.name
