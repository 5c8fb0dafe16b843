"""What a frozen backbone makes of images that stay the same: computed once, for a run or for many.

A head that trains on features costs a fraction of the whole network. Files of features are named by
a hash of all that they depend on, so that runs share them without knowing of each other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import chain
from pathlib import Path

import torch
from lightning.fabric import Fabric
from torch import Tensor

from warpmix._files import lock, make_folder
from warpmix._version import __version__
from warpmix.augment import Targets
from warpmix.data import Loader
from warpmix.models import Network
from warpmix.train.config import TrainConfig
from warpmix.train.data import Images
from warpmix.train.distributed import HeldOut, all_rows, share_of
from warpmix.train.loaders import EVALUATION_BATCH_SIZE
from warpmix.train.model import read_tensors, write_tensors

Tensors = dict[str, Tensor]

_REMEDY = "choose another folder with --feature-cache or WARPMIX_CACHE"


class FeatureLoader:
    """The batches of a :class:`warpmix.data.Loader` whose samples never change, as features.

    The order, the batches and the shares of the ranks are the loader's, so a head that trains on
    them ends with the weights it would have had with the whole network.

    Args:
        loader: of samples that are the same in every epoch.
        features, targets: see below.

    Attributes:
        features: [T, F] of all its samples, in their order before any shuffling.
        targets: [T] each, of these samples.
        epoch: of the next pass, as the loader's.
    """

    def __init__(self, loader: Loader, features: Tensor, targets: Targets) -> None:
        self._loader = loader
        self.features = features.clone() if features.is_inference() else features
        self.targets = Targets(*(t.clone() if t.is_inference() else t for t in targets))
        self.epoch = 0

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[tuple[Tensor, Targets]]:
        epoch, self.epoch = self.epoch, self.epoch + 1
        for share in self._loader.shares(epoch):
            places = share.order.place.to(self.features.device)
            own = (part[places[: share.own]] for part in self.targets)
            yield self.features[places], Targets(*own)


def has_constant_samples(config: TrainConfig) -> bool:
    """Return whether every sample stays what it is throughout a run."""
    changing = bool(config.augment or config.expand or config.variants)
    return config.copies == "once" or not changing


def has_constant_features(network: Network, config: TrainConfig) -> bool:
    """Return whether the features of every sample stay what they are throughout a run."""
    return network.has_constant_features and has_constant_samples(config)


class FeatureCache:
    """Features of one frozen backbone, from a folder that runs share or computed now.

    Several processes may ask for the same ones at once: one computes them, the others wait.

    Args:
        network: whose backbone is frozen; on the device.
        config: of the run.
        fabric: its ranks.
    """

    def __init__(self, network: Network, config: TrainConfig, fabric: Fabric) -> None:
        self._backbone = network.backbone.eval()
        self._folder = config.feature_folder
        self._fabric = fabric
        device = fabric.device
        # What decides the rounding is part of the key: equal keys mean equal bytes.
        self._context = {
            "versions": [__version__, torch.__version__],
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
            "threads": torch.get_num_threads(),
            "ranks": fabric.world_size,
            "precision": config.precision,
            "channels_last": config.channels_last,
            "model": config.model,
            "backbone": str(network.backbone),
        }
        if self._folder is not None:
            state = sorted(network.backbone.state_dict().items())
            self._context["weights"] = _digest(tensor for _, tensor in state)

    def training(self, loader: Loader) -> FeatureLoader:
        """Return the batches of a loader as features; its samples are the same in every epoch."""

        def compute() -> Tensors:
            return self._of_loader(loader)

        made = self._get("training", loader, loader.dataset, compute)
        targets = Targets(*(made[name] for name in Targets._fields))
        return FeatureLoader(loader, made["features"], targets)

    def held_out(self, images: HeldOut, dataset: Images) -> HeldOut:
        """Return a split whose images are features, this rank's share of them.

        Args:
            images: the split, to be predicted.
            dataset: its images, those of all ranks.
        """
        loader, labels = images.loader, images.labels
        assert isinstance(loader, Loader)

        def compute() -> Tensors:
            return {"features": images.outputs(self._backbone, self._fabric)}

        features = self._get("held out", loader, dataset, compute)["features"]
        own = share_of(len(labels), self._fabric.global_rank, self._fabric.world_size)
        rows = slice(own.start, own.stop)
        targets = Targets(labels[rows], labels[rows], torch.ones(len(own), device=labels.device))
        return replace(images, loader=FeatureLoader(loader, features[rows], targets))

    @torch.inference_mode()
    def _of_loader(self, loader: Loader) -> Tensors:
        """Return features [T, F] and targets [T] of all samples of a loader, from all ranks."""
        loader = loader.in_order(EVALUATION_BATCH_SIZE * self._fabric.world_size)
        kept: dict[str, list[Tensor]] = {name: [] for name in ("features", "place")}
        kept |= {name: [] for name in Targets._fields}
        for share, (batch, targets) in zip(loader.shares(0), loader, strict=True):
            with self._fabric.autocast():
                features = self._backbone(batch)[: share.own].float()
            place = share.order.place[: share.own].to(features.device)
            for name, part in {
                "features": features,
                "place": place,
                **targets._asdict(),
            }.items():
                kept[name].append(part)
        made = {name: all_rows(torch.cat(parts), self._fabric) for name, parts in kept.items()}
        order = made.pop("place").argsort()
        return {name: rows[order] for name, rows in made.items()}

    def _get(
        self, what: str, loader: Loader, dataset: Images, compute: Callable[[], Tensors]
    ) -> Tensors:
        """Return tensors from the folder, or computed and put there, on every rank's device."""
        if self._folder is None:
            return compute()
        fabric = self._fabric
        with ExitStack() as held:
            path, found = Path(), False
            if fabric.is_global_zero:
                make_folder(self._folder, _REMEDY)
                path = self._folder / f"{self._key(what, loader, dataset)}.safetensors"
                found = _is_whole(path)
                if not found:
                    held.enter_context(lock(path.with_suffix(".lock"), _REMEDY))
                    found = _is_whole(path)  # another process was faster
            path, found = fabric.broadcast((path, found))
            if found:
                return {
                    name: part.to(fabric.device) for name, part in read_tensors(path)[0].items()
                }
            made = compute()
            if fabric.is_global_zero:
                stored = {name: part.cpu().contiguous() for name, part in made.items()}
                write_tensors(path, stored, self._context)
            return made

    def _key(self, what: str, loader: Loader, dataset: Images) -> str:
        """Return a hash of all that the tensors depend on."""
        pipelines = [loader.pipeline, *(variant.pipeline for variant in loader.variants)]
        sources = [dataset, *(v.dataset for v in loader.variants if v.dataset is not None)]
        described = {
            **self._context,
            "what": what,
            "pipelines": [pipeline.replace(seed=None).to_dict() for pipeline in pipelines],
            "expand": loader.expand,
            "copies": loader.copies,
            # Nothing is random where there are no copies, so that runs of all seeds share.
            "seeds": [loader.seed, *(p.seed for p in pipelines)] if has_copies(loader) else [],
            "images": [_digest(chain(source.chunks(), [_labels(source)])) for source in sources],
        }
        return hashlib.sha256(json.dumps(described).encode()).hexdigest()[:32]


def has_copies(loader: Loader) -> bool:
    """Return whether there are copies beside the originals, which a run's seed decides."""
    return loader.expand > 0 or len(loader.variants) > 0


def _labels(dataset: Images) -> Tensor:
    assert dataset.labels is not None  # what is trained on or held out has labels
    return dataset.labels


def _digest(tensors: Iterable[Tensor]) -> str:
    """Return a hash of the shapes, types and bytes of tensors."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(repr((tuple(tensor.shape), tensor.dtype)).encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _is_whole(path: Path) -> bool:
    """Return whether a file of features is there and can be read."""
    try:
        read_tensors(path)
    except (FileNotFoundError, ValueError):
        return False
    return True
