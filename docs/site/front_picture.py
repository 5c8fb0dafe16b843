"""Draws docs/assets/batch.jpg, the front page's picture: ``python docs/site/front_picture.py``.

Two photographs that scikit-learn ships, and what a chain makes of ten copies of them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_sample_images

from warpmix import (
    CutMix,
    MixUp,
    Pipeline,
    RandomChoice,
    RandomContrast,
    RandomCropBlackout,
    RandomShift,
)

OUT = Path(__file__).parents[1] / "assets" / "batch.jpg"
SIDE, COPIES, GAP = 192, 5, 8


def main() -> None:
    photos = [Image.fromarray(photo) for photo in load_sample_images().images]
    squares = [photo.crop((120, 27, 520, 427)).resize((SIDE, SIDE)) for photo in photos]
    chain = [
        RandomShift(0.2),
        RandomContrast((0.6, 2.0)),
        RandomChoice([CutMix(), MixUp()]),
        RandomCropBlackout(0.15),
    ]
    augment = Pipeline(chain, dtype=torch.uint8, seed=11)
    pixels = torch.stack([torch.from_numpy(np.array(square)) for square in squares])
    batch = pixels.repeat(COPIES, 1, 1, 1).permute(0, 3, 1, 2)
    made, _ = augment(batch, torch.arange(len(batch)) % len(squares))
    step = SIDE + GAP
    sheet = Image.new("RGB", (step * (COPIES + 1) - GAP, step * len(squares) - GAP), "white")
    for row, square in enumerate(squares):
        sheet.paste(square, (0, row * step))
        for column in range(COPIES):
            result = made[column * len(squares) + row].permute(1, 2, 0).contiguous().numpy()
            sheet.paste(Image.fromarray(result), ((column + 1) * step, row * step))
    sheet.save(OUT, quality=85)


if __name__ == "__main__":
    main()
