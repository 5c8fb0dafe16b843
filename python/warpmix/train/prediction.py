"""Class probabilities of a trained model, or of an ensemble of some, over any images."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from warpmix._files import atomic_write
from warpmix.data import Dataset, ImageCache, Loader
from warpmix.ensemble import Bundle, VoteResult, is_bundle
from warpmix.models import Network
from warpmix.train.data import Images
from warpmix.train.distributed import make_fabric, model_outputs
from warpmix.train.divergence import check_predictions
from warpmix.train.loaders import evaluation_loader
from warpmix.train.model import ModelSpec, load_model


def predict(
    run: str | Path, dataset: Dataset, *, device: str = "auto", precision: str = "32-true"
) -> Tensor:
    """Return probabilities of a trained model, or of an ensemble of some.

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
        DivergenceError: (a ValueError) the model gives NaN or infinity.
    """
    if is_bundle(run):
        return predict_ensemble(run, dataset, device=device, precision=precision).scores
    network, spec = load_model(run)
    if dataset.classes != spec.classes:
        raise ValueError(
            f"{dataset.name} must have the classes of {run}: {', '.join(spec.classes)}; "
            f"got {', '.join(dataset.classes)}"
        )
    model, loader = _on_device(network, spec, dataset, run, device, precision)
    predicted = model_outputs(model, loader).softmax(dim=1).cpu()
    check_predictions(predicted, str(run))
    return predicted


def predict_ensemble(
    folder: str | Path, dataset: Dataset, *, device: str = "auto", precision: str = "32-true"
) -> VoteResult:
    """Return what a bundle's networks decide about images, together.

    Args:
        folder: a bundle that holds its networks.
        dataset, device, precision: as :func:`predict`; every member must fit.

    Raises:
        FileNotFoundError, ValueError: as :func:`predict`; a bundle without networks.
    """
    bundle = Bundle.load(folder)
    networks = _networks(bundle, folder)
    if bundle.classes is not None and bundle.classes != dataset.classes:
        raise ValueError(
            f"{dataset.name} must have the classes of {folder}, in this order: "
            f"{', '.join(bundle.classes)}; got {', '.join(dataset.classes)}; export the ensemble "
            "with --classes in the order of the data set"
        )
    members: list[Tensor] = [
        predict(network, dataset, device=device, precision=precision) for network in networks
    ]
    return bundle.vote(torch.stack(members), logits=False)


def _networks(bundle: Bundle, folder: str | Path) -> list[Path]:
    """Return the files of a bundle's networks, in the order of its members.

    Raises:
        ValueError: it holds none.
    """
    if not bundle.has_networks:
        raise ValueError(
            f"{folder} holds no networks: its members' runs were not known when it was made; "
            "export it with --runs, or decide over stored predictions: warpmix ensemble predict"
        )
    return [network for network in bundle.networks if network is not None]


def write_submission(
    path: Path,
    run: str | Path,
    images: ImageCache | Dataset,
    *,
    device: str = "auto",
    precision: str = "32-true",
    on_batch: Callable[[int], None] = lambda count: None,
) -> tuple[Tensor, tuple[str, ...]]:
    """Predict images and write a CSV with the columns ``id`` and ``label``, a class name.

    The id of an image file is its path in the folder of its split, such as ``cat/1.png``, and its
    name without the extension for Kaggle's; images that are no files count from 1. Images of a
    cache are streamed, so memory holds a few batches of them.

    Args:
        path: the CSV, written whole or not at all.
        run: as :func:`predict`. The members of a bundle see a batch one after the other, so all of
            them are in the device's memory.
        images: of the size and the number of channels that the model was trained on; their labels,
            if any, are not looked at.
        device, precision: as :func:`predict`.
        on_batch: called with the number of images after each batch.

    Returns:
        (probabilities f32 [N, classes] on the CPU, the names of the classes).

    Raises:
        FileNotFoundError, ValueError: as :func:`warpmix.train.load_model`; or the images have
            another size or other channels than the model; or a bundle without networks, or whose
            classes are in another order than its members'.
        DivergenceError: (a ValueError) the model gives NaN or infinity.
    """
    bundle = Bundle.load(run) if is_bundle(run) else None
    origins = [run] if bundle is None else _networks(bundle, run)
    loaded = [load_model(origin) for origin in origins]
    classes = _classes(run, bundle, [spec for _, spec in loaded])
    dataset = images.stream() if isinstance(images, ImageCache) else images
    members = [
        _on_device(network, spec, dataset, origin, device, precision)
        for origin, (network, spec) in zip(origins, loaded, strict=True)
    ]
    # One tensor: small ones that are kept among large ones that are freed would leave holes that no
    # batch fits into, and memory would grow by a batch a batch.
    result, done = torch.empty(len(dataset), len(classes)), 0
    with (
        torch.inference_mode(),
        atomic_write(path) as temporary,
        # A file name that is no UTF-8, which Linux admits, is written as the bytes that it is.
        temporary.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", "label"])
        names = _names(images)
        for batches in zip(*(loader for _, loader in members), strict=True):
            outputs = [
                model(batch) for (model, _), (batch, _) in zip(members, batches, strict=True)
            ]
            voters = torch.stack([output.float().softmax(1) for output in outputs]).cpu()
            for origin, voter in zip(origins, voters, strict=True):
                check_predictions(voter, str(origin))
            count = voters.shape[1]
            rows = slice(done, done + count)
            if bundle is None:
                result[rows] = voters[0]
                labels = voters[0].argmax(1)
            else:
                decided = bundle.vote(voters, logits=False)
                result[rows], labels = decided.scores, decided.labels
            writer.writerows((next(names), classes[label]) for label in labels.tolist())
            done += count
            on_batch(count)
    return result, classes


def _classes(run: str | Path, bundle: Bundle | None, specs: Sequence[ModelSpec]) -> tuple[str, ...]:
    """Return the names of the classes that all members of an ensemble, or a model alone, have.

    Raises:
        ValueError: members of other classes, or in another order.
    """
    expected = specs[0].classes if bundle is None or bundle.classes is None else bundle.classes
    for number, spec in enumerate(specs):
        if spec.classes != expected:
            raise ValueError(
                f"{run}: member {number} must have the classes {', '.join(expected)}, in this "
                f"order, got {', '.join(spec.classes)}; export the ensemble with --classes in the "
                "order that its members were trained with"
            )
    return expected


def _on_device(
    network: Network, spec: ModelSpec, dataset: Images, run: str | Path, device: str, precision: str
) -> tuple[nn.Module, Loader]:
    """Return a loaded model in evaluation mode and the batches for it, both on the device.

    Raises:
        ValueError: images of another size or other channels than the model's; the device is not
            there.
    """
    other_size = spec.image_size is not None and dataset.image_size != spec.image_size
    if other_size or dataset.channels != spec.channels:
        side = spec.network_size[0]
        raise ValueError(
            f"{dataset.name} must have images of {_size(spec)} as {run} was trained on, got "
            f"{_size(dataset)}; load them with image_size={side} (--image-size)"
        )
    fabric = make_fabric(device, precision)
    loader = evaluation_loader(dataset.to(fabric.device), spec, precision)
    model = fabric.setup_module(network.to(memory_format=torch.channels_last))
    return model.eval(), loader


def _size(of: Images | ModelSpec) -> str:
    size = "mixed sizes" if of.image_size is None else "{}x{} pixels".format(*of.image_size)
    return f"{size} and {of.channels} channels"


def _names(images: ImageCache | Dataset) -> Iterator[str]:
    """Yield the id of each image: that of its file, else a number from 1."""
    if isinstance(images, ImageCache):
        return iter(images.image_ids())
    return map(str, range(1, len(images) + 1))
