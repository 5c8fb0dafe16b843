"""Cross-entropy of mixed labels, from the pair itself."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from warpmix._numbers import shown
from warpmix._tensors import check_dense
from warpmix.augment.targets import Targets, check_class_numbers, check_smoothing

__all__ = ["mixed_cross_entropy"]

_REDUCTIONS = ("mean", "sum", "none")


def mixed_cross_entropy(
    logits: Tensor,
    target: Targets | Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return the cross-entropy of logits with mixed labels, class numbers or soft labels.

    The arguments mean what they mean in :func:`torch.nn.functional.cross_entropy`, and class
    numbers and soft labels give its result. A pair of class numbers is the sum of its two shares:
    each is weighed by its class's weight, and the mean is over the weights of both. Nothing is
    made of size [B, C] beyond the log-softmax: a dense target costs up to 1.6 times a step.

    A term whose factor is 0 counts as 0, also where the logit is -inf: an unmixed sample (λ = 1)
    does not depend on its partner's logit.

    Args:
        logits: [B, C] floating point.
        target: :class:`Targets` of B samples, [B] class numbers of any integer dtype, or [B, C]
            float soft labels.
        weight: [C] a class's factor.
        ignore_index: label that is left out. In a pair its share adds neither to the loss nor to
            the weight of the mean; the other label's share stays.
        reduction: "mean", "sum" or "none". The mean of class numbers and pairs is over the weights
            of their labels (NaN where all are ignored), that of soft labels over B.
        label_smoothing: in [0, 1]; the share that is spread evenly over the classes.

    Returns:
        a scalar, or [B] for "none", of the logits' dtype; float32 under autocast.

    Raises:
        TypeError: logits that are not floating point, labels of another type, weight that is no
            tensor.
        ValueError: shapes or devices that do not fit, an unknown reduction, smoothing outside
            [0, 1], or a class number outside [0, C) that is not ignored (looked for on the CPU
            alone).
    """
    _check_options(logits, weight, reduction, label_smoothing)
    pair = (target.y_a, target.y_b) if isinstance(target, Targets) else (target, target)
    for labels in pair:
        _check_labels(labels, logits, ignore_index)
    wide = torch.promote_types(logits.dtype, torch.float32)
    # As autocast does for F.cross_entropy; it leaves the CPU's log_softmax alone.
    autocast = torch.is_autocast_enabled(logits.device.type)
    log_p = F.log_softmax(logits, dim=1, dtype=wide if autocast else None)
    # Sums are taken in float32 or wider: in float16 a batch's weights would overflow.
    weight = None if weight is None else weight.to(wide)
    if pair[0].is_floating_point():
        loss, share = _soft_terms(log_p, target, weight, label_smoothing), None
    else:
        loss, share = _hard_terms(log_p, target, weight, ignore_index, label_smoothing)
    if reduction == "sum":
        loss = loss.sum()
    elif reduction == "mean":
        loss = loss.mean() if share is None else loss.sum() / share.sum()
    return loss.to(log_p.dtype)


def _hard_terms(
    log_p: Tensor,
    target: Targets | Tensor,
    weight: Tensor | None,
    ignore_index: int,
    smoothing: float,
) -> tuple[Tensor, Tensor]:
    """Return ([B] losses, [B] their weights in the mean)."""
    wide = torch.promote_types(log_p.dtype, torch.float32)
    if isinstance(target, Targets):
        lam = target.lam.to(wide)
        shares = [(target.y_a.long(), lam), (target.y_b.long(), 1.0 - lam)]
    else:
        shares = [(target.long(), torch.ones(len(target), dtype=wide, device=target.device))]
    loss = torch.zeros_like(shares[0][1])
    weighed, counted = loss, loss  # shares that are not ignored, with and without class weights
    for label, share in shares:
        ignored = label == ignore_index
        label, share = label.masked_fill(ignored, 0), share.masked_fill(ignored, 0.0)
        counted = counted + share
        share = share if weight is None else share * weight[label]
        weighed = weighed + share
        chosen = log_p.gather(1, label[:, None]).squeeze(1).to(wide)
        loss = loss - _product(share, chosen)
    if smoothing > 0.0:
        spread = -_over_classes(log_p, weight) * (smoothing / log_p.shape[1])
        loss = (1.0 - smoothing) * loss + _product(counted, spread)
    return loss, weighed


def _soft_terms(
    log_p: Tensor, target: Targets | Tensor, weight: Tensor | None, smoothing: float
) -> Tensor:
    """Return [B] losses."""
    classes = log_p.shape[1]
    if isinstance(target, Targets):
        share = target.to_onehot(classes, smoothing)
    else:
        share = target * (1.0 - smoothing) + smoothing / classes
    return -_over_classes(log_p, share if weight is None else share * weight)


def _over_classes(log_p: Tensor, factor: Tensor | None) -> Tensor:
    """Return [B] sums over the classes, times [C] or [B, C] factors."""
    wide = torch.promote_types(log_p.dtype, torch.float32)
    return (log_p if factor is None else _product(factor, log_p)).sum(1, dtype=wide)


def _product(factor: Tensor, value: Tensor) -> Tensor:
    """Return factor · value, but 0 where factor is 0 and value infinite; so its gradients too."""
    return factor * torch.where(factor == 0, 0.0, value)


def _check_options(
    logits: Tensor, weight: Tensor | None, reduction: str, label_smoothing: float
) -> None:
    check_dense("logits", logits)
    if not logits.is_floating_point():
        raise TypeError(f"logits must be floating point, got {logits.dtype}")
    if logits.dim() != 2:
        raise ValueError(f"logits must be [B, C], got {list(logits.shape)}")
    check_smoothing("label_smoothing", label_smoothing)
    if reduction not in _REDUCTIONS:
        raise ValueError(
            f"reduction must be one of {', '.join(_REDUCTIONS)}; got {shown(reduction)}"
        )
    if weight is None:
        return
    if not isinstance(weight, Tensor):
        raise TypeError(
            f"weight must be a tensor [C] of class weights, got {type(weight).__name__}; "
            "smoothing is label_smoothing=…"
        )
    check_dense("weight", weight)
    if weight.is_complex():
        raise TypeError(f"weight must be real numbers, got {weight.dtype}")
    if weight.shape != logits.shape[1:]:
        raise ValueError(f"weight must be [{logits.shape[1]}], got {list(weight.shape)}")


def _check_labels(labels: Tensor, logits: Tensor, ignore_index: int) -> None:
    """Raise TypeError or ValueError unless the labels fit [B, C] logits."""
    if not isinstance(labels, Tensor) or labels.dtype == torch.bool or labels.is_complex():
        found = labels.dtype if isinstance(labels, Tensor) else type(labels).__name__
        raise TypeError(f"labels must be Targets, integers or soft labels, got {found}")
    if labels.device != logits.device:
        raise ValueError(
            f"labels must be on the logits' device {logits.device}, got {labels.device}; "
            f"use target.to('{logits.device}')"
        )
    check_dense("labels", labels)
    soft = labels.is_floating_point()
    expected = logits.shape if soft else logits.shape[:1]
    if labels.shape != expected:
        kind = "soft labels (floats)" if soft else "class numbers (integers)"
        raise ValueError(
            f"{kind} of logits {list(logits.shape)} must be {list(expected)}, "
            f"got {list(labels.shape)}"
        )
    if soft and ignore_index >= 0:
        raise ValueError(f"ignore_index must be left out with soft labels, got {ignore_index}")
    if not soft:
        check_class_numbers(labels, logits.shape[1], ignore_index)
