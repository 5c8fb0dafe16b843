"""The CUDA code on the host, under sanitizers: the kernels' own files, compiled by g++, replay
calls of the CPU operators and give the same bits. The short form; `make device-check` runs all."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from device.build import ENVIRONMENT, Target, build, build_probes
from device.cuda_source import as_host_source
from device.mutants import FAULTS, caught, mutants
from device.replay import kernels, replay

MEMORY, RACES = Target("cuda", "address"), Target("cuda", "thread")


def test_kernels_give_the_bytes_of_the_cpu(recorded_cases: Path) -> None:
    """Every kernel is launched; threads run forwards with aligned tensors, then backwards with
    tensors one element off, other bytes in fresh memory, and every lane found alone."""
    folder = build(MEMORY)
    with ThreadPoolExecutor() as pool:
        both = pool.map(lambda variant: replay(MEMORY, folder, recorded_cases, variant), (0, 1))
        for outcome in both:
            assert outcome.passed, outcome.output[-6000:]
            assert len(kernels(folder)) > 20
            assert not outcome.never_launched(folder), "a kernel without a case"


def test_barriers_order_what_threads_share(recorded_cases: Path) -> None:
    """ThreadSanitizer, to which every CUDA thread is a thread of its own; then a barrier is left
    out, the first time that a thread comes to it, and must be missed. `make device-check` leaves
    out each of them."""
    folder = build(RACES)
    outcome = replay(RACES, folder, recorded_cases)
    assert outcome.passed, outcome.output[-6000:]
    barrier, case = next(iter(outcome.barriers.items()))
    without = replay(RACES, folder, recorded_cases, first=case, WITHOUT_BARRIER=barrier)
    assert not without.passed, f"nothing misses the barrier {barrier}"


def test_a_fault_is_caught(recorded_cases: Path) -> None:
    """One of the mutants that `make device-check` makes."""
    first = mutants(next(each for each in FAULTS if each.name == "row off by one"))[0]
    assert caught(first, recorded_cases, "races"), f"nothing catches: {first.name}"


# What each probe of host/probes.cu prints, with addresses checked and with races; "" is nothing.
PROBES = {
    "shuffles": ("", ""),
    "numbers": ("", ""),
    "copies": ("", ""),
    "counting": ("", ""),
    "ordered partners": ("", ""),
    "partners without a barrier": ("", "data race"),
    "divergent barrier": ("a divergent barrier", "a divergent barrier"),
    "deadlock": ("deadlock: no thread can run", "deadlock: no thread can run"),
    "lane left out": ("a mask that leaves it out", "a mask that leaves it out"),
    "lane ended": ("lanes that have ended", "lanes that have ended"),
    "beyond shared memory": ("index 32 out of bounds", ""),
    "misaligned": ("misaligned address", ""),
    "stops": ("a kernel has stopped itself", "a kernel has stopped itself"),
    "no such block": ("that no GPU takes", "that no GPU takes"),
}


@pytest.mark.parametrize("target", [MEMORY, RACES], ids=lambda target: target.sanitizer)
def test_the_host_runs_cuda_as_a_gpu_does(target: Target) -> None:
    """Small kernels: functions of a warp have CUDA's values, and each fault is reported."""
    program = build_probes(target)
    place = [MEMORY, RACES].index(target)
    for name, words in PROBES.items():
        for variant in ("0", "1"):
            done = subprocess.run(
                [program, name, variant],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env={**os.environ, **ENVIRONMENT[target.sanitizer]},
            )
            if words[place]:
                assert words[place] in done.stdout, (name, variant, done.stdout)
            elif not words[1 - place]:
                assert done.returncode == 0, (name, variant, done.stdout)


def test_cuda_becomes_cpp() -> None:
    text = """extern __shared__ __align__(16) char bytes[];
    __shared__ alignas(16) Tile<3, int> tile;
    __shared__ int32_t row[2][32];
    names::kernel<decltype(score), 3><<<dim3(1, 2), kThreads,
                                        0, stream>>>(params, 1);
    plain<<<1, 2>>>();"""
    assert as_host_source(text, "a.cu").splitlines() == [
        "char* bytes = ::host_cuda::dynamic_shared<char>();",
        "    auto& tile = HOST_CUDA_SHARED(Tile<3, int>);",
        "    auto& row = HOST_CUDA_SHARED(int32_t[2][32]);",
        "    ::host_cuda::launch(names::kernel<decltype(score), 3>, dim3(1, 2), kThreads,",
        "                                        0, stream)(params, 1);",
        "    ::host_cuda::launch(plain, 1, 2)();",
    ]
    with pytest.raises(ValueError, match=r"a\.cu: <<< without >>>"):
        as_host_source("kernel<<<1, 2", "a.cu")
