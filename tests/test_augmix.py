"""AugMix: what it draws, against torchvision's space and SciPy's distributions, and its mix against
torchvision's arithmetic on the same draws."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from policy_peers import (
    HEIGHT,
    LEVEL,
    WIDTH,
    by_torchvision,
    checksum,
    drawn,
    outcomes_of,
    space_of,
)
from scipy import stats
from torch import Tensor
from torchvision.transforms import v2

from warpmix import AugMix, Pipeline, RandomAutocontrast, RandomChoice
from warpmix.augment.stages import OPERATIONS

DRAWS = 30_000


def depths(named: Any, chain: int, slots: int) -> Tensor:
    """[B] operations of a chain; no slot within it draws Identity."""
    on = torch.stack([named[f"operation_{chain}_{slot}"] != 0 for slot in range(1, slots + 1)])
    assert torch.equal(on, on.cummin(0).values)
    return on.sum(0)


def test_chains_have_one_to_three_operations_with_equal_probability() -> None:
    named = drawn(AugMix(), DRAWS)
    found = [depths(named, chain, 3) for chain in (1, 2, 3)]
    for depth in found:
        counts = np.bincount(depth)
        assert counts[0] == 0 and stats.chisquare(counts[1:]).pvalue > LEVEL
    table = np.histogram2d(found[0], found[1], bins=3)[0]
    assert stats.chi2_contingency(table).pvalue > LEVEL
    fixed = drawn(AugMix(mixture_width=2, chain_depth=4), DRAWS)
    assert (depths(fixed, 1, 4) == 4).all() and (depths(fixed, 2, 4) == 4).all()


@pytest.mark.parametrize(("severity", "all_ops"), [(3, True), (10, False), (1, True)])
def test_operations_and_magnitudes_are_torchvisions(severity: int, all_ops: bool) -> None:
    space = v2.AugMix._AUGMENTATION_SPACE if all_ops else v2.AugMix._PARTIAL_AUGMENTATION_SPACE

    class Theirs:
        _AUGMENTATION_SPACE = space

    of = space_of(Theirs, 10, HEIGHT, WIDTH)
    entries = [(name, 1.0, place) for name in space for place in range(severity)]
    expected = outcomes_of(of, entries)
    named = drawn(AugMix(severity, 2, 2, all_ops=all_ops), DRAWS)
    slots = [(named[f"operation_{s}"], named[f"magnitude_{s}"]) for s in ("1_1", "1_2", "2_2")]
    for operations, magnitudes in slots:
        words = [OPERATIONS[i] for i in operations.tolist()]
        counts = Counter(zip(words, [round(m, 4) + 0.0 for m in magnitudes.tolist()], strict=True))
        assert set(counts) <= set(expected)
        keys = list(expected)
        observed, means = [counts[k] for k in keys], [expected[k] * DRAWS for k in keys]
        assert stats.chisquare(observed, means).pvalue > LEVEL
    table = np.histogram2d(slots[0][0], slots[2][0], bins=np.arange(15))[0][1:]
    table = table[table.sum(1) > 0][:, table.sum(0) > 0]
    assert stats.chi2_contingency(table).pvalue > LEVEL


@pytest.mark.parametrize("alpha", [1.0, 0.2, 0.01, 7.5])
@pytest.mark.parametrize("width", [1, 3, 5])
def test_shares_are_beta_and_dirichlet(alpha: float, width: int) -> None:
    """The own share is Beta(α, α); of the rest, a chain's part is Beta(α, (width - 1) α), which is
    Dirichlet's marginal, and so is that of two chains together."""
    named = drawn(AugMix(mixture_width=width, alpha=alpha), DRAWS)
    own = named["own_share"].double()
    shares = torch.stack([named[f"share_{i + 1}"] for i in range(width)], 1).double()
    assert torch.allclose(own + shares.sum(1), torch.ones_like(own), atol=1e-5)

    def assert_beta(values: Tensor, a: float, b: float) -> None:
        inside = (values > 1e-4) & (values < 1 - 1e-4)
        part = values[inside].numpy()
        low, high = stats.beta.cdf([1e-4, 1 - 1e-4], a, b)
        assert stats.binomtest(len(part), len(values), high - low).pvalue > LEVEL

        def cdf(x: Any) -> Any:
            return (stats.beta.cdf(x, a, b) - low) / (high - low)

        assert len(part) < 100 or stats.kstest(part, cdf).pvalue > LEVEL

    assert_beta(own, alpha, alpha)
    if width > 1:
        some = 1 - own > 1e-3
        rest = shares[some] / shares[some].sum(1, keepdim=True)
        assert_beta(rest[:, 0], alpha, (width - 1) * alpha)
        if width > 2:
            assert_beta(rest[:, 1] + rest[:, 2], 2 * alpha, (width - 2) * alpha)


def pictures(channels: int) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    images = torch.randint(0, 256, (40, channels, 24, 31), dtype=torch.uint8, generator=generator)
    ramp = 3 * torch.arange(24)[:, None] + 2 * torch.arange(31)
    images[::2] = (ramp + 11 * torch.arange(channels)[:, None, None]).to(torch.uint8)
    return images


