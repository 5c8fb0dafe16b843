"""Thin wrappers of ``torch.ops.warpmix.*`` and their fake implementations.

The ops write into tensors that these wrappers make, so that one schema serves ``out=``,
``torch.compile`` and CUDA graphs; schemas and layouts are in csrc/ops.cpp and csrc/augment.h.
Arguments are checked by the callers (``warpmix.augment``, ``warpmix.ensemble``), which raise
ValueError and TypeError; what reaches an op wrongly raises RuntimeError. Votes take any strides
and integer dtypes, and check what would make their scores NaN.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from warpmix import _extension
from warpmix._tensors import (
    MixedSizes,
    Source,
    as_inverse_temperature,
    check_dense,
    scaled_weights,
    split_source,
)

_C = _extension.load().module
DRAW_WORDS: int = _C.draw_words
_ops = torch.ops.warpmix


# ---- augmentation -----------------------------------------------------------------------------


def as_nhwc(images: Tensor) -> Tensor:
    """Return images [N, C, H, W] as the ops read them: [N, H, W, C], dense as NHWC or as NCHW.

    A view wherever the images are dense in either order; others are copied to NHWC.
    """
    nhwc = images.permute(0, 2, 3, 1)
    return nhwc.contiguous() if not images.is_contiguous() else nhwc


def channel_sums(images: Source) -> Tensor:
    """Return the exact channel sums of images, which contrast's means are made of.

    Args:
        images: [N, C, H, W] uint8, or float32 on [0, 255], in any memory format; or
            :class:`warpmix.RaggedImages`.

    Returns:
        [N, C] int64 in steps of 2^-16, the same whatever the device or the order of summation.

    Raises:
        ValueError: images of another shape, without memory, or of too many channels or pixels.
        TypeError: another dtype, or a tensor that is not dense.
    """
    if isinstance(images, MixedSizes):
        return channel_sums_nhwc(images)
    check_dense("images", images)
    if images.dim() != 4:
        raise ValueError(f"images must be [N, C, H, W], got shape {tuple(images.shape)}")
    if images.dtype not in (torch.uint8, torch.float32):
        raise TypeError(f"images must be uint8 or float32, got {images.dtype}")
    _, channels, height, width = images.shape
    if not 1 <= channels <= _C.max_channels or not 1 <= height * width <= _C.max_pixels:
        raise ValueError(
            f"images must have 1 to {_C.max_channels} channels of 1 to {_C.max_pixels} pixels, "
            f"got {channels} of {height} x {width}"
        )
    return channel_sums_nhwc(as_nhwc(images))


def channel_sums_nhwc(images: Source) -> Tensor:
    """Return :func:`channel_sums` of images [N, H, W, C] as :func:`as_nhwc` gives them."""
    pixels, offsets, sizes = split_source(images)
    count = len(pixels if offsets is None else offsets)
    sums = torch.empty(count, pixels.shape[-1], dtype=torch.int64, device=pixels.device)
    _ops.channel_sums(pixels, sums, offsets, sizes)
    return sums


def draw(
    images: Source,
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
    images, offsets, sizes = split_source(images)
    shape = (batch_size, sides, program[0], DRAW_WORDS)
    draws = torch.empty(shape, dtype=torch.int32, device=images.device)
    index, ids, active = _dense(index), _dense(ids), _dense(active)
    _ops.draw(
        images, index, ids, active, step, seed, epoch, from_batch, program, draws, offsets, sizes
    )
    return draws


def check_draws(
    draws: Tensor,
    *,
    image_count: int,
    from_batch: bool,
    program: Sequence[int],
    index: Tensor | None = None,
    sizes: Tensor | None = None,
) -> None:
    """Check draws [B, sides, stages, 8] int32 in host memory against a launch and its images.

    Args:
        index: [B] int64 rows of the images, where these have sizes of their own.
        sizes: [N, 2] int32, these sizes, in host memory.

    Raises:
        ValueError: a number that would have the kernels read what is none of the images'.
    """
    try:
        _ops.check_draws(draws.contiguous(), image_count, from_batch, program, index, sizes)
    except RuntimeError as error:
        line = str(error).partition("\n")[0]
        raise ValueError(line.partition("check_draws: ")[2]) from None


def augment(
    images: Source,
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
    images, offsets, sizes = split_source(images)
    index, ids, active = _dense(index), _dense(ids), _dense(active)
    labels, sums, draws = _dense(labels), _dense(sums), _dense(draws)
    pair = torch.empty(2, out.shape[0], dtype=torch.int64, device=images.device)
    lam = torch.empty(out.shape[0], dtype=torch.float32, device=images.device)
    _ops.augment(
        images, index, ids, active, labels, sums, draws, step, seed, epoch, from_batch, program,
        scale, bias, out, pair, lam, offsets, sizes,
    )  # fmt: skip
    return pair, lam


def _dense(tensor: Tensor | None) -> Tensor | None:
    """Return the tensor as the ops take it: a rank's ``order[rank::world]`` has gaps, say."""
    return None if tensor is None else tensor.contiguous()


def _integers(name: str, tensor: Tensor) -> Tensor:
    """Return integers of any width and strides as the ops take them.

    Raises:
        TypeError: they are none.
    """
    if tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool:
        raise TypeError(f"{name} must be integers, got {tensor.dtype}; use {name}.long()")
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
    predictions, weights = predictions.contiguous(), scaled_weights(weights, needed=True)
    inverse_temperature = as_inverse_temperature(inverse_temperature)
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
    predictions, weights = predictions.contiguous(), scaled_weights(weights)
    targets, ranking = _integers("targets", targets), _integers("ranking", ranking)
    inverse_temperature = as_inverse_temperature(inverse_temperature)
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
    predictions = predictions.contiguous()
    inverse_temperature = as_inverse_temperature(inverse_temperature)
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
    planes, own = _dense(planes), own.contiguous()
    total, own_total = _dense(total), own_total.contiguous()
    targets = _integers("targets", targets)
    score = torch.empty(own.shape[0], dtype=torch.int64, device=own.device)
    _ops.greedy_scores(planes, own, total, own_total, targets, members, score)
    return score


def bootstrap(correct: Tensor, seed: int, replicates: int, rules: int) -> Tensor:
    """Return [replicates, rules] int64: of N samples drawn with replacement, how many each rule
    gets right; bit r of correct [N] int64 says whether rule r does."""
    correct = _integers("correct", correct)
    counts = torch.empty(replicates, rules, dtype=torch.int64, device=correct.device)
    _ops.bootstrap(correct, seed, counts)
    return counts


# ---- fakes: nothing to infer, since outputs are arguments --------------------------------------


def _fake(*_: object) -> None:
    """Infer nothing: the op writes its outputs."""


_VOTING = ("vote", "vote_curve", "class_planes", "greedy_scores", "bootstrap")
for _name in ("augment", "channel_sums", *_VOTING):
    torch.library.register_fake(f"warpmix::{_name}", _fake)
    torch.library.register_fake(f"warpmix::{_name}_emulated", _fake)
torch.library.register_fake("warpmix::draw", _fake)
