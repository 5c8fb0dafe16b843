"""One row's time, processor time and memory, each in a process of its own.

The process is forked, so that nothing is imported twice, and ends after its row: neither memory
that another row has freed nor its threads are found there. Whoever forks must have run no parallel
region of OpenMP and must not have touched the GPU.
"""

from __future__ import annotations

import ctypes
import functools
import gc
import itertools
import os
import pickle
import select
import signal
import statistics
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch


@dataclass(frozen=True)
class Call:
    """What to time: the work of a round, on what was prepared, untimed, for the round's number."""

    prepare: Callable[[int], Any]
    work: Callable[[Any], object]


@dataclass(frozen=True)
class Effort:
    """How long a row is measured.

    Attributes:
        seconds: of timed rounds; at least ``fewest`` rounds, or 3 where one takes half a second.
        limit: seconds after which the process is ended, compilation and warm-up included.
    """

    seconds: float = 0.6
    fewest: int = 7
    most: int = 2000
    limit: float = 300.0

    def rounds(self, one: float) -> int:
        fewest = self.fewest if one < 0.5 else min(3, self.fewest)
        return min(max(int(self.seconds / one), fewest), self.most)


def in_child(function: Callable[[], Any], limit: float) -> Any:
    """Return the function's result, made in a forked process.

    Raises:
        RuntimeError: with the last line of what went wrong there.
    """
    gc.freeze()  # else a collection in the child copies the pages of all that was imported
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)  # one group with processes of its own, which is ended as a whole
        _be_child(function, write)
    os.close(write)
    parts = []
    deadline = time.monotonic() + limit
    try:
        while True:
            left = max(deadline - time.monotonic(), 0.0)
            if not select.select([read], [], [], left)[0]:
                raise RuntimeError(f"not done after {limit:.0f} s")
            part = os.read(read, 1 << 20)
            if not part:
                break
            parts.append(part)
    except BaseException:
        os.killpg(child, signal.SIGKILL)
        raise
    finally:
        os.close(read)
        _, status = os.waitpid(child, 0)
    if not parts:
        raise RuntimeError(f"the process ended with status {status}")
    done, result = pickle.loads(b"".join(parts))
    if not done:
        raise RuntimeError(result)
    return result


def _be_child(function: Callable[[], Any], write: int) -> None:
    try:
        try:
            answer = (True, function())
        except Exception as error:
            if os.environ.get("WARPMIX_COMPARE_DEBUG"):
                traceback.print_exc()
            lines = str(error).strip().splitlines() or [""]
            answer = (False, f"{type(error).__name__}: {lines[0][:200]}")
        view = memoryview(pickle.dumps(answer))
        while view:
            view = view[os.write(write, view) :]
    finally:
        os._exit(0)


# ---- memory -------------------------------------------------------------------------------------


def _resident(field: str) -> int:
    """Bytes of this process: "VmRSS" now, "VmHWM" at most since the last reset."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {field}")


def extra_memory(work: Callable[[], object], device: str = "cpu") -> int:
    """Return the bytes that a call takes at most beyond those of before, its result included.

    On a CPU pages of the process, on a GPU what torch allocates there.
    """
    if device == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        work()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before
    ctypes.CDLL("libc.so.6").malloc_trim(0)  # what was freed is not there to be taken again
    Path("/proc/self/clear_refs").write_text("5")  # the peak is now what is resident
    before = _resident("VmRSS")
    work()
    return max(_resident("VmHWM") - before, 0)


# ---- time ---------------------------------------------------------------------------------------


def timed(call: Call, effort: Effort, device: str = "cpu", first: int = 0) -> dict[str, float]:
    """Return seconds a round: "median", "minimum", "cpu" (mean, of all threads), and the count "n".

    Rounds are numbered from ``first``, warm-up included.
    """
    rounds = itertools.count(first)
    one = max(_once(call, next(rounds), device)[0], 1e-7)
    if one < effort.seconds:  # warm up, and estimate again
        one = max(min(_once(call, next(rounds), device)[0] for _ in range(3)), 1e-7)
    found = [_once(call, next(rounds), device) for _ in range(effort.rounds(one))]
    times, cpu = zip(*found, strict=True)
    median, n = statistics.median(times), len(times)
    return {"median": median, "minimum": min(times), "cpu": sum(cpu) / n, "n": n}


def _once(call: Call, number: int, device: str) -> tuple[float, float]:
    """Seconds that passed, and seconds of processor time."""
    prepared = call.prepare(number)
    if device == "cuda":
        torch.cuda.synchronize()
    processor, begin = time.process_time(), time.perf_counter()
    result = call.work(prepared)
    if device == "cuda":
        torch.cuda.synchronize()
    end = time.perf_counter()
    del result  # freeing it belongs to the next call, as in a loop of training
    return end - begin, time.process_time() - processor


def timed_by_many(call: Call, effort: Effort, workers: int) -> dict[str, float]:
    """Return :func:`timed` of several processes at once, each on its own inputs, a batch of all.

    As DataLoader's workers do, but without carrying batches between processes, which favours the
    rows that work this way.
    """
    children = []
    for worker in range(workers):
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            _be_child(functools.partial(timed, call, effort, first=1000 * worker), write)
        os.close(write)
        children.append((child, read))
    found = []
    for child, read in children:
        with os.fdopen(read, "rb") as pipe:
            text = pipe.read()
        os.waitpid(child, 0)
        done, result = pickle.loads(text)
        if not done:
            raise RuntimeError(result)
        found.append(result)
    mean = {key: statistics.mean(one[key] for one in found) for key in ("median", "minimum", "cpu")}
    n = sum(one["n"] for one in found)
    return {"median": mean["median"] / workers, "minimum": mean["minimum"] / workers,
            "cpu": mean["cpu"], "n": n}  # fmt: skip


# ---- one row of peer_rows.py --------------------------------------------------------------------


def measured(work: Any, case: Any, row: Any, effort: Effort) -> dict[str, float]:
    """Return the row's times and its "memory" in bytes; see :mod:`peer_rows`."""
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(1 if row.loops else case.threads)
    torch.set_num_threads(1 if row.loops else case.threads)
    function = row.load()
    # What is loaded or built once is not the work's. A compiled row would compile twice.
    function(work, work.set(0, None if row.compiled else min(case.batch, 2)))
    batch = work.set(1)
    memory = extra_memory(lambda: function(work, batch), case.device)

    def prepare(number: int) -> Any:
        work.step += 1
        return work.set(number + 2)

    call = Call(prepare, lambda prepared: function(work, prepared))
    workers = case.threads if row.loops and case.device == "cpu" else 1
    if workers > 1:
        return {**timed_by_many(call, effort, workers), "memory": memory * workers}
    return {**timed(call, effort, case.device), "memory": memory}
