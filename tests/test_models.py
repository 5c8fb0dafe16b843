"""Networks: every torchvision family as a backbone, weights, freezing, heads, the report's CNN."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from warpmix.models import create
from warpmix.models.heads import create_head
from warpmix.models.nets import vgg

# One small member of each family; each with the smallest image that it takes in its own way.
FAMILIES = {
    "alexnet": 64,
    "convnext_tiny": 32,
    "densenet121": 32,
    "efficientnet_b0": 32,
    "googlenet": 32,
    "inception_v3": 75,
    "mnasnet0_5": 32,
    "mobilenet_v2": 32,
    "mobilenet_v3_small": 32,
    "regnet_y_400mf": 32,
    "resnet18": 32,
    "shufflenet_v2_x0_5": 32,
    "squeezenet1_1": 32,
    "swin_t": 32,
    "vgg11": 32,
    "vit_b_32": 32,
}


class CodeInAFile:
    """Something that only unrestricted unpickling would bring back."""


def images(size: int, channels: int = 3, count: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, channels, size, size, generator=generator)


def checkpoint(tmp_path: Path, name: str, **options: Any) -> tuple[nn.Module, Path]:
    """A torchvision network with random weights, and its state dict in a file."""
    torch.manual_seed(1)
    original = torchvision.models.get_model(name, weights=None, **options).eval()
    path = tmp_path / f"{name}.pth"
    torch.save(original.state_dict(), path)
    return original, path


@pytest.mark.parametrize(("name", "size"), FAMILIES.items())
def test_every_family_gets_a_new_head(name: str, size: int) -> None:
    network = create(name, 5, head=(64, 32), image_size=size)
    dropouts = [module for module in network.head if isinstance(module, nn.Dropout)]
    assert [module.p for module in dropouts] == [0.0, 0.0]
    network.train(name in ("googlenet", "inception_v3"))  # auxiliary classifiers would show
    with torch.inference_mode():
        assert network(images(size)).shape == (2, 5)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "mnasnet0_5"])
def test_weights_from_a_file_give_the_original_features(tmp_path: Path, name: str) -> None:
    original, path = checkpoint(tmp_path, name)
    network = create(name, 1000, weights=path).eval()
    last = [module for module in original.modules() if isinstance(module, nn.Linear)][-1]
    network.head[-1].load_state_dict(last.state_dict())
    with torch.inference_mode():
        torch.testing.assert_close(network(images(64)), original(images(64)), rtol=0, atol=0)


def test_real_imagenet_weights_from_a_file() -> None:
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("WARPMIX_TEST_DATA", beside)) / "weights"
    path = folder / "squeezenet1_0_imagenet_deepcompression.pth"
    if not path.is_file():
        pytest.skip(f"no {path}: set WARPMIX_TEST_DATA to a folder that has it in weights")
    network = create("squeezenet1_0", 10, weights=path, frozen=True, head=(64, 32), image_size=64)
    original = torchvision.models.squeezenet1_0().eval()
    original.load_state_dict(torch.load(path, weights_only=True))
    with torch.inference_mode():
        features = network.backbone(images(64))
        expected = original.features(images(64)).mean((2, 3))  # pooling and the ReLU commute here
    torch.testing.assert_close(features, expected)


def test_safetensors_and_wrapped_and_fine_tuned_checkpoints(tmp_path: Path) -> None:
    original, path = checkpoint(tmp_path, "resnet18", num_classes=7)  # its own head is left out
    state = original.state_dict()
    save_file(state, tmp_path / "plain.safetensors")
    torch.save({"state_dict": {f"module.{k}": v for k, v in state.items()}}, tmp_path / "ddp.pt")
    network = create("resnet18", 3, weights=path)
    save_file(network.state_dict(), tmp_path / "own.safetensors")
    for file in ("plain.safetensors", "ddp.pt", "own.safetensors"):
        loaded = create("resnet18", 3, weights=tmp_path / file)
        for key, tensor in network.backbone.state_dict().items():
            assert loaded.backbone.state_dict()[key].equal(tensor), (file, key)


def test_old_checkpoints_without_batch_counters_load(tmp_path: Path) -> None:
    original, _ = checkpoint(tmp_path, "resnet18")
    state = {k: v for k, v in original.state_dict().items() if "num_batches_tracked" not in k}
    torch.save(state, tmp_path / "old.pth")
    create("resnet18", 3, weights=tmp_path / "old.pth")


def test_old_densenet_keys_are_understood(tmp_path: Path) -> None:
    original, _ = checkpoint(tmp_path, "densenet121")
    state = original.state_dict()
    old = {
        key.replace(".norm1.", ".norm.1.").replace(".conv2.", ".conv.2.")
        if "denselayer" in key
        else key: tensor
        for key, tensor in state.items()
    }
    assert old.keys() != state.keys()
    torch.save(old, tmp_path / "old.pth")
    network = create("densenet121", 3, weights=tmp_path / "old.pth")
    key = "features.denseblock1.denselayer1.conv2.weight"
    assert network.backbone.state_dict()[key].equal(state[key])


@pytest.mark.parametrize(
    ("name", "features"),
    [
        ("mobilenet_v3_small", 576),
        ("mobilenet_v3_large", 960),
        ("vgg11_bn", 512),
        ("alexnet", 256),
        ("resnet18", 512),
        ("squeezenet1_1", 512),
    ],
)
def test_pooled_features_of_published_weights(tmp_path: Path, name: str, features: int) -> None:
    original, path = checkpoint(tmp_path, name)
    network = create(name, 3, weights=path, options={"pooled_features": True}).eval()
    assert network.head[-1].in_features == features
    pictures = images(96)
    with torch.inference_mode():
        if name == "resnet18":  # it has no hidden layer: nothing changes
            expected = create(name, 3, weights=path).eval().backbone(pictures)
        else:
            expected = original.features(pictures).mean((2, 3))
        torch.testing.assert_close(network.backbone(pictures), expected)


def test_the_warsaw_reports_head_on_mobilenets_features() -> None:
    options = {"pooled_features": True}
    with torch.device("meta"):
        network = create("mobilenet_v3_small", 10, head=(64, 32), options=options)
    shapes = [tuple(m.weight.shape) for m in network.head if isinstance(m, nn.Linear)]
    assert shapes == [(64, 576), (32, 64), (10, 32)]
    assert sum(p.numel() for p in network.head.parameters()) == 577 * 64 + 65 * 32 + 33 * 10


@pytest.mark.parametrize("name", ["maxvit_t", "vit_b_32", "swin_t", "convnext_tiny"])
def test_pooled_features_of_networks_of_other_forms(name: str) -> None:
    with torch.device("meta"):
        network = create(name, 3, image_size=224, options={"pooled_features": True})
    assert not any(isinstance(m, nn.Tanh) for m in network.modules())  # of MaxViT's hidden layer


def test_vision_transformer_weights_are_fitted_to_the_image_size(tmp_path: Path) -> None:
    _, path = checkpoint(tmp_path, "vit_b_32")  # 224: 7 x 7 patches
    network = create("vit_b_32", 3, weights=path, image_size=96)
    assert network.backbone.encoder.pos_embedding.shape == (1, 1 + 3 * 3, 768)
    assert network(images(96)).shape == (2, 3)


def test_grey_images_see_what_rgb_networks_see(tmp_path: Path) -> None:
    _, path = checkpoint(tmp_path, "resnet18")
    grey = images(32, channels=1)
    colour = create("resnet18", 3, weights=path).eval().backbone(grey.expand(-1, 3, -1, -1))
    for channels in (1, 5):
        network = create("resnet18", 3, weights=path, in_channels=channels, image_size=32).eval()
        features = network.backbone(grey.expand(-1, channels, -1, -1))
        if channels == 1:
            torch.testing.assert_close(features, colour, rtol=1e-4, atol=1e-5)
        assert features.shape == colour.shape


def test_frozen_backbone_keeps_everything_while_the_head_trains() -> None:
    network = create("resnet18", 3, frozen=True, head=(64, 32), dropout=0.2)
    before = {key: tensor.clone() for key, tensor in network.backbone.state_dict().items()}
    head = [parameter.clone() for parameter in network.head.parameters()]
    optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=1.0)
    network.train()
    assert network.head.training and not any(m.training for m in network.backbone.modules())
    for _ in range(2):
        optimizer.zero_grad()
        network(images(32, count=4)).square().sum().backward()
        optimizer.step()
    for key, tensor in network.backbone.state_dict().items():
        assert tensor.equal(before[key]), key
    assert not all(a.equal(b) for a, b in zip(head, network.head.parameters(), strict=True))
    assert create("resnet18", 3).train().backbone.training


def test_a_frozen_backbone_in_training_mode_keeps_its_weights_alone() -> None:
    network = create("mobilenet_v3_small", 3, frozen=True, frozen_mode="train")
    assert not network.has_constant_features
    before = {key: tensor.clone() for key, tensor in network.backbone.state_dict().items()}
    dropouts = [m for m in network.backbone.modules() if isinstance(m, nn.Dropout)]
    assert all(m.training for m in network.train().backbone.modules())
    network(images(32, count=4)).sum().backward()
    assert {name for name, p in network.named_parameters() if p.grad is not None} == {
        "head.1.weight",
        "head.1.bias",
    }
    moved = {k for k, v in network.backbone.state_dict().items() if not v.equal(before[k])}
    assert moved and {key.rpartition(".")[2] for key in moved} == {
        "running_mean",
        "running_var",
        "num_batches_tracked",
    }
    assert not dropouts  # the one before the last layer is the head's
    assert not any(m.training for m in network.eval().backbone.modules())


# ---- the report's network -----------------------------------------------------------------------


def test_vgg3_is_the_report_network() -> None:
    network = create("vgg3", 10, head=(64, 32))
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert [c.out_channels for c in convolutions] == [32, 32, 64, 64, 128, 128]
    assert sum(isinstance(m, nn.MaxPool2d) for m in network.modules()) == 3
    dense = [m.out_features for m in network.head if isinstance(m, nn.Linear)]
    assert dense == [64, 32, 10]
    weights = sum(9 * c.in_channels * c.out_channels + c.out_channels for c in convolutions)
    weights += (2048 + 1) * 64 + (64 + 1) * 32 + (32 + 1) * 10
    assert sum(parameter.numel() for parameter in network.parameters()) == weights
    assert network(images(32)).shape == (2, 10)


def test_vgg3_takes_digits_and_odd_sizes() -> None:
    assert create("vgg3", 10, image_size=8, in_channels=1)(images(8, 1)).shape == (2, 10)
    backbone, features = vgg(3, (17, 25), width=4, batch_norm="before")
    assert backbone(torch.randn(2, 3, 17, 25)).shape == (2, features) == (2, 16 * 2 * 3)


def test_vgg3_bn_normalises_before_each_activation() -> None:
    kinds = [type(m) for m in create("vgg3_bn", 10).backbone]
    assert kinds.count(nn.BatchNorm2d) == 6
    assert kinds[:3] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]


def test_vgg3_weights_from_a_run(tmp_path: Path) -> None:
    first = create("vgg3", 10)
    save_file(first.state_dict(), tmp_path / "run.safetensors")
    second = create("vgg3", 4, weights=tmp_path / "run.safetensors", image_size=16)
    assert second.backbone[0].weight.equal(first.backbone[0].weight)


# ---- errors -------------------------------------------------------------------------------------


def test_a_checkpoint_of_another_model_is_refused_naming_keys(tmp_path: Path) -> None:
    _, path = checkpoint(tmp_path, "resnet18")
    with pytest.raises(ValueError, match=r"checkpoint of another model.*missing: layer1.0.conv3"):
        create("resnet50", 3, weights=path)
    with pytest.raises(ValueError, match=r"another model.*left over: conv1.weight.*\(1\d\d in all"):
        create("vgg3", 3, weights=path)
    _, wide = checkpoint(tmp_path, "mobilenet_v2")
    torch.save({**torch.load(path), "conv1.weight": torch.zeros(64, 3, 3, 3)}, wide)
    with pytest.raises(ValueError, match=r"of another shape: conv1.weight"):
        create("resnet18", 3, weights=wide)


def test_files_that_are_no_weights_are_refused(tmp_path: Path) -> None:
    torch.save({"weight": CodeInAFile()}, tmp_path / "code.pth")
    with pytest.raises(ValueError, match=r"code.pth cannot be read as weights.*more than tensors"):
        create("resnet18", 3, weights=tmp_path / "code.pth")
    for name in ("noise.pth", "noise.safetensors"):
        (tmp_path / name).write_bytes(b"no weights at all")
        with pytest.raises(ValueError, match=rf"{name}: damaged, or something else"):
            create("resnet18", 3, weights=tmp_path / name)
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(ValueError, match="holds no state dict"):
        create("resnet18", 3, weights=tmp_path / "list.pth")
    with pytest.raises(FileNotFoundError, match=r"no weights file .*absent.pth"):
        create("resnet18", 3, weights=tmp_path / "absent.pth")


def test_no_network_is_an_error_with_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> NoReturn:
        raise OSError("Name or service not known")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    with pytest.raises(ConnectionError, match=r"could not be downloaded.*https://.*give the file"):
        create("resnet18", 3, weights="IMAGENET1K_V1")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "resnet81"}, "no network 'resnet81'.*resnet18"),
        ({"weights": "IMAGENET21K"}, "weights must be one of IMAGENET1K_V1, DEFAULT"),
        ({"num_classes": 1}, "num_classes must be from 2 to 100000, got 1"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
        ({"head": (64, 0)}, r"at least 1 unit in each hidden layer, got \(64, 0\)"),
        ({"dropout_at": "input"}, "dropout_at must be hidden, features or both, got 'input'"),
        ({"frozen_mode": "live", "frozen": True}, "frozen_mode must be eval or train, got 'live'"),
        ({"frozen_mode": "train"}, "frozen_mode must be eval without frozen"),
        ({"in_channels": 0}, "in_channels must be at least 1"),
        ({"name": "vgg3", "image_size": 7}, "image_size must be at least 8x8"),
        ({"name": "inception_v3", "image_size": 32}, "image_size 32x32 does not fit"),
        ({"name": "vit_b_32", "image_size": (32, 64)}, "must be square"),
        ({"name": "vit_b_32", "image_size": 33}, r"image_size \(33, 33\) does not fit vit_b_32"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create(**{"name": "resnet18", "num_classes": 3, **arguments})


def test_googlenet_weights_are_for_rgb(tmp_path: Path) -> None:
    _, path = checkpoint(tmp_path, "googlenet", init_weights=False)  # with auxiliary classifiers
    assert create("googlenet", 3, weights=path).backbone.transform_input
    with pytest.raises(ValueError, match="in_channels must be 3 for googlenet with weights"):
        create("googlenet", 3, weights=path, in_channels=1)


@pytest.mark.parametrize(
    ("units", "place", "layers"),
    [
        ((), "hidden", "Dropout Linear"),
        ((), "features", "Dropout Linear"),
        ((), "both", "Dropout Linear"),
        ((7, 5), "hidden", "Linear ReLU Dropout Linear ReLU Dropout Linear"),
        ((7, 5), "features", "Dropout Linear ReLU Linear ReLU Linear"),
        ((7, 5), "both", "Dropout Linear ReLU Dropout Linear ReLU Dropout Linear"),
    ],
)
def test_heads_have_their_dropout_where_it_is_asked_for(
    units: tuple[int, ...], place: Any, layers: str
) -> None:
    head = create_head(units, 6, 3, dropout=0.25, dropout_at=place)
    assert [type(layer).__name__ for layer in head] == layers.split()
    assert {layer.p for layer in head if isinstance(layer, nn.Dropout)} == {0.25}
    outputs = [layer.out_features for layer in head if isinstance(layer, nn.Linear)]
    assert outputs == [*units, 3]
    assert head(torch.ones(2, 6)).shape == (2, 3)


def test_a_head_may_normalise_the_features_of_each_sample() -> None:
    network = create("vgg3", 3, image_size=8, head=(5,), options={"feature_norm": True})
    features = 500 * torch.rand(4, network.head[1].in_features) + 100
    seen = network.head[0](features)
    torch.testing.assert_close(seen.mean(1), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(seen.std(1, correction=0), torch.ones(4))
    # A last batch of one sample trains as any other.
    network.train()(torch.rand(1, 3, 8, 8)).sum().backward()
    assert sum(p.numel() for p in network.head[0].parameters()) == 0


def test_heads_of_names_are_refused() -> None:
    for head in ("dense", 512, (0.5,)):
        with pytest.raises(TypeError, match=r"numbers of hidden units, such as \(64, 32\), got"):
            create("resnet18", 3, head=head)
