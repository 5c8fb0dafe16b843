"""Votes over a store that need not fit memory, and prints the peak of the resident memory.

    python bench/big_store.py make FOLDER [--models 380 --samples 300000 --classes 10]
    python bench/big_store.py vote FOLDER

`make` writes random float16 predictions (2.3 GB of them as above); `vote` ranks, votes softly and
hard, and takes every ensemble size's accuracy, with progress, in a process of its own.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable

import torch
from rich.progress import Progress

from warpmix.ensemble import member_accuracies, vote, vote_curve
from warpmix.predictions import PredictionStore


def make(folder: str, models: int, samples: int, classes: int) -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, classes, (samples,), generator=generator)
    store = PredictionStore(folder, create=True)
    with Progress() as progress:
        for m in progress.track(range(models), description="writing"):
            logits = torch.randn(samples, classes, generator=generator)
            logits[torch.arange(samples), labels] += 1
            predictions = logits.softmax(1).half()
            store.add(predictions, model=f"model{m:04}", split="test", labels=labels)


def count(folder: str) -> None:
    before = peak()
    stored = PredictionStore(folder).open("test")
    models, samples, classes = stored.shape
    size = models * samples * classes * stored.dtype.itemsize
    print(f"{models} x {samples:,} x {classes}, {stored.dtype}: {size / 1e9:.2f} GB")
    labels = stored.labels
    assert labels is not None
    with Progress() as progress:

        def timed(name: str, call: Callable[..., object]) -> object:
            task = progress.add_task(name, total=samples)
            begin = time.perf_counter()
            result = call(progress=lambda done, of: progress.update(task, completed=done))
            print(f"{name}: {time.perf_counter() - begin:.1f} s, peak {peak():.2f} GB resident")
            return result

        accuracies = timed("ranking", lambda **p: member_accuracies(stored, labels, **p))
        assert isinstance(accuracies, torch.Tensor)
        order = accuracies.argsort(descending=True, stable=True)
        timed("soft vote", lambda **p: vote(stored, "soft", **p))
        timed("hard vote", lambda **p: vote(stored, "hard", **p))
        timed("every size, soft and hard", lambda **p: vote_curve(stored, labels, order, **p))
    print(f"peak {peak():.2f} GB resident, {before:.2f} GB of it before the store was opened")


def peak() -> float:
    """Peak of the resident memory of this process, in GB; mapped files count."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=["make", "vote"])
    parser.add_argument("folder")
    parser.add_argument("--models", type=int, default=380)
    parser.add_argument("--samples", type=int, default=300_000)
    parser.add_argument("--classes", type=int, default=10)
    arguments = parser.parse_args()
    if arguments.action == "make":
        make(arguments.folder, arguments.models, arguments.samples, arguments.classes)
    else:
        count(arguments.folder)
