"""Places of source files where a fault can be put, and the files with all chosen faults in them.

A rebuild and a start of Python for each fault would take minutes. So all faults of a run stand in
one tree, each behind a switch: ``(MUTANT(17) ? (a - b) : (a + b))``. The number is chosen as the
program runs.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Place:
    """A stretch of a file and the fault to put there.

    Attributes:
        path: of the file, from the root of the project.
        start: first byte of the stretch.
        end: the byte after its last.
        line: of its first byte, from 1.
        fault: what is changed, as "+ to -".
        changed: the stretch with the fault, on one line; "" leaves a statement out.
        original: the stretch as it is.
    """

    path: str
    start: int
    end: int
    line: int
    fault: str
    changed: str
    original: str

    @property
    def name(self) -> str:
        short = " ".join(self.original.split())
        short = short if len(short) <= 60 else f"{short[:57]}..."
        return f"{self.path}:{self.line}: {self.fault}: {short}"


def sample(places: Iterable[Place], count: int, seed: int) -> list[Place]:
    """Draw so many places, each as likely; the places of one stretch count once."""
    drawn = sorted(places)
    random.Random(seed).shuffle(drawn)
    taken: dict[tuple[str, int, int], Place] = {}
    for place in drawn:
        taken.setdefault((place.path, place.start, place.end), place)
    return list(taken.values())[:count]


class Language:
    """How a switch is written; ``{number}``, ``{changed}`` and ``{original}`` are filled in."""

    def __init__(self, expression: str, left_out: str) -> None:
        self.expression = expression
        self.left_out = left_out

    def woven(self, source: bytes, chosen: Sequence[tuple[int, Place]]) -> bytes:
        """Return a file with the numbered faults in it, on the lines they are on.

        One stretch may lie inside another: only one fault is chosen at a time, so that the changed
        text needs no switch inside.
        """
        return self._span(source, 0, len(source), sorted(chosen, key=_outermost_first))

    def _span(self, source: bytes, start: int, end: int, chosen: list[tuple[int, Place]]) -> bytes:
        parts, at = [], start
        while chosen:
            number, place = chosen[0]
            inside = [other for other in chosen[1:] if other[1].start < place.end]
            original = self._span(source, place.start, place.end, inside)
            form = self.expression if place.changed else self.left_out
            before, after = form.split("{original}")
            fill = {"{number}": str(number), "{changed}": place.changed}
            for slot, text in fill.items():
                before, after = before.replace(slot, text), after.replace(slot, text)
            parts += [source[at : place.start], before.encode(), original, after.encode()]
            at = place.end
            chosen = chosen[1 + len(inside) :]
        return b"".join([*parts, source[at:end]])


def _outermost_first(numbered: tuple[int, Place]) -> tuple[int, int]:
    return numbered[1].start, -numbered[1].end
