"""RandomResizedCrop(224) of larger photos, a flip and normalisation, without decoding."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from augment_rows import CPU_CACHE, GPU_CACHE, MEAN, STD, with_threads
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2

from warpmix import Pipeline, RaggedImages, RandomHorizontalFlip, RandomResizedCrop

RESULT = 224
SIZES = ("400x400", "375x500", "sides of 300 to 500")
"""Height x width, or the least and the largest side."""


@dataclass(frozen=True)
class PhotoCase:
    device: str
    batch: int
    sizes: str
    threads: int = 1

    def __str__(self) -> str:
        text = f"{self.device}: {self.batch} of {self.sizes} to {RESULT}x{RESULT} float32"
        return with_threads(text, self.device, self.threads)

    @property
    def moved(self) -> int:
        """Bytes that are written; what is read depends on the crops."""
        return self.batch * 3 * RESULT**2 * 4

    @property
    def sets(self) -> int:
        cache = GPU_CACHE if self.device == "cuda" else CPU_CACHE
        return max(2, -(-cache // (self.batch * 3 * 400**2)))


@dataclass(frozen=True)
class PhotoSet:
    """A batch of photos [3, H, W] uint8, interleaved and planar, and buffers for what is made."""

    interleaved: list[Tensor]
    planar: list[Tensor]
    source: Tensor | RaggedImages
    planar_source: Tensor | RaggedImages
    channels_last: Tensor
    nchw: Tensor


@functools.lru_cache(maxsize=1)
def photos(device: str, sizes: str, count: int) -> list[Tensor]:
    """[3, H, W] views of [H, W, 3] noise."""
    generator = np.random.default_rng(0)
    first, second = (int(number) for number in re.findall(r"\d+", sizes))
    mixed = not sizes.startswith(f"{first}x")
    found = []
    for _ in range(count):
        height, width = generator.integers(first, second + 1, 2) if mixed else (first, second)
        image = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
        found.append(torch.from_numpy(image).permute(2, 0, 1).to(device))
    return found


def _source(images: Sequence[Tensor]) -> Tensor | RaggedImages:
    """As a batch where they have one size, in the images' order in memory."""
    if len({image.shape for image in images}) > 1:
        return RaggedImages.from_list(images)
    if images[0].is_contiguous():
        return torch.stack(list(images))
    return torch.stack([image.permute(1, 2, 0) for image in images]).permute(0, 3, 1, 2)


class PhotoWork:
    """What the rows of one case run on; see :class:`augment_rows.Work`."""

    def __init__(self, case: PhotoCase) -> None:
        self.case = case
        self.images = photos(case.device, case.sizes, case.batch * case.sets)
        options: dict[str, Any] = {"mean": MEAN, "std": STD, "seed": 0}
        steps = [RandomResizedCrop(RESULT), RandomHorizontalFlip()]
        self.nhwc = Pipeline(steps, **options).to(case.device)
        self.nchw = Pipeline(steps, channels_last=False, **options).to(case.device)
        self.step = torch.zeros(1, dtype=torch.int64, device=case.device)
        self.mean, self.std = (torch.tensor(v, device=case.device) for v in (MEAN, STD))
        self.nchw_out = torch.empty(case.batch, 3, RESULT, RESULT, device=case.device)
        self.out = torch.empty_like(self.nchw_out, memory_format=torch.channels_last)
        self._made: dict[int, PhotoSet] = {}

    def set(self, number: int, count: int | None = None) -> PhotoSet:
        """The batch of a round; of its first ``count`` images alone, where given."""
        number %= self.case.sets
        if count is None and number in self._made:
            return self._made[number]
        first, length = number * self.case.batch, count or self.case.batch
        interleaved = self.images[first : first + length]
        planar = [image.contiguous() for image in interleaved]
        sources = _source(interleaved), _source(planar)
        found = PhotoSet(interleaved, planar, *sources, self.out[:length], self.nchw_out[:length])
        if count is None:
            self._made[number] = found
        return found


