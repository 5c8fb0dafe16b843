"""Every packaged recipe can be read, and becomes a model, an optimiser and a pipeline."""

from __future__ import annotations

import pytest
import torch

from warpmix import Pipeline, models, presets, recipes
from warpmix.augment import from_config
from warpmix.data import Dataset
from warpmix.train import load_config
from warpmix.train.data import Splits
from warpmix.train.loaders import training_loader
from warpmix.train.optimizer import make_optimizer
from warpmix.train.preprocessing import preprocessing

RUNS = [name for name in recipes.names() if set(recipes.read(name)) - {"augment", "variants"}]


@pytest.mark.parametrize("name", recipes.names())
def test_recipes_make_batches(name: str) -> None:
    config = load_config(name)
    side = config.image_size or 32
    images = torch.randint(0, 256, (4, side, side, 3), dtype=torch.uint8)
    dataset = Dataset(images, torch.arange(4), tuple("abcd"), "noise")
    prepared = preprocessing(config, dataset)
    splits = Splits(dataset, None, None, prepared, {}, "", config)
    batches = list(training_loader(config, splits))
    pipeline = Pipeline(from_config(config.augment), mean=0.5, std=0.5)
    expected = prepared.input_size or pipeline.output_size(side, side)
    assert all(batch.shape[1:] == (3, *expected) for batch, _ in batches)
    assert all(batch.isfinite().all() for batch, _ in batches)
    assert sum(len(batch) for batch, _ in batches) == 4 * (1 + len(config.variants))


@pytest.mark.parametrize("name", presets.names())
def test_presets_change_every_copy(name: str) -> None:
    """In append mode nothing but what a transform draws may leave a copy as it was."""
    config = load_config(augment=name, expand=1, copies="once", mean=[0] * 3, std=[1] * 3)
    assert config.p == 1
    first = config.augment[0] if len(config.augment) == 1 else {}
    assert isinstance(first, dict)  # with a p below 1 alone, half of the copies would be originals
    assert all(fields.get("p", 1) == 1 for fields in first.values())


@pytest.mark.parametrize("name", RUNS)
def test_recipes_build_their_models(name: str) -> None:
    config = load_config(name)
    side = config.image_size
    with torch.device("meta"):
        network = models.create(
            config.model,
            10,
            frozen=config.frozen,
            unfrozen=config.unfrozen,
            head=config.head,
            dropout=config.dropout,
            image_size=224 if config.input_size == "weights" else config.input_size or side,
            tta=config.tta,
            options=config.network_options,
        )
    assert make_optimizer(network, config).param_groups
