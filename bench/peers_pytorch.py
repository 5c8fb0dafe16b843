"""Rows of plain PyTorch: the chains of pure_torch.py and pure_torch_heavy.py, on either layout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from augment_rows import Set, Work, compiled
from pure_torch import basic_chain, cutmix_chain
from pure_torch_heavy import affine_chain, flip_chain, heavy_chain, jitter_chain

CHAINS: dict[str, Callable[..., Any]] = {
    "basic": basic_chain,
    "heavy": heavy_chain,
    "jitter": jitter_chain,
    "affine": affine_chain,
    "flip": flip_chain,
    "cutmix": cutmix_chain,
}


def row(chain: str, work: Work, batch: Set) -> object:
    """Channels_last."""
    return CHAINS[chain](batch.nhwc, batch.labels, work.mean, work.std, work.case.dtype)


def row_planar(chain: str, work: Work, batch: Set) -> object:
    return CHAINS[chain](batch.nchw, batch.labels, work.mean, work.std, work.case.dtype)


def row_compiled(chain: str, work: Work, batch: Set) -> object:
    return compiled(CHAINS[chain])(batch.nchw, batch.labels, work.mean, work.std, work.case.dtype)
