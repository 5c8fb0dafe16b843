"""CutMix and MixUp against torchvision.transforms.v2, run with our λ, centres and partners.

torchvision draws one λ a batch and mixes each sample with the one before it. So it is given pairs
(own, partner) of which the first is compared, and our random numbers, as the package's reference
has them, instead of its own.
"""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock, patch

import pytest
import torch
from torch import Tensor
from torchvision.transforms import v2

from warpmix import CutMix, MixUp, Pipeline, RandomChoice
from warpmix._philox import uniform_below
from warpmix.augment import reference
from warpmix.augment.reference.streams import Streams

COUNT, HEIGHT, WIDTH, CLASSES = 120, 20, 28, 10
IDS = torch.arange(COUNT) + 1000
ALPHAS = (0.1, 1.0, 5.0)


def data() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    shape = (COUNT, 3, HEIGHT, WIDTH)
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    return images, torch.randint(0, CLASSES, (COUNT,), generator=generator)


def raw_numbers(alpha: float) -> tuple[Tensor, Tensor, Tensor]:
    """([B] λ before any correction, centres x, y) of the first transform of a list."""
    streams = Streams(IDS, torch.ones(COUNT, dtype=torch.bool), seed=0, epoch=0, p=1.0)
    words, more = streams.words(1), streams.words(1, block=1)
    lam = reference.symmetric_beta(words[1], words[2], 1.0 / alpha)
    return lam, uniform_below(more[0], WIDTH), uniform_below(more[1], HEIGHT)


def by_torchvision(kind: Any, pair: Tensor, labels: Tensor, *numbers: Tensor) -> Any:
    """(image of the first of a pair, its label row) of torchvision's transform, its draws, its
    drawn parameters; numbers: λ, and for CutMix the centre."""
    transform = kind(num_classes=CLASSES)
    transform._dist = Mock(sample=lambda shape: numbers[0])
    made: dict[str, Any] = {}
    original = transform.make_params
    transform.make_params = lambda inputs: made.update(original(inputs)) or made
    with patch("torch.randint", side_effect=[n[None] for n in numbers[1:]]):
        images, rows = transform(pair, labels)
    return images[0], rows[0], made


@pytest.mark.parametrize("alpha", ALPHAS)
def test_cutmix_has_torchvisions_box_share_and_labels(alpha: float) -> None:
    """1 - λ is taken in float32: a λ of at most 2^-25 (1 % of Beta(0.1)) counts as 0. Half sides
    are then half the image's, where float64 cuts them off to a pixel less."""
    images, labels = data()
    pipeline = Pipeline([CutMix(alpha)], dtype=torch.uint8, seed=0)
    draws = pipeline.draw(IDS, images=images)
    (drawn,) = draws.named()
    batch, targets = pipeline.replay(images, draws, labels)
    onehot = targets.to_onehot(CLASSES)
    lam, x, y = raw_numbers(alpha)
    for i, partner in enumerate(drawn["partner"].tolist()):
        both = torch.tensor([i, partner])
        image, row, made = by_torchvision(
            v2.CutMix, images[both], labels[both], 1 - (1 - lam[i]).double(), x[i], y[i]
        )
        assert made["box"] == tuple(int(drawn[name][i]) for name in ("x0", "y0", "x1", "y1"))
        share = torch.tensor(made["lam_adjusted"])  # torchvision's is float64: rounded once
        assert drawn["lam"][i] == share and targets.lam[i] == share
        assert torch.equal(batch[i], image)
        assert targets.y_a[i] == labels[i] and targets.y_b[i] == labels[partner]
        torch.testing.assert_close(onehot[i], row, rtol=0, atol=1e-7)  # 1 - λ in float32 or float64


@pytest.mark.parametrize("alpha", ALPHAS)
def test_mixup_has_torchvisions_share_images_and_labels(alpha: float) -> None:
    images, labels = data()
    pipeline = Pipeline([MixUp(alpha)], seed=0)
    draws = pipeline.draw(IDS, images=images)
    (drawn,) = draws.named()
    batch, targets = pipeline.replay(images, draws, labels)
    onehot = targets.to_onehot(CLASSES)
    lam, _, _ = raw_numbers(alpha)
    assert torch.equal(drawn["lam"], lam) and torch.equal(targets.lam, lam)
    exact = images.double() / 255
    for i, partner in enumerate(drawn["partner"].tolist()):
        both = torch.tensor([i, partner])
        image, row, _ = by_torchvision(v2.MixUp, exact[both], labels[both], lam[i])
        assert (batch[i] - image).abs().max() <= 4e-7  # seven roundings to 2^-24
        torch.testing.assert_close(onehot[i], row, rtol=0, atol=1e-7)


def test_a_choice_of_both_mixes_as_the_one_that_was_chosen() -> None:
    images, labels = data()
    pipeline = Pipeline([RandomChoice([CutMix(), MixUp()])], dtype=torch.uint8, seed=0)
    draws = pipeline.draw(IDS, images=images)
    cut, blend = draws.named()
    batch, targets = pipeline.replay(images, draws, labels)
    assert torch.equal(cut.on, ~blend.on) and cut.on.any() and blend.on.any()
    for i in range(COUNT):
        chosen = cut if cut.on[i] else blend
        own, partner = images[i].float(), images[chosen["partner"][i]].float()
        lam = float(chosen["lam"][i])
        want = own * lam + partner * (1 - lam)
        if cut.on[i]:
            x0, y0, x1, y1 = (int(cut[name][i]) for name in ("x0", "y0", "x1", "y1"))
            want = own.clone()
            want[:, y0:y1, x0:x1] = partner[:, y0:y1, x0:x1]
        assert (batch[i] - want).abs().max() <= 0.5 + 1e-4
        assert targets.lam[i] == chosen["lam"][i]
