"""The share of a training step that the data side takes: loading and augmentation.

    python bench/data_share.py --root DATA [--steps 100] [--threads 2]

CIFAR-10, the 3-block CNN, batches of 128, SGD; times of the same loop, step by step, in one run.
Prints the medians and the share of the sums.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from pathlib import Path

import torch

from warpmix.augment import mixed_cross_entropy
from warpmix.train import load_config
from warpmix.train.data import load_splits
from warpmix.train.loaders import training_loader
from warpmix.train.optimizer import make_optimizer

RECIPES = ("none", "cifar", "basic-jitter", "warsaw-all")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True, help="folder of CIFAR-10")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{'augmentation':<14}{'data, ms':>10}{'step, ms':>10}{'share':>9}")
    for recipe in RECIPES:
        data, whole = measure(options.root, recipe, options.steps)
        medians = (1000 * statistics.median(times) for times in (data, whole))
        print(f"{recipe:<14}" + "".join(f"{m:>10.2f}" for m in medians), end="")
        print(f"{sum(data) / sum(whole):>9.2%}  (n = {len(data)})", flush=True)


def measure(root: Path, recipe: str, steps: int) -> tuple[list[float], list[float]]:
    """Seconds of the data side and of the whole of each step."""
    from warpmix import models

    config = load_config(None, data="cifar10", root=root, model="vgg3", augment=recipe, opt="sgd")
    splits = load_splits(config, torch.device("cpu"))
    loader = training_loader(config, splits)
    network = models.create("vgg3", 10, image_size=32).to(memory_format=torch.channels_last)
    optimizer = make_optimizer(network, config)
    data, whole = [], []
    batches = itertools.chain.from_iterable(itertools.repeat(loader))
    for number in range(steps + 5):  # the first ones compute what is kept, such as channel sums
        start = time.perf_counter()
        batch, targets = next(batches)
        made = time.perf_counter()
        optimizer.zero_grad()
        mixed_cross_entropy(network(batch), targets).backward()
        optimizer.step()
        end = time.perf_counter()
        if number >= 5:
            data.append(made - start)
            whole.append(end - start)
    return data, whole


if __name__ == "__main__":
    main()
