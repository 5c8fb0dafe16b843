"""The one path of every call: checked arguments and parameters in, batch and targets out."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from warpmix import ops
from warpmix._tensors import check_dense, empty_batch
from warpmix.augment._checks import Call
from warpmix.augment.draws import Draws
from warpmix.augment.launches import Compiled, Samples, run_launches
from warpmix.augment.ragged import Images
from warpmix.augment.targets import Targets

Result = Tensor | tuple[Tensor, Targets | Tensor]


@dataclass(frozen=True)
class Form:
    """What comes out.

    Attributes:
        dtype, channels_last: of the batch.
        num_classes: of one-hot targets; None: the targets are pairs.
        label_smoothing: of one-hot targets.
    """

    dtype: torch.dtype
    channels_last: bool
    num_classes: int | None = None
    label_smoothing: float = 0.0


def run(
    call: Call, compiled: Compiled, samples: Samples | Draws, form: Form, out: Tensor | None = None
) -> Result:
    """Make the samples, whose parameters are drawn already or not.

    Returns:
        batch [B, C, h, w], ``out`` where it is given; with labels (batch, targets).

    Raises:
        ValueError: labels, sums or out are missing or do not fit.
    """
    labels = call.labels
    if compiled.mix is not None and labels is None:
        raise ValueError(
            f"labels must be given, because {compiled.mix_names} mixes them as it mixes images; "
            "labels=torch.arange(N) where only the rows are wanted that were mixed, eval() for "
            "images as they are"
        )
    count = samples.count if isinstance(samples, Samples) else samples.rows.shape[0]
    batch = _output(call, compiled, count, form, out)
    soft = labels is not None and labels.is_floating_point()
    pair, lam = run_launches(
        call.images, compiled, samples, None if soft else labels, _sums(call, compiled), batch
    )
    made = out if out is not None else batch[0] if call.is_single else batch
    if labels is None:
        return made
    own, partner = pair.unbind()
    if soft:
        own, partner = labels[own], labels[partner]
    targets = Targets(own, partner, lam)
    if form.num_classes is not None:
        dense = targets.to_onehot(form.num_classes, form.label_smoothing)
        return made, dense[0] if call.is_single else dense
    return made, Targets(own[0], partner[0], lam[0]) if call.is_single else targets


def _sums(call: Call, compiled: Compiled) -> Tensor | None:
    if call.sums is not None or not compiled.needs_sums:
        return call.sums
    if call.index is not None:
        raise ValueError(
            "sums must be given with index, because this pipeline's contrast needs the means of "
            "the images: compute sums = warpmix.ops.channel_sums(images) once and pass it, or use "
            "warpmix.data.Dataset, which keeps them"
        )
    return ops.channel_sums_nhwc(call.images)


def _output(call: Call, compiled: Compiled, count: int, form: Form, out: Tensor | None) -> Tensor:
    """Return the batch to write into: ``out`` where it is given."""
    shape = (count, call.size[2], *compiled.result_size)
    dtype, device = form.dtype, call.images.device
    if out is None:
        return empty_batch(shape, dtype, device, form.channels_last)
    expected = shape[1:] if call.is_single else shape
    check_dense("out", out)
    if tuple(out.shape) != expected or out.dtype != dtype or out.device != device:
        raise ValueError(
            f"out must be {expected} {dtype} on {device}, "
            f"got {tuple(out.shape)} {out.dtype} on {out.device}"
        )
    if out.requires_grad:
        raise ValueError("out must not require a gradient: no gradient flows here; detach it")
    if not torch.compiler.is_compiling() and _storage(out) == _storage(call.images):
        raise ValueError("out must have memory of its own, got the images', which are still read")
    batch = out[None] if call.is_single else out
    if not batch.is_contiguous() and not batch.is_contiguous(memory_format=torch.channels_last):
        raise ValueError(
            f"out must be contiguous or channels_last, got strides {tuple(out.stride())}"
        )
    return batch


def _storage(images: Images) -> int:
    tensor = images if isinstance(images, Tensor) else images.pixels
    return tensor.untyped_storage().data_ptr()
