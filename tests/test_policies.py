"""Automatic policies: what they draw, against torchvision's own spaces, and each operation at each
magnitude against torchvision's functionals."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from policy_peers import (
    HEIGHT,
    LEVEL,
    WIDTH,
    Outcomes,
    by_torchvision,
    drawn,
    images_of,
    of_operation,
    outcomes_of,
    space_of,
)
from scipy import stats
from torch import Tensor
from torchvision.transforms import AutoAugmentPolicy, v2

from warpmix import AutoAugment, Pipeline, RandAugment, TrivialAugmentWide
from warpmix.augment.stages import OPERATIONS

DRAWS = 100_000


# ---- draws --------------------------------------------------------------------------------------


def counted(named: Any, *slots: str) -> Counter[tuple[Any, ...]]:
    """How often each (operation, magnitude, …) of some slots was drawn."""
    columns: list[list[Any]] = []
    for slot in slots:
        columns.append([OPERATIONS[i] for i in named[f"operation{slot}"].tolist()])
        columns.append([round(m, 4) + 0.0 for m in named[f"magnitude{slot}"].tolist()])
    return Counter(zip(*columns, strict=True))


def p_value(counts: Counter[tuple[Any, ...]], expected: Outcomes) -> float:
    """Chi-square; rare outcomes together are one."""
    assert set(counts) <= set(expected), set(counts) - set(expected)
    common = [key for key, p in expected.items() if p * DRAWS >= 8]
    observed, means = [counts[key] for key in common], [expected[key] * DRAWS for key in common]
    if len(common) < len(expected):
        observed.append(DRAWS - sum(observed))
        means.append(DRAWS - sum(means))
    return float(stats.chisquare(observed, means).pvalue)


@pytest.mark.parametrize("bins", [31, 2, 10])
def test_trivial_augment_draws_what_torchvision_does(bins: int) -> None:
    space = space_of(v2.TrivialAugmentWide, bins, HEIGHT, WIDTH)
    expected = outcomes_of(space, [(name, 1.0, None) for name in space])
    assert p_value(counted(drawn(TrivialAugmentWide(bins), DRAWS), ""), expected) > LEVEL


@pytest.mark.parametrize(("magnitude", "bins"), [(9, 31), (0, 31), (30, 31), (4, 5)])
def test_rand_augment_draws_what_torchvision_does(magnitude: int, bins: int) -> None:
    space = space_of(v2.RandAugment, bins, HEIGHT, WIDTH)
    expected = outcomes_of(space, [(name, 1.0, magnitude) for name in space])
    named = drawn(RandAugment(3, magnitude, bins), DRAWS)
    for slot in ("_1", "_2", "_3"):
        assert p_value(counted(named, slot), expected) > LEVEL


def test_slots_of_rand_augment_are_independent() -> None:
    named = drawn(RandAugment(3), DRAWS)
    for first, second in (("_1", "_2"), ("_2", "_3"), ("_1", "_3")):
        table = torch.zeros(14, 14)
        places = named[f"operation{first}"], named[f"operation{second}"]
        table.index_put_(places, torch.ones(DRAWS), accumulate=True)
        assert stats.chi2_contingency(table.numpy()).pvalue > LEVEL


@pytest.mark.parametrize("policy", list(AutoAugmentPolicy))
def test_auto_augment_draws_what_torchvision_does(policy: AutoAugmentPolicy) -> None:
    """Both slots together: they come from one pair."""
    theirs = v2.AutoAugment(policy)
    space = space_of(v2.AutoAugment, 10, HEIGHT, WIDTH)
    expected: Outcomes = {}
    for pair in theirs._policies:
        first, second = (outcomes_of(space, [of]) for of in pair)
        for a, p in first.items():
            for b, q in second.items():
                expected[a + b] = expected.get(a + b, 0.0) + p * q / len(theirs._policies)
    assert sum(expected.values()) == pytest.approx(1)
    assert p_value(counted(drawn(AutoAugment(policy), DRAWS), "_1", "_2"), expected) > LEVEL


def test_a_policy_applies_with_its_probability_all_slots_together() -> None:
    named = drawn(RandAugment(2, p=0.3), DRAWS, p=0.5)
    assert stats.binomtest(int(named.on.sum()), DRAWS, 0.15).pvalue > LEVEL


def test_magnitudes_are_torchvisions_to_a_last_digit() -> None:
    """torch.linspace's vectors round otherwise than its scalars do, which the last digit shows."""
    for ours, theirs in ((TrivialAugmentWide(), v2.TrivialAugmentWide), (RandAugment(1), None)):
        named = drawn(ours, DRAWS)
        space = space_of(theirs or v2.RandAugment, 31, HEIGHT, WIDTH)
        for name, (magnitudes, signed) in space.items():
            of = named["operation"] == OPERATIONS.index(name)
            found = named["magnitude"][of].unique()
            if magnitudes is None:
                assert found.tolist() == [0.0]
                continue
            known = magnitudes.float()
            known = torch.cat([known, -known]) if signed else known
            distance = (found[:, None] - known).abs() / known.abs().max()
            assert distance.amin(1).max() < 2e-7
            if theirs is not None:
                assert len(found) == len(known.unique())


