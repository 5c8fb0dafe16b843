"""Random numbers of the pure-PyTorch twin: see kernels/augment/random.h and boxes.h."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from warpmix import _fixed_math as fixed
from warpmix._philox import philox, uniform_closed_open, uniform_open_closed
from warpmix.augment.stages import Stage

BOX_ATTEMPTS = 10  # kBoxAttempts in kernels/augment/boxes.h


@dataclass(frozen=True)
class Streams:
    """Where a batch's random numbers come from; fields as in :meth:`Pipeline.forward`.

    Attributes:
        clips: False for float images of any range: nothing is clipped, random pixels are normal.
    """

    ids: Tensor  # [B] int64
    active: Tensor  # [B] bool
    seed: int
    epoch: int
    p: float
    clips: bool = True

    def words(self, stream: int, block: int = 0) -> tuple[Tensor, ...]:
        """Draw four [B] int64 tensors of 32-bit words."""
        counter = (
            self.ids & 0xFFFFFFFF,
            self.ids >> 32,
            torch.full_like(self.ids, self.epoch),
            torch.full_like(self.ids, stream << 8 | block),
        )
        return philox(counter, self.seed)

    def applies(self, stage: Stage) -> Tensor:
        """Return [B] bool: the samples that have this stage."""
        alternates = stage.kind == "hflip" and stage["alternates"]
        own = replace(self, epoch=0) if alternates else self
        words = own.words(stage.stream)
        on = self.active & (uniform_closed_open(words[0]) < stage.p)
        on &= uniform_closed_open(self.words(0)[0]) < self.p
        if stage.choice_stream >= 0:
            u = uniform_closed_open(self.words(stage.choice_stream)[0])
            on &= (u >= _single(stage.choice_low)) & (u < _single(stage.choice_high))
        if alternates:
            on &= ((words[1] >> 31) + self.epoch) % 2 == 1
        return on

    def of_position(self, position: int) -> Streams:
        """Return the streams of one sample."""
        one = slice(position, position + 1)
        return replace(self, ids=self.ids[one], active=self.active[one])

    def of_rows(self, rows: Tensor) -> Streams:
        """Return the streams of a resident data set's rows."""
        return replace(self, ids=rows, active=torch.ones_like(rows, dtype=torch.bool))


def _single(value: float) -> float:
    """Return the nearest float32, as the kernels hold it."""
    return float(torch.tensor(value, dtype=torch.float32))


def uniform_between(word: Tensor, low: float, span: float) -> Tensor:
    """Draw float32 uniform in [low, low + span)."""
    return uniform_closed_open(word) * span + low


def symmetric_beta(word_u: Tensor, word_v: Tensor, inverse_alpha: float | Tensor) -> Tensor:
    """Draw Beta(α, α) from two words; symmetric_beta in kernels/augment/mix.h has the source."""
    g = fixed.fixed_exp(fixed.fixed_log(uniform_open_closed(word_u)) * inverse_alpha)
    c = fixed.fixed_cos_turns(uniform_closed_open(word_v))
    q = (1.0 - g) * c * c
    half = 0.5 * fixed.fixed_sqrt(q / (g + q))
    return torch.where(c < 0, 0.5 - half, 0.5 + half)


def standard_normals(radius_word: Tensor, angle_word: Tensor) -> tuple[Tensor, Tensor]:
    """Draw two standard normal numbers from two words, by the cosine and by the sine; see
    normal.h."""
    radius = fixed.fixed_sqrt(-2.0 * fixed.fixed_log(uniform_open_closed(radius_word)))
    sin, cos = fixed.fixed_sincos_turns(uniform_closed_open(angle_word))
    return radius * cos, radius * sin


def pixel_normals(key: Tensor, channels: int, height: int, width: int) -> Tensor:
    """Draw [B, C, H, W] standard normal numbers by a key [B] a sample; see normal.h."""
    pixel = torch.arange(height * width)[None, None]
    group = torch.arange((channels + 3) // 4)[None, :, None]
    zero = torch.zeros_like(pixel + group)
    words = philox((pixel + zero, group + zero, zero, zero), key[:, None, None])
    planes: list[Tensor] = []
    for radius_word, angle_word in (words[:2], words[2:]):
        planes += standard_normals(radius_word, angle_word)
    return torch.stack(planes, 2).flatten(1, 2)[:, :channels].unflatten(2, (height, width))


@dataclass(frozen=True)
class Boxes:
    """[B] int64 corners; ends are exclusive."""

    x0: Tensor
    y0: Tensor
    x1: Tensor
    y1: Tensor

    def inside(self, height: int, width: int) -> Tensor:
        """Return [B, 1, height, width] bool."""
        x, y = torch.arange(width)[None], torch.arange(height)[None]
        in_x = (x >= self.x0[:, None]) & (x < self.x1[:, None])
        in_y = (y >= self.y0[:, None]) & (y < self.y1[:, None])
        return (in_y[:, :, None] & in_x[:, None, :])[:, None]

    def where(self, condition: Tensor, other: Boxes) -> Boxes:
        """Return these boxes where the condition holds, else the others."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Boxes(*(torch.where(condition, a, b) for a, b in pairs))


def fitting_boxes(stage: Stage, streams: Streams) -> tuple[Boxes, Tensor]:
    """Draw boxes of RandomResizedCrop or RandomErasing; say in [B] bool where one of ten fitted."""
    zero = torch.zeros_like(streams.ids)
    boxes, found = Boxes(zero, zero, zero, zero), torch.zeros_like(streams.active)
    erases = stage.kind == "erasing"
    room = 1 if erases else 0
    for attempt in range(1, BOX_ATTEMPTS + 1):
        words = streams.words(stage.stream, attempt)
        pixels = float(stage.width * stage.height)
        area = uniform_between(words[0], stage["area_low"], stage["area_span"]) * pixels
        log_aspect = uniform_between(words[1], stage["log_ratio_low"], stage["log_ratio_span"])
        aspect = fixed.fixed_exp(log_aspect)
        along = fixed.fixed_sqrt(area * aspect).round().long()
        across = fixed.fixed_sqrt(area / aspect).round().long()
        width, height = (across, along) if erases else (along, across)
        fits = (width >= 1) & (height >= 1)
        fits &= (width <= stage.width - room) & (height <= stage.height - room)
        x = (words[2] * (stage.width - width + 1)) >> 32
        y = (words[3] * (stage.height - height + 1)) >> 32
        boxes = Boxes(x, y, x + width, y + height).where(fits & ~found, boxes)
        found |= fits
    return boxes, found


def central_box(stage: Stage) -> tuple[int, int, int, int]:
    """Return torchvision's last resort for RandomResizedCrop: x0, y0, x1, y1."""
    single = torch.tensor(
        [stage.width, stage.height, stage["ratio_low"], stage["ratio_high"]], dtype=torch.float32
    )
    width, height = stage.width, stage.height
    if single[0] / single[1] < single[2]:
        height = int((single[0] / single[2]).round())
    elif single[0] / single[1] > single[3]:
        width = int((single[1] * single[3]).round())
    x, y = (stage.width - width) // 2, (stage.height - height) // 2
    return x, y, x + width, y + height


def crop_boxes(stage: Stage, streams: Streams) -> Boxes:
    """Draw the boxes of RandomResizedCrop; the whole image where the stage does not apply."""
    boxes, found = fitting_boxes(stage, streams)
    central, whole = (
        Boxes(*(torch.full_like(streams.ids, corner) for corner in corners))
        for corners in (central_box(stage), (0, 0, stage.width, stage.height))
    )
    return boxes.where(found, central).where(streams.applies(stage), whole)
