"""Labels: pairs against dense one-hots, and transforms as plain data."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

import warpmix
from warpmix import Targets, mixed_cross_entropy
from warpmix.augment import from_config, to_config

TARGETS = Targets(torch.tensor([0, 2, 1]), torch.tensor([0, 1, 3]), torch.tensor([1.0, 0.75, 0.1]))


def test_onehot_rows() -> None:
    want = torch.tensor([[1.0, 0, 0, 0], [0, 0.25, 0.75, 0], [0, 0.1, 0, 0.9]])
    assert torch.allclose(TARGETS.to_onehot(4), want)
    smoothed = TARGETS.to_onehot(4, smoothing=0.2)
    assert torch.allclose(smoothed, want * 0.8 + 0.05)
    assert torch.allclose(smoothed.sum(1), torch.ones(3))


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_mixed_cross_entropy_equals_the_dense_one(smoothing: float) -> None:
    logits = torch.randn(3, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    loss = mixed_cross_entropy(logits, TARGETS, smoothing)
    dense = F.cross_entropy(logits, TARGETS.to_onehot(4, smoothing))
    torch.testing.assert_close(loss, dense)
    (ours,) = torch.autograd.grad(loss, logits, retain_graph=True)
    (theirs,) = torch.autograd.grad(dense, logits)
    torch.testing.assert_close(ours, theirs)


def test_errors_name_the_argument() -> None:
    with pytest.raises(ValueError, match=r"num_classes must be above the highest label 3, got 3"):
        TARGETS.to_onehot(3)
    with pytest.raises(ValueError, match=r"label_smoothing must be in \[0, 1\], got 2"):
        mixed_cross_entropy(torch.zeros(3, 4), TARGETS, 2)
    with pytest.raises(ValueError, match=r"logits must be \[B, C\] with B = 3"):
        mixed_cross_entropy(torch.zeros(2, 4), TARGETS)


def test_config_round_trip() -> None:
    listed = [
        warpmix.RandomShift(0.1, border="constant", fill=3),
        warpmix.RandomChoice([warpmix.CutMix(0.5), warpmix.MixUp(p=0.3)], p=[1, 2]),
        warpmix.Normalize((0.5, 0.4, 0.3), 0.25),
    ]
    config = to_config(listed)
    assert from_config(config) == listed
    assert config[0] == {
        "RandomShift": {"p": 1.0, "max_shift": 0.1, "border": "constant", "fill": 3}
    }
    assert from_config(["CutMix"]) == [warpmix.CutMix()]


@pytest.mark.parametrize(
    ("config", "error", "words"),
    [
        (
            [{"RandomShfit": {}}],
            ValueError,
            "unknown transform 'RandomShfit'; did you mean 'RandomS",
        ),
        (
            [{"CutMix": {"alhpa": 1}}],
            ValueError,
            "CutMix: unknown field 'alhpa'; did you mean 'alph",
        ),
        ([{"CutMix": 3}], TypeError, "CutMix: fields must be a mapping"),
        ([{"CutMix": {}, "MixUp": {}}], TypeError, "one name with its fields"),
        ("CutMix", TypeError, "a list of transforms is needed"),
        ([{"CutMix": {"alpha": 0}}], ValueError, "alpha must be in"),
    ],
)
def test_config_errors(config: object, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        from_config(config)  # type: ignore[arg-type]
