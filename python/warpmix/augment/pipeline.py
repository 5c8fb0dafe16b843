"""The pipeline: a list of transforms as one module, from uint8 images to a training batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from warpmix import ops
from warpmix.augment._checks import check_batch, check_transforms
from warpmix.augment.config import pipeline_arguments, to_config
from warpmix.augment.draws import Draws
from warpmix.augment.explain import explain_launches
from warpmix.augment.geometry import Resize
from warpmix.augment.launches import Compiled, Samples, apply_launches, draw_launches
from warpmix.augment.program import compile_launches
from warpmix.augment.targets import Targets
from warpmix.augment.transforms import Normalize, RandomChoice, Transform

__all__ = ["Pipeline"]

_DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.uint8)


class Pipeline(nn.Module):
    """Augments and normalises batches of uint8 images, each sample with its own random parameters.

    The result equals applying the transforms one after the other, in the listed order, in float32
    on [0, 255]. Random numbers depend on (seed, epoch, sample id, position in the list) alone: the
    same sample gets the same bytes on every device, in any batch, in any order.

    Args:
        transforms: from ``warpmix.augment``; at most one mixing stage. May end in ``Normalize``.
        p: probability that a sample is augmented at all (torchvision's RandomApply); the other
            samples are only normalised, though they may still be mixed into others.
        mean, std: of images on [0, 1], one number or one a channel; as ``Normalize``. Left out,
            float outputs are on [0, 1] and uint8 outputs are rounded to whole values.
        dtype: torch.float32, float16, bfloat16 or uint8.
        channels_last: memory format of the batch.
        layout: of the images, "NHWC" or "NCHW".
        seed: in [0, 2^63).

    In ``eval()`` mode, images are only normalised, and enlarged where the list enlarges them.
    """

    samples_seen: Tensor

    def __init__(
        self,
        transforms: Sequence[Transform | RandomChoice | Normalize] = (),
        *,
        p: float = 1.0,
        mean: Sequence[float] | float | None = None,
        std: Sequence[float] | float | None = None,
        dtype: torch.dtype = torch.float32,
        channels_last: bool = True,
        layout: str = "NHWC",
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.transforms, self.normalize = check_transforms(transforms, mean, std, dtype)
        if isinstance(p, bool) or not isinstance(p, int | float):
            raise TypeError(f"p must be a number, got {type(p).__name__}")
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"p must be in [0, 1], got {p!r}")
        if dtype not in _DTYPES:
            raise ValueError(f"dtype must be one of {', '.join(map(str, _DTYPES))}; got {dtype}")
        if layout not in ("NHWC", "NCHW"):
            raise ValueError(f"layout must be 'NHWC' or 'NCHW', got {layout!r}")
        if isinstance(seed, bool) or not isinstance(seed, int):
            raise TypeError(f"seed must be an int, got {type(seed).__name__}")
        if not 0 <= seed < 2**63:
            raise ValueError(f"seed must be in [0, 2^63), got {seed}")
        self.p = float(p)
        self.dtype = dtype
        self.channels_last = channels_last
        self.layout = layout
        self.seed = seed
        self.register_buffer("samples_seen", torch.zeros(1, dtype=torch.int64))
        self._compiled: dict[tuple[int, int, int, bool], Compiled] = {}

    def forward(
        self,
        images: Tensor,
        labels: Tensor | None = None,
        *,
        ids: Tensor | None = None,
        index: Tensor | None = None,
        epoch: int = 0,
        step: Tensor | None = None,
        active: Tensor | None = None,
        sums: Tensor | None = None,
        out: Tensor | None = None,
    ) -> tuple[Tensor, Targets]:
        """A training batch.

        Args:
            images: [N, H, W, C] (or [N, C, H, W], see ``layout``) uint8, 1 to 16 channels.
            labels: [N] int64 of the images; left out, targets hold rows of the images instead.
            ids: [B] int64 sample ids of the random streams, at least 0. Left out: ``index``;
                without an index the pipeline counts the samples it has seen.
            index: [B] int64 rows of the images to make the batch of; the images are then the data
                set that mix partners are drawn from. Left out: all rows in order, and partners are
                drawn from the batch.
            epoch: in [0, 2^32); other numbers for the same sample.
            step: [1] int64 on the images' device, added to epoch when the launch runs: a captured
                CUDA graph gets new numbers each replay.
            active: [B] bool; False leaves a sample unaugmented.
            sums: [N, C] int64 of ``warpmix.ops.channel_sums(images)``, where it is known already.
            out: [B, C, h, w] batch of the pipeline's dtype to write into.

        Returns:
            (batch [B, C, h, w], targets), see :meth:`output_size`

        Raises:
            TypeError, ValueError: arguments that do not fit, named, with the remedy.
        """
        images, compiled = self._prepare(images, labels, ids, index, epoch, active, sums)
        samples = self._samples(images, ids, index, active, epoch, step)
        if sums is None and compiled.needs_sums:
            sums = _sums(images, index)
        batch = self._output(images, compiled, samples.count, out)
        if len(compiled.launches) > 1:
            draws = draw_launches(images, compiled, samples)
            pair, lam = apply_launches(images, compiled, draws, labels, sums, batch)
            return batch, Targets(pair[0], pair[1], lam)
        pair, lam = ops.augment(
            images,
            index=samples.index,
            ids=samples.ids,
            active=samples.active,
            labels=labels,
            sums=sums,
            draws=None,
            step=samples.step,
            seed=samples.seed,
            epoch=samples.epoch,
            from_batch=samples.from_batch,
            program=compiled.words[0],
            scale=compiled.scale,
            bias=compiled.bias,
            out=batch,
        )
        return batch, Targets(pair[0], pair[1], lam)

    def draw(
        self,
        ids: Tensor | None = None,
        *,
        images: Tensor,
        index: Tensor | None = None,
        epoch: int = 0,
        step: Tensor | None = None,
        active: Tensor | None = None,
    ) -> Draws:
        """The random parameters that :meth:`forward` would use, to look at, store and replay."""
        images, compiled = self._prepare(images, None, ids, index, epoch, active, None)
        samples = self._samples(images, ids, index, active, epoch, step)
        return draw_launches(images, compiled, samples)

    def replay(
        self,
        images: Tensor,
        draws: Draws,
        labels: Tensor | None = None,
        *,
        sums: Tensor | None = None,
        out: Tensor | None = None,
    ) -> tuple[Tensor, Targets]:
        """:meth:`forward` with parameters from :meth:`draw` for the same images.

        (Not ``apply``: ``nn.Module`` has a method of that name, which recurses into submodules.)
        """
        images, compiled = self._prepare(images, labels, None, draws.rows, 0, None, sums)
        draws.check(compiled.launches)
        if sums is None and compiled.needs_sums:
            sums = ops.channel_sums(images)
        batch = self._output(images, compiled, draws.rows.shape[0], out)
        pair, lam = apply_launches(images, compiled, draws, labels, sums, batch)
        return batch, Targets(pair[0], pair[1], lam)

    def output_size(self, height: int, width: int, channels: int = 3) -> tuple[int, int]:
        """(height, width) of the batch for images of this size."""
        return self._compile(height, width, channels).result_size

    def explain(self, height: int = 32, width: int = 32, channels: int = 3) -> str:
        """The launches for images of this size, one a line, with the bytes that each moves for a
        sample: a mixed one reads its partner too."""
        compiled = self._compile(height, width, channels)
        return explain_launches(compiled.launches, channels, self.dtype)

    def to_dict(self) -> dict[str, Any]:
        """Everything that the pipeline is made of, as plain data for JSON or YAML."""
        normalize = self.normalize
        return {
            "transforms": to_config(self.transforms),
            "p": self.p,
            "mean": None if normalize is None else list(normalize.mean),  # type: ignore[arg-type]
            "std": None if normalize is None else list(normalize.std),  # type: ignore[arg-type]
            "dtype": str(self.dtype).removeprefix("torch."),
            "channels_last": self.channels_last,
            "layout": self.layout,
            "seed": self.seed,
        }

    @classmethod
    def from_dict(cls, config: dict[str, Any]) -> Pipeline:
        """The pipeline that :meth:`to_dict` wrote; fields that are left out have their defaults.

        Raises:
            ValueError, TypeError: naming the field, and where one is unknown the nearest known one.
        """
        return cls(**pipeline_arguments(config))

    def extra_repr(self) -> str:
        listed = ", ".join(map(repr, self.transforms))
        return f"[{listed}], p={self.p}, dtype={self.dtype}, seed={self.seed}"

    # ---- preparation --------------------------------------------------------------------------

    def _prepare(
        self,
        images: Tensor,
        labels: Tensor | None,
        ids: Tensor | None,
        index: Tensor | None,
        epoch: int,
        active: Tensor | None,
        sums: Tensor | None,
    ) -> tuple[Tensor, Compiled]:
        images = check_batch(images, self.layout, labels, ids, index, epoch, active, sums)
        _, height, width, channels = images.shape
        return images, self._compile(height, width, channels)

    def _compile(self, height: int, width: int, channels: int) -> Compiled:
        key = (height, width, channels, self.training)
        if key not in self._compiled:
            launches = compile_launches(self.transforms, height, width, channels)
            if not self.training:
                size = launches[-1].result_size
                launches = compile_launches([Resize(size)], height, width, channels)
            scale, bias = [1.0] * channels, [0.0] * channels
            if self.normalize is not None:
                scale, bias = self.normalize.coefficients(channels)
            elif self.dtype != torch.uint8:
                scale = [1.0 / 255.0] * channels
            words = [launch.words(self.p) for launch in launches]
            needs_sums, result_size = launches[0].needs_sums, launches[-1].result_size
            self._compiled[key] = Compiled(launches, words, scale, bias, needs_sums, result_size)
        return self._compiled[key]

    def _samples(
        self,
        images: Tensor,
        ids: Tensor | None,
        index: Tensor | None,
        active: Tensor | None,
        epoch: int,
        step: Tensor | None,
    ) -> Samples:
        count = images.shape[0] if index is None else index.shape[0]
        if ids is None and index is None and self.training:
            if self.samples_seen.device != images.device:
                self.samples_seen = self.samples_seen.to(images.device)
            ids = self.samples_seen + torch.arange(count, device=images.device)
            self.samples_seen += count
        return Samples(index, ids, active, count, step, self.seed, epoch)

    def _output(self, images: Tensor, compiled: Compiled, count: int, out: Tensor | None) -> Tensor:
        shape = (count, images.shape[3], *compiled.result_size)
        if out is None:
            memory_format = torch.channels_last if self.channels_last else torch.contiguous_format
            return torch.empty(
                shape, dtype=self.dtype, device=images.device, memory_format=memory_format
            )
        if tuple(out.shape) != shape or out.dtype != self.dtype or out.device != images.device:
            raise ValueError(
                f"out must be {shape} {self.dtype} on {images.device}, "
                f"got {tuple(out.shape)} {out.dtype} on {out.device}"
            )
        return out


def _sums(images: Tensor, index: Tensor | None) -> Tensor:
    if index is not None:
        raise ValueError(
            "sums must be given with index, because this pipeline's contrast needs the means of "
            "the images: compute sums = warpmix.ops.channel_sums(images) once and pass it, or use "
            "warpmix.data.Dataset, which keeps them"
        )
    return ops.channel_sums(images)
