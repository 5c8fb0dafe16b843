"""Class probabilities of a model over a data set."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from warpmix.data import Dataset, Loader
from warpmix.ensemble import is_bundle
from warpmix.train.device import make_fabric
from warpmix.train.ensembles import predict_ensemble
from warpmix.train.model_file import load_model
from warpmix.train.prepare import evaluation_loader


@torch.inference_mode()
def evaluate(model: nn.Module, loader: Loader) -> Tensor:
    """Logits f32 [N, classes] of every image, in order, on the loader's device."""
    model.eval()
    return torch.cat([model(batch).float() for batch, _ in loader])


def probabilities(model: nn.Module, loader: Loader) -> Tensor:
    """Class probabilities f32 [N, classes] of every image, in order, on the CPU."""
    return evaluate(model, loader).softmax(dim=1).cpu()


def predict(
    run: str | Path, dataset: Dataset, *, device: str = "auto", precision: str = "32-true"
) -> Tensor:
    """Probabilities of a trained model, or of an ensemble of some.

    Args:
        run: a run folder of ``warpmix train``, its ``model.safetensors``, or a bundle of
            ``warpmix ensemble export``.
        dataset: images of the size and the number of channels that the model was trained on.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        precision: ``"32-true"``, ``"bf16-mixed"`` or, on CUDA, ``"16-mixed"``.

    Returns:
        f32 [N, classes] on the CPU; each row sums to 1.

    Raises:
        FileNotFoundError, ValueError: as :func:`warpmix.train.load_model`; or the data set has
            other classes, another image size or other channels than the model.
    """
    if is_bundle(run):
        return predict_ensemble(run, dataset, device=device, precision=precision).scores
    model, spec = load_model(run)
    if dataset.classes != spec.classes:
        raise ValueError(
            f"{dataset.name} must have the classes of {run}: {', '.join(spec.classes)}; "
            f"got {', '.join(dataset.classes)}"
        )
    height, width, channels = dataset.images.shape[1:]
    if (height, width) != spec.image_size or channels != spec.channels:
        raise ValueError(
            f"{dataset.name} must have images of {_size(*spec.image_size, spec.channels)} as "
            f"{run} was trained on, got {_size(height, width, channels)}; load them with "
            f"image_size={spec.image_size[0]} (--image-size)"
        )
    fabric = make_fabric(device, precision)
    loader = evaluation_loader(dataset.to(fabric.device), spec, precision)
    module = fabric.setup_module(model.to(memory_format=torch.channels_last))
    return probabilities(module, loader)


def _size(height: int, width: int, channels: int) -> str:
    return f"{height}x{width} pixels and {channels} channels"
