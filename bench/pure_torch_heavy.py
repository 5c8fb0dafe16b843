"""The other chains in plain PyTorch.

As pure_torch.py: vectorised, parameters per sample, in place where it can be. The steps take their
parameters, so that bench_peers.py can check them against torchvision's functionals.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from pure_torch import cutmix
from torch import Tensor

LUMA = (0.2989, 0.587, 0.114)  # ITU-R 601, as torchvision has it


def affine(
    images: Tensor, degrees: Tensor, dx: Tensor, dy: Tensor, scale: Tensor, shear: Tensor
) -> Tensor:
    """[B, C, H, W] float32, bilinear, black border; parameters [B] as torchvision's affine."""
    _, _, height, width = images.shape
    turn, lean = torch.deg2rad(degrees), torch.deg2rad(shear).tan()
    cos, sin = turn.cos(), turn.sin()
    a, b = (cos - sin * lean) / scale, (cos * lean + sin) / scale
    d, e = -sin / scale, cos / scale
    c, f = -(a * dx + b * dy), -(d * dx + e * dy)
    to_x = torch.stack([a, b * (height / width), c * (2 / width)], 1)
    to_y = torch.stack([d * (width / height), e, f * (2 / height)], 1)
    theta = torch.stack([to_x, to_y], 1)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def luma(images: Tensor) -> Tensor:
    """[B, 1, H, W]."""
    red, green, blue = images.unbind(1)
    return (red * LUMA[0]).add_(green, alpha=LUMA[1]).add_(blue, alpha=LUMA[2])[:, None]


def brightness(images: Tensor, factor: Tensor) -> Tensor:
    """In place, as the next three; [B, 3, H, W] float32 on [0, 255], factor [B, 1, 1, 1]."""
    return images.mul_(factor).clamp_(0.0, 255.0)


def contrast(images: Tensor, factor: Tensor) -> Tensor:
    means = images.mean((2, 3)) * torch.tensor(LUMA, device=images.device)
    pivot = means.sum(1)[:, None, None, None]
    return images.mul_(factor).add_(pivot - pivot * factor).clamp_(0.0, 255.0)


def saturation(images: Tensor, factor: Tensor) -> Tensor:
    gray = luma(images).mul_(1.0 - factor)
    return images.mul_(factor).add_(gray).clamp_(0.0, 255.0)


def hue(images: Tensor, turns: Tensor) -> Tensor:
    """Through HSV without its branches: channel n is V - chroma · clamp(min(k, 4 - k), 0, 1);
    turns [B, 1, 1]."""
    red, green, blue = images.unbind(1)
    largest = torch.maximum(torch.maximum(red, green), blue)
    chroma = largest - torch.minimum(torch.minimum(red, green), blue)
    inverse = torch.where(chroma == 0, 1.0, chroma).reciprocal_()
    sixths = torch.where(
        largest == green, (blue - red) * inverse + 2.0, (red - green) * inverse + 4.0
    )
    sixths = torch.where(largest == red, (green - blue) * inverse, sixths).add_(turns * 6.0)
    for channel, n in enumerate((5.0, 3.0, 1.0)):
        k = (sixths + n).remainder_(6.0)
        share = torch.minimum(k, 4.0 - k).clamp_(0.0, 1.0)
        torch.sub(largest, share.mul_(chroma), out=images[:, channel])
    return images


def erase(images: Tensor, boxes: Tensor) -> Tensor:
    """In place; boxes [B, 4] x0, y0, x1, y1 become black."""
    rows = torch.arange(images.shape[2], device=images.device)
    columns = torch.arange(images.shape[3], device=images.device)
    x0, y0, x1, y1 = boxes.unbind(1)
    in_y = (rows >= y0[:, None]) & (rows < y1[:, None])
    in_x = (columns >= x0[:, None]) & (columns < x1[:, None])
    return images.masked_fill_((in_y[:, :, None] & in_x[:, None, :])[:, None], 0.0)


def erasing_boxes(count: int, height: int, width: int, device: torch.device) -> Tensor:
    """[B, 4] as torchvision's RandomErasing draws them: p = 0.5, the first of ten that fits."""
    area = torch.empty(count, 10, device=device).uniform_(0.02, 0.33).mul_(height * width)
    aspect = torch.empty_like(area).uniform_(math.log(0.3), math.log(3.3)).exp_()
    h, w = (area * aspect).sqrt_().round_(), (area / aspect).sqrt_().round_()
    fits = (h < height) & (w < width)
    first = fits.int().argmax(1, keepdim=True)
    h, w = h.gather(1, first), w.gather(1, first)
    y = (torch.rand_like(h) * (height - h + 1)).floor_()
    x = (torch.rand_like(w) * (width - w + 1)).floor_()
    on = fits.any(1, keepdim=True) & (torch.rand_like(h) < 0.5)
    return torch.cat([x, y, x + w, y + h], 1) * on


