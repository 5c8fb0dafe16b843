"""timm's RandAugment: levels and arguments against timm's own, draws against its laws, and each
operation at each level against Pillow, as timm calls it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from policy_peers import LEVEL, checksum, drawn, images_of, of_operation
from scipy import stats
from torch import Tensor

from warpmix import Pipeline, RandomErasing, RandomHorizontalFlip, TimmRandAugment
from warpmix.augment.stages import OPERATIONS

DRAWS = 60_000
TIMM = (
    "AutoContrast", "Equalize", "Invert", "Rotate", "Posterize", "Solarize", "SolarizeAdd", "Color",
    "Contrast", "Brightness", "Sharpness", "ShearX", "ShearY", "TranslateXRel", "TranslateYRel",
)  # fmt: skip
MOVES = ("ShearX", "ShearY", "TranslateXRel", "TranslateYRel", "Rotate")
FACTORS = ("Color", "Contrast", "Brightness", "Sharpness")
WITHOUT = ("AutoContrast", "Equalize", "Invert")  # a magnitude

# What timm 1.0.31's functions of levels 0, 1, …, 10 return; of those with a sign the positive ones.
SHEAR = [0, 0.03, 0.06, 0.09, 0.12, 0.15, 0.18, 0.21, 0.24, 0.27, 0.3]
TRANSLATE = [0, 0.045, 0.09, 0.135, 0.18, 0.225, 0.27, 0.315, 0.36, 0.405, 0.45]
FACTOR = [0.1, 0.28, 0.46, 0.64, 0.82, 1, 1.18, 1.36, 1.54, 1.72, 1.9]
INCREASING_FACTOR = [1, 1.09, 1.18, 1.27, 1.36, 1.45, 1.54, 1.63, 1.72, 1.81, 1.9]
ARGUMENTS: dict[str, list[float]] = {
    "ShearX": SHEAR,
    "ShearY": SHEAR,
    "TranslateXRel": TRANSLATE,
    "TranslateYRel": TRANSLATE,
    "Rotate": [0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30],
    "SolarizeAdd": [0, 11, 22, 33, 44, 55, 66, 77, 88, 99, 110],
    "Posterize": [0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 4],
    "Solarize": [0, 25, 51, 76, 102, 128, 153, 179, 204, 230, 256],
    **{name: FACTOR for name in FACTORS},
}
INCREASING = {
    **ARGUMENTS,
    "Posterize": [4, 4, 4, 3, 3, 2, 2, 2, 1, 1, 0],
    "Solarize": [256, 231, 205, 180, 154, 128, 103, 77, 52, 26, 0],
    **{name: INCREASING_FACTOR for name in FACTORS},
}


def arguments_of(name: str, level: int, increases: bool) -> set[float]:
    """timm's, by the table above."""
    if name in WITHOUT:
        return {0.0}
    value = (INCREASING if increases else ARGUMENTS)[name][level]
    if name in MOVES:
        return {-value, value}
    if name in FACTORS and increases:
        return {value, 2 - value}
    return {value}


def magnitude_of(name: str, argument: float) -> float:
    """Ours for an argument of timm's."""
    if name == "Solarize":
        return argument / 255
    return argument - 1 if name in FACTORS else argument


# ---- draws --------------------------------------------------------------------------------------


@pytest.mark.parametrize("increases", [False, True])
@pytest.mark.parametrize("level", range(11))
def test_magnitudes_are_timms_at_every_level(level: int, increases: bool) -> None:
    """Both signs, too; float32 of the last digits' difference."""
    named = drawn(TimmRandAugment(f"rand-m{level}-n1-p1-inc{int(increases)}"), 2000)
    for name in TIMM:
        of = named["operation"] == OPERATIONS.index(name)
        found = sorted({round(m, 6) + 0.0 for m in named["magnitude"][of].tolist()})
        known = {
            round(magnitude_of(name, argument), 6) + 0.0
            for argument in arguments_of(name, level, increases)
        }
        assert found == pytest.approx(sorted(known), abs=2e-6), name
    assert (named["operation"] != 0).all()


