"""torchvision's functionals as peers of transforms: one sample and its draw, to its result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F

from warpmix import Pipeline

Values = dict[str, Any]  # one sample's draw: name → number
Peer = Callable[[Tensor, Values], Tensor]  # [C, H, W] float64 on [0, 1] or uint8, to the same

BILINEAR = InterpolationMode.BILINEAR


def sample_images(channels: int = 3, count: int = 48) -> Tensor:
    """[B, 20, 28, C] uint8: noise, then ramps, two flat images, grey noise, and black and white."""
    generator = torch.Generator().manual_seed(0)
    shape = (count, 20, 28, channels)
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    ramp = 4 * torch.arange(20)[:, None] + 6 * torch.arange(28)[None, :]
    images[0] = (ramp[:, :, None] + torch.arange(channels) * 7).to(torch.uint8)
    images[1], images[2] = 255, 17
    images[3] = images[3, :, :, :1]
    images[4] = (images[4] > 127) * 255
    return images


def replayed(transforms: list[Any], images: Tensor, dtype: torch.dtype) -> tuple[Any, Tensor]:
    """(named draws, batch [B, C, h, w] on [0, 1] or uint8): drawn, then replayed."""
    pipeline = Pipeline(transforms, dtype=dtype, channels_last=False, seed=0)
    images = images.permute(0, 3, 1, 2)
    draws = pipeline.draw(torch.arange(len(images)) + 100, images=images)
    return draws.named(), pipeline.replay(images, draws)


def by_torchvision(images: Tensor, draws: Any, peers: list[Peer]) -> Tensor:
    """[B, C, h, w]: the peers one after the other on each sample; images [B, H, W, C]."""
    results = []
    for i, image in enumerate(images.permute(0, 3, 1, 2)):
        for draw, peer in zip(draws, peers, strict=True):
            if draw.on[i]:
                image = peer(image, {name: v[i].item() for name, v in draw.values.items()})
        results.append(image)
    return torch.stack(results)


# ---- torchvision's functionals ------------------------------------------------------------------


def contrast(image: Tensor, v: Values) -> Tensor:
    return F.adjust_contrast(image, v["factor"])


def brightness(image: Tensor, v: Values) -> Tensor:
    return F.adjust_brightness(image, v["factor"])


def saturation(image: Tensor, v: Values) -> Tensor:
    return F.adjust_saturation(image, v["factor"])


def grayscale(image: Tensor, v: Values) -> Tensor:
    return F.rgb_to_grayscale(image, num_output_channels=3)


def invert(image: Tensor, v: Values) -> Tensor:
    return F.invert(image)


def gamma(image: Tensor, v: Values) -> Tensor:
    return F.adjust_gamma(image, v["gamma"])


def hue(image: Tensor, v: Values) -> Tensor:
    return F.adjust_hue(image, v["hue"])


def jitter(image: Tensor, v: Values) -> Tensor:
    """torchvision's steps in the one order that ours has."""
    image = F.adjust_brightness(image, v["brightness"])
    image = F.adjust_contrast(image, v["contrast"])
    return F.adjust_hue(F.adjust_saturation(image, v["saturation"]), v["hue"])


def hflip(image: Tensor, v: Values) -> Tensor:
    return F.hflip(image)


def vflip(image: Tensor, v: Values) -> Tensor:
    return F.vflip(image)


def roll(image: Tensor, v: Values) -> Tensor:
    return image.roll((v["dy"], v["dx"]), (-2, -1))


def crop(x: int, y: int, mode: str, fill: float = 0) -> Peer:
    """Pads x pixels left and right, y above and below, then takes the window that was drawn."""

    def peer(image: Tensor, v: Values) -> Tensor:
        of_dtype = fill / 255 if image.is_floating_point() else fill
        padded = F.pad(image, [x, y, x, y], fill=of_dtype, padding_mode=mode)
        return F.crop(padded, y - v["dy"], x - v["dx"], *image.shape[-2:])

    return peer


def erase(*values: float) -> Peer:
    def peer(image: Tensor, v: Values) -> Tensor:
        value = torch.tensor(values)[:, None, None]
        value = value.double() / 255 if image.is_floating_point() else value.to(torch.uint8)
        height, width = v["y1"] - v["y0"], v["x1"] - v["x0"]
        return F.erase(image, v["y0"], v["x0"], height, width, value)

    return peer


def resize(height: int, width: int, antialias: bool = True) -> Peer:
    def peer(image: Tensor, v: Values) -> Tensor:
        return F.resize(image, [height, width], BILINEAR, antialias=antialias)

    return peer
