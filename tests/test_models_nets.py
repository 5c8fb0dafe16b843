"""The reports' networks: their parameters, their options, and their description."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from warpmix.models import create, describe
from warpmix.models.registry import OWN

# ---- parameters ---------------------------------------------------------------------------------

# (classes, side) and the count: what the report prints, else the sum over its layers.
COUNTS = {
    "fruit_mlp": (3, 300, 68_851_023),  # printed in the report
    "fruit_cnn": (3, 300, 9_966_691),  # printed in the report
    "mlp_s": (
        10,
        32,
        3073 * 1500 + 1501 * 500 + 501 * 100 + 101 * 10,
    ),
    "mlp_l": (
        10,
        32,
        sum(
            (i + 1) * o
            for i, o in zip(
                (3072, 2048, 1024, 512, 256, 128, 64, 32, 16),
                (2048, 1024, 512, 256, 128, 64, 32, 16, 10),
                strict=True,
            )
        ),
    ),
    "cnn3": (10, 32, 376_834),  # of the authors' code
    "baseline1": (10, 32, 28 * 32 + 289 * 32 + 8193 * 10),
    "baseline2": (
        10,
        32,
        28 * 32 + 289 * 32 + 289 * 64 + 577 * 64 + 577 * 128 + 1153 * 128 + 2049 * 10,
    ),
    # Patches, class token and 65 positions; six times attention, two norms and the feed-forward
    # layers; the last norm; the head.
    "vit6": (
        10,
        32,
        49 * 30
        + 30
        + 65 * 30
        + 6 * (31 * 90 + 31 * 30 + 2 * 60 + 31 * 2048 + 2049 * 30)
        + 60
        + 31 * 10,
    ),
    # airbench94: convolutions without biases, batch norms of factor and bias; its head has no bias.
    "airbench": (
        10,
        32,
        13 * 24
        + 9 * (24 * 64 + 64 * 64 + 64 * 256 + 3 * 256 * 256)
        + 4 * (64 + 256 + 256)
        + 257 * 10,
    ),
}
PUBLISHED = {  # torchvision's documentation, 1,000 classes
    "mobilenet_v3_small": 2_542_856,
    "efficientnet_v2_s": 21_458_488,
    "resnet18": 11_689_512,
    "resnet50": 25_557_032,
    "efficientnet_b0": 5_288_548,
    "efficientnet_b2": 9_109_994,
    "convnext_tiny": 28_589_128,
    "vgg16": 138_357_544,
}


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("name", COUNTS)
def test_own_networks_have_the_parameters_of_the_reports(name: str) -> None:
    classes, side, parameters = COUNTS[name]
    assert count(create(name, classes, image_size=side)) == parameters


@pytest.mark.parametrize("name", PUBLISHED)
def test_torchvisions_networks_have_the_published_parameters(name: str) -> None:
    with torch.device("meta"):
        assert count(create(name, 1000)) == PUBLISHED[name]


@pytest.mark.parametrize("name", OWN)
def test_every_own_network_learns_from_images(name: str) -> None:
    side = 40 if name.startswith("fruit") else 32
    torch.manual_seed(0)
    network = create(name, 4, image_size=side, in_channels=1)
    images, labels = torch.randn(8, 1, side, side), torch.arange(8) % 4
    optimizer = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], lr=1e-3)
    losses = []
    for _ in range(6):
        loss = nn.functional.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


# ---- options ------------------------------------------------------------------------------------


def kinds(network: nn.Module) -> list[str]:
    return [type(module).__name__ for module in network.backbone][:4]


def test_batch_norm_stands_where_it_is_asked_for() -> None:
    before = create("baseline2", 10, options={"batch_norm": "before"})
    after = create("baseline2", 10, options={"batch_norm": "after", "activation": "tanh"})
    assert kinds(before)[:3] == ["Conv2d", "BatchNorm2d", "ReLU"]
    assert kinds(after)[:3] == ["Conv2d", "Tanh", "BatchNorm2d"]
    assert kinds(create("baseline2", 10))[:3] == ["Conv2d", "ReLU", "Conv2d"]


def test_dropout_by_block() -> None:
    network = create("baseline2", 10, options={"block_dropout": (0.2, 0.5, 0.7)})
    rates = [m.p for m in network.backbone if isinstance(m, nn.Dropout)]
    assert rates == [0.2, 0.2, 0.5, 0.5, 0.7, 0.7]
    whole = create("cnn3", 10, options={"block_dropout": (0.5,)})
    assert [m.p for m in whole.backbone if isinstance(m, nn.Dropout2d)] == [0.5]


def test_cnn3_is_the_authors_network() -> None:
    rows = describe(create("cnn3", 10, options={"block_dropout": (0.5,)}), 3, 32, 32)
    table = [(row.kind, row.output) for row in rows if row.kind != "ReLU"]
    assert table == [
        ("Conv2d", (32, 16, 16)),
        ("Conv2d", (64, 8, 8)),
        ("Conv2d", (128, 4, 4)),
        ("MaxPool2d", (128, 2, 2)),
        ("Dropout2d", (128, 2, 2)),
        ("Flatten", (512,)),
        ("Linear", (512,)),
        ("Linear", (40,)),
        ("Dropout", (40,)),  # of the head
        ("Linear", (10,)),
    ]


@pytest.mark.parametrize("size", [8, 17, (16, 33)])
def test_cnn3_takes_other_sizes(size: Any) -> None:
    height, width = (size, size) if isinstance(size, int) else size
    assert create("cnn3", 4, image_size=size)(torch.randn(2, 3, height, width)).shape == (2, 4)


def test_the_options_of_vit6() -> None:
    network = create("vit6", 10)
    layers = list(network.backbone.encoder.layers)
    assert [layer.num_heads for layer in layers] == [6] * 6
    rates = {m.p for layer in layers for m in layer.modules() if isinstance(m, nn.Dropout)}
    assert rates | {layer.self_attention.dropout for layer in layers} == {0.1}
    assert layers[0].mlp[0].out_features == 2048
    chosen = {"encoder_layers": 1, "attention_heads": 3, "feed_forward": 120}
    small = create("vit6", 10, options={**chosen, "block_dropout": (0.0,)})
    (layer,) = small.backbone.encoder.layers
    assert (layer.num_heads, layer.mlp[0].out_features) == (3, 120)
    images = torch.randn(2, 3, 32, 32)
    assert small.train()(images).equal(small(images))  # without dropout


def test_the_fruit_cnn_has_its_dropouts_and_batch_norm_in_their_places() -> None:
    options = {"block_dropout": (0.25,), "batch_norm": "before", "activation": "leaky_relu"}
    network = create(
        "fruit_cnn", 3, dropout=0.5, image_size=32, options={**options, "negative_slope": 0.3}
    )
    layers = [*network.backbone, *network.head]
    expected = "Conv2d BatchNorm2d LeakyReLU MaxPool2d " * 2 + "Dropout Flatten "
    expected += "Linear LeakyReLU " * 2 + "Dropout Linear"
    assert [type(layer).__name__ for layer in layers] == expected.split()
    assert [layer.p for layer in layers if isinstance(layer, nn.Dropout)] == [0.25, 0.5]
    slopes = [layer.negative_slope for layer in layers if isinstance(layer, nn.LeakyReLU)]
    assert slopes == [0.3] * 4


def test_constants_of_every_batch_norm() -> None:
    for name in ("resnet18", "vgg3_bn", "airbench"):
        own = create(name, 3, options={"bn_momentum": 0.01})
        plain = create(name, 3)
        norms = [m for m in own.modules() if isinstance(m, nn.BatchNorm2d)]
        before = [m for m in plain.modules() if isinstance(m, nn.BatchNorm2d)]
        assert norms and {m.momentum for m in norms} == {0.01}
        assert [m.eps for m in norms] == [m.eps for m in before]


@pytest.mark.parametrize(
    ("init", "deviation"),
    [
        ("zero", 0.0),
        ("normal", 0.05),
        ("glorot", (2 / (9 * 64 + 9 * 64)) ** 0.5),
        ("he", (2 / (9 * 64)) ** 0.5),
        ("he_truncated", (2 / (9 * 64)) ** 0.5),
    ],
)
def test_weights_begin_as_asked(init: str, deviation: float) -> None:
    torch.manual_seed(0)
    network = create("baseline2", 10, options={"init": init})
    square = [m for m in network.backbone if isinstance(m, nn.Conv2d)][3]  # 64 to 64
    assert float(square.weight.detach().std()) == pytest.approx(deviation, rel=0.02)
    assert not square.bias.any()
    assert (not network.head[-1].weight.any()) == (init == "zero")


def test_init_leaves_pretrained_weights(tmp_path: Path) -> None:
    first = create("cnn3", 3)
    torch.save(first.state_dict(), tmp_path / "first.pt")
    second = create("cnn3", 3, weights=tmp_path / "first.pt", options={"init": "zero"})
    assert second.backbone[0].weight.equal(first.backbone[0].weight)
    assert not second.head[-1].weight.any()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "resnet18",
            {"activation": "tanh"},
            "resnet18 has no option activation; it takes pooled_feat",
        ),
        ("vgg3_bn", {"batch_norm": "after"}, "vgg3_bn has no option batch_norm; it takes width"),
        ("vgg3", {"batch_norm": "between"}, "batch_norm must be none, before or after"),
        ("vgg3", {"activation": "swish"}, "activation must be one of relu, leaky_relu"),
        ("vgg3", {"block_dropout": (0.1, 0.2)}, "one rate, or 3 for vgg3, got 2"),
        ("vgg3", {"init": "ones"}, "init must be one of zero, .*, he_truncated, got 'ones'"),
        ("cnn3", {"block_dropout": (0, 0, 0.5)}, "must be one rate for cnn3, got 3"),
        ("cnn3", {"pooled_features": True}, "cnn3 has no option pooled_features"),
        ("cnn3", {"negative_slope": -0.1}, "negative_slope must be at least 0, got -0.1"),
        ("vit6", {"attention_heads": 4}, "attention_heads must divide 30, got 4"),
        ("vit6", {"feed_forward": 0}, "feed_forward at least 1, got 6 and 0"),
        ("resnet18", {"bn_eps": 0.0}, "bn_eps must be above 0, got 0.0"),
        ("resnet18", {"bn_momentum": 1.1}, r"bn_momentum must be in \(0, 1\], got 1.1"),
    ],
)
def test_options_that_do_not_fit(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create(name, 10, options=options)


# ---- airbench -----------------------------------------------------------------------------------


def test_whitened_patches_are_uncorrelated_and_the_filters_are_not_trained() -> None:
    network = create("airbench", 10)
    images = torch.randn(200, 3, 32, 32).cumsum(3)  # neighbours are alike
    network.backbone.whiten(images)
    first = network.backbone[0]
    made = (first(images) - first.bias[:, None, None]).permute(0, 2, 3, 1).reshape(-1, 24)
    products = (made.T @ made / len(made)).detach()
    torch.testing.assert_close(products[:12, :12], torch.eye(12), atol=5e-3, rtol=0)
    torch.testing.assert_close(products[:12, 12:], -torch.eye(12), atol=5e-3, rtol=0)
    assert not first.weight.requires_grad and first.bias.requires_grad


# ---- partly frozen, test-time augmentation ------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("vgg16", ["classifier.3"]),
        ("resnet50", ["layer4.2.conv3", "layer4.2.bn3"]),
        ("efficientnet_b2", ["features.8.0", "features.8.1"]),
    ],
)
def test_the_last_layers_of_a_frozen_backbone_can_train(name: str, layers: list[str]) -> None:
    with torch.device("meta"):
        network = create(name, 3, frozen=True, unfrozen=1)
    trained = {k.rpartition(".")[0] for k, p in network.named_parameters() if p.requires_grad}
    assert trained == {f"backbone.{layer}" for layer in layers} | {"head.1"}
    network.train()
    training = {name for name, m in network.backbone.named_modules() if m.training}
    assert training == set(layers)
    assert not network.has_constant_features


def test_test_time_augmentation_averages_probabilities_of_views() -> None:
    torch.manual_seed(0)
    plain = create("cnn3", 5).eval()
    images = torch.randn(3, 3, 32, 32)

    def probabilities(tta: str) -> torch.Tensor:
        network = create("cnn3", 5, tta=tta).eval()
        network.load_state_dict(plain.state_dict())
        assert network.train()(images).equal(network.head(network.backbone(images)))
        return network.eval()(images).exp()

    def of(view: torch.Tensor) -> torch.Tensor:
        return plain(view).softmax(1)

    mirrored = of(images) + of(images.flip(3))
    torch.testing.assert_close(probabilities("flip"), mirrored / 2)
    padded = nn.functional.pad(images, (1, 1, 1, 1), mode="reflect")
    moved = [padded[:, :, :32, :32], padded[:, :, 2:, 2:]]
    shifted = sum(of(view) + of(view.flip(3)) for view in moved)
    torch.testing.assert_close(probabilities("flip-shift"), (mirrored + shifted / 2) / 4)


# ---- the table ----------------------------------------------------------------------------------


def test_the_description_of_the_fruit_cnn_is_the_reports_table() -> None:
    rows = describe(create("fruit_cnn", 3, dropout=0.5), 3, 300, 300)
    table = [(row.kind, row.output, row.parameters) for row in rows]
    layers = [row for row in table if row[0] in ("Conv2d", "MaxPool2d", "Linear")]
    assert layers == [
        ("Conv2d", (6, 296, 296), 456),
        ("MaxPool2d", (6, 148, 148), 0),
        ("Conv2d", (16, 144, 144), 2416),
        ("MaxPool2d", (16, 72, 72), 0),
        ("Linear", (120,), 9_953_400),
        ("Linear", (84,), 10_164),
        ("Linear", (3,), 255),
    ]


@pytest.mark.parametrize("name", ["vit6", "vit_b_32", "resnet18", "airbench", "squeezenet1_0"])
def test_descriptions_account_for_every_parameter(name: str) -> None:
    size = 224 if name == "vit_b_32" else 64
    network = create(name, 7, frozen=True, image_size=size)
    rows = describe(network, 3, size, size)
    assert sum(row.parameters for row in rows) == count(network)
    assert sum(row.trained for row in rows) == count(network.head)
    assert len({row.name for row in rows}) == len(rows)