# ---- operations ---------------------------------------------------------------------------------


def magnitudes_of(name: str, height: int, width: int) -> list[float]:
    """Every bin of every policy, with both signs, as torchvision has them."""
    found: set[float] = set()
    for policy, bins in ((v2.RandAugment, 31), (v2.TrivialAugmentWide, 31), (v2.AutoAugment, 10)):
        magnitudes, signed = space_of(policy, bins, height, width).get(name, (None, False))
        values = [0.0] if magnitudes is None else magnitudes.tolist()
        found |= set(values) | ({-v for v in values} if signed else set())
    return sorted(found)


GEOMETRY = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate")
EXACT = ("Identity", "Posterize", "Solarize", "Invert", "Equalize")
# torchvision rounds uint8 results down, ours go to the nearest; the greys of Contrast and Color are
# rounded down too, before their factor multiplies them.
CLOSE = {"Brightness": 1, "AutoContrast": 1, "Sharpness": 1, "Contrast": 2, "Color": 2}
TIMMS = ("SolarizeAdd", "TranslateXRel", "TranslateYRel")  # see test_timm_policy.py
assert {*GEOMETRY, *EXACT, *CLOSE, *TIMMS} == set(OPERATIONS)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", EXACT)
def test_exact_operations_at_every_bin(name: str, channels: int) -> None:
    for image in images_of(channels):
        magnitudes = magnitudes_of(name, *image.shape[1:])
        for result, magnitude in zip(
            of_operation(name, magnitudes, image, TrivialAugmentWide()), magnitudes, strict=True
        ):
            assert torch.equal(result, by_torchvision(image, name, magnitude)), magnitude


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", CLOSE)
def test_rounded_operations_at_every_bin(name: str, channels: int) -> None:
    for image in images_of(channels):
        magnitudes = magnitudes_of(name, *image.shape[1:])
        for result, magnitude in zip(
            of_operation(name, magnitudes, image, TrivialAugmentWide()), magnitudes, strict=True
        ):
            theirs = by_torchvision(image, name, magnitude)
            assert (result.int() - theirs.int()).abs().max() <= CLOSE[name], magnitude
            # Without the roundings nothing is left but float32's own.
            exact = by_torchvision(image.double() / 255, name, magnitude) * 255
            assert (result - exact).abs().max() < 0.5 + 1e-3, magnitude


def sources(name: str, magnitude: float, height: int, width: int) -> tuple[Tensor, Tensor]:
    """([height, width] x, y) float64 of the pixels' sources."""
    shape = (height, width)
    x = torch.arange(width).double().expand(shape)
    y = torch.arange(height).double()[:, None].expand(shape)
    if name == "ShearX":
        return x + magnitude * (y + 0.5), y
    if name == "ShearY":
        return x, y + magnitude * (x + 0.5)
    if name == "TranslateX":
        return x - int(magnitude), y
    if name == "TranslateY":
        return x, y - int(magnitude)
    turn = torch.deg2rad(torch.tensor(magnitude, dtype=torch.float64))
    left, up = x - 0.5 * (width - 1), y - 0.5 * (height - 1)
    across = turn.cos() * left - turn.sin() * up + 0.5 * (width - 1)
    return across, turn.sin() * left + turn.cos() * up + 0.5 * (height - 1)


def near_a_tie(name: str, magnitude: float, height: int, width: int) -> Tensor:
    """[height, width] bool: pixels whose source lies between two, within 1e-4 pixels."""
    x, y = sources(name, magnitude, height, width)
    return ((x - x.floor() - 0.5).abs() < 1e-4) | ((y - y.floor() - 0.5).abs() < 1e-4)


@pytest.mark.parametrize("fill", [None, 128, (9, 0, 255)])
@pytest.mark.parametrize("name", GEOMETRY)
def test_geometry_takes_torchvisions_pixels_at_every_bin(name: str, fill: Any) -> None:
    """All of them but where a source lies between two pixels: there torchvision's choice is its
    rounding errors', in float32 on [-1, 1]."""
    compared = deviating = 0
    for image in images_of(3):
        height, width = image.shape[1:]
        magnitudes = magnitudes_of(name, height, width)
        results = of_operation(name, magnitudes, image, TrivialAugmentWide(fill=fill))
        for result, magnitude in zip(results, magnitudes, strict=True):
            theirs = by_torchvision(image, name, magnitude, fill)
            differs = (result != theirs).any(0)
            assert not (differs & ~near_a_tie(name, magnitude, height, width)).any(), magnitude
            compared += differs.numel()
            deviating += int(differs.sum())
    assert deviating < 2e-3 * compared