def _uniform(images: Tensor) -> Callable[..., Tensor]:
    """Draws one number a sample, [B, …]."""

    def draw(low: float, high: float, *shape: int) -> Tensor:
        return torch.empty(len(images), *shape, device=images.device).uniform_(low, high)

    return draw


def _drawn_affine(images: Tensor) -> Tensor:
    """RandomAffine(15, (0.1, 0.1), (0.9, 1.1), 10)."""
    height, width = images.shape[2:]
    uniform = _uniform(images)
    dx, dy = (uniform(-0.1 * n, 0.1 * n).round_() for n in (width, height))
    return affine(images, uniform(-15, 15), dx, dy, uniform(0.9, 1.1), uniform(-10, 10))


def flipped(images: Tensor) -> Tensor:
    """Half of the samples mirrored."""
    on = torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5
    return torch.where(on, images.flip(3), images)


def affine_chain(
    images: Tensor, labels: Tensor, mean: Tensor, std: Tensor, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor]:
    """RandomHorizontalFlip() → RandomAffine(15, (0.1, 0.1), (0.9, 1.1), 10) →
    ColorJitter(0.4, 0.4) → normalise."""
    uniform = _uniform(images)
    batch = _drawn_affine(flipped(images).float())
    for step in (brightness, contrast):
        step(batch, uniform(0.6, 1.4, 1, 1, 1))
    batch.sub_((mean * 255.0)[:, None, None]).div_((std * 255.0)[:, None, None])
    return batch.to(dtype), labels


def flip_chain(
    images: Tensor, labels: Tensor, mean: Tensor, std: Tensor, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor]:
    """RandomHorizontalFlip() → RandomContrast((0.5, 1.5), "center") → RandomErasing() →
    normalise."""
    count, _, height, width = images.shape
    batch = flipped(images).float()
    batch.sub_(127.5).mul_(_uniform(images)(0.5, 1.5, 1, 1, 1)).add_(127.5).clamp_(0.0, 255.0)
    erase(batch, erasing_boxes(count, height, width, images.device))
    batch.sub_((mean * 255.0)[:, None, None]).div_((std * 255.0)[:, None, None])
    return batch.to(dtype), labels


def heavy_chain(
    images: Tensor, labels: Tensor, mean: Tensor, std: Tensor, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """RandomAffine(15, (0.1, 0.1), (0.9, 1.1), 10) → ColorJitter(0.4, 0.4, 0.4, 0.1) →
    RandomErasing() → MixUp() → normalise; arguments and result as pure_torch.basic_chain."""
    count, _, height, width = images.shape
    uniform = _uniform(images)
    batch = _drawn_affine(images.float())
    for step in (brightness, contrast, saturation):
        step(batch, uniform(0.6, 1.4, 1, 1, 1))
    hue(batch, uniform(-0.1, 0.1, 1, 1))
    erase(batch, erasing_boxes(count, height, width, images.device))
    partner, lam = torch.randperm(count, device=images.device), uniform(0.0, 1.0)
    batch = torch.lerp(batch[partner], batch, lam[:, None, None, None])
    batch.sub_((mean * 255.0)[:, None, None]).div_((std * 255.0)[:, None, None])
    return batch.to(dtype), labels, labels[partner], lam


def crop_and_flip(images: Tensor, padding: int) -> Tensor:
    """[B, C, H, W] of any dtype to float32: each sample its own window of the padded image, half of
    them mirrored, in one gather."""
    count, channels, height, width = images.shape
    device = images.device
    padded = F.pad(images, (padding,) * 4)
    y, x = (torch.randint(0, 2 * padding + 1, (count, 1), device=device) for _ in range(2))
    rows, columns = torch.arange(height, device=device), torch.arange(width, device=device)
    flips = torch.rand(count, 1, device=device) < 0.5
    columns = torch.where(flips, width - 1 - columns, columns) + x
    batch = torch.arange(count, device=device)[:, None, None, None]
    channel = torch.arange(channels, device=device)[None, :, None, None]
    return padded[batch, channel, (rows + y)[:, None, :, None], columns[:, None, None, :]].float()


def jitter_chain(
    images: Tensor, labels: Tensor, mean: Tensor, std: Tensor, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """RandomCrop(padding=4) → RandomHorizontalFlip() → ColorJitter(0.4, 0.4, 0.4, 0.1) → CutMix() →
    normalise; arguments and result as pure_torch.basic_chain."""
    count, device = images.shape[0], images.device
    batch = crop_and_flip(images, 4)
    for step in (brightness, contrast, saturation):
        step(batch, torch.empty(count, 1, 1, 1, device=device).uniform_(0.6, 1.4))
    hue(batch, torch.empty(count, 1, 1, device=device).uniform_(-0.1, 0.1))
    batch, partners, lam = cutmix(batch, labels)
    batch.sub_((mean * 255.0)[:, None, None]).div_((std * 255.0)[:, None, None])
    return batch.to(dtype), labels, partners, lam
