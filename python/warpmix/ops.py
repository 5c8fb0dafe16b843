"""Thin wrappers of ``torch.ops.warpmix.*`` and their fake implementations.

The ops write into tensors that these wrappers make, so that one schema serves ``out=``,
``torch.compile`` and CUDA graphs; schemas and layouts are in csrc/ops.cpp and csrc/augment.h.
Arguments are checked by the callers (``warpmix.augment``, ``warpmix.ensemble``), which raise
ValueError and TypeError; what reaches an op wrongly raises RuntimeError. Votes take any strides
and integer dtypes, and check what would make their scores NaN.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from warpmix import _extension

_DRAW_WORDS: int = _extension.load().module.draw_words
_ops = torch.ops.warpmix


# ---- augmentation -----------------------------------------------------------------------------


def as_nhwc(images: Tensor) -> Tensor:
    """Return images [N, C, H, W] as the ops read them: [N, H, W, C], dense as NHWC or as NCHW.

    A view wherever the images are dense in either order; others are copied to NHWC.
    """
    nhwc = images.permute(0, 2, 3, 1)
    if nhwc.is_contiguous() or not images.is_contiguous():
        return _plain_strides(nhwc.contiguous())
    return _plain_strides(images).permute(0, 2, 3, 1)


def _plain_strides(dense: Tensor) -> Tensor:
    """Return the tensor with plain strides; of a dimension of one they may be any number."""
    return dense.flatten().view(dense.shape) if 1 in dense.shape else dense


def channel_sums(images: Tensor) -> Tensor:
    """Return the exact channel sums of images, which contrast's means are made of.

    Args:
        images: [N, C, H, W] uint8, or float32 on [0, 255], in any memory format.

    Returns:
        [N, C] int64 in steps of 2^-16, the same whatever the device or the order of summation.

    Raises:
        ValueError: images that are not 4-dimensional.
        TypeError: another dtype.
    """
    if images.dim() != 4:
        raise ValueError(f"images must be [N, C, H, W], got shape {tuple(images.shape)}")
    if images.dtype not in (torch.uint8, torch.float32):
        raise TypeError(f"images must be uint8 or float32, got {images.dtype}")
    return channel_sums_nhwc(as_nhwc(images))


def channel_sums_nhwc(images: Tensor) -> Tensor:
    """Return :func:`channel_sums` of images [N, H, W, C] as :func:`as_nhwc` gives them."""
    sums = torch.empty(images.shape[0], images.shape[3], dtype=torch.int64, device=images.device)
    _ops.channel_sums(images, sums)
    return sums


def draw(
    images: Tensor,
    *,
    index: Tensor | None,
    ids: Tensor | None,
    active: Tensor | None,
    step: Tensor | None,
    seed: int,
    epoch: int,
    from_batch: bool,
    program: Sequence[int],
    batch_size: int,
    sides: int,
) -> Tensor:
    """Return [B, sides, stages, 8] int32: what :func:`augment` would draw; images [N, H, W, C] give
    shape and pool."""
    shape = (batch_size, sides, program[0], _DRAW_WORDS)
    draws = torch.empty(shape, dtype=torch.int32, device=images.device)
    index, ids, active = _dense(index), _dense(ids), _dense(active)
    _ops.draw(images, index, ids, active, step, seed, epoch, from_batch, program, draws)
    return draws


def augment(
    images: Tensor,
    *,
    index: Tensor | None,
    ids: Tensor | None,
    active: Tensor | None,
    labels: Tensor | None,
    sums: Tensor | None,
    draws: Tensor | None,
    step: Tensor | None,
    seed: int,
    epoch: int,
    from_batch: bool,
    program: Sequence[int],
    scale: Sequence[float],
    bias: Sequence[float],
    out: Tensor,
) -> tuple[Tensor, Tensor]:
    """Make one launch from images [N, H, W, C], see :func:`as_nhwc`, into ``out`` [B, C, h, w];
    return (pair [2, B] int64, lam [B] float32)."""
    index, ids, active = _dense(index), _dense(ids), _dense(active)
    labels, sums, draws = _dense(labels), _dense(sums), _dense(draws)
    pair = torch.empty(2, out.shape[0], dtype=torch.int64, device=images.device)
    lam = torch.empty(out.shape[0], dtype=torch.float32, device=images.device)
    _ops.augment(
        images, index, ids, active, labels, sums, draws, step, seed, epoch, from_batch, program,
        scale, bias, out, pair, lam,
    )  # fmt: skip
    return pair, lam


def _dense(tensor: Tensor | None) -> Tensor | None:
    """Return the tensor as the ops take it: a rank's ``order[rank::world]`` has gaps, say."""
    return None if tensor is None else tensor.contiguous()


def _integers(tensor: Tensor) -> Tensor:
    """Return integers of any width and strides as the ops take them."""
    return tensor.to(torch.int64).contiguous()


# ---- voting -----------------------------------------------------------------------------------


