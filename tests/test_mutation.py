"""The tool of ``make mutants``: it finds places, changes nothing else, and sees what happens."""

from __future__ import annotations

import os
import re
import signal

import pytest
from mutation import python
from mutation.forks import Send, in_child, verdict_of
from mutation.places import Place, sample
from mutation.tree import ROOT

SOURCE = b'''def area(width: int, height: float = 2.5, *, even: bool = False) -> float:
    """Return 3."""
    if even:
        check(width)
    return width * height + 1 if width > 0 and not even else -1
'''
FAULTS = """
1 number plus 1: 2.5 -> 2.5 + 1
1 False to True: False -> True
3 condition reversed: even -> not (even)
4 statement left out: check(width) ->
5 without not: not even -> even
5 * to /: width * height -> (width) / (height)
"""


def results(code: bytes, chosen: int = 0) -> object:
    """What the code gives with one fault; 0 for none."""
    checked: list[int] = []
    names = {"MUTANT": lambda number: number == chosen, "check": checked.append}
    exec(code, names)
    calls = "area(3), area(-3), area(0), area(4, 2, even=True), area(4, 2), area(0.5)"
    return eval(calls, names), checked  # type: ignore[arg-type]


def test_python_places() -> None:
    found = {
        f"{p.line} {p.fault}: {p.original} -> {p.changed}".strip()
        for p in python.places("area.py", SOURCE)
    }
    for line in FAULTS.strip().splitlines():
        assert line in found


def test_faults_happen_one_at_a_time() -> None:
    places = list(python.places("area.py", SOURCE))
    woven = python.SWITCH.woven(SOURCE, list(enumerate(places, 1)))
    assert woven.count(b"\n") == SOURCE.count(b"\n")
    assert results(woven) == results(SOURCE)
    for number, place in enumerate(places, 1):
        changed = f"({place.changed or None})".encode()
        alone = SOURCE[: place.start] + changed + SOURCE[place.end :]
        assert results(woven, number) == results(alone) != results(SOURCE)


def test_a_sample_is_the_same_by_its_seed_and_takes_a_stretch_once() -> None:
    places = [Place("a.py", at, at + 1, 1, fault, "x", "y") for at in range(50) for fault in "ab"]
    one = sample(places, 20, seed=3)
    assert one == sample(reversed(places), 20, seed=3) != sample(places, 20, seed=4)
    assert len({place.start for place in one}) == 20
    assert len(sample(places, 1000, seed=3)) == 50


def test_how_a_child_ends() -> None:
    def fails(send: Send) -> None:
        send("one")
        os.kill(os.getpid(), signal.SIGKILL)

    def never_ends(send: Send) -> None:
        send("two")
        while True:
            pass

    assert in_child(lambda send: send({"x": [1]}), 10) == ("done", [{"x": [1]}])
    assert in_child(fails, 10) == ("crashed", ["one"])
    assert in_child(never_ends, 0) == ("endless", ["two"])


def test_verdicts() -> None:
    assert verdict_of("done", ["a", "b", "failed"]).by == "b"
    assert verdict_of("done", ["a", "b"]).kind == "survived"
    assert verdict_of("crashed", ["a"]).caught


def test_the_kernels_have_places() -> None:
    cpp = pytest.importorskip(
        "mutation.cpp", reason="needs the extra 'mutation'", exc_type=ImportError
    )
    path = "kernels/augment/boxes.h"
    source = (ROOT / path).read_bytes()
    places = list(cpp.places(path, source))
    woven = cpp.SWITCH.woven(source, list(enumerate(places, 1)))
    assert woven.count(b"\n") == source.count(b"\n")
    assert len(places) > 10
    assert set(map(int, re.findall(rb"MUTANT\((\d+)\)", woven))) == set(range(1, len(places) + 1))
    constant = (
        b"constexpr int kA = 1 + 2;\ntemplate <int k>\nstruct B { int x[k + 1]; };\nB<3 + 4> b;\n"
        b"__m128i upper = _mm_alignr_epi8(high, low, 8);\n"
    )
    assert not list(cpp.places("a.h", constant))
    assert len(list(cpp.places("a.h", b"__m128i all = _mm_set1_epi32(8);\n"))) == 1
