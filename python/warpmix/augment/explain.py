"""What a compiled list does, in words."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from warpmix.augment.program import Program
from warpmix.augment.stages import KINDS, STATISTICS_BYTES, Stage


def explain_launches(launches: Sequence[Program], channels: int, dtype: torch.dtype) -> str:
    """Return one line a launch: what it reads, does and writes, and its bytes a sample.

    A launch before the mix makes the partners too, which doubles its bytes.
    """
    mix = next((i for i, launch in enumerate(launches) if launch.has_mix), 0)
    lines = []
    number = 1
    for i, launch in enumerate(launches):
        last = i == len(launches) - 1
        source = "uint8" if i == 0 else "float32"
        reads = _elements(launch.size, channels) * (1 if i == 0 else 4)
        reads *= 2 if launch.has_mix else 1
        element = torch.empty(0, dtype=dtype).element_size() if last else 4
        writes = _elements(launch.result_size, channels) * element
        times = 2 if i < mix else 1
        if i > 0 and launch.needs_sums:
            lines.append(f"launch {number}: {source} → channel sums, {_moves(reads, 8 * channels)}")
            number += 1
        for stage in launch.entering_means:
            sums = 8 * channels * (2 if launch.has_mix else 1)
            lines.append(
                f"launch {number}: {source} → mean of the image that enters {_shown(stage)}, "
                f"{_moves(times * reads, times * sums)}"
            )
            number += 1
        chained = [s for s in launch.whole_images if s.chains]
        measured = [s for s in launch.whole_images if KINDS[s.kind].has_statistics and not chained]
        passed = [s for s in launch.whole_images if KINDS[s.kind].has_passes]
        if measured:
            made = times * channels * STATISTICS_BYTES
            lines.append(
                f"launch {number}: {source} → statistics of the image that enters "
                f"{_alternatives(measured)}, {_moves(times * reads, made)}"
            )
            number += 1
        if passed:
            made = times * 4 * _elements(launch.size, channels)
            lines.append(
                f"launch {number}: {source} → rows of {_alternatives(passed)} → float32, "
                f"{_moves(times * reads, made)}"
            )
            number += 1
        names = " → ".join(_steps(launch)) or "copy"
        result = f"normalise → {dtype}".replace("torch.", "") if last else "float32"
        label, more = f"launch {number}", ""
        if chained:  # each operation's statistics, and it
            number += 2 * len(chained) - 1
            label = f"{label.replace('launch', 'launches')} to {number}"
            made = times * 4 * _elements(launch.size, channels)
            more = f", and for each operation in a chain up to {made:,} of either"
        lines.append(
            f"{label}: {source} → {names} → {result}, {_moves(times * reads, times * writes)}{more}"
        )
        number += 1
    return "\n".join(lines)


def _elements(size: tuple[int, int], channels: int) -> int:
    return size[0] * size[1] * channels


def _moves(reads: int, writes: int) -> str:
    read = f"{reads:,}" if reads > 0 else "its images"  # of mixed sizes
    return f"reads {read} and writes {writes:,} bytes a sample"


def _shown(stage: Stage) -> str:
    if stage.sampling == "bicubic":
        return f"bicubic {stage.kind}"
    return "resize" if stage.kind == "resized_crop" and stage.p == 0 else stage.kind


def _alternatives(stages: Sequence[Stage]) -> str:
    return " or ".join(dict.fromkeys(_shown(stage) for stage in stages))


def _steps(launch: Program) -> list[str]:
    """Return the stages by name; the members of the map in brackets, and as one those of which a
    sample has one at most."""
    if launch.whole_images:
        return [_alternatives(launch.whole_images)]
    steps: list[str] = []
    for i, stage in enumerate(launch.stages):
        name = _shown(stage) + (" of the resampled" if i < launch.repeated else "")
        if stage.map is not None and i > 0 and launch.stages[i - 1].map == stage.map:
            steps[-1] = f"{steps[-1][:-1]} · {name}]"
        else:
            steps.append(f"[{name}]" if stage.map is not None else name)
    return steps
