"""What bench_peers.py times: the rows of each chain, and where their functions are."""

from __future__ import annotations

import functools
import importlib
import importlib.util
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from augment_rows import CARD, Set, Work
from augment_rows import Row as Function
from pure_torch import card_chain
from pure_torch_heavy import heavy_chain, jitter_chain

from warpmix import (
    ColorJitter,
    CutMix,
    MixUp,
    RandAugment,
    RandomAffine,
    RandomContrast,
    RandomCrop,
    RandomErasing,
    RandomHorizontalFlip,
    TrivialAugmentWide,
)

HEAVY = (
    RandomAffine(15.0, (0.1, 0.1), (0.9, 1.1), 10.0),
    ColorJitter(0.4, 0.4, 0.4, 0.1),
    RandomErasing(),
    MixUp(),
)
JITTER = (
    RandomCrop(None, padding=4),
    RandomHorizontalFlip(),
    ColorJitter(0.4, 0.4, 0.4, 0.1),
    CutMix(),
)
FLIP = (RandomHorizontalFlip(), RandomContrast((0.5, 1.5), "center"), RandomErasing())
WORKS = {
    "card's chain": CARD,
    "heavy chain": HEAVY,
    "jitter chain": JITTER,
    "flip chain": FLIP,
    "CutMix alone": (CutMix(),),
    "TrivialAugmentWide": (TrivialAugmentWide(),),
    "RandAugment": (RandAugment(2, 9),),
}


PACKAGES = {"nvidia.dali": "nvidia-dali-cuda130"}


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: in the table; a star says that it does less work.
        function: "module:name" of a :data:`augment_rows.Row`, imported when it runs.
        library: that it needs beside torch and torchvision.
        baseline: the column of ratios that it stands for; of several rows, the fastest.
        devices: that it runs on.
        loops: over samples, with one thread of torch as in a DataLoader's worker: two would wait
            for each other at every small operation. On a GPU over one set of images, not several.
    """

    name: str
    function: str
    library: str | None = None
    baseline: str | None = None
    devices: tuple[str, ...] = ("cpu", "cuda")
    loops: bool = False

    def load(self) -> Function:
        module, name = self.function.split(":")
        function: Function = getattr(importlib.import_module(module), name)
        return function

    @property
    def marks(self) -> list[pytest.MarkDecorator]:
        return needs(self.library)


def _is_installed(library: str) -> bool:
    try:
        return importlib.util.find_spec(library) is not None
    except ModuleNotFoundError:  # nor the package that it would be in
        return False


def needs(library: str | None) -> list[pytest.MarkDecorator]:
    """Skips a row where its library is not installed."""
    if library is None or _is_installed(library):
        return []
    package = PACKAGES.get(library, library)
    return [pytest.mark.skip(reason=f"needs {library}: pip install {package}")]


# ---- the tuned paths ----------------------------------------------------------------------------


def _tuned(chain: Any, work: Work, batch: Set, images: torch.Tensor) -> object:
    return chain(images, batch.labels, work.mean, work.std, work.case.dtype)


@functools.cache
def _compiled(chain: Any) -> Any:
    return torch.compile(chain)


def card(work: Work, batch: Set) -> object:
    return _tuned(card_chain, work, batch, batch.nhwc)


def card_planar(work: Work, batch: Set) -> object:
    return _tuned(card_chain, work, batch, batch.nchw)


def card_compiled(work: Work, batch: Set) -> object:
    return _tuned(_compiled(card_chain), work, batch, batch.nchw)


def heavy(work: Work, batch: Set) -> object:
    return _tuned(heavy_chain, work, batch, batch.nhwc)


def heavy_planar(work: Work, batch: Set) -> object:
    return _tuned(heavy_chain, work, batch, batch.nchw)


def jitter(work: Work, batch: Set) -> object:
    return _tuned(jitter_chain, work, batch, batch.nhwc)


def jitter_planar(work: Work, batch: Set) -> object:
    return _tuned(jitter_chain, work, batch, batch.nchw)


def heavy_compiled(work: Work, batch: Set) -> object:
    return _tuned(_compiled(heavy_chain), work, batch, batch.nchw)


# ---- the table ----------------------------------------------------------------------------------

FUSED = [
    Row("fused, NHWC to channels_last", "augment_rows:fused"),
    Row("fused, NCHW to NCHW", "augment_rows:fused_planar"),
]
FLOOR = Row("floor: copy_ to the output's type", "augment_rows:floor", None, "floor")


def chain_rows(chain: str) -> list[Row]:
    """chain: "card" or "heavy", the functions' name in every module."""
    albumentations, cpu, gpu = "albumentations", ("cpu",), ("cuda",)
    peers = f"peers_torchvision:{chain}"
    return [
        *FUSED,
        Row("PyTorch, package's reference", "augment_rows:package_reference", None, "ref.", cpu),
        Row("PyTorch, tuned, channels_last", f"peer_rows:{chain}", None, "tuned"),
        Row("PyTorch, tuned, NCHW", f"peer_rows:{chain}_planar", None, "tuned"),
        Row("PyTorch, tuned, compiled", f"peer_rows:{chain}_compiled", None, "compiled", gpu),
        Row("torchvision v2, per sample", peers, None, "torchvision", loops=True),
        Row("torchvision v2, per batch *", f"{peers}_by_batch", None, "tv. batch*"),
        Row("albumentations, per sample", f"peers_{albumentations}:{chain}", albumentations,
            "albument.", cpu),
        Row("Kornia, batched", f"peers_kornia:{chain}", "kornia", "kornia"),
        Row("Kornia, compiled", f"peers_kornia:{chain}_compiled", "kornia", "kornia c.", gpu),
        FLOOR,
    ]  # fmt: skip


def policy_rows(policy: str) -> list[Row]:
    """policy: the name of a function of peers_torchvision and of peers_dali."""
    peer = f"peers_torchvision:{policy}"
    return [
        *FUSED,
        Row("torchvision v2, per sample", peer, None, "torchvision", loops=True),
        dali_row(policy),
        FLOOR,
    ]


def dali_row(name: str) -> Row:
    return Row("DALI, CPU pipeline", f"peers_dali:{name}", "nvidia.dali", "DALI", ("cpu",), True)


ROWS = {
    "card's chain": chain_rows("card"),
    "heavy chain": chain_rows("heavy"),
    "jitter chain": [
        *FUSED,
        Row("PyTorch, tuned, channels_last", "peer_rows:jitter", None, "tuned"),
        Row("PyTorch, tuned, NCHW", "peer_rows:jitter_planar", None, "tuned"),
        FLOOR,
    ],
    "flip chain": [*FUSED, dali_row("flip"), FLOOR],
    "CutMix alone": [
        *FUSED,
        Row("timm Mixup, per sample", "peers_timm:cutmix", "timm", "timm", loops=True),
        Row("timm Mixup, per batch *", "peers_timm:cutmix_by_batch", "timm", "timm batch*"),
        Row("torchvision v2, per batch *", "peers_torchvision:cutmix", None, "tv. batch*"),
        FLOOR,
    ],
    "TrivialAugmentWide": policy_rows("trivial_augment"),
    "RandAugment": policy_rows("rand_augment"),
}
