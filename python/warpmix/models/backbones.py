"""torchvision's classification networks as backbones: without their last layer."""

from __future__ import annotations

import difflib
import math
import os
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torchvision import models
from torchvision.models.vision_transformer import interpolate_embeddings

from warpmix._files import home_folder
from warpmix._numbers import shown
from warpmix.models.weights import FILE_SUFFIXES, State, load_backbone, original_names, read_state

_DEFAULT_SIZE = (224, 224)  # for the networks that are built for one size
_AUXILIARY = ("aux1", "aux2", "AuxLogits")  # GoogLeNet's and Inception's extra classifiers


def create_backbone(
    name: str,
    weights: str | Path | None = None,
    image_size: tuple[int, int] | None = None,
    in_channels: int = 3,
    pooled_features: bool = False,
) -> tuple[nn.Module, int]:
    """Build a torchvision classification network that ends before its last layer.

    The last linear layer (SqueezeNet's last convolution) and the dropout right before it are left
    out, and so are auxiliary classifiers.

    Args:
        name: any of ``torchvision.models.list_models(module=torchvision.models)``.
        weights: None (random); a name of torchvision's, such as ``"DEFAULT"`` or
            ``"IMAGENET1K_V1"``, downloaded once; or a file, see :func:`read_state`.
        image_size: height and width. Vision transformers and MaxViT alone are built for one size,
            224x224 if none is given; position embeddings of other sizes are interpolated.
        in_channels: C of the images, at least 1. Other than 3, the first convolution's weights are
            summed (1) or repeated and scaled (2, 4 or more), so that pretrained ones keep their
            use: a grey image gives what it would give as RGB.
        pooled_features: end at the globally averaged features, before all linear layers of the
            classifier, as Keras's ``include_top=False, pooling="avg"`` does: MobileNetV3-small at
            576, VGG at 512. No difference where the classifier has one linear layer.

    Returns:
        the backbone, from [B, in_channels, H, W] to [B, F], and F.

    Raises:
        FileNotFoundError: the weights file is missing; or the folder to download them to is
            unknown.
        ConnectionError: the weights could not be downloaded.
        ValueError: an unknown name, or a size, channels or weights that do not fit.
    """
    known = models.list_models(module=models)
    if name not in known:
        close = difflib.get_close_matches(name, known) or known
        raise ValueError(
            f"no network {shown(name)}: expected one of the package's own, such as 'vgg3', or one "
            f"of torchvision's, such as {', '.join(close[:3])}"
        )
    if in_channels < 1:
        raise ValueError(f"in_channels must be at least 1, got {in_channels}")
    state = None if weights is None else _read_weights(name, weights)
    options = _options(name, image_size, pretrained=state is not None, in_channels=in_channels)
    try:
        backbone: nn.Module = models.get_model(name, weights=None, **options)
    except (ValueError, AssertionError) as error:
        raise ValueError(f"image_size {image_size} does not fit {name}: {error}") from error
    first = next(n for n, module in backbone.named_modules() if isinstance(module, nn.Conv2d))
    convolution: Any = backbone.get_submodule(first)
    convolution.weight = nn.Parameter(_over_channels(convolution.weight.detach(), in_channels))
    convolution.in_channels = in_channels
    remove = _remove_hidden if pooled_features and _has_hidden(backbone) else _remove_last
    removed, features = remove(backbone)
    if state is not None:
        if (key := f"{first}.weight") in state:
            state[key] = _over_channels(state[key], in_channels)
        if isinstance(backbone, models.VisionTransformer):
            state = interpolate_embeddings(backbone.image_size, backbone.patch_size, state)
        load_backbone(backbone, state, str(weights), unused=(*removed, *_AUXILIARY))
    return backbone, features


