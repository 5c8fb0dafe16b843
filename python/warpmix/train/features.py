"""A frozen backbone's features, computed once: training then costs the head alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from warpmix.augment import Targets
from warpmix.data import Loader
from warpmix.data.order import Share
from warpmix.models import Network
from warpmix.train.config import TrainConfig
from warpmix.train.held_out import HeldOut
from warpmix.train.prediction import evaluate


class FeatureLoader:
    """The batches of a :class:`warpmix.data.Loader` whose images never change, as features.

    The order, the batches and the shares of the ranks are the loader's, so a head that trains on
    them ends with the weights it would have had with the whole network.

    Args:
        loader: of images that nothing augments.
        features: [N, F] of all its data set's images, in order.

    Attributes:
        epoch: of the next pass, as the loader's.
    """

    def __init__(self, loader: Loader, features: Tensor) -> None:
        self._loader = loader
        self.features = features
        self.epoch = 0

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[tuple[Tensor, Targets]]:
        epoch, self.epoch = self.epoch, self.epoch + 1
        labels = self._loader.dataset.labels
        assert labels is not None  # what is trained on has labels
        labels = labels.to(self.features.device)
        return (self._batch(share, labels) for share in self._loader.shares(epoch))

    def _batch(self, share: Share, labels: Tensor) -> tuple[Tensor, Targets]:
        rows = share.order.index.to(labels.device)
        own = labels[rows[: share.own]]
        return self.features[rows], Targets(own, own, torch.ones_like(own).float())


def may_cache(network: Network, config: TrainConfig) -> bool:
    """Whether the features of every image stay what they are throughout a run."""
    unchanged = not config.augment and config.expand == 0
    return config.cache_features and unchanged and network.has_constant_features


def cached(images: HeldOut, backbone: nn.Module, fabric: Fabric) -> HeldOut:
    """The same split, of which the backbone has computed this rank's features once."""
    loader: Any = images.loader
    with fabric.autocast():
        features = evaluate(backbone, loader).clone()  # out of inference mode
    return replace(images, loader=FeatureLoader(loader, features))
