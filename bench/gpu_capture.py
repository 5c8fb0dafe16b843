"""A CUDA graph whose very first call is captured: nothing of the package has run on the GPU before.

    python bench/gpu_capture.py [--device cuda]

The sample counter is moved to the GPU before, as a training moves its pipeline. Each replay must
give the CPU's bytes for the next samples. On a CPU, where nothing is captured, the calls alone run.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch

from warpmix import (
    CutMix,
    Pipeline,
    RandomAffine,
    RandomContrast,
    RandomCropBlackout,
    RandomShift,
    ops,
)

BATCH, REPLAYS = 32, 3
LISTS = {
    "whole pixels": [RandomShift(0.2), RandomContrast((1.0, 3.0)), CutMix(), RandomCropBlackout()],
    "warped": [RandomAffine(20), RandomContrast((1.0, 3.0)), CutMix()],
}


def captured(call: Callable[[], object], device: str) -> Callable[[], object]:
    """The call, which a CUDA device has not seen before, as a graph to replay."""
    if device == "cpu":
        return call
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    return graph.replay


def check_pipeline(name: str, device: str) -> None:
    """Batches and targets of the samples that follow each other."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (BATCH, 3, 33, 40), dtype=torch.uint8, generator=generator)
    labels = torch.arange(BATCH)
    pipeline = Pipeline(LISTS[name], seed=5, dtype=torch.bfloat16).to(device)
    assert pipeline.samples_seen.device.type == device
    on_device, own_labels = images.to(device), labels.to(device)
    out = torch.empty(BATCH, 3, 33, 40, dtype=torch.bfloat16, device=device)
    made = []

    def call() -> None:
        made[:] = [pipeline(on_device, own_labels, out=out)[1]]

    replay = captured(call, device)
    reference = Pipeline(LISTS[name], seed=5, dtype=torch.bfloat16)
    for number in range(REPLAYS):
        replay()
        want, targets = reference(images, labels, ids=labels + number * BATCH)
        assert torch.equal(out.cpu(), want), f"{name}: replay {number} has other bytes"
        for field in ("y_a", "y_b", "lam"):
            got = getattr(made[0], field).cpu()
            assert torch.equal(got, getattr(targets, field)), f"{name}: replay {number}, {field}"


def check_curve(device: str) -> None:
    """A vote's counters are zeroed in the graph."""
    generator = torch.Generator().manual_seed(1)
    scores = torch.randn(40, 77, 10, generator=generator)
    arguments = scores, torch.randint(0, 10, (77,), generator=generator), torch.randperm(40)
    on_device = [tensor.to(device) for tensor in arguments]
    made = []
    replay = captured(
        lambda: made.__setitem__(slice(None), ops.vote_curve(*on_device, logits=True)), device
    )
    want = ops.vote_curve(*arguments, logits=True)
    for _ in range(REPLAYS):
        replay()
        assert all(torch.equal(a.cpu(), b) for a, b in zip(made, want, strict=True))


def main() -> None:
    """Run every check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", choices=["cpu", "cuda"])
    device = parser.parse_args().device
    for name in LISTS:
        check_pipeline(name, device)
    check_curve(device)
    print(f"{REPLAYS} replays of {len(LISTS) + 1} graphs captured cold equal the CPU")


if __name__ == "__main__":
    main()
