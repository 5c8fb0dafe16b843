"""The CUDA code on the host, under sanitizers: the kernels' own files, compiled by g++, replay
calls of the CPU operators and give the same bits. The short form; `make device-check` runs all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from device.build import Target, build
from device.cuda_source import as_host_source
from device.replay import replay

MEMORY, RACES = Target("cuda", "address"), Target("cuda", "thread")


def test_kernels_give_the_bytes_of_the_cpu(recorded_cases: Path) -> None:
    """Every kernel is launched; threads run forwards with aligned tensors, then backwards with
    tensors one element off, other bytes in fresh memory, and every lane found alone."""
    folder = build(MEMORY)
    with ThreadPoolExecutor() as pool:
        both = pool.map(lambda variant: replay(MEMORY, folder, recorded_cases, variant), (0, 1))
        for outcome in both:
            assert outcome.passed, outcome.output[-6000:]


def test_barriers_order_what_threads_share(recorded_cases: Path) -> None:
    """ThreadSanitizer, to which every CUDA thread is a thread of its own; then each barrier that
    was met is left out, the first time that a thread comes to it, and must be missed."""
    folder = build(RACES)
    outcome = replay(RACES, folder, recorded_cases)
    assert outcome.passed, outcome.output[-6000:]
    assert outcome.barriers
    for barrier in outcome.barriers:
        without = replay(RACES, folder, recorded_cases, WITHOUT_BARRIER=barrier)
        assert not without.passed, f"nothing misses the barrier {barrier}"


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
        "    ::host_cuda::launch<names::kernel<decltype(score), 3>>(dim3(1, 2), kThreads,",
        "                                        0, stream)(params, 1);",
        "    ::host_cuda::launch<plain>(1, 2)();",
    ]
    with pytest.raises(ValueError, match=r"a\.cu: <<< without >>>"):
        as_host_source("kernel<<<1, 2", "a.cu")
