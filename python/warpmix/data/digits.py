"""scikit-learn's handwritten digits: real images that need no download."""

from __future__ import annotations

import numpy as np
import torch

from warpmix.data.dataset import Dataset
from warpmix.data.split import train_or_test


def load_digits(split: str = "train") -> Dataset:
    """Load 1,797 handwritten digits of 8x8 grey pixels, as they come with scikit-learn.

    They are the test part of UCI's "Optical Recognition of Handwritten Digits" (Alpaydin, Kaynak,
    1998). The source's values 0..16 become round(255 v / 16), halves up, so that 0 stays 0 and 16
    becomes 255. The source has no test set: one fifth, stratified, always the same, is held out.

    Args:
        split: ``"train"`` (1,437 images) or ``"test"`` (360 images).

    Returns:
        images [N, 8, 8, 1]; classes "0".."9".

    Raises:
        ValueError: another split.
    """
    from sklearn.datasets import load_digits as load  # takes about two seconds

    source = load()
    sixteenths = torch.from_numpy(source.images.astype(np.int64)).unsqueeze(-1)
    images = ((sixteenths * 255 + 8) // 16).to(torch.uint8)
    labels = torch.from_numpy(source.target.astype(np.int64))
    rows = train_or_test(labels, split)
    classes = tuple(str(digit) for digit in range(10))
    return Dataset(images[rows], labels[rows], classes, "digits")
