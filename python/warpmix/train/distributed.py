"""The processes of a run: their devices, what each predicts, and what they tell each other."""

from __future__ import annotations

import atexit
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from lightning.fabric import Fabric
from lightning.fabric.strategies import DDPStrategy
from torch import Tensor, nn

from warpmix.data import Loader
from warpmix.train.config import TrainConfig
from warpmix.train.data import Images
from warpmix.train.loaders import evaluation_loader
from warpmix.train.model import ModelSpec

if TYPE_CHECKING:
    from warpmix.train.features import FeatureLoader


def make_fabric(device: str, precision: str, threads: int | None = None) -> Fabric:
    """Return Fabric for this process: alone, or one of those that ``torchrun`` started.

    Args:
        device, precision, threads: as in :class:`warpmix.train.TrainConfig`.

    Raises:
        ValueError: the device is not there, or does not support the precision.
    """
    has_cuda = torch.cuda.is_available()
    if device == "auto":
        device = "cuda" if has_cuda else "cpu"
    if device == "cuda" and not has_cuda:
        raise ValueError("device must be cpu or auto on this machine: torch sees no CUDA device")
    if device == "cpu" and precision == "16-mixed":
        raise ValueError("precision 16-mixed needs a CUDA device; use bf16-mixed or 32-true here")
    if threads is not None:
        torch.set_num_threads(threads)
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        return Fabric(accelerator=device, devices=1, precision=precision)  # type: ignore[arg-type]
    local = int(os.environ.get("LOCAL_WORLD_SIZE", world))
    fabric = Fabric(
        accelerator=device,
        devices=local,
        num_nodes=world // local,
        # Buffers are averaged once an epoch instead: ranks with fewer batches would wait for ever.
        strategy=DDPStrategy(broadcast_buffers=False),
        precision=precision,  # type: ignore[arg-type]
    )
    fabric.launch()
    atexit.register(_leave_processes)
    return fabric


def _leave_processes() -> None:
    """Join the threads of the process group, as Fabric does for NCCL alone: if they still run when
    the interpreter has ended, one exit in some hundred with gloo is an abort (torch 2.14)."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def average_buffers(model: nn.Module, fabric: Fabric) -> None:
    """Give all ranks the mean of their batch norm statistics, which each has of its own batches."""
    if fabric.world_size == 1:
        return
    for buffer in model.buffers():
        if buffer.is_floating_point():
            buffer.copy_(fabric.all_reduce(buffer, reduce_op="mean"))  # type: ignore[arg-type]


def weighted(loss: Tensor, own: int, fabric: Fabric) -> Tensor:
    """Return a rank's loss, the mean over ``own`` samples, such that the mean over ranks is the
    mean over all samples."""
    if fabric.world_size == 1:
        return loss
    count = torch.tensor(float(own), device=loss.device)
    return loss * (own / fabric.all_reduce(count, reduce_op="mean"))  # type: ignore[operator]


def share_of(count: int, rank: int, world_size: int) -> range:
    """Return the rows, of ``count``, that a rank predicts; in the order of ranks they are all."""
    return range(count * rank // world_size, count * (rank + 1) // world_size)


@torch.inference_mode()
def model_outputs(model: nn.Module, loader: Loader | FeatureLoader) -> Tensor:
    """Return what a model makes of every image, in order, on the loader's device.

    Returns:
        f32 [N, classes] logits of a whole model; [N, F] features of a backbone.
    """
    model.eval()
    return torch.cat([model(batch).float() for batch, _ in loader])


@dataclass(frozen=True)
class HeldOut:
    """One split of a run, to be predicted by all ranks together.

    Attributes:
        loader: batches of this rank's :func:`share_of` the images or of their features, in order.
        labels: [N] int64 of all images, on the device.
        name: of the data set.
        classes: class names, in label order.
    """

    loader: Loader | FeatureLoader
    labels: Tensor
    name: str
    classes: tuple[str, ...]

    def outputs(self, model: nn.Module, fabric: Fabric) -> Tensor:
        """Return :func:`model_outputs` of all ranks' images, the same on every rank."""
        with fabric.autocast():
            own = model_outputs(model, self.loader)
        return all_rows(own, fabric)


def all_rows(own: Tensor, fabric: Fabric) -> Tensor:
    """Return the rows of all ranks, in the order of ranks; each may have another number of them."""
    if fabric.world_size == 1:
        return own
    counts: Any = fabric.all_gather(torch.tensor(len(own), device=own.device))
    padded = own.new_zeros(int(counts.max()), *own.shape[1:])
    padded[: len(own)] = own
    shares: Any = fabric.all_gather(padded)
    return torch.cat([share[:n] for share, n in zip(shares, counts.tolist(), strict=True)])


def held_out_images(
    dataset: Images, spec: ModelSpec, config: TrainConfig, fabric: Fabric
) -> HeldOut:
    """Return a split that all ranks predict together.

    Args:
        dataset: its images, all of them on every rank, with labels.
        spec, config: of the run.
        fabric: the ranks, and the device that the labels go to.
    """
    own = dataset
    if fabric.world_size > 1:
        rows = share_of(len(dataset), fabric.global_rank, fabric.world_size)
        own = dataset.subset(torch.tensor(rows))
    loader = evaluation_loader(own, spec, config.precision, config.channels_last)
    assert dataset.labels is not None  # what is held out has labels
    return HeldOut(loader, dataset.labels.to(fabric.device), dataset.name, dataset.classes)