def vote(
    predictions: Tensor,
    weights: Tensor | None,
    *,
    hard: bool,
    logits: bool,
    inverse_temperature: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return (labels [N] int64, scores [N, C] float32, invalid [1] int64) of predictions [M, N, C];
    ``inverse_temperature`` [M] float32 is 1 / temperature."""
    predictions, weights = predictions.contiguous(), _scaled(weights, needed=True)
    inverse_temperature = _finite(inverse_temperature)
    _, samples, classes = predictions.shape
    device = predictions.device
    labels = torch.empty(samples, dtype=torch.int64, device=device)
    scores = torch.empty(samples, classes, dtype=torch.float32, device=device)
    invalid = torch.empty(1, dtype=torch.int64, device=device)
    _ops.vote(predictions, weights, hard, logits, labels, scores, invalid, inverse_temperature)
    return labels, scores, invalid


def vote_curve(
    predictions: Tensor,
    targets: Tensor,
    ranking: Tensor,
    *,
    logits: bool,
    weights: Tensor | None = None,
    inverse_temperature: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return (soft [K] int64, hard [K] int64, invalid [1] int64): samples that the first k models
    of the ranking get right, for every k; weights [K] float64 and inverse_temperature [K] are in
    the ranking's order."""
    predictions, weights = predictions.contiguous(), _scaled(weights)
    targets, ranking = _integers(targets), _integers(ranking)
    inverse_temperature = _finite(inverse_temperature)
    soft, hard = (torch.empty_like(ranking) for _ in range(2))
    invalid = torch.empty(1, dtype=torch.int64, device=predictions.device)
    _ops.vote_curve(
        predictions, targets, ranking, logits, soft, hard, invalid, weights, inverse_temperature
    )
    return soft, hard, invalid


def class_planes(
    predictions: Tensor,
    *,
    logits: bool,
    log: bool = False,
    inverse_temperature: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return (planes [M, C, N] float32, invalid [1] int64): probabilities, class by class, or with
    ``log`` the logarithms of those of at least 1e-15."""
    predictions, inverse_temperature = predictions.contiguous(), _finite(inverse_temperature)
    models, samples, classes = predictions.shape
    planes = torch.empty(models, classes, samples, device=predictions.device)
    invalid = torch.empty(1, dtype=torch.int64, device=predictions.device)
    _ops.class_planes(predictions, inverse_temperature, logits, log, planes, invalid)
    return planes, invalid


def greedy_scores(
    planes: Tensor | None,
    own: Tensor,
    total: Tensor | None,
    own_total: Tensor,
    targets: Tensor,
    members: int,
) -> Tensor:
    """Return [M] int64: how an ensemble would score with each of M candidates added.

    Args:
        planes: [M, C, N] float32, to count the samples it would get right; None: the negative
            log-loss, summed over the samples in steps of 2^-32.
        own: [M, N] float32 the true class's probability.
        total: [C, N] float64 sum of the members' planes so far; None without planes.
        own_total: [N] float64 the true class's.
        targets: [N] int64.
        members: how many there are so far.
    """
    planes, own, total, own_total = (
        _dense(planes),
        own.contiguous(),
        _dense(total),
        own_total.contiguous(),
    )
    targets = _integers(targets)
    score = torch.empty(own.shape[0], dtype=torch.int64, device=own.device)
    _ops.greedy_scores(planes, own, total, own_total, targets, members, score)
    return score


def bootstrap(correct: Tensor, seed: int, replicates: int, rules: int) -> Tensor:
    """Return [replicates, rules] int64: of N samples drawn with replacement, how many each rule
    gets right; bit r of correct [N] int64 says whether rule r does."""
    correct = _integers(correct)
    counts = torch.empty(replicates, rules, dtype=torch.int64, device=correct.device)
    _ops.bootstrap(correct, seed, counts)
    return counts


def _scaled(weights: Tensor | None, needed: bool = False) -> Tensor | None:
    """Return weights as float64 of at most 1, scaled by a power of two, which changes no bit of a
    vote: so no sum of them overflows or vanishes.

    Args:
        needed: one must be above 0, since scores are divided by their sum.

    Raises:
        ValueError: a weight is negative or not finite, or all are 0 where one is needed.
    """
    if weights is None:
        return None
    weights = weights.to(torch.float64).contiguous()
    if weights.numel() == 0 or torch.compiler.is_compiling():  # which knows no values
        return weights
    low, high = (float(extreme) for extreme in torch.aminmax(weights))
    if not 0 <= low <= high < math.inf or (needed and high == 0):
        raise ValueError(
            f"weights must be finite, at least 0{' and not all 0' if needed else ''}, got "
            f"{weights.tolist()}"
        )
    exponent = math.frexp(high)[1]
    half = exponent // 2  # 2^-exponent may itself be out of range
    return weights * 2.0**-half * 2.0 ** (half - exponent)


def _finite(inverse_temperature: Tensor | None) -> Tensor | None:
    """Return 1 / temperature as float32.

    Raises:
        ValueError: one is negative, or not finite as float32.
    """
    if inverse_temperature is None:
        return None
    inverse = inverse_temperature.to(torch.float32).contiguous()
    if torch.compiler.is_compiling():
        return inverse
    if not bool((torch.isfinite(inverse) & (inverse >= 0)).all()):
        raise ValueError(
            "inverse_temperature must be at least 0 and within float32's range, up to 3.4e+38, got "
            f"{inverse_temperature.tolist()}; raise the temperature"
        )
    return inverse


# ---- fakes: nothing to infer, since outputs are arguments --------------------------------------


def _fake(*_: object) -> None:
    """Infer nothing: the op writes its outputs."""


_VOTING = ("vote", "vote_curve", "class_planes", "greedy_scores", "bootstrap")
for _name in ("augment", "channel_sums", *_VOTING):
    torch.library.register_fake(f"warpmix::{_name}", _fake)
    torch.library.register_fake(f"warpmix::{_name}_emulated", _fake)
torch.library.register_fake("warpmix::draw", _fake)
