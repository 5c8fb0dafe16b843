"""Rows of timm: Mixup alone, on the batch that its PrefetchLoader normalises, and RandAugment on
Pillow's images."""

from __future__ import annotations

import numpy as np
import torch
from augment_rows import MEAN, STD, Set, Work
from PIL import Image
from timm.data import Mixup
from timm.data.auto_augment import rand_augment_transform

OPTIONS = {"mixup_alpha": 0.0, "cutmix_alpha": 1.0, "label_smoothing": 0.0, "num_classes": 10}
# Without mstd0.5, at whose noise timm now and then asks for Posterize of 0 bits: Pillow 13 refuses.
RAND_AUGMENT = rand_augment_transform("rand-m9-inc1", {})
SCALE, BIAS = 1 / (255 * np.float32(STD)), -np.float32(MEAN) / np.float32(STD)
BY_SAMPLE, BY_BATCH = (Mixup(mode=mode, **OPTIONS) for mode in ("elem", "batch"))


def _mixed(mixup: Mixup, work: Work, batch: Set) -> object:
    mean, std = (255.0 * v[:, None, None] for v in (work.mean, work.std))
    return mixup(batch.nchw.float().sub_(mean).div_(std), batch.labels)


def cutmix(work: Work, batch: Set) -> object:
    return _mixed(BY_SAMPLE, work, batch)


def cutmix_by_batch(work: Work, batch: Set) -> object:
    return _mixed(BY_BATCH, work, batch)


def rand_augment(work: Work, batch: Set) -> object:
    """Each image by itself, and default_collate's stack; pixels stay interleaved until the end."""
    made = [
        np.asarray(RAND_AUGMENT(Image.fromarray(image))) * SCALE + BIAS
        for image in batch.nhwc.permute(0, 2, 3, 1).numpy()
    ]
    return torch.from_numpy(np.stack(made)).permute(0, 3, 1, 2)
