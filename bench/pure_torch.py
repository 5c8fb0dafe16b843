"""The basic chain in plain, vectorised PyTorch: what a careful user writes without warpmix.

Per-sample parameters, no Python loop over samples, no work that the chain does not need; random
numbers from torch's own generators. It is the peer of the benchmarks, not the oracle of the tests.
"""

from __future__ import annotations

import torch
from torch import Tensor


def shift_wrap(images: Tensor, max_shift: float) -> Tensor:
    """[B, C, H, W] of any dtype, each sample rolled by its own whole-pixel shift."""
    count, _, height, width = images.shape
    device = images.device
    limit_y, limit_x = int(max_shift * height), int(max_shift * width)
    dy = torch.randint(-limit_y, limit_y + 1, (count, 1), device=device)
    dx = torch.randint(-limit_x, limit_x + 1, (count, 1), device=device)
    rows = (torch.arange(height, device=device) - dy) % height
    columns = (torch.arange(width, device=device) - dx) % width
    batch = torch.arange(count, device=device)[:, None, None, None]
    channel = torch.arange(images.shape[1], device=device)[None, :, None, None]
    return images[batch, channel, rows[:, None, :, None], columns[:, None, None, :]]


def contrast(images: Tensor, low: float, high: float) -> Tensor:
    """[B, C, H, W] float32 on [0, 255]; factor per sample, pivot the channel mean."""
    factor = torch.empty(images.shape[0], 1, 1, 1, device=images.device).uniform_(low, high)
    mean = images.mean((2, 3), keepdim=True)
    return torch.addcmul(mean - mean * factor, images, factor).clamp_(0.0, 255.0)


def cutmix(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """alpha = 1; partners by a permutation. Returns images, partners' labels and the own share."""
    count, _, height, width = images.shape
    device = images.device
    partner = torch.randperm(count, device=device)
    ratio = 0.5 * torch.sqrt(1.0 - torch.rand(count, 1, device=device))
    x, y = (torch.randint(0, n, (count, 1), device=device) for n in (width, height))
    half_x, half_y = (ratio * width).long(), (ratio * height).long()
    x0, x1 = (x - half_x).clamp(min=0), (x + half_x).clamp(max=width)
    y0, y1 = (y - half_y).clamp(min=0), (y + half_y).clamp(max=height)
    columns, rows = torch.arange(width, device=device), torch.arange(height, device=device)
    in_x = ((columns >= x0) & (columns < x1))[:, None, None, :]
    in_y = ((rows >= y0) & (rows < y1))[:, None, :, None]
    lam = 1.0 - ((x1 - x0) * (y1 - y0)).squeeze(1) / (width * height)
    return torch.where(in_y & in_x, images[partner], images), labels[partner], lam


def crop_blackout(images: Tensor, max_border: float) -> Tensor:
    """[B, C, H, W] float32, written in place."""
    count, _, height, width = images.shape
    device = images.device
    border_y = torch.randint(0, int(max_border * height) + 1, (count, 1), device=device)
    border_x = torch.randint(0, int(max_border * width) + 1, (count, 1), device=device)
    rows, columns = torch.arange(height, device=device), torch.arange(width, device=device)
    keep_y = (rows >= border_y) & (rows < height - border_y)
    keep_x = (columns >= border_x) & (columns < width - border_x)
    return images.mul_((keep_y[:, None, :, None] & keep_x[:, None, None, :]).to(images.dtype))


def basic_chain(
    images: Tensor, labels: Tensor, mean: Tensor, std: Tensor, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Shift-wrap → contrast → CutMix → crop-blackout → normalise.

    Args:
        images: [B, C, H, W] uint8; labels: [B] int64; mean, std: [C] float32 on [0, 1].

    Returns:
        (batch [B, C, H, W] of ``dtype``, own labels, partners' labels, own share).
    """
    batch = contrast(shift_wrap(images, 0.2).float(), 1.0, 3.0)
    batch, partner_labels, lam = cutmix(batch, labels)
    batch = crop_blackout(batch, 0.2)
    batch.sub_((mean * 255.0)[:, None, None]).div_((std * 255.0)[:, None, None])
    return batch.to(dtype), labels, partner_labels, lam


def cutmix_chain(
    images: Tensor, labels: Tensor, mean: Tensor, std: Tensor, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """CutMix, on bytes, → normalise; arguments and result as :func:`basic_chain`."""
    mixed, partner_labels, lam = cutmix(images, labels)
    batch = mixed.float()
    batch.sub_((mean * 255.0)[:, None, None]).div_((std * 255.0)[:, None, None])
    return batch.to(dtype), labels, partner_labels, lam