@pytest.mark.parametrize("increases", [False, True])
def test_the_table_is_timms(increases: bool) -> None:
    timm = pytest.importorskip("timm.data.auto_augment", reason="timm is not installed")
    names = timm._RAND_INCREASING_TRANSFORMS if increases else timm._RAND_TRANSFORMS
    assert [name.removesuffix("Increasing") for name in names] == list(TIMM)
    for name, own in zip(names, TIMM, strict=True):
        function = timm.LEVEL_TO_ARG[name]
        for level in range(11):
            if function is None:
                assert arguments_of(own, level, increases) == {0.0}
                continue
            found = {round(function(float(level), {})[0], 6) + 0.0 for _ in range(60)}
            known = {round(a, 6) + 0.0 for a in arguments_of(own, level, increases)}
            assert found == known, (name, level)


@pytest.mark.parametrize(
    "config_str",
    ["rand-m9-mstd0.5-inc1", "rand", "rand-m15-n3-mmax30-p0.25", "rand-m7-mstd101-inc0"],
)
def test_a_string_says_what_it_says_to_timm(config_str: str) -> None:
    timm = pytest.importorskip("timm.data.auto_augment", reason="timm is not installed")
    theirs = timm.rand_augment_transform(config_str, {})
    ours = TimmRandAugment(config_str).lower(24, 31, 3)
    assert len(ours) == theirs.num_layers and len({stage.block for stage in ours}) == len(ours)
    for stage in ours:
        for op in theirs.ops:
            assert stage["probability"] == op.prob and stage["level"] == op.magnitude
            assert stage["highest"] == (op.magnitude_max or 10)
            uniform = op.magnitude_std == float("inf")
            assert stage["is_uniform"] == uniform
            assert uniform or stage["sigma"] == op.magnitude_std
        increases = "ColorIncreasing" in [op.name for op in theirs.ops]
        assert stage["increases"] == increases


def test_operations_are_drawn_and_applied_as_timm_does() -> None:
    """Each of fifteen with equal probability, with replacement, and applied with 0.25."""
    named = drawn(TimmRandAugment("rand-m9-n2-p0.25"), DRAWS)
    table = torch.zeros(len(OPERATIONS), len(OPERATIONS))
    slots = named["operation_1"], named["operation_2"]
    table.index_put_(slots, torch.ones(DRAWS), accumulate=True)
    drawn_ones = [0, *(OPERATIONS.index(name) for name in TIMM)]
    counts = table[drawn_ones][:, drawn_ones]
    assert counts.sum() == DRAWS
    each = torch.tensor([0.75, *[0.25 / 15] * 15])
    means = DRAWS * each[:, None] * each
    assert stats.chisquare(counts.flatten(), means.flatten()).pvalue > LEVEL


def levels(named: Any, slot: str = "") -> Tensor:
    """Levels of the samples that rotate, float64."""
    of = named[f"operation{slot}"] == OPERATIONS.index("Rotate")
    return named[f"magnitude{slot}"][of].abs().double() / 3


@pytest.mark.parametrize(("level", "sigma"), [(9, 0.5), (2, 3.0)])
def test_levels_have_normal_noise_and_are_cut(level: int, sigma: float) -> None:
    found = levels(drawn(TimmRandAugment(f"rand-m{level}-mstd{sigma}-n1-p1"), DRAWS))
    law = stats.norm(level, sigma)
    for cut, share in ((found == 0, law.cdf(0)), (found > 10 - 1e-5, law.sf(10))):
        assert stats.binomtest(int(cut.sum()), len(found), share).pvalue > LEVEL
    inside = found[(found > 0) & (found < 10 - 1e-5)]
    low, high = law.cdf([0, 10])
    assert stats.kstest(inside, lambda x: (law.cdf(x) - low) / (high - low)).pvalue > LEVEL
    assert (found <= 10 + 1e-5).all()


