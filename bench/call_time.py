"""What one call costs before any pixel: µs of a batch of 8 tiny images, where the work is nothing.

    OMP_NUM_THREADS=1 python bench/call_time.py [--device cuda] [--profile ROW]

On a GPU an eager call is host work alone, since nothing waits for the device; "captured" replays
the same call as a CUDA graph. A row is the least of many rounds, which a busy machine disturbs
least.
"""

from __future__ import annotations

import argparse
import cProfile
import functools
import json
import pstats
import time
from collections.abc import Callable
from pathlib import Path

import torch

import warpmix
from warpmix import CutMix, Pipeline, RandomContrast, RandomCropBlackout, RandomShift, ops

BATCH, CLASSES = 8, 10
ROUNDS, CALLS = 60, 50
BASIC = (RandomShift(0.2), RandomContrast((1.0, 3.0)), CutMix(), RandomCropBlackout(0.2))

Call = Callable[[], object]


def calls(device: str) -> dict[str, Call]:
    """The rows: from the operator alone to a call with everything left to the pipeline."""
    images = torch.randint(0, 256, (BATCH, 3, 8, 8), dtype=torch.uint8, device=device)
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.arange(BATCH, device=device)
    pipeline = Pipeline(BASIC, mean=0.5, std=0.25, seed=0).to(device)
    out = torch.empty_like(images, dtype=torch.float32)
    sums = ops.channel_sums(images)
    resident = functools.partial(pipeline, images, labels, index=labels, sums=sums)
    return {
        "operator": _operator(pipeline, images, labels, sums, out),
        "resident, out=": functools.partial(resident, out=out),
        "resident": resident,
        "ids=, sums=, out=": functools.partial(
            pipeline, images, labels, ids=labels, sums=sums, out=out
        ),
        "ids=, out=": functools.partial(pipeline, images, labels, ids=labels, out=out),
        "bare batch": functools.partial(pipeline, images, labels),
        "eval()": functools.partial(Pipeline(BASIC).to(device).eval(), images),
    }


def _operator(
    pipeline: Pipeline,
    images: torch.Tensor,
    labels: torch.Tensor,
    sums: torch.Tensor,
    out: torch.Tensor,
) -> Call:
    compiled = pipeline._compile(8, 8, 3)
    pair = torch.empty(2, BATCH, dtype=torch.int64, device=images.device)
    lam = torch.empty(BATCH, device=images.device)
    return functools.partial(
        torch.ops.warpmix.augment, ops.as_nhwc(images), labels, labels, None, labels, sums, None,
        None, 0, 0, False, compiled.words[0], compiled.scale, compiled.bias, out, pair, lam,
    )  # fmt: skip


def captured(call: Call) -> Call:
    """The call as a CUDA graph to replay."""
    call()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    return graph.replay


def microseconds(call: Call, device: str, rounds: int) -> float:
    """The least that a call took."""
    best = float("inf")
    for _ in range(rounds):
        if device == "cuda":
            torch.cuda.synchronize()  # the queue is empty, so that no call waits for room in it
        begin = time.perf_counter()
        for _ in range(CALLS):
            call()
        best = min(best, time.perf_counter() - begin)
    return best / CALLS * 1e6


def main() -> None:
    """Print the table and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--profile", metavar="ROW", help="where the host's time goes in a row")
    parser.add_argument("--json", type=Path)
    typed = parser.parse_args()
    rows = calls(typed.device)
    if typed.profile:
        with cProfile.Profile() as profile:
            for _ in range(2000):
                rows[typed.profile]()
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
        return
    table = {
        name: {"eager": microseconds(call, typed.device, typed.rounds)}
        for name, call in rows.items()
    }
    if typed.device == "cuda":
        for name, call in rows.items():
            table[name]["captured"] = microseconds(captured(call), typed.device, typed.rounds)
    print(
        f"warpmix {warpmix.__version__}, torch {torch.__version__}, {typed.device}, batch {BATCH}"
    )
    for name, times in table.items():
        print(f"{name:20}", *(f"{way} {time:7.1f} µs" for way, time in times.items()), sep="  ")
    if typed.json:
        typed.json.write_text(json.dumps({"device": typed.device, "microseconds": table}, indent=1))


if __name__ == "__main__":
    main()
