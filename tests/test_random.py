"""Random numbers: Philox against its authors' vectors, distributions against SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

import warpmix
from warpmix import _C, _philox
from warpmix import _fixed_math as fixed
from warpmix.augment import Pipeline, RandomChoice

DRAWS = 200_000
LEVEL = 1e-4  # chance that a right generator fails one of these tests


# ---- the generator ----------------------------------------------------------------------------

# Random123, tests/kat_vectors: philox4x32 10.
KNOWN_ANSWERS = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000",
     "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff",
     "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0",
     "d16cfe09 94fdcceb 5001e420 24126ea1"),
]  # fmt: skip


def words(text: str) -> list[int]:
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_philox_known_answers(counter: str, key: str, answer: str) -> None:
    low, high = words(key)
    tensors = tuple(torch.tensor([word]) for word in words(counter))
    assert [int(w) for w in _philox.philox(tensors, low | high << 32)] == words(answer)
    assert _C.philox(words(counter), low | high << 32) == words(answer)


@pytest.mark.parametrize(
    ("name", "exact", "low", "high"),
    [
        ("fixed_log", np.log, 2.0**-24, 1.0),
        ("fixed_exp", np.exp, -87.0, 10.0),
        ("fixed_cos_turns", lambda v: np.cos(2 * np.pi * v), -3.0, 3.0),
        ("fixed_sin_turns", lambda v: np.sin(2 * np.pi * v), -3.0, 3.0),
    ],
)
def test_fixed_math_is_close_and_the_twins_are_equal(
    name: str, exact: object, low: float, high: float
) -> None:
    x = torch.linspace(low, high, 20_001)
    twin = getattr(fixed, name)(x)
    compiled = torch.tensor([getattr(warpmix._C, name)(float(v)) for v in x])
    assert torch.equal(twin, compiled)
    error = (twin.double().numpy() - exact(x.double().numpy())) / np.maximum(  # type: ignore[operator]
        np.abs(exact(x.double().numpy())),
        1e-2,  # type: ignore[operator]
    )
    assert np.abs(error).max() < 1e-5


# ---- distributions ----------------------------------------------------------------------------


def drawn(transforms: list[object], size: tuple[int, int] = (20, 30), **options: object) -> list:
    images = torch.zeros(1, 3, *size, dtype=torch.uint8)
    pipeline = Pipeline(transforms, seed=0, **options)
    ids = torch.arange(DRAWS)
    # The draw op reads the images' shape alone.
    return pipeline.draw(ids, images=images, index=torch.zeros_like(ids)).named()


def assert_rate(on: Tensor, p: float) -> None:
    assert stats.binomtest(int(on.sum()), on.numel(), p).pvalue > LEVEL


def assert_uniform_integers(values: Tensor, low: int, high: int) -> None:
    counts = torch.bincount(values - low, minlength=high - low + 1)
    assert len(counts) == high - low + 1
    assert stats.chisquare(counts.numpy()).pvalue > LEVEL


@pytest.mark.parametrize("alpha", [0.01, 0.2, 0.5, 1.0, 4.0, 200.0])
def test_mixup_share_is_beta(alpha: float) -> None:
    (mix,) = drawn([warpmix.MixUp(alpha)])
    lam = mix["lam"].double().numpy()
    assert lam.min() >= 0.0 and lam.max() <= 1.0
    # Shares within 2^-20 of the ends are a float32's worth of them: compared as one.
    inner = np.clip(lam, 2.0**-20, 1 - 2.0**-20)
    edge = stats.beta(alpha, alpha).cdf(2.0**-20)
    uniform = stats.beta(alpha, alpha).cdf(inner)
    kept = (inner > 2.0**-20) & (inner < 1 - 2.0**-20)
    assert stats.binomtest(int((~kept).sum()), DRAWS, 2 * edge).pvalue > LEVEL
    if kept.sum() > 1000:
        assert stats.kstest((uniform[kept] - edge) / (1 - 2 * edge), "uniform").pvalue > LEVEL


def test_shift_is_uniform_on_both_axes_independently() -> None:
    (shift,) = drawn([warpmix.RandomShift(0.2)])
    assert_uniform_integers(shift["dx"], -6, 6)
    assert_uniform_integers(shift["dy"], -4, 4)
    table = np.histogram2d(shift["dx"], shift["dy"], bins=(13, 9))[0]
    assert stats.chi2_contingency(table).pvalue > LEVEL


def test_blackout_borders_are_uniform() -> None:
    (border,) = drawn([warpmix.RandomCropBlackout(0.2)])
    assert_uniform_integers(border["border_x"], 0, 6)
    assert_uniform_integers(border["border_y"], 0, 4)


def test_contrast_factor_is_uniform() -> None:
    (contrast,) = drawn([warpmix.RandomContrast((0.5, 3.0))])
    factor = contrast["factor"].double().numpy()
    assert factor.min() >= 0.5 and factor.max() <= 3.0
    assert stats.kstest(factor, "uniform", args=(0.5, 2.5)).pvalue > LEVEL


def test_blurs_widths_are_uniform() -> None:
    (blur,) = drawn([warpmix.GaussianBlur(3, (0.1, 2.0))])
    sigma = blur["sigma"].double().numpy()
    assert sigma.min() >= 0.1 and sigma.max() <= 2.0
    assert stats.kstest(sigma, "uniform", args=(0.1, 1.9)).pvalue > LEVEL


def test_partners_are_uniform_over_the_data_set() -> None:
    images = torch.zeros(50, 1, 4, 4, dtype=torch.uint8)
    index = torch.arange(DRAWS) % 50
    pipeline = Pipeline([warpmix.MixUp()], seed=0)
    (mix,) = pipeline.draw(torch.arange(DRAWS), images=images, index=index).named()
    assert_uniform_integers(mix["partner"].long(), 0, 49)


def test_cutmix_centres_are_uniform() -> None:
    # With λ → 1 (tiny boxes) a box is its centre's pixel, or nothing; take boxes not at the edges.
    (cut,) = drawn([warpmix.CutMix(1.0)], size=(64, 64))
    width, height = cut["x1"] - cut["x0"], cut["y1"] - cut["y0"]
    small = (width == 8) & (height == 8)
    centre = (cut["x0"] + 4)[small]
    inside = centre[(centre >= 4) & (centre <= 60)]
    assert_uniform_integers(inside.long(), 4, 60)


# ---- realised rates ---------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.05, 0.3, 0.5, 0.9])
def test_rates_of_transforms(p: float) -> None:
    stages = drawn(
        [
            warpmix.RandomShift(p=p),
            warpmix.RandomHorizontalFlip(p),
            warpmix.RandomVerticalFlip(p),
            warpmix.RandomContrast(p=p),
            warpmix.CutMix(p=p),
            warpmix.RandomCropBlackout(p=p),
            warpmix.RandomAutocontrast(p),
            warpmix.RandomEqualize(p),
            warpmix.RandomAdjustSharpness(2, p),
            warpmix.GaussianBlur(3, p=p),
        ]
    )
    assert len(stages) == 10
    for stage in stages:
        assert_rate(stage.on, p)


def test_pipeline_p_gates_the_whole_list_once() -> None:
    flip, shift = drawn([warpmix.RandomHorizontalFlip(1.0), warpmix.RandomShift()], p=0.5)
    assert_rate(flip.on, 0.5)
    assert torch.equal(flip.on, shift.on)


def test_pipeline_p_and_a_transforms_own_p_multiply() -> None:
    (flip,) = drawn([warpmix.RandomHorizontalFlip(0.4)], p=0.5)
    assert_rate(flip.on, 0.2)


def test_random_choice_takes_exactly_one_at_its_rate() -> None:
    choice = RandomChoice(
        [warpmix.RandomHorizontalFlip(1.0), warpmix.RandomShift(), warpmix.MixUp()], p=[1, 2, 5]
    )
    stages = {stage.transform: stage.on for stage in drawn([choice])}
    assert torch.equal(sum(on.int() for on in stages.values()), torch.ones(DRAWS, dtype=torch.int))
    for name, share in (("RandomHorizontalFlip", 1 / 8), ("RandomShift", 2 / 8), ("MixUp", 5 / 8)):
        assert_rate(stages[name], share)


def test_transforms_are_independent_of_each_other() -> None:
    a, b = drawn([warpmix.RandomHorizontalFlip(0.5), warpmix.RandomVerticalFlip(0.5)])
    table = [[int((x & y).sum()) for y in (b.on, ~b.on)] for x in (a.on, ~a.on)]
    assert stats.chi2_contingency(table).pvalue > LEVEL


# ---- labels -----------------------------------------------------------------------------------


def test_cutmix_share_equals_the_pixels_exactly() -> None:
    """A black data set with white partners: own share is the share of the pixels left black."""
    images = torch.zeros(512, 1, 17, 23, dtype=torch.uint8)
    images[256:] = 255
    pipeline = Pipeline([warpmix.CutMix()], dtype=torch.uint8, seed=0)
    batch, targets = pipeline(images, torch.arange(512) // 256, index=torch.arange(256))
    white = (batch == 255).sum((1, 2, 3))
    mixed = targets.y_b == 1
    want = (17 * 23 - white).float() / float(17 * 23)
    assert int(mixed.sum()) > 50
    assert torch.equal(targets.lam[mixed], want[mixed])


def test_expected_share_of_cutmix_labels_is_own() -> None:
    (mix,) = drawn([warpmix.MixUp(1.0)])
    lam = mix["lam"].double()
    assert abs(float(lam.mean()) - 0.5) < 4 * math.sqrt(1 / 12 / DRAWS)


# ---- normal numbers of pixels -----------------------------------------------------------------


def test_noise_is_normal_and_no_two_pixels_share_it() -> None:
    """Of grey images, so that nothing is clipped within five standard deviations."""
    images = torch.full((200, 3, 32, 31), 127, dtype=torch.uint8)
    made = Pipeline([warpmix.GaussianNoise(0.1, 0.05)], seed=2)(images, ids=torch.arange(200))
    noise = ((made - (127 / 255 + 0.1)) / 0.05).double()
    assert stats.kstest(noise.flatten().numpy(), "norm").pvalue > LEVEL
    limit = 5 / noise[:, 0].numel() ** 0.5
    flat = noise.transpose(0, 1).flatten(1)
    pairs = [(flat[0], flat[1]), (flat[1], flat[2]), (flat[0], flat[2])]  # cosine and sine, words
    pairs += [(noise[..., 1:], noise[..., :-1]), (noise[:, :, 1:], noise[:, :, :-1])]
    pairs += [(noise[1:], noise[:-1])]
    for first, second in pairs:
        assert abs((first * second).mean()) < limit
        assert abs(((first**2 - 1) * (second**2 - 1)).mean()) < 2 * limit
    assert len(made.flatten().unique()) > 0.5 * DRAWS


def test_noise_changes_with_the_epoch_and_not_with_the_batch() -> None:
    images = torch.randint(0, 256, (9, 5, 8, 7), dtype=torch.uint8)
    pipeline, ids = Pipeline([warpmix.GaussianNoise()], seed=2), torch.arange(9) * 7
    whole = pipeline(images, ids=ids, epoch=1)
    assert torch.equal(pipeline(images[3:5], ids=ids[3:5], epoch=1), whole[3:5])
    assert not torch.equal(pipeline(images, ids=ids, epoch=2), whole)
    flat = pipeline(torch.full_like(images, 128), ids=ids)
    assert len(flat.flatten(1).unique(dim=0)) == 9 and len(flat[0].flatten(1).unique(dim=0)) == 5


def test_gamma_is_uniform() -> None:
    (gamma,) = drawn([warpmix.RandomGamma((0.5, 2.0))])
    values = gamma["gamma"].double().numpy()
    assert stats.kstest(values, "uniform", args=(0.5, 1.5)).pvalue > LEVEL


def test_alternating_flips_mirror_each_sample_in_every_other_epoch() -> None:
    images, ids = torch.randint(0, 256, (64, 3, 5, 6), dtype=torch.uint8), torch.arange(64) + 9
    pipeline = Pipeline([warpmix.AlternatingFlip()], dtype=torch.uint8, seed=4)
    epochs = [pipeline(images, ids=ids, epoch=e) for e in range(4)]
    assert torch.equal(epochs[1], epochs[0].flip(3)) and torch.equal(epochs[2], epochs[0])
    assert torch.equal(epochs[3], epochs[1])
    stepped = pipeline(images, ids=ids, epoch=2, step=torch.tensor([1]))
    assert torch.equal(stepped, epochs[1])
    for part in (slice(0, 5), slice(30, 64)):
        assert torch.equal(pipeline(images[part], ids=ids[part], epoch=2), epochs[0][part])
    other = Pipeline([warpmix.AlternatingFlip()], dtype=torch.uint8, seed=5)
    assert not torch.equal(other(images, ids=ids), epochs[0])


def test_alternating_flips_begin_with_half_of_the_samples() -> None:
    (flip, often) = drawn([warpmix.AlternatingFlip(), warpmix.AlternatingFlip(p=0.6)])
    assert_rate(flip.on, 0.5)
    assert_rate(often.on, 0.3)
    table = np.histogram2d(flip.on.int(), often.on.int(), bins=2)[0]
    assert stats.chi2_contingency(table).pvalue > LEVEL


def test_grids_have_all_periods_of_their_range_and_no_other() -> None:
    white = torch.full((200, 1, 20, 30), 255, dtype=torch.uint8)
    made = Pipeline([warpmix.GridMask((0.2, 0.3))], dtype=torch.uint8)(white, ids=torch.arange(200))
    periods = set()
    for image in made[:, 0]:
        fitting = [p for p in range(1, 12) if torch.equal(image[:, p:], image[:, :-p])]
        assert torch.equal(image[fitting[0] :], image[: -fitting[0]])
        periods.add(fitting[0])
    assert periods == {4, 5, 6}  # 0.2 and 0.3 of the shorter side
