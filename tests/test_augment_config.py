"""Transforms as plain data."""

from __future__ import annotations

import pytest

import warpmix
from warpmix.augment import from_config, to_config


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