def test_levels_may_be_uniform_and_may_be_higher() -> None:
    found = levels(drawn(TimmRandAugment("rand-m8-mstd101-n1-p1"), DRAWS))
    assert stats.kstest(found, stats.uniform(0, 8).cdf).pvalue > LEVEL
    found = levels(drawn(TimmRandAugment("rand-m30-mmax20-n1-p1"), 1000))
    assert torch.allclose(found, torch.tensor(20.0, dtype=torch.float64))


def test_signs_and_the_levels_of_slots_are_independent() -> None:
    named = drawn(TimmRandAugment("rand-m5-mstd1-n2-p1-inc1"), DRAWS)
    for name in (*MOVES, *FACTORS):
        magnitudes = named["magnitude_1"][named["operation_1"] == OPERATIONS.index(name)]
        positive = int((magnitudes > 0).sum())
        assert stats.binomtest(positive, len(magnitudes), 0.5).pvalue > LEVEL
    both = torch.ones(DRAWS, dtype=torch.bool)
    for slot in ("_1", "_2"):
        words = named[f"operation{slot}"]
        both &= (words == OPERATIONS.index("Rotate")) | (words == OPERATIONS.index("SolarizeAdd"))
    pairs = [
        named[f"magnitude{slot}"][both].abs().double()
        / torch.where(named[f"operation{slot}"][both] == OPERATIONS.index("Rotate"), 3.0, 11.0)
        for slot in ("_1", "_2")
    ]
    assert len(pairs[0]) > 500 and stats.spearmanr(*pairs).pvalue > LEVEL


# ---- operations ---------------------------------------------------------------------------------


def by_pillow(
    image: Tensor, name: str, argument: float, fill: Any, interpolation: str = "bilinear"
) -> Tensor:
    """timm's operation on [C, H, W] uint8, as auto_augment.py calls Pillow for it."""
    grey = image.shape[0] == 1
    pixels = np.ascontiguousarray((image[0] if grey else image.permute(1, 2, 0)).numpy())
    resample = Image.Resampling[interpolation.upper()]
    made = _operated(Image.fromarray(pixels), name, argument, fill, resample)
    array = torch.from_numpy(np.array(made))
    return array[None] if grey else array.permute(2, 0, 1)


def _operated(
    image: Image.Image, name: str, argument: float, fill: Any, resample: Image.Resampling
) -> Image.Image:
    width, height = image.size
    if name == "Rotate":
        return image.rotate(argument, resample, fillcolor=fill)
    if name in MOVES:
        matrix = {
            "ShearX": (1, argument, 0, 0, 1, 0),
            "ShearY": (1, 0, 0, argument, 1, 0),
            "TranslateXRel": (1, 0, argument * width, 0, 1, 0),
            "TranslateYRel": (1, 0, 0, 0, 1, argument * height),
        }[name]
        affine = Image.Transform.AFFINE
        return image.transform(image.size, affine, matrix, resample, fillcolor=fill)
    if name == "SolarizeAdd":
        table = [min(255, i + int(argument)) if i < 128 else i for i in range(256)]
        return image.point(table * len(image.getbands()))
    if name == "Posterize":  # Pillow 13 refuses to keep no bits
        table = [i & ~(2 ** (8 - int(argument)) - 1) for i in range(256)]
        return image.point(table * len(image.getbands()))
    if name == "Solarize":
        return ImageOps.solarize(image, int(argument))
    if name in FACTORS:
        return getattr(ImageEnhance, name)(image).enhance(argument)
    plain = {"AutoContrast": "autocontrast", "Equalize": "equalize", "Invert": "invert"}
    made: Image.Image = getattr(ImageOps, plain[name])(image)
    return made


