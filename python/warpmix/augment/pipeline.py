"""The pipeline: a list of transforms as one module, from images to a training batch."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

import torch
from torch import Tensor, nn

from warpmix.augment._checks import Call, Side, check_call, check_size
from warpmix.augment.config import pipeline_arguments, settings_to_config
from warpmix.augment.draws import Draws
from warpmix.augment.explain import explain_launches
from warpmix.augment.keys import Key
from warpmix.augment.launches import Compiled, Samples, compile_list, draw_launches
from warpmix.augment.ragged import Images
from warpmix.augment.replay import check_draws
from warpmix.augment.run import Result, run
from warpmix.augment.settings import Setting, Settings, unmixed
from warpmix.augment.sizes import check_sizes
from warpmix.augment.targets import Targets
from warpmix.augment.transform import Transform
from warpmix.augment.transforms import Listed, Normalize, RandomChoice

__all__ = ["Pipeline"]


class Pipeline(nn.Module):
    """Augments and normalises batches of uint8 images, each sample with its own random parameters.

    The result equals applying the transforms one after the other, in the listed order, in float32
    on [0, 255]. Random numbers depend on (seed, epoch, sample id, position in the list) alone: the
    same sample gets the same bytes on every device, in any batch, in any order. Without ids the
    samples are counted, and no two epochs, workers or ranks repeat each other; see
    docs/random-numbers.md.

    ``pipeline(images)`` is the batch, ``pipeline(images, labels)`` is (batch, targets), in
    ``train()`` and in ``eval()`` mode. In ``eval()`` mode, images are only normalised, and get the
    size that the list gives them: a crop takes its central window, a resized crop the whole image.

    Float images, of any range, are moved by whole pixels, covered and mixed, as behind a
    normalisation: they are neither scaled nor clipped.

    A pipeline never changes: its settings are attributes to read, and :meth:`replace` makes another
    one.

    Args:
        transforms: from ``warpmix.augment``; at most one mixing stage. May end in ``Normalize``.
        p: probability that a sample is augmented at all (torchvision's RandomApply); the other
            samples are only normalised, though they may still be mixed into others.
        mean, std: of images on [0, 1], one number or one a channel; as ``Normalize``. Left out,
            float outputs are on [0, 1] and uint8 outputs are rounded to whole values.
        dtype: torch.float32 (where left out), float16, bfloat16 or uint8; float images keep theirs.
        channels_last: memory format of the batch.
        seed: in [0, 2^63). None takes the key from torch's generator when it is first needed, so
            that ``torch.manual_seed`` decides the numbers.
        targets: "pairs" gives :class:`Targets`; "onehot" gives dense [B, num_classes] float32
            rows, for scripts whose loss takes these.
        num_classes: of one-hot targets.
        label_smoothing: of one-hot targets, in [0, 1], as ``F.cross_entropy`` smooths.

    Attributes:
        samples_seen: [1] int64, how many samples this process has made without ids. No part of
            ``state_dict()``.

    Raises:
        TypeError, ValueError: a setting is of another type, out of range, or does not fit another.
    """

    transforms = Setting[tuple[Listed, ...]]()
    p = Setting[float]()
    mean = Setting["tuple[float, ...] | None"]()
    std = Setting["tuple[float, ...] | None"]()
    normalize = Setting["Normalize | None"]("mean=…, std=…")
    dtype = Setting[torch.dtype](shown="dtype_of_bytes")
    channels_last = Setting[bool]()
    seed = Setting["int | None"]()
    targets = Setting[str]()
    num_classes = Setting["int | None"]()
    label_smoothing = Setting[float]()
    samples_seen: Tensor

    def __init__(
        self,
        transforms: Sequence[Transform | RandomChoice | Normalize] = (),
        *,
        p: float = 1.0,
        mean: Sequence[float] | float | None = None,
        std: Sequence[float] | float | None = None,
        dtype: torch.dtype | None = None,
        channels_last: bool = True,
        seed: int | None = None,
        targets: str = "pairs",
        num_classes: int | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        of_batch = (mean, std, dtype, channels_last)
        of_targets = (targets, num_classes, label_smoothing)
        self._settings = Settings(transforms, p, *of_batch, seed, *of_targets)
        self._key = Key(self._settings.seed)
        self.register_buffer("samples_seen", torch.zeros(1, dtype=torch.int64), persistent=False)
        self._compiled: dict[tuple[int, int, int, bool, bool], Compiled] = {}

    if TYPE_CHECKING:

        @overload
        def __call__(self, images: Images, labels: None = None, **options: Any) -> Tensor: ...
        @overload
        def __call__(
            self, images: Images, labels: Tensor | int, **options: Any
        ) -> tuple[Tensor, Targets]: ...  # one-hot rows, if asked for, want a cast
        def __call__(self, images: Any, labels: Any = None, **options: Any) -> Any: ...

    def forward(
        self,
        images: Images,
        labels: Tensor | int | None = None,
        *,
        ids: Tensor | int | None = None,
        index: Tensor | None = None,
        epoch: int = 0,
        step: Tensor | None = None,
        active: Tensor | bool | None = None,
        sums: Tensor | None = None,
        out: Tensor | None = None,
    ) -> Result:
        """Return a training batch, and the targets where labels are given.

        Args:
            images: [N, C, H, W] uint8 in any memory format, 1 to 16 channels. NHWC memory, that is
                ``array.permute(0, 3, 1, 2)``, is the fastest and is not copied. One image
                [C, H, W] gives one image: what is said of B below is then left out. Or float32,
                float16 or bfloat16 of any values; or :class:`RaggedImages`, which the list must
                bring to one size.
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
            out: [B, C, h, w] batch of the result's dtype to write into.

        Returns:
            batch [B, C, h, w], see :meth:`output_size`; with labels (batch, targets)

        Raises:
            TypeError, ValueError: arguments that do not fit, named, with the remedy.
        """
        streams: dict[str, Any] = {"ids": ids, "index": index, "active": active, "step": step}
        call = check_call(images, labels=labels, sums=sums, epoch=epoch, **streams)
        compiled = self._compile_for(call)
        samples = self._samples(call, compiled)
        return run(call, compiled, samples, self._settings.form(images.dtype), out)

    def draw(
        self,
        ids: Tensor | int | None = None,
        *,
        images: Images,
        index: Tensor | None = None,
        epoch: int = 0,
        step: Tensor | None = None,
        active: Tensor | bool | None = None,
    ) -> Draws:
        """Draw the random parameters that :meth:`forward` would use: to look at, store, replay."""
        call = check_call(images, ids=ids, index=index, active=active, step=step, epoch=epoch)
        compiled = self._compile_for(call)
        return draw_launches(call.images, compiled, self._samples(call, compiled))

    def replay(
        self,
        images: Images,
        draws: Draws,
        labels: Tensor | int | None = None,
        *,
        sums: Tensor | None = None,
        out: Tensor | None = None,
    ) -> Result:
        """Run :meth:`forward` with parameters from :meth:`draw` for the same images.

        Draws in CPU memory are checked there and moved; to check a GPU's waits for it.

        (Not ``apply``: ``nn.Module`` has a method of that name, which recurses into submodules.)
        """
        call = check_call(images, labels=labels, sums=sums)
        compiled = self._compile_for(call)
        draws = check_draws(draws, call.images, compiled)
        return run(call, compiled, draws, self._settings.form(images.dtype), out)

    def output_size(self, height: Side, width: Side, channels: int = 3) -> tuple[int, int]:
        """Return (height, width) of the batch for images of this size; None, None: of mixed."""
        return self._compile(*check_size(height, width, channels)).result_size

    def explain(self, height: Side = 32, width: Side = 32, channels: int = 3) -> str:
        """Return the launches for uint8 images of this size (None, None: of mixed ones), one a
        line, with the bytes that each moves for a sample: a mixed one reads its partner too."""
        compiled = self._compile(*check_size(height, width, channels))
        return explain_launches(compiled.programs, channels, self.dtype)

    @property
    def key(self) -> int:
        """Key of the random numbers, in [0, 2^63): the seed, or what torch's generator gave.

        ``Pipeline(..., seed=pipeline.key)`` has the same numbers. Without a seed, the first look
        takes the key.
        """
        return self._key.value

    def replace(self, **changes: Any) -> Pipeline:
        """Return a pipeline with other settings, in the same mode.

        It has the same key, unless the seed changes, and goes on counting the samples where this
        one is.

        Args:
            changes: arguments of :class:`Pipeline`.

        Raises:
            TypeError: an unknown argument, with the nearest known one.
            ValueError: as of :class:`Pipeline`.
        """
        settings = self._settings.changed(changes)
        other = copy.deepcopy(self)
        other._settings, other._compiled = settings, {}
        if "seed" in changes:
            other._key = Key(settings.seed)
        return other

    def without_mixing(self) -> Pipeline:
        """Return the pipeline whose transforms no longer mix, for the last epochs of a training.

        The other transforms keep their random numbers, and a RandomChoice leaves a sample alone
        where it would have mixed it. timm calls this ``--mixup-off-epoch``;
        ``warpmix.data.Loader(..., mixup_off_epoch=…)`` does it by itself.
        """
        return self.replace(transforms=tuple(map(unmixed, self.transforms)))

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain data for JSON or YAML."""
        return settings_to_config(self._settings)

    @classmethod
    def from_dict(cls, config: dict[str, Any]) -> Pipeline:
        """Return the pipeline that :meth:`to_dict` wrote; what is left out has its default.

        Raises:
            ValueError, TypeError: naming the field, and where one is unknown the nearest known one.
        """
        return cls(**pipeline_arguments(config))

    def extra_repr(self) -> str:
        listed = ", ".join(map(repr, self.transforms))
        return f"[{listed}], p={self.p}, dtype={self.dtype}, seed={self.seed}"

    # ---- one call -----------------------------------------------------------------------------

    def _compile_for(self, call: Call) -> Compiled:
        compiled = self._compile(*call.size, call.floats)
        check_sizes(call.images, self.transforms)
        return compiled

    def _compile(self, height: int, width: int, channels: int, floats: bool = False) -> Compiled:
        key = (height, width, channels, floats, self.training)
        if key not in self._compiled:
            size, of_batch = key[:3], self._settings.coefficients(channels, floats)
            self._compiled[key] = compile_list(
                self._settings.resolved, size, of_batch, self.p, self.training, floats
            )
        return self._compiled[key]

    def _samples(self, call: Call, compiled: Compiled) -> Samples:
        ids, key = call.ids, 0
        if compiled.is_random:
            counts = ids is None and call.index is None
            key = self._key.of_process if counts else self._key.value
            ids = self._counted(call.count, call.images.device) if counts else ids
        of = (call.index, ids, call.active, call.count, call.step, key, call.epoch)
        return Samples(*of, from_batch=call.index is None)

    def _counted(self, count: int, device: torch.device) -> Tensor:
        """Return [count] int64 ids that this process has not used yet."""
        if self.samples_seen.device != device:
            with torch.inference_mode(False):  # or it could be counted on in that mode alone
                self.samples_seen = self.samples_seen.to(device)
        ids = self.samples_seen + torch.arange(count, device=device)
        self.samples_seen += count
        return ids
