"""Layers, first weights and networks against the numbers of tests/oracles/keras_layers.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from warpmix.models import create
from warpmix.models.layers import activation_layer, initialise, set_batch_norm

ORACLE: dict[str, Any] = json.loads(
    Path(__file__).with_name("oracles").joinpath("keras_layers.json").read_text(encoding="utf-8")
)


def images(name: str) -> Tensor:
    """Numbers of the oracle, channels first."""
    return torch.tensor(ORACLE["batch_norm"][name]).movedim(-1, -3)


@pytest.fixture
def normalised() -> nn.BatchNorm2d:
    """A batch norm with Keras's constants."""
    oracle = ORACLE["batch_norm"]
    layer = nn.BatchNorm2d(2)
    set_batch_norm(layer, eps=oracle["epsilon"], momentum=1 - oracle["momentum"])
    layer.weight.data = torch.tensor(oracle["gamma"])
    layer.bias.data = torch.tensor(oracle["beta"])
    return layer


def test_batch_norm_trains_as_keras(normalised: nn.BatchNorm2d) -> None:
    for batch, expected in zip(images("inputs"), images("training"), strict=True):
        torch.testing.assert_close(normalised(batch), expected)
    assert not torch.allclose(nn.BatchNorm2d(2)(images("inputs")[0]), images("training")[0])


def test_batch_norm_ends_with_the_statistics_of_keras_2(normalised: nn.BatchNorm2d) -> None:
    oracle, batches = ORACLE["batch_norm"], images("inputs")
    for batch in batches:
        normalised(batch)
    torch.testing.assert_close(normalised.running_mean, torch.tensor(oracle["keras2_mean"]))
    torch.testing.assert_close(normalised.running_var, torch.tensor(oracle["keras2_variance"]))
    torch.testing.assert_close(normalised.eval()(batches[0]), images("keras2_inference"))


def test_batch_norm_of_keras_3_averages_variances_over_n(normalised: nn.BatchNorm2d) -> None:
    oracle, batches = ORACLE["batch_norm"], images("inputs")
    for batch in batches:
        normalised(batch)
    torch.testing.assert_close(normalised.running_mean, torch.tensor(oracle["keras3_mean"]))
    count = batches[0, :, 0].numel()
    begun = oracle["momentum"] ** len(batches)  # what is left of the variance of 1
    expected = begun + (normalised.running_var - begun) * (count - 1) / count
    torch.testing.assert_close(expected, torch.tensor(oracle["keras3_variance"]))
    normalised.running_var.copy_(expected)
    torch.testing.assert_close(normalised.eval()(batches[0]), images("keras3_inference"))


@pytest.mark.parametrize("case", ORACLE["initialisers"])
def test_weights_begin_as_keras_begins(case: str) -> None:
    oracle, init = ORACLE["initialisers"][case], case.split()[0]
    *window, inputs, outputs = oracle["shape"]
    layer: Any = nn.Conv2d(inputs, outputs, window) if window else nn.Linear(inputs, outputs)
    torch.manual_seed(0)
    initialise(layer, init)
    weights = layer.weight.detach().flatten()
    # Of a million numbers: the standard error of the deviation is 0.07 % of it.
    assert weights.std().item() == pytest.approx(oracle["deviation"], rel=0.004)
    quantiles = (
        weights.sort()
        .values[[int(q * (len(weights) - 1)) for q in ORACLE["quantiles_at"]]]
        .tolist()
    )
    assert quantiles == pytest.approx(oracle["quantiles"], abs=0.01 * oracle["deviation"])
    if init != "normal":  # uniform and truncated ones have a bound, which a million numbers reach
        assert weights.abs().max().item() == pytest.approx(oracle["largest"], rel=5e-4)


def test_he_of_torch_is_not_truncated() -> None:
    oracle = ORACLE["initialisers"]["he_truncated dense"]
    layer = nn.Linear(*oracle["shape"])
    initialise(layer, "he")
    assert layer.weight.detach().std().item() == pytest.approx(oracle["deviation"], rel=0.004)
    assert layer.weight.abs().max().item() > 1.5 * oracle["largest"]


def test_first_weights_of_the_keras_reports_are_keras_defaults() -> None:
    assert ORACLE["first_weights"] == "GlorotUniform"
    torch.manual_seed(0)
    weight = create("baseline1", 10).backbone[2].weight.detach()  # 32 to 32, 3x3
    bound = (6 / (2 * 9 * 32)) ** 0.5
    assert 0.99 * bound < weight.abs().max().item() <= bound


def test_leaky_relu() -> None:
    oracle = ORACLE["leaky_relu"]
    layer = activation_layer("leaky_relu", oracle["negative_slope"])
    made = layer(torch.tensor(oracle["inputs"]))
    torch.testing.assert_close(made, torch.tensor(oracle["outputs"]))


@pytest.mark.parametrize("name", ORACLE["networks"])
def test_pooled_features_are_those_of_networks_without_their_tops(name: str) -> None:
    oracle = ORACLE["networks"][name]
    constants = [(eps, 1 - momentum) for eps, momentum in oracle["batch_norm"]]
    options = {"pooled_features": True}
    if constants:
        options |= dict(zip(("bn_eps", "bn_momentum"), constants[0], strict=True))
    with torch.device("meta"):
        network = create(name, 10, head=(64, 32), options=options, image_size=128)
    assert network.head[0].in_features == oracle["features"]
    assert sum(p.numel() for p in network.backbone.parameters()) == oracle["trainable"]
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert {(m.eps, m.momentum) for m in norms} == set(constants)
