"""AugMix of the pure-PyTorch twin: each sample's own chains of operations, and their mix."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from warpmix import _fixed_math as fixed
from warpmix._philox import uniform_below, uniform_open_closed
from warpmix.augment.policy_tables import RAND_AUGMENT
from warpmix.augment.reference.policy import operated, signed_magnitudes
from warpmix.augment.reference.streams import Streams, standard_normals, symmetric_beta
from warpmix.augment.stages import OPERATIONS, Stage

_DEPTH, _SHARE, _GAMMA, _ATTEMPTS = 16, 32, 48, 8  # blocks in kernels/augment/augmix.h
_COLORS = ("Brightness", "Color", "Contrast", "Sharpness")
_ALL = RAND_AUGMENT[1:]  # without Identity


def log_gammas(stage: Stage, streams: Streams, chain: int) -> Tensor:
    """Draw [B] logarithms of Gamma(α, 1) numbers by Marsaglia and Tsang's rejection."""
    alpha = torch.tensor(stage["alpha"], dtype=torch.float32)
    d = (alpha + 1.0 if alpha < 1.0 else alpha) - torch.tensor(1.0 / 3.0)
    c = torch.tensor(1.0 / 3.0) / fixed.fixed_sqrt(d)
    log_v, found = torch.zeros(len(streams.ids)), torch.zeros_like(streams.active)
    boost = torch.zeros(len(streams.ids))
    for attempt in range(_ATTEMPTS):
        words = streams.words(stage.stream, _GAMMA + chain * _ATTEMPTS + attempt)
        if attempt == 0 and alpha < 1.0:
            boost = fixed.fixed_log(uniform_open_closed(words[3])) / alpha
        x = standard_normals(words[0], words[1])[0]
        root = 1.0 + c * x
        possible = root > 0
        v = torch.where(possible, root * root * root, 1.0)
        log_of_v = fixed.fixed_log(v)
        bound = 0.5 * (x * x) + (d - d * v + d * log_of_v)
        accepted = possible & (fixed.fixed_log(uniform_open_closed(words[2])) < bound)
        log_v = torch.where(accepted & ~found, log_of_v, log_v)
        found |= accepted
    return fixed.fixed_log(d) + log_v + boost


def share_draw(stage: Stage, streams: Streams) -> tuple[Tensor, Tensor]:
    """Draw ([B] the sample's own share, [B, chains] those of the chains)."""
    inverse = 1.0 / torch.tensor(stage["alpha"], dtype=torch.float32)
    words = streams.words(stage.stream, _SHARE)
    own = symmetric_beta(words[0], words[1], inverse)
    logs = [log_gammas(stage, streams, chain) for chain in range(stage["chains"])]
    shares = []
    for log_weight in logs:
        total = torch.zeros_like(own)
        for log_of in logs:
            total = total + fixed.fixed_exp(log_of - log_weight)
        shares.append((1.0 - own) / total)
    return own, torch.stack(shares, 1)


def depth_draw(stage: Stage, streams: Streams) -> Tensor:
    """Draw [B] int64: how many operations the stage's chain has."""
    if not stage["draws_depth"]:
        return torch.full_like(streams.ids, stage["slots"])
    word = streams.words(stage.stream, _DEPTH + stage["chain"])[0]
    return 1 + uniform_below(word, stage["slots"])


def slot_draw(stage: Stage, streams: Streams) -> tuple[Tensor, Tensor]:
    """Draw ([B] int64 positions in OPERATIONS, [B] float32 magnitudes), whatever the depth."""
    words = streams.words(stage.stream, stage.block)
    names = [name for name in _ALL if stage["all_ops"] or name not in _COLORS]
    operations = torch.tensor([OPERATIONS.index(name) for name in names])
    operations = operations[uniform_below(words[1], len(names))]
    bins = uniform_below(words[2], stage["severity"])
    magnitudes = signed_magnitudes(stage, "mixed", 10, operations, bins, words[3])
    return operations, magnitudes


def slots_of(stage: Stage, chain: int) -> Iterator[Stage]:
    """Yield the stages of a chain: those that the first one of all stands for."""
    for slot in range(stage["slots"]):
        numbers = {**stage.numbers, "chain": chain, "slot": slot}
        yield replace(stage, numbers=numbers, block=chain * stage["slots"] + slot)


def augmix(images: Tensor, stage: Stage, streams: Streams) -> Tensor:
    own, shares = share_draw(stage, streams)
    mixed = own[:, None, None, None] * images
    for chain in range(stage["chains"]):
        changed = images
        for of_slot in slots_of(stage, chain):
            reached = of_slot["slot"] < depth_draw(of_slot, streams)
            made = operated(changed, *slot_draw(of_slot, streams), of_slot)
            changed = torch.where(reached[:, None, None, None], made, changed)
        mixed = mixed + shares[:, chain][:, None, None, None] * changed
    return mixed.clamp(max=255.0)