@pytest.mark.parametrize("fill", [None, (9, 0, 255)])
@pytest.mark.parametrize("name", GEOMETRY)
def test_geometry_between_pixels_is_torchvisions_at_every_bin(name: str, fill: Any) -> None:
    """To a level, but for the ring that torchvision blends with the fill: sources up to a pixel
    beyond the outermost centres, where ours has the image's edge or the fill."""
    transform = TrivialAugmentWide(fill=fill, interpolation="bilinear")
    ring_pixels = compared = 0
    for image in images_of(3):
        height, width = image.shape[1:]
        magnitudes = magnitudes_of(name, height, width)
        results = of_operation(name, magnitudes, image, transform)
        for result, magnitude in zip(results, magnitudes, strict=True):
            theirs = by_torchvision(image, name, magnitude, fill, "bilinear")
            x, y = sources(name, magnitude, height, width)
            beyond = torch.stack([-x, x - (width - 1), -y, y - (height - 1)]).amax(0)
            ring = (beyond > 1e-4) & (beyond < 1 - 1e-4)
            assert (result.int() - theirs.int()).abs().amax(0)[~ring].max() <= 1, magnitude
            ring_pixels += int(ring.sum())
            compared += ring.numel()
    assert ring_pixels < 0.1 * compared and (ring_pixels > 0) == ("Translate" not in name)


def test_a_square_image_is_turned_by_a_quarter_exactly() -> None:
    image = next(images_of(3))[:, :24, :24]
    (turned,) = of_operation("Rotate", [90.0], image, TrivialAugmentWide())
    assert torch.equal(turned, image.rot90(1, (1, 2)))


# ---- parameters ---------------------------------------------------------------------------------


def test_torchvisions_enums_are_taken_by_their_value() -> None:
    nearest = v2.InterpolationMode.NEAREST
    assert RandAugment(interpolation=nearest) == RandAugment()
    bilinear = RandAugment(interpolation=v2.InterpolationMode.BILINEAR)
    assert bilinear == RandAugment(interpolation="bilinear") != RandAugment()
    for policy in AutoAugmentPolicy:
        ours = AutoAugment(policy, nearest)
        assert ours.policy == policy.value
        assert ours == AutoAugment(policy.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandAugment(-1), "num_ops must be in"),
        (lambda: RandAugment(magnitude=31), r"magnitude must be in \[0, 30\], got 31"),
        (lambda: RandAugment(num_magnitude_bins=1), "num_magnitude_bins must be in"),
        (lambda: TrivialAugmentWide(256), "num_magnitude_bins must be in"),
        (lambda: TrivialAugmentWide(interpolation="random"), "interpolation must be one of nea"),
        (lambda: TrivialAugmentWide(fill=256), "fill must be in"),
        (lambda: AutoAugment("imagenet1k"), "policy must be one of imagenet, cifar10, svhn"),
    ],
)
def test_wrong_parameters_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_other_numbers_of_channels_are_refused() -> None:
    images = torch.zeros(2, 4, 8, 8, dtype=torch.uint8)
    with pytest.raises(ValueError, match="RandAugment needs images of 1 or 3 channels"):
        RandAugment()(images)
    with pytest.raises(ValueError, match="fill must be one number, or one for each"):
        TrivialAugmentWide(fill=(1, 2, 3))(images[:, :1])


def test_no_operations_leave_the_images_alone() -> None:
    images = next(images_of(3))[None]
    assert torch.equal(RandAugment(0)(images), images)


def test_a_draw_in_words_names_the_operations() -> None:
    images = torch.zeros(8, 3, 8, 8, dtype=torch.uint8)
    pipeline = Pipeline([RandAugment(2), TrivialAugmentWide()], seed=0)
    draws = pipeline.draw(torch.arange(8), images=images)
    named = draws.named()
    for sample in range(8):
        first, second = draws.describe(sample)
        words = first.split()
        assert words[0] == "RandAugment" and second.startswith("TrivialAugmentWide operation=")
        assert words[1] == f"operation_1={OPERATIONS[named[0]['operation_1'][sample]]}"
        assert words[2].startswith("magnitude_1=") and words[3].startswith("operation_2=")


def test_a_replay_refuses_an_operation_that_there_is_not() -> None:
    images = torch.zeros(2, 3, 8, 8, dtype=torch.uint8)
    pipeline = Pipeline([TrivialAugmentWide()], seed=0)
    draws = pipeline.draw(torch.arange(2), images=images)
    draws.per_launch[0][1, 0, 0, 2] = len(OPERATIONS)
    with pytest.raises(
        ValueError, match=r"policy of 8 x 8 pixels an? operation in \[0, 17\], got 18"
    ):
        pipeline.replay(images, draws)