# ---- rows ---------------------------------------------------------------------------------------

TO_BYTES = v2.Compose([v2.RandomResizedCrop(RESULT, antialias=True), v2.RandomHorizontalFlip()])
TO_FLOAT = v2.Compose(
    [v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD, inplace=True)]
)


def call(work: PhotoWork, batch: PhotoSet) -> Tensor:
    return work.nhwc(batch.source, step=work.step)


def fused(work: PhotoWork, batch: PhotoSet) -> Tensor:
    return work.nhwc(batch.source, step=work.step, out=batch.channels_last)


def fused_planar(work: PhotoWork, batch: PhotoSet) -> Tensor:
    return work.nchw(batch.planar_source, step=work.step, out=batch.nchw)


def torchvision(work: PhotoWork, batch: PhotoSet) -> Tensor:
    return torch.stack([TO_FLOAT(TO_BYTES(image)) for image in batch.planar])


def torchvision_interleaved(work: PhotoWork, batch: PhotoSet) -> Tensor:
    return torch.stack([TO_FLOAT(TO_BYTES(image)) for image in batch.interleaved])


def torchvision_by_batch(work: PhotoWork, batch: PhotoSet) -> Tensor:
    """Crops and flips bytes one by one, and converts them together."""
    return TO_FLOAT(torch.stack([TO_BYTES(image) for image in batch.interleaved]))


def arrays(batch: PhotoSet) -> list[np.ndarray]:
    """Views [H, W, 3]."""
    return [image.permute(1, 2, 0).numpy() for image in batch.interleaved]


def pillow(work: PhotoWork, batch: PhotoSet) -> Tensor:
    mean, std = (255 * np.array(values, np.float32) for values in (MEAN, STD))
    out = batch.channels_last.permute(0, 2, 3, 1).numpy()
    for i, image in enumerate(arrays(batch)):
        pixels = np.asarray(TO_BYTES(Image.fromarray(image)))
        np.divide(np.subtract(pixels, mean, dtype=np.float32), std, out=out[i])
    return batch.channels_last


@functools.cache
def _albumentations() -> Any:
    import albumentations as A
    import cv2

    crop = A.RandomResizedCrop((RESULT, RESULT), interpolation=cv2.INTER_AREA)
    return A.Compose([crop, A.HorizontalFlip(), A.Normalize(MEAN, STD)])


def albumentations(work: PhotoWork, batch: PhotoSet) -> Tensor:
    out = batch.channels_last.permute(0, 2, 3, 1).numpy()
    for i, image in enumerate(arrays(batch)):
        out[i] = _albumentations()(image=image)["image"]
    return batch.channels_last


@functools.cache
def _kornia() -> Any:
    import kornia.augmentation as K

    steps = [
        K.RandomResizedCrop((RESULT, RESULT)),
        K.RandomHorizontalFlip(),
        K.Normalize(MEAN, STD),
    ]
    return torch.nn.Sequential(*steps)


def kornia(work: PhotoWork, batch: PhotoSet) -> Tensor:
    """Its batches have one size: photos of mixed sizes go in one by one."""
    steps = _kornia()
    if isinstance(batch.planar_source, Tensor):
        return steps(batch.planar_source.float().div_(255.0))
    return torch.cat([steps(image[None].float().div_(255.0)) for image in batch.planar])


def dali(work: PhotoWork, batch: PhotoSet) -> Tensor:
    import peers_dali

    if work.case.device == "cuda":
        images = [image.permute(1, 2, 0) for image in batch.interleaved]
        return peers_dali.made("crops", images, "cuda")
    return peers_dali.made("crops", arrays(batch))


def floor(work: PhotoWork, batch: PhotoSet) -> Tensor:
    """Copies as many bytes as the results have, to their type."""
    for image, made in zip(batch.interleaved, batch.channels_last, strict=True):
        made.copy_(image[:, :RESULT, :RESULT])
    return batch.channels_last
