"""The pipeline: a list of transforms as one module, from uint8 images to a training batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

import torch
from torch import Tensor, nn

from warpmix import ops
from warpmix.augment._checks import Call, check_call, check_draws
from warpmix.augment.config import pipeline_arguments, to_config
from warpmix.augment.draws import Draws
from warpmix.augment.explain import explain_launches
from warpmix.augment.launches import Compiled, Samples, draw_launches, run_launches
from warpmix.augment.program import compile_launches
from warpmix.augment.resizing import Resize
from warpmix.augment.settings import check_settings
from warpmix.augment.targets import Targets
from warpmix.augment.transforms import Normalize, RandomChoice, Transform

__all__ = ["Pipeline"]


class Pipeline(nn.Module):
    """Augments and normalises batches of uint8 images, each sample with its own random parameters.

    The result equals applying the transforms one after the other, in the listed order, in float32
    on [0, 255]. Random numbers depend on (seed, epoch, sample id, position in the list) alone: the
    same sample gets the same bytes on every device, in any batch, in any order.

    ``pipeline(images)`` is the batch, ``pipeline(images, labels)`` is (batch, targets), in
    ``train()`` and in ``eval()`` mode. In ``eval()`` mode, images are only normalised, and enlarged
    where the list enlarges them.

    Args:
        transforms: from ``warpmix.augment``; at most one mixing stage. May end in ``Normalize``.
        p: probability that a sample is augmented at all (torchvision's RandomApply); the other
            samples are only normalised, though they may still be mixed into others.
        mean, std: of images on [0, 1], one number or one a channel; as ``Normalize``. Left out,
            float outputs are on [0, 1] and uint8 outputs are rounded to whole values.
        dtype: torch.float32, float16, bfloat16 or uint8.
        channels_last: memory format of the batch.
        seed: in [0, 2^63).
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
        seed: int = 0,
    ) -> None:
        super().__init__()
        self._settings = check_settings(transforms, p, mean, std, dtype, channels_last, seed)
        self.transforms, self.normalize = self._settings.transforms, self._settings.normalize
        self.p, self.seed = self._settings.p, self._settings.seed
        self.dtype, self.channels_last = dtype, channels_last
        self.register_buffer("samples_seen", torch.zeros(1, dtype=torch.int64))
        self._compiled: dict[tuple[int, int, int, bool], Compiled] = {}

    if TYPE_CHECKING:

        @overload
        def __call__(self, images: Tensor, labels: None = None, **options: Any) -> Tensor: ...
        @overload
        def __call__(
            self, images: Tensor, labels: Tensor | int, **options: Any
        ) -> tuple[Tensor, Targets]: ...
        def __call__(self, images: Any, labels: Any = None, **options: Any) -> Any: ...

    def forward(
        self,
        images: Tensor,
        labels: Tensor | int | None = None,
        *,
        ids: Tensor | int | None = None,
        index: Tensor | None = None,
        epoch: int = 0,
        step: Tensor | None = None,
        active: Tensor | bool | None = None,
        sums: Tensor | None = None,
        out: Tensor | None = None,
    ) -> Tensor | tuple[Tensor, Targets]:
        """Return a training batch, and the targets where labels are given.

        Args:
            images: [N, C, H, W] uint8 in any memory format, 1 to 16 channels. NHWC memory, that is
                ``array.permute(0, 3, 1, 2)``, is the fastest and is not copied. One image
                [C, H, W] gives one image: what is said of B below is then left out.
            labels: [N] class numbers of any integer dtype, or soft labels [N, classes] of a
                floating one; may be left out where nothing mixes.
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
            batch [B, C, h, w], see :meth:`output_size`; with labels (batch, targets)

        Raises:
            TypeError, ValueError: arguments that do not fit, named, with the remedy.
        """
        call = check_call(
            images, labels=labels, ids=ids, index=index, active=active, sums=sums, epoch=epoch
        )
        return self._run(call, self._samples(call, step), out)

    def draw(
        self,
        ids: Tensor | int | None = None,
        *,
        images: Tensor,
        index: Tensor | None = None,
        epoch: int = 0,
        step: Tensor | None = None,
        active: Tensor | bool | None = None,
    ) -> Draws:
        """Draw the random parameters that :meth:`forward` would use: to look at, store, replay."""
        call = check_call(images, ids=ids, index=index, active=active, epoch=epoch)
        return draw_launches(call.images, self._compile(call), self._samples(call, step))

    def replay(
        self,
        images: Tensor,
        draws: Draws,
        labels: Tensor | int | None = None,
        *,
        sums: Tensor | None = None,
        out: Tensor | None = None,
    ) -> Tensor | tuple[Tensor, Targets]:
        """Run :meth:`forward` with parameters from :meth:`draw` for the same images.

        (Not ``apply``: ``nn.Module`` has a method of that name, which recurses into submodules.)
        """
        call = check_call(images, labels=labels, sums=sums)
        draws.check(self._compile(call).launches)
        check_draws(draws, call)
        return self._run(call, draws, out)

    def output_size(self, height: int, width: int, channels: int = 3) -> tuple[int, int]:
        """(height, width) of the batch for images of this size."""
        return self._compile_for(height, width, channels).result_size

    def explain(self, height: int = 32, width: int = 32, channels: int = 3) -> str:
        """The launches for images of this size, one a line, with the bytes that each moves for a
        sample: a mixed one reads its partner too."""
        compiled = self._compile_for(height, width, channels)
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

    # ---- one call -----------------------------------------------------------------------------

    def _run(
        self, call: Call, samples: Samples | Draws, out: Tensor | None
    ) -> Tensor | tuple[Tensor, Targets]:
        """Make the samples, drawn already or not: the one path of :meth:`forward` and
        :meth:`replay`."""
        compiled = self._compile(call)
        if compiled.mix is not None and call.labels is None:
            name = type(self._settings.mixing).__name__
            raise ValueError(
                f"labels must be given, because {name} mixes them as it mixes images: "
                "pipeline(images, labels); labels=torch.arange(N) where only the rows are wanted "
                "that were mixed; pipeline.eval() for images as they are"
            )
        sums = call.sums
        if sums is None and compiled.needs_sums:
            if call.index is not None:
                raise ValueError(
                    "sums must be given with index, because this pipeline's contrast needs the "
                    "means of the images: compute sums = warpmix.ops.channel_sums(images) once and "
                    "pass it, or use warpmix.data.Dataset, which keeps them"
                )
            sums = ops.channel_sums(call.images.permute(0, 3, 1, 2))
        count = samples.count if isinstance(samples, Samples) else samples.rows.shape[0]
        batch = self._output(call, compiled, count, out)
        labels = call.labels
        soft = labels is not None and labels.is_floating_point()
        pair, lam = run_launches(
            call.images, compiled, samples, None if soft else labels, sums, batch
        )
        if call.is_single:
            batch, pair, lam = batch[0], pair[:, 0], lam[0]
        if out is not None:
            batch = out
        if labels is None:
            return batch
        own, partner = (labels[pair[0]], labels[pair[1]]) if soft else (pair[0], pair[1])
        return batch, Targets(own, partner, lam)

    def _compile(self, call: Call) -> Compiled:
        _, height, width, channels = call.images.shape
        return self._compile_for(height, width, channels)

    def _compile_for(self, height: int, width: int, channels: int) -> Compiled:
        key = (height, width, channels, self.training)
        if key not in self._compiled:
            launches = compile_launches(self.transforms, height, width, channels)
            if not self.training:
                size = launches[-1].result_size
                launches = compile_launches([Resize(size)], height, width, channels)
            words = [launch.words(self.p) for launch in launches]
            needs_sums, result_size = launches[0].needs_sums, launches[-1].result_size
            self._compiled[key] = Compiled(
                launches, words, *self._settings.coefficients(channels), needs_sums, result_size
            )
        return self._compiled[key]

    def _samples(self, call: Call, step: Tensor | None) -> Samples:
        ids, device = call.ids, call.images.device
        if ids is None and call.index is None and self.training:
            if self.samples_seen.device != device:
                self.samples_seen = self.samples_seen.to(device)
            ids = self.samples_seen + torch.arange(call.count, device=device)
            self.samples_seen += call.count
        from_batch = call.index is None
        return Samples(
            call.index, ids, call.active, call.count, step, self.seed, call.epoch, from_batch
        )

    def _output(self, call: Call, compiled: Compiled, count: int, out: Tensor | None) -> Tensor:
        """The batch to write into; of ``out`` where it is given."""
        shape = (count, call.images.shape[3], *compiled.result_size)
        device = call.images.device
        if out is None:
            memory_format = torch.channels_last if self.channels_last else torch.contiguous_format
            return torch.empty(shape, dtype=self.dtype, device=device, memory_format=memory_format)
        expected = shape[1:] if call.is_single else shape
        if tuple(out.shape) != expected or out.dtype != self.dtype or out.device != device:
            raise ValueError(
                f"out must be {expected} {self.dtype} on {device}, "
                f"got {tuple(out.shape)} {out.dtype} on {out.device}"
            )
        return out[None] if call.is_single else out