def _read_weights(name: str, weights: str | Path) -> State:
    if Path(weights).suffix in FILE_SUFFIXES:
        return read_state(Path(weights))
    published = models.get_model_weights(name)
    if weights not in published.__members__:
        raise ValueError(
            f"weights must be one of {', '.join(published.__members__)} for {name}, or a file that "
            f"ends in one of {' '.join(FILE_SUFFIXES)}, got {str(weights)!r}"
        )
    chosen = published[weights]
    if "TORCH_HOME" not in os.environ and "XDG_CACHE_HOME" not in os.environ:
        home_folder("TORCH_HOME")  # torch would make a folder called ~
    try:
        return original_names(chosen.get_state_dict(progress=True, check_hash=True))
    except OSError as error:
        raise ConnectionError(
            f"weights {weights} of {name} could not be downloaded ({error}); fetch {chosen.url} on "
            "a machine with a network and give the file instead"
        ) from error


def _options(
    name: str, image_size: tuple[int, int] | None, pretrained: bool, in_channels: int
) -> dict[str, Any]:
    """Return what single architectures want to be told when they are built."""
    height, width = image_size or _DEFAULT_SIZE
    if name.startswith("vit_"):
        if height != width:
            raise ValueError(f"image_size must be square for {name}, got {height}x{width}")
        return {"image_size": height}
    if name.startswith("maxvit"):
        return {"input_size": (height, width)}
    if name in ("googlenet", "inception_v3"):
        # Their published weights expect a normalisation of their own, done inside, for RGB.
        if pretrained and in_channels != 3:
            raise ValueError(
                f"in_channels must be 3 for {name} with weights, got {in_channels}; "
                "repeat grey images over three channels"
            )
        return {
            "transform_input": pretrained,
            "aux_logits": False,
            "init_weights": not pretrained,
        }
    return {}


def _over_channels(weight: Tensor, channels: int) -> Tensor:
    """Return a first convolution's weights [O, 3, h, w] as [O, channels, h, w].

    As timm does it: the response to a grey image stays what it is for the same image as RGB.
    """
    own = weight.shape[1]
    if channels == own:
        return weight
    if channels == 1:
        return weight.sum(1, keepdim=True)
    repeated = weight.repeat(1, math.ceil(channels / own), 1, 1)[:, :channels]
    return repeated * (own / channels)


def _classifier(network: nn.Module) -> tuple[str, Any]:
    """Return the name and the module that the last linear layer is in."""
    layers = dict(network.named_modules())
    linear = [name for name, module in layers.items() if isinstance(module, nn.Linear)]
    name = linear[-1].rpartition(".")[0] if linear else ""
    return name, layers[name]


def _has_hidden(network: nn.Module) -> bool:
    """Return whether the classifier has hidden linear layers."""
    name, classifier = _classifier(network)
    return name != "" and sum(isinstance(layer, nn.Linear) for layer in classifier) > 1


def _remove_hidden(network: Any) -> tuple[tuple[str, ...], int]:
    """Cut the classifier off at its first linear layer, and average all places before it.

    Returns:
        the names of what is removed, and the number of features.
    """
    name, classifier = _classifier(network)
    first = next(i for i, layer in enumerate(classifier) if isinstance(layer, nn.Linear))
    features = classifier[first].in_features
    removed = tuple(f"{name}.{i}" for i in range(first, len(classifier)))
    setattr(network, name, classifier[:first])
    pooling = getattr(network, "avgpool", None)  # MaxViT's is in its classifier
    if isinstance(pooling, nn.AdaptiveAvgPool2d):
        places: Any = pooling.output_size
        features //= places**2 if isinstance(places, int) else math.prod(places)
        network.avgpool = nn.AdaptiveAvgPool2d(1)
    return removed, features


def _remove_last(network: nn.Module) -> tuple[tuple[str, ...], int]:
    """Put the identity in place of the last layer; its name and the features that went into it."""
    layers = dict(network.named_modules())
    linear = [name for name, module in layers.items() if isinstance(module, nn.Linear)]
    convolutions = [name for name, module in layers.items() if isinstance(module, nn.Conv2d)]
    classifier = (linear or convolutions)[-1]
    layer: Any = layers[classifier]
    features = layer.in_features if linear else layer.in_channels
    parent_name, _, child = classifier.rpartition(".")
    parent = layers[parent_name]
    siblings = [name for name, _ in parent.named_children()]
    before = siblings[max(siblings.index(child) - 1, 0)]
    if isinstance(getattr(parent, before), nn.Dropout):
        setattr(parent, before, nn.Identity())
    setattr(parent, child, nn.Identity())
    return (classifier,), features
