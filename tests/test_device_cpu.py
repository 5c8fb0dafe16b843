"""The CPU operators under sanitizers, on recorded calls: the short form of `make sanitize`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from device.build import ROOT, Target, build
from device.replay import replay


@pytest.mark.parametrize("sanitizer", ["address", "thread"])
def test_cpu_operators_have_no_report_of_a_sanitizer(sanitizer: str, recorded_cases: Path) -> None:
    """AddressSanitizer with UndefinedBehaviorSanitizer; ThreadSanitizer. The second run has every
    tensor three elements after the start of its memory."""
    target = Target("cpu", sanitizer)
    folder = build(target)
    for offset in (0, 3):
        outcome = replay(target, folder, recorded_cases, offset)
        assert outcome.passed, outcome.output[-6000:]
        shared = re.search(r"(\d+) calls shared between threads", outcome.output)
        assert shared and int(shared[1]) > 500


def test_a_lock_left_out_is_reported(recorded_cases: Path) -> None:
    """A test of the test: each file of the loops that has a lock, without it."""
    locked = {
        path.relative_to(ROOT).as_posix(): re.sub(r".*std::lock_guard.*\n", "\n", text)
        for path in sorted((ROOT / "kernels").glob("*/cpu/*"))
        if "std::lock_guard" in (text := path.read_text())
    }
    assert locked
    target = Target("cpu", "thread")
    outcome = replay(target, build(target, locked, "cpu-without-locks"), recorded_cases)
    assert not outcome.passed and "data race" in outcome.output, outcome.output