def tied(name: str, argument: float, height: int, width: int) -> Tensor:
    """[height, width] bool: pixels whose source is halfway between the outermost pixels and what
    is outside, within 1e-4 pixels, where a rounding error decides."""
    x = torch.arange(width).double().expand(height, width)
    y = torch.arange(height).double()[:, None].expand(height, width)
    turn = torch.deg2rad(torch.tensor(argument, dtype=torch.float64))
    left, up = x - 0.5 * (width - 1), y - 0.5 * (height - 1)
    x, y = {
        "ShearX": (x + argument * (y + 0.5), y),
        "ShearY": (x, y + argument * (x + 0.5)),
        "TranslateXRel": (x + argument * width, y),
        "TranslateYRel": (x, y + argument * height),
        "Rotate": (
            turn.cos() * left - turn.sin() * up + 0.5 * (width - 1),
            turn.sin() * left + turn.cos() * up + 0.5 * (height - 1),
        ),
    }[name]
    ends = torch.stack([x + 0.5, x - (width - 0.5), y + 0.5, y - (height - 0.5)])
    return (ends.abs() < 1e-4).any(0)


# Pillow rounds down, ours go to the nearest.
WITHIN = {"Invert": 0, "Equalize": 0, "Posterize": 0, "Solarize": 0, "SolarizeAdd": 0}


CASES = [(name, "bilinear") for name in TIMM] + [(name, "bicubic") for name in MOVES]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("name", "interpolation"), CASES)
def test_operations_are_pillows_at_every_level(
    name: str, interpolation: str, channels: int
) -> None:
    fill = (9, 0, 255) if channels == 3 else 9
    transform = TimmRandAugment("rand-n1", interpolation, fill)
    arguments = sorted(
        {a for level in range(11) for inc in (False, True) for a in arguments_of(name, level, inc)}
    )
    magnitudes = [magnitude_of(name, argument) for argument in arguments]
    ties = 0
    for image in images_of(channels):
        results = of_operation(name, magnitudes, image, transform)
        for result, argument in zip(results, arguments, strict=True):
            off = (
                (result.int() - by_pillow(image, name, argument, fill, interpolation).int())
                .abs()
                .amax(0)
            )
            if name in MOVES:
                left_out = tied(name, argument, *image.shape[1:])
                off, ties = off[~left_out], ties + int(left_out.sum())
            assert off.max() <= WITHIN.get(name, 1), (argument, image.shape)
    assert ties < 2000  # of 4 million; a shear by 0.3 or a shift by 0.45 has some


