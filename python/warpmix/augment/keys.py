"""Keys of the random numbers: a seed or what torch's generator gives, and what keeps processes
apart. docs/random-numbers.md says in a table what depends on what."""

from __future__ import annotations

import itertools
import os
import threading
from typing import Any

import torch
import torch.distributed
from torch.utils.data import get_worker_info

from warpmix._extension import load
from warpmix._numbers import as_int

_KEYS = 2**63  # keys, like seeds, are in [0, _KEYS)
_WORD = 0xFFFFFFFF
_numbers = itertools.count(1)  # of the keys that torch's generator is to give


def check_seed(seed: Any) -> int:
    """Return the seed as an int, of NumPy's integers too; raise unless it is in [0, 2^63)."""
    seed = as_int("seed", seed)
    if not 0 <= seed < _KEYS:
        raise ValueError(f"seed must be in [0, 2^63), got {seed}")
    return seed


def rank() -> int:
    """Return this process's rank: torch.distributed's, else RANK of the environment, else 0."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank()
    told = os.environ.get("RANK", "")
    return int(told) if told.isdecimal() else 0


class Key:
    """The key of one pipeline: its seed, or what torch's generator gives when it is first needed.

    A copy has the same key; a copy of one that is not taken yet takes its own.

    Args:
        seed: None leaves the key to torch's generator.
    """

    def __init__(self, seed: int | None) -> None:
        self._value = -next(_numbers) if seed is None else seed  # below 0: not taken yet
        self._home_rank = 0

    @property
    def value(self) -> int:
        """The key, in [0, 2^63); the first look takes it."""
        if self._value >= 0:
            return self._value
        return self._take(self._value, traced=torch.compiler.is_dynamo_compiling())

    @property
    def of_process(self) -> int:
        """The key with which this process numbers samples that have no ids."""
        return process_key(self.value, self._home_rank)

    @torch.compiler.assume_constant_result
    def _take(self, untaken: int, traced: bool) -> int:
        """Take the key, once. What torch.compile traced with it serves keys of the same number
        alone, which is why no two have the same."""
        if self._value == untaken:
            self._value = new_key(-untaken if traced else 0)
        return self._value

    def __getstate__(self) -> dict[str, int]:
        return {"value": self._value, "rank": rank() or self._home_rank}

    def __setstate__(self, state: dict[str, int]) -> None:
        value = state["value"]
        self._value = value if value >= 0 else -next(_numbers)
        self._home_rank = state["rank"]


def new_key(number: int = 0) -> int:
    """Return a key from torch's generator of the CPU, which thereby moves on.

    Args:
        number: mixed into the key, if it is not 0. Where ``torch.compile`` traces it sets the
            generator back, and numbers alone tell one pipeline's key from the next one's.
    """
    drawn: list[int] = []

    def draw() -> None:
        generator = torch.default_generator
        drawn.append(int(torch.randint(_KEYS - 1, (), generator=generator, device="cpu")))

    # Modes hold for a thread: in another one numbers are real even while torch.export traces.
    thread = threading.Thread(target=draw)
    thread.start()
    thread.join()
    return drawn[0] if number == 0 else _mixed(drawn[0], number, 0, 0)


@torch.compiler.assume_constant_result
def process_key(key: int, home_rank: int = 0) -> int:
    """Return the key with which this process numbers samples that have no ids.

    It is the key itself in a plain process; its rank, its DataLoader worker's number and that
    worker's seed are mixed in elsewhere. The seed is another one in each epoch, unless the worker
    persists and goes on counting.

    Args:
        key: in [0, 2^63).
        home_rank: of the process that sent the pipeline here; a DataLoader's worker that was not
            forked knows no other.
    """
    own = rank()
    worker: Any = get_worker_info()
    if worker is None:
        return key if own == 0 else _mixed(key, 0, 0, own)
    return _mixed(key, worker.seed, worker.id + 1, own or home_rank)


@torch.compiler.disable(
    reason="every call takes a new key from torch's generator: give the transform a seed, or put "
    "it into a warpmix.Pipeline, which keeps one key"
)
def key_of_call() -> int:
    """Return another key at each call, of this process alone."""
    return process_key(new_key())


def _mixed(key: int, number: int, worker: int, of_rank: int) -> int:
    """Return 63 bits of Philox: other words or another key, other bits."""
    words = [number & _WORD, number >> 32 & _WORD, worker, of_rank]
    high, low, *_ = load().module.philox(words, key)
    return (high << 32 | low) >> 1
