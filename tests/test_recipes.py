"""Every packaged recipe can be read, and becomes a model, an optimiser and a pipeline."""

from __future__ import annotations

import pytest
import torch

from warpmix import models, recipes
from warpmix.augment import Pipeline, from_config
from warpmix.train import load_config
from warpmix.train.optimizer import make_optimizer

RUNS = [name for name in recipes.names() if set(recipes.read(name)) - {"augment", "p"}]


@pytest.mark.parametrize("name", recipes.names())
def test_recipes_make_batches(name: str) -> None:
    config = load_config(name)
    resize = [] if config.input_size is None else [{"Resize": {"size": config.input_size}}]
    pipeline = Pipeline(from_config([*resize, *config.augment]), p=config.p)
    side = config.image_size or 32
    images = torch.randint(0, 256, (4, 3, side, side), dtype=torch.uint8)
    batch, targets = pipeline(images, torch.arange(4))
    expected = config.input_size or side
    assert batch.shape == (4, 3, expected, expected) and len(targets.lam) == 4
    assert batch.isfinite().all()


@pytest.mark.parametrize("name", RUNS)
def test_recipes_build_their_models(name: str) -> None:
    config = load_config(name)
    with torch.device("meta"):
        network = models.create(
            config.model,
            3 if name.startswith("fruit") else 10,
            frozen=config.frozen,
            unfrozen=config.unfrozen,
            head=config.head,
            dropout=config.dropout,
            image_size=config.input_size or config.image_size,
            tta=config.tta,
            options=config.network_options,
        )
    assert make_optimizer(network, config).param_groups