@pytest.mark.parametrize("channels", [1, 3])
def test_the_mix_is_torchvisions_of_the_same_draws(channels: int) -> None:
    """In float64 on [0, 1], where torchvision rounds nothing. Solarize and Posterize of fractions
    would jump by float32's rounding, and torchvision equalizes bytes alone, so that chains with
    these in a later slot are left out. Moves take the nearest pixels here, for bilinear ones differ
    in a ring; rows of a shear that lie halfway between two pixels differ, see test_policies.py."""
    images = pictures(channels)
    transform = AugMix(severity=5, interpolation="nearest", fill=17)
    pipeline = Pipeline([transform], channels_last=False, seed=5)
    draws = pipeline.draw(torch.arange(len(images)), images=images)
    results = pipeline.replay(images, draws).double()
    (named,) = draws.named()
    halfway = []
    for i, image in enumerate(images):
        own = image.double() / 255
        mixed = float(named["own_share"][i]) * own
        for chain in (1, 2, 3):
            changed = own
            for slot in (1, 2, 3):
                name = OPERATIONS[named[f"operation_{chain}_{slot}"][i]]
                magnitude = float(named[f"magnitude_{chain}_{slot}"][i])
                if name in ("Equalize", "Posterize", "Solarize"):
                    if slot > 1:
                        break
                    whole = by_torchvision(image, name, magnitude)
                    changed = whole.double() / 255
                else:
                    changed = by_torchvision(changed, name, magnitude, 17 / 255)
            else:
                mixed = mixed + float(named[f"share_{chain}"][i]) * changed
                continue
            break
        else:
            off = (results[i] - mixed).abs().amax(0)
            assert off.median() < 1e-4  # a Contrast behind such a shear has another mean
            halfway.append((off > 1e-4).double().mean())
    assert len(halfway) > 8 and torch.stack(halfway).mean() < 0.01


def test_a_mix_of_bytes_is_within_torchvisions_roundings() -> None:
    """torchvision rounds a result of each operation down to a byte, and the mix too: of three
    operations in a row and a mix, by up to four levels, and by less where the shares are small.
    Jumps of Solarize, Posterize and Equalize on other bytes are more, and so are halfway pixels."""
    images = pictures(3)
    transform = AugMix(severity=3, chain_depth=1, interpolation="nearest")
    pipeline = Pipeline([transform], channels_last=False, dtype=torch.uint8, seed=5)
    draws = pipeline.draw(torch.arange(len(images)), images=images)
    results = pipeline.replay(images, draws)
    (named,) = draws.named()
    off = []
    for i, image in enumerate(images):
        mixed = named["own_share"][i] * image
        for chain in (1, 2, 3):
            name = OPERATIONS[named[f"operation_{chain}_1"][i]]
            magnitude = float(named[f"magnitude_{chain}_1"][i])
            mixed.add_(named[f"share_{chain}"][i] * by_torchvision(image, name, magnitude))
        off.append((results[i].int() - mixed.to(torch.uint8).int()).abs())
    levels = torch.stack(off)
    assert (levels > 3).double().mean() < 1e-3  # halfway pixels
    assert levels.double().mean() < 1.0


def test_a_sample_that_it_does_not_apply_to_stays() -> None:
    images = pictures(3)
    pipeline = Pipeline([AugMix(p=0.5)], dtype=torch.uint8, seed=1)
    draws = pipeline.draw(torch.arange(len(images)), images=images)
    (named,) = draws.named()
    same = (pipeline.replay(images, draws) == images).flatten(1).all(1)
    assert 0 < named.on.sum() < len(images)
    assert torch.equal(same | named.on, torch.ones_like(same)) and not same[named.on].all()


def test_chains_are_launches_of_their_own() -> None:
    lines = Pipeline([AugMix()]).explain(32, 32).splitlines()
    assert len(lines) == 1 and lines[0].startswith("launches 1 to 18: uint8 → augmix → normalise")
    lines = Pipeline([RandomAutocontrast(), AugMix(2, 2, 1)]).explain(32, 32).splitlines()
    assert lines[-1].startswith("launches 3 to 6: float32 → augmix")
    either = RandomChoice([AugMix(3, 1, 1), AugMix(3, 1, 1)])
    assert len(Pipeline([either]).explain(32, 32).splitlines()) == 2


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: AugMix(0), ValueError, r"severity must be in \[1, 10\], got 0"),
        (lambda: AugMix(mixture_width=0), ValueError, "mixture_width must be in"),
        (lambda: AugMix(mixture_width=6), ValueError, "at most 16 operations, got 6 · 3"),
        (lambda: AugMix(chain_depth=2.0), TypeError, "chain_depth must be an int"),
        (lambda: AugMix(alpha=0), ValueError, r"alpha must be in \[0.001, 1000\], got 0"),
        (lambda: AugMix(all_ops=1), TypeError, "all_ops must be a bool, got 1"),
        (lambda: AugMix(interpolation="random"), ValueError, "interpolation must be one of nea"),
    ],
)
def test_wrong_parameters_are_refused(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_a_replay_refuses_a_depth_that_there_is_not() -> None:
    images = pictures(3)[:2]
    pipeline = Pipeline([AugMix()], seed=0)
    draws = pipeline.draw(torch.arange(2), images=images)
    draws.per_launch[0][1, 0, 0, 6] = 4
    with pytest.raises(ValueError, match=r"augmix of 24 x 31 pixels an? depth in \[1, 3\], got 4"):
        pipeline.replay(images, draws)


def test_its_random_stream_is_frozen() -> None:
    """A change of the stream or of the arithmetic changes users' runs."""
    assert checksum(AugMix()) == 552568360654
    assert checksum(AugMix(10, 2, 2, 0.2, False, "nearest", 9)) == 503171165997