# ---- parameters ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config_str", "error", "message"),
    [
        (9, TypeError, "config_str must be a string such as 'rand-m9-mstd0.5-inc1', got 9"),
        ("original-mstd0.5", ValueError, "config_str must begin with 'rand', .* there are AutoAu"),
        ("rand-m9-tweights", ValueError, "only timm's usual set of operations, got 'tweights'"),
        ("rand-m9.5", ValueError, "must have sections m, n, mmax .* got 'm9.5' in 'rand-m9.5'"),
        ("rand-m9-m8", ValueError, "each once at most, .* got 'm8'"),
        ("rand-inc2", ValueError, "inc .0 or 1., .* got 'inc2'"),
        ("rand-mstdinf", ValueError, "got 'mstdinf'"),
        ("rand--m9", ValueError, "got ''"),
        ("rand-p1.5", ValueError, r"p must be in \[0, 1\], got 'p1.5' in 'rand-p1.5'"),
        ("rand-n65", ValueError, r"n must be in \[0, 64\], got 'n65'"),
        ("rand-m256", ValueError, r"m must be in \[0, 255\], got 'm256'"),
    ],
)
def test_wrong_strings_are_refused(config_str: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        TimmRandAugment(config_str)


def test_other_numbers_of_channels_are_refused() -> None:
    with pytest.raises(ValueError, match="TimmRandAugment needs images of 1 or 3 channels"):
        TimmRandAugment()(torch.zeros(2, 4, 8, 8, dtype=torch.uint8))


def test_a_pipeline_keeps_the_string() -> None:
    pipeline = Pipeline([TimmRandAugment("rand-m6-mstd0.5-inc1", fill=(124, 116, 104))], seed=3)
    (entry,) = pipeline.to_dict()["transforms"]
    assert entry["TimmRandAugment"]["config_str"] == "rand-m6-mstd0.5-inc1"
    images = torch.randint(0, 256, (8, 3, 20, 20), dtype=torch.uint8)
    same = Pipeline.from_dict(pipeline.to_dict())
    assert torch.equal(same(images, ids=torch.arange(8)), pipeline(images, ids=torch.arange(8)))
    assert torch.equal(TimmRandAugment("rand-n0")(images), images)


def test_each_operation_draws_its_interpolation() -> None:
    """Bilinear or bicubic with even odds, of each slot and whatever else it draws; as timm does,
    where nothing names one."""
    named = drawn(TimmRandAugment("rand-m5-n2-p0.7"), DRAWS)
    assert named.words["interpolation_1"] == ("nearest", "bilinear", "bicubic", "random")
    drawn_ones = [named[f"interpolation_{slot}"] - 1 for slot in (1, 2)]
    assert all(set(one.tolist()) == {0, 1} for one in drawn_ones)
    counts = torch.bincount(drawn_ones[0] * 2 + drawn_ones[1])
    assert stats.chisquare(counts).pvalue > LEVEL
    rotates = named["operation_1"] == OPERATIONS.index("Rotate")
    others = (named["operation_1"], named["magnitude_1"] > 0, named["operation_2"], rotates)
    for other in others:
        table = torch.zeros(2, int(other.max()) + 1)
        table.index_put_((drawn_ones[0], other.long()), torch.ones(DRAWS), accumulate=True)
        assert stats.chi2_contingency(table[:, table.sum(0) > 0]).pvalue > LEVEL


def test_a_drawn_interpolation_is_the_one_that_is_named() -> None:
    """Byte for byte, of bytes and, in the second slot, of floats."""
    images = torch.randint(0, 256, (200, 3, 24, 31), dtype=torch.uint8)
    ids = torch.arange(200)

    def made(interpolation: str) -> tuple[Any, Tensor]:
        transform = TimmRandAugment("rand-m8-n1-p1-inc1", interpolation)
        first = RandomHorizontalFlip(), RandomErasing()
        pipeline = Pipeline([*first, transform], seed=2)
        draws = pipeline.draw(ids, images=images)
        return draws.named()[-1], pipeline.replay(images, draws)

    (named, random), (_, bilinear), (_, bicubic) = map(made, ("random", "bilinear", "bicubic"))
    is_bicubic = named["interpolation"] == 2
    moves = torch.isin(named["operation"], torch.tensor([OPERATIONS.index(n) for n in MOVES]))
    for sample in range(200):
        expected = bicubic if is_bicubic[sample] else bilinear
        assert torch.equal(random[sample], expected[sample])
    differs = (bilinear != bicubic).flatten(1).any(1)
    assert differs[~moves].sum() == 0 and differs[moves].sum() > 50


def test_a_replay_refuses_an_interpolation_that_is_none() -> None:
    images = torch.zeros(2, 3, 8, 8, dtype=torch.uint8)
    pipeline = Pipeline([TimmRandAugment("rand-n1-p1")], seed=0)
    draws = pipeline.draw(torch.arange(2), images=images)
    draws.per_launch[0][0, 0, 0, 4] = 3
    with pytest.raises(ValueError, match=r"timm_policy of 8 x 8 pixels an? interpolation in"):
        pipeline.replay(images, draws)


def test_its_random_stream_is_frozen() -> None:
    """A change of the stream or of the arithmetic changes users' runs."""
    transform = TimmRandAugment("rand-m9-mstd0.5-inc1-p0.9", "bilinear")
    assert checksum(transform) == 538233254269
    assert checksum(TimmRandAugment("rand-m9-mstd0.5-inc1-p0.9")) == 537556123370
