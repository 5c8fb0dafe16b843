"""Programs: the words that Python's compiler writes and the ops read, by the kernels' own table."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from warpmix import (
    AugMix,
    CutMix,
    GaussianBlur,
    Pipeline,
    RandomAutocontrast,
    RandomContrast,
    RandomCropBlackout,
    RandomRotation,
    RandomShift,
)
from warpmix.augment.program import compile_programs
from warpmix.augment.stages import BORDERS, KINDS, Stage

HEADER, STAGE = 12, 10  # words before a program's stages, and before a stage's own numbers


def words_of(*transforms: object) -> list[int]:
    (launch,) = compile_programs(transforms, 8, 8, 3)  # type: ignore[arg-type]
    return launch.words(1.0)


def draw(words: list[int], stages: int, sides: int = 1) -> Tensor:
    images = torch.zeros(1, 8, 8, 3, dtype=torch.uint8)
    draws = torch.empty(1, sides, stages, 8, dtype=torch.int32)
    torch.ops.warpmix.draw(images, None, None, None, None, 0, 0, True, words, draws)
    return draws


def test_a_program_ends_where_its_last_stage_does() -> None:
    words = words_of(RandomShift(0.2), RandomContrast())
    draw(words, 2)
    with pytest.raises(RuntimeError, match="program must have at least 44 words, got 43"):
        draw(words[:-1], 2)
    with pytest.raises(RuntimeError, match="program must end after 44 words, got 45"):
        draw([*words, 0], 2)


@pytest.mark.parametrize(
    ("place", "word", "message"),
    [
        (0, 17, "program must have 0 to 16 stages, got 17"),
        (7, len(BORDERS), f"program must hold known borders, got {len(BORDERS)}"),
        (HEADER, len(KINDS), f"program must hold known kinds of stage, got {len(KINDS)}"),
        (HEADER, -1, "program must hold known kinds of stage, got -1"),
        (HEADER + STAGE + 8, 9, "program must hold known borders, got 9"),
    ],
)
def test_numbers_of_no_name_are_refused(place: int, word: int, message: str) -> None:
    words = words_of(RandomShift(0.2))
    words[place] = word
    with pytest.raises(RuntimeError, match=f"draw: {message}"):
        draw(words, 1)


@pytest.mark.parametrize(
    ("place", "word"), [(1, 9), (STAGE, 0), (STAGE + 2, 1), (STAGE + 3, 2), (STAGE + 7, 0x3F000000)]
)
def test_chains_are_in_order_and_share_their_weights(place: int, word: int) -> None:
    """Another stream, chain, slot, number of slots or alpha in the second of two chains."""
    words = words_of(AugMix(3, 2, 1))
    draw(words, 2)
    numbers = sum(of.count for of in KINDS["augmix"].stage)
    words[HEADER + STAGE + numbers + place] = word
    with pytest.raises(RuntimeError, match="program must hold all slots of its chains in order"):
        draw(words, 2)


@pytest.mark.parametrize(
    "transform",
    [
        RandomShift(),
        RandomRotation(15),
        RandomContrast(),
        RandomCropBlackout(),
        CutMix(),
        RandomAutocontrast(),
    ],
)
def test_a_stage_in_another_section_than_its_kinds_is_refused(transform: object) -> None:
    """The kernels switch over the kinds of one section, and know no others there."""
    words = words_of(transform)
    right = words[1:7]
    draw(words, 1, sides=2 if isinstance(transform, CutMix) else 1)
    name = list(KINDS)[words[HEADER]]
    for number in range(6):  # ends that lie before the stage
        ends = [0] * number + [1] * (6 - number)
        geometry = number < 3 and KINDS[name].section == "geometry" and not KINDS[name].warps
        if ends == right or geometry:
            continue
        words[1:7] = ends
        with pytest.raises(RuntimeError, match=f"normal form, got {name} out of place"):
            draw(words, 1)


def test_whole_image_stages_of_no_one_choice_are_refused() -> None:
    """A kernel does the first that applies, and so at most one may."""
    one = words_of(RandomAutocontrast())
    both = [2, *one[1:], *one[HEADER:]]
    with pytest.raises(RuntimeError, match="or several of one choice, got autocontrast beside"):
        draw(both, 2)
    for stage in range(2):
        both[HEADER + stage * STAGE + 4] = 7  # its choice_stream
    draw(both, 2)


@pytest.mark.parametrize(
    ("place", "word", "message"),
    [
        (2, 8, r"a radius_x in \[0, 7\], got 8"),
        (3, -1, r"a radius_y in \[0, 7\], got -1"),
        (0, 0, r"a sigma_low in \[0.001, .*\], got 0"),
        (1, 0xBF800000, r"a sigma_span in \[0, .*\], got -1"),
    ],
)
def test_a_blur_reaches_no_further_than_the_image(place: int, word: int, message: str) -> None:
    words = words_of(GaussianBlur(3))
    draw(words, 1)
    words[HEADER + STAGE + place] = word
    with pytest.raises(RuntimeError, match=f"gaussian_blur of 8 x 8 pixels {message}"):
        draw(words, 1)


def test_a_stage_has_its_kinds_numbers_and_no_others() -> None:
    with pytest.raises(ValueError, match=r"'mixup' must have the numbers \['inverse_alpha'\]"):
        Stage("mixup", 1.0, 8, 8, {"alpha": 1.0})
    assert Stage("mixup", 1.0, 8, 8, {"inverse_alpha": 0.5})["inverse_alpha"] == 0.5


def test_draws_say_what_the_tables_fields_say() -> None:
    """Each kind's numbers are read where the kernels write them: whole ones are small integers."""
    images = torch.zeros(64, 3, 8, 8, dtype=torch.uint8)
    for kind in KINDS.values():
        assert [f.place for f in kind.draw] == list(range(len(kind.draw)))
    draws = Pipeline([RandomShift(0.5), CutMix()]).draw(images=images, ids=torch.arange(64))
    shift, mix = draws.named()
    assert shift["dx"].dtype == torch.int64 and set(shift["dx"].tolist()) == set(range(-4, 5))
    area = (mix["x1"] - mix["x0"]) * (mix["y1"] - mix["y0"])
    assert torch.equal(mix["lam"], (64 - area).float() / 64)
