"""Draws that come back to be replayed: every number is checked before a kernel sees it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from warpmix import ops
from warpmix.augment.draws import Draws
from warpmix.augment.launches import Compiled
from warpmix.augment.ragged import Images, RaggedImages


def check_draws(draws: Draws, images: Images, compiled: Compiled) -> Draws:
    """Return draws that fit, on the images' device.

    Their numbers are looked at in host memory: from a GPU they are copied, which waits for it. When
    compiled, or while a CUDA graph is captured, the op's own checks are all there are.

    Args:
        draws: to replay.
        images: [N, H, W, C], or of mixed sizes.
        compiled: the launches that take them.

    Raises:
        TypeError: no Draws.
        ValueError: they were drawn for other transforms or other images, are not whole, or hold a
            number that no draw has.
    """
    if not isinstance(draws, Draws):
        raise TypeError(f"draws must be what Pipeline.draw() returns, got {type(draws).__name__}")
    _check_origin(draws, len(images), compiled)
    _check_shapes(draws, compiled)
    capturing = images.device.type == "cuda" and torch.cuda.is_current_stream_capturing()
    if not capturing and not torch.compiler.is_compiling():
        _check_numbers(draws.to("cpu"), compiled, images)
    return draws.to(images.device)


def _check_origin(draws: Draws, count: int, compiled: Compiled) -> None:
    """Check that they were drawn by this list of transforms, for so many images."""
    expected = [program.stages for program in compiled.programs]
    if draws.stages != expected:
        kinds = [[[s.kind for s in stages] for stages in of] for of in (expected, draws.stages)]
        raise ValueError(
            "draws must come from draw() of a pipeline with the same transforms, for images "
            f"of the same size: expected stages {kinds[0]}, got {kinds[1]}"
        )
    if draws.image_count != count:
        raise ValueError(
            f"images must be the {draws.image_count} that the draws were drawn for, got {count}; "
            "draws.of_rows() returns the rows that they read, and draws for these images alone"
        )
    if draws.from_batch and len(draws.rows) != count:
        raise ValueError(
            f"draws must be those of all {count} images, because partners are positions in the "
            f"batch, got {len(draws.rows)}; draw with index= to make some of the images"
        )


def _check_shapes(draws: Draws, compiled: Compiled) -> None:
    """Check what :class:`Draws` says of its tensors."""
    batch = draws.rows.numel()
    vectors: dict[str, object] = {"rows": draws.rows}
    if compiled.mix is not None:
        vectors["partner"] = draws.partner
    for name, vector in vectors.items():
        _check_tensor(f"draws.{name}", vector, torch.int64, (batch,))
    if len(draws.per_launch) != len(compiled.programs):
        raise ValueError(
            f"draws.per_launch must hold {len(compiled.programs)} tensors, one a launch, "
            f"got {len(draws.per_launch)}"
        )
    for number, (words, program) in enumerate(
        zip(draws.per_launch, compiled.programs, strict=True)
    ):
        # Launches before the mix make the partners too.
        early = compiled.mix is not None and number < compiled.mix
        sides = 2 if program.has_mix else 1
        shape = (2 * batch if early else batch, sides, len(program.stages), ops.DRAW_WORDS)
        _check_tensor(f"draws.per_launch[{number}]", words, torch.int32, shape)


def _check_tensor(name: str, tensor: object, dtype: torch.dtype, shape: Sequence[int]) -> None:
    if not isinstance(tensor, Tensor) or tensor.dtype != dtype or tensor.shape != torch.Size(shape):
        got = type(tensor).__name__
        if isinstance(tensor, Tensor):
            got = f"{list(tensor.shape)} {tensor.dtype}"
        raise ValueError(f"{name} must be {list(shape)} {dtype} as drawn, got {got}")


def _check_numbers(draws: Draws, compiled: Compiled, images: Images) -> None:
    limits = {"rows": (draws.rows, draws.image_count)}
    if draws.partner is not None:
        limits["partner"] = (draws.partner, draws.image_count)  # of a whole batch, B images
    for name, (values, limit) in limits.items():
        wrong = values[(values < 0) | (values >= limit)]
        if len(wrong) > 0:
            raise ValueError(f"draws.{name} must be in [0, {limit}), got {wrong[0].item()}")
    sizes = images.host[1].contiguous() if isinstance(images, RaggedImages) else None
    rows = draws.rows
    if sizes is not None and compiled.mix:  # launches before the mix make the partners too
        assert draws.partner is not None
        behind = rows[draws.partner] if draws.from_batch else draws.partner
        rows = torch.cat([rows, behind])
    for number, (words, program) in enumerate(zip(draws.per_launch, compiled.words, strict=True)):
        of_images = sizes is not None and number == 0
        ops.check_draws(
            words,
            image_count=draws.image_count,
            from_batch=draws.from_batch,
            program=program,
            index=rows if of_images else None,
            sizes=sizes if of_images else None,
        )
