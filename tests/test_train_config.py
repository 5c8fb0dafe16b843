"""Settings: defaults, YAML, recipes, and the words of every refusal. None of this needs torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from warpmix import recipes
from warpmix.train import TrainConfig, load_config


@pytest.fixture
def yaml_file(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "settings.yaml"
        path.write_text(text)
        return path

    return write


def test_defaults_are_valid_and_every_field_is_documented() -> None:
    config = load_config()
    assert config == TrainConfig()
    for name, field in TrainConfig.model_fields.items():
        assert field.description, name
        assert field.json_schema_extra["group"], name


def test_flags_win_over_the_file(yaml_file: Callable[[str], Path]) -> None:
    config = load_config(yaml_file("lr: 1e-3\nepochs: 7\n"), epochs="9", patience=None)
    assert (config.lr, config.epochs, config.patience) == (1e-3, 9, None)


def test_a_config_survives_its_own_json(tmp_path: Path) -> None:
    config = load_config("cifar10-vgg3", mean="0.5,0.4,0.3", std="0.2,0.2,0.2", root=tmp_path)
    path = tmp_path / "config.json"
    path.write_text(config.model_dump_json())
    assert load_config(path) == config
    assert config.mean == (0.5, 0.4, 0.3)


def test_a_recipe_brings_its_own_p_unless_p_is_given(tmp_path: Path) -> None:
    (tmp_path / "half.yaml").write_text("p: 0.5\naugment: [CutMix]")
    half = str(tmp_path / "half.yaml")
    assert load_config(augment="warsaw-all").p == 1 and load_config(augment=half).p == 0.5
    assert load_config(augment=half, p=0.9).p == 0.9
    assert load_config(augment="cifar").p == 1.0


def test_an_augmentation_may_be_a_name_a_file_or_a_list(yaml_file: Callable[[str], Path]) -> None:
    shift = [{"RandomShift": {"max_shift": 0.1}}]
    listed = yaml_file("- RandomShift: {max_shift: 0.1}\n")
    assert load_config(augment=str(listed)).augment == shift
    assert load_config(augment=shift).augment == shift
    names = [name for step in load_config(augment="warsaw-all").augment for name in step]
    assert names == ["RandomShift", "RandomContrast", "CutMix", "RandomCropBlackout"]


@pytest.mark.parametrize("name", recipes.names())
def test_every_packaged_recipe_is_valid(name: str) -> None:
    load_config(name)
    if "augment" in recipes.read(name):
        load_config(augment=name)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("batchsize: 3", ["unknown key 'batchsize'", "did you mean 'batch_size'"]),
        ("lr: -1", ["lr must be greater than 0", "got -1"]),
        ("lr: .nan", ["lr must be"]),
        ("lr: .inf", ["lr must be"]),
        ("opt: lion", ["opt must be", "'sgd', 'adam', 'adamw'", "or 'ftrl'", "got 'lion'"]),
        ("block_dropout: [0.2, 1.5]", ["block_dropout", "must be less than 1", "got 1.5"]),
        ("folds: 4\nfold: 4", ["fold must be below folds, got 4 of 4"]),
        ("unfrozen: 1", ["unfrozen needs frozen"]),
        ("frozen_mode: train", ["frozen_mode train needs frozen"]),
        ("head: deep", ["head must be linear, dense, or units", "such as 512", "got 'deep'"]),
        ("head: [64, 0]", ["head.1 must be greater than or equal to 1", "got 0"]),
        ("bn_momentum: 0", ["bn_momentum must be greater than 0", "got 0"]),
        ("bn_eps: 0", ["bn_eps must be greater than 0", "got 0"]),
        ("epochs: 5\nswitch_epoch: 5", ["switch_epoch must be below epochs, 5, got 5"]),
        ("validation: 1", ["validation must be less than 1"]),
        ("epochs: many", ["epochs must be a valid integer", "got 'many'"]),
        ("mean: [0.5]", ["mean and std must be given together"]),
        ("mean: [0.5]\nstd: [0.1, 0.2]", ["one value a channel", "got 1 and 2"]),
        ("mean: [0.5]\nstd: [0.0]", ["std must be above 0"]),
        ("patience: 3\nvalidation: 0", ["patience needs validation images"]),
        ("sched: onecycle\nwarmup_epochs: 2", ["onecycle has its own warm-up"]),
        ("opt: adam\nnesterov: true", ["nesterov needs opt sgd"]),
        ("opt: ftrl\naccumulator: 0", ["accumulator must be above 0 for ftrl"]),
        ("opt: sgd\nrho: 0.9", ["rho does nothing with opt sgd", "use rmsprop, adadelta"]),
        (
            "opt: adam\nswitch_epoch: 2\naccumulator: 0.1",
            ["accumulator does nothing with opt adam and sgd"],
        ),
        ("opt: sgd\nbeta1: 0.8", ["beta1 does nothing with opt", "adam, adamw, adamax, nadam"]),
        ("rho: 1", ["rho must be less than 1"]),
        ("eps: 0", ["eps must be greater than 0"]),
        ("augment: warsaw-al", ["'warsaw-al' is neither a file", "did you mean 'warsaw-all'"]),
        ("- lr: 1", ["must hold settings as 'key: value' lines, got a list"]),
        ("lr: [", ["is not valid YAML"]),
    ],
)
def test_a_bad_setting_is_refused_in_words(
    yaml_file: Callable[[str], Path], text: str, words: list[str]
) -> None:
    with pytest.raises((ValueError, FileNotFoundError)) as error:
        load_config(yaml_file(text))
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("given", "units"),
    [
        ("linear", ()),
        ("dense", (64, 32)),
        ([], ()),
        ([512], (512,)),
        (256, (256,)),
        ("256", (256,)),
        ("512, 128", (512, 128)),
    ],
)
def test_a_head_is_a_list_of_hidden_units(given: Any, units: tuple[int, ...]) -> None:
    config = load_config(head=given)
    assert config.head == units
    assert TrainConfig.model_validate_json(config.model_dump_json()) == config


def test_options_of_the_network_are_those_that_are_given() -> None:
    assert load_config().network_options == {}
    given = {"negative_slope": 0.0, "pooled_features": True, "bn_eps": 0.001, "feed_forward": 8}
    assert load_config(**given, head=8, dropout_at="both").network_options == given


def test_every_problem_is_told_at_once_and_says_where_it_stands(
    yaml_file: Callable[[str], Path],
) -> None:
    path = yaml_file("batchsize: 3\n")
    with pytest.raises(ValueError, match="unknown key") as error:
        load_config(path, lr=-1)
    assert f"{path}: unknown key 'batchsize'" in str(error.value)
    assert "; lr must be" in str(error.value) or str(error.value).startswith("lr must be")


def test_a_file_without_an_augmentation_is_refused(yaml_file: Callable[[str], Path]) -> None:
    with pytest.raises(ValueError, match="must hold a list of transforms"):
        load_config(augment=str(yaml_file("lr: 1\n")))


def test_an_unknown_file_is_refused() -> None:
    with pytest.raises(FileNotFoundError, match="neither a file nor a packaged recipe"):
        load_config("nothing.yaml")
