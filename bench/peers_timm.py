"""Rows of timm's Mixup: mixing alone, on the batch that timm's PrefetchLoader normalises."""

from __future__ import annotations

from augment_rows import Set, Work
from timm.data import Mixup

OPTIONS = {"mixup_alpha": 0.0, "cutmix_alpha": 1.0, "label_smoothing": 0.0, "num_classes": 10}
BY_SAMPLE, BY_BATCH = (Mixup(mode=mode, **OPTIONS) for mode in ("elem", "batch"))


def _mixed(mixup: Mixup, work: Work, batch: Set) -> object:
    mean, std = (255.0 * v[:, None, None] for v in (work.mean, work.std))
    return mixup(batch.nchw.float().sub_(mean).div_(std), batch.labels)


def cutmix(work: Work, batch: Set) -> object:
    return _mixed(BY_SAMPLE, work, batch)


def cutmix_by_batch(work: Work, batch: Set) -> object:
    return _mixed(BY_BATCH, work, batch)
