"""The package's own CUDA runtime beside torch's: in a fresh thread, and on a second GPU.

    python bench/gpu_threads.py thread [DEVICE]
    python bench/gpu_threads.py second [DEVICE]       # exit status 77 where there is one GPU

The runtime is linked statically. What the two must share, the device's context and which device is
current, is kept by the driver for each thread; so these are where a difference would show.
"""

from __future__ import annotations

import sys
import threading

import torch
from torch import Tensor

from warpmix import CutMix, Pipeline, RandomContrast, RandomShift, ops

SKIPPED = 77


def results(device: str) -> list[Tensor]:
    """What the CPU and every GPU must agree in, in host memory."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (16, 3, 32, 32), dtype=torch.uint8, generator=generator)
    labels = torch.arange(16)
    pipeline = Pipeline([RandomShift(), RandomContrast(), CutMix()], seed=1).to(device)
    batch, targets = pipeline(images.to(device), labels.to(device), ids=labels.to(device))
    scores = torch.randn(9, 40, 10, generator=generator).to(device)
    labelled = ops.vote(scores, None, hard=False, logits=True)
    made = [batch, targets.y_a, targets.y_b, targets.lam, *labelled]
    return [tensor.cpu() for tensor in made]


def in_thread(device: str) -> list[Tensor]:
    """The same from a thread that has never asked for a device."""
    made: list[Tensor] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            made.extend(results(device))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return made


def check(where: str, got: list[Tensor]) -> None:
    """Compare with the CPU."""
    want = results("cpu")
    assert all(torch.equal(a, b) for a, b in zip(got, want, strict=True)), f"{where}: other bytes"
    print(f"{where}: equal to the CPU")


def main(what: str, device: str) -> int:
    """Return the exit status."""
    if what == "thread":
        check(f"a fresh thread on {device}", in_thread(device))  # before this one's context
        check(f"the main thread on {device}", results(device))
        return 0
    if device == "cuda" and torch.cuda.device_count() < 2:
        print("one GPU: a second device cannot be tried")
        return SKIPPED
    second = "cuda:1" if device == "cuda" else device
    check(f"{second} while another device is current", results(second))
    check(f"a fresh thread on {second}", in_thread(second))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "cuda"))
