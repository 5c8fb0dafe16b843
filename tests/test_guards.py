"""What the ops refuse of direct callers of ``torch.ops.warpmix``, who have no Python in front of
them, and what the kernels stop at where no host can look: in a GPU's memory."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from device.build import COMPILER
from torch import Tensor

from warpmix import CutMix, Pipeline, RandomAffine, RandomCrop, RandomShift
from warpmix.ops import channel_sums

ROOT = Path(__file__).resolve().parents[1]
OPS = torch.ops.warpmix
IMAGES = torch.randint(0, 256, (4, 8, 6, 3), dtype=torch.uint8)  # NHWC
FAR = 1 << 32  # 0 where a number is cut to 32 bits


def augment(op: str, images: Tensor = IMAGES, **given: Tensor) -> Tensor:
    """Run an op by itself on images [N, H, W, C]; ``given`` are its optional tensors, by name."""
    count, height, width, channels = images.shape
    compiled = Pipeline([CutMix()])._compile(height, width, channels)
    names = ("index", "ids", "active", "labels", "sums", "draws", "step")
    batch = torch.empty(count, channels, *compiled.result_size)
    pair, lam = torch.empty(2, count, dtype=torch.int64), torch.empty(count)
    getattr(OPS, op)(
        images, *(given.get(name) for name in names), 1, 0, "index" not in given,
        compiled.words[0], compiled.scale, compiled.bias, batch, pair, lam,
    )  # fmt: skip
    return batch


def draw(images: Tensor, words: list[int], sides: int = 1, index: Tensor | None = None) -> Tensor:
    draws = torch.empty(images.shape[0], sides, words[0], 8, dtype=torch.int32)
    OPS.draw(images, index, None, None, None, 1, 0, False, words, draws)
    return draws


# ---- rows, partners and words -------------------------------------------------------------------


@pytest.mark.parametrize("op", ["augment", "augment_emulated", "draw"])
@pytest.mark.parametrize("row", [-1, 4, FAR, FAR + 1, -FAR])
def test_rows_are_compared_in_64_bits(op: str, row: int) -> None:
    index = torch.tensor([0, 1, 2, row])
    with pytest.raises(RuntimeError, match=rf"index must be in \[0, 4\), got {row}"):
        if op == "draw":
            draw(IMAGES, Pipeline([CutMix()])._compile(8, 6, 3).words[0], 2, index)
        else:
            augment(op, index=index)


@pytest.mark.parametrize("op", ["augment", "augment_emulated"])
@pytest.mark.parametrize("partner", [-1, 4, 1 << 30])
def test_partners_are_checked_as_rows_are(op: str, partner: int) -> None:
    words = Pipeline([CutMix()], seed=1)._compile(8, 6, 3).words[0]
    draws = draw(IMAGES, words, sides=2)
    draws[2, 0, 0, 0], draws[2, 0, 0, 1] = 1, partner
    for index in ({}, {"index": torch.arange(4)}):
        with pytest.raises(RuntimeError, match=rf"a partner in \[0, 3\], got {partner}"):
            augment(op, draws=draws, **index)


@pytest.mark.parametrize(
    ("transform", "place", "words"),
    [
        (RandomShift(0.2), 20, "words in"),  # the width of the images that the stage is for
        (RandomShift(0.2), 21, "words in"),  # their height
        (RandomShift(0.2), 30, "known borders"),
        (RandomAffine(9, border="reflect"), 7, "known borders"),  # of the map
        (RandomCrop(4), 28, "words in"),  # the width of the result
        (RandomCrop(4), 29, "words in"),
    ],
)
def test_sizes_and_borders_of_a_program_are_not_cut_to_32_bits(
    transform: Any, place: int, words: str
) -> None:
    program = list(Pipeline([transform])._compile(8, 6, 3).words[0])
    draw(IMAGES, program)
    program[place] += FAR
    with pytest.raises(RuntimeError, match=f"program must hold {words}.*, got {program[place]}"):
        draw(IMAGES, program)


# ---- layouts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
@pytest.mark.parametrize("strides", [(1, 1), (7, 5), (0, 0), (1000, 3)])
def test_images_of_one_pixel_are_dense_whatever_their_strides(
    channels: int, strides: tuple[int, int]
) -> None:
    images = torch.randint(0, 256, (4, 1, 1, channels), dtype=torch.uint8)
    odd = images.as_strided(images.shape, (channels, *strides, 1))
    sums = torch.empty(4, channels, dtype=torch.int64)
    OPS.channel_sums(odd, sums)
    assert torch.equal(sums, images.long().flatten(1) * 65536)
    for op in ("augment", "augment_emulated"):
        assert torch.equal(augment(op, odd), augment(op, images))
    nchw = odd.permute(0, 3, 1, 2)
    assert torch.equal(channel_sums(nchw), sums)
    labels = torch.arange(4)
    made = Pipeline([CutMix()], seed=1)(nchw, labels)[0]
    assert torch.equal(made, Pipeline([CutMix()], seed=1)(images.permute(0, 3, 1, 2), labels)[0])


def test_other_strides_are_refused() -> None:
    sums = torch.empty(4, 3, dtype=torch.int64)
    for gaps in (torch.zeros(4, 8, 12, 3)[:, :, ::2], torch.zeros(8, 8, 6, 3)[::2]):
        with pytest.raises(RuntimeError, match="images must be dense as NHWC or NCHW"):
            OPS.channel_sums(gaps, sums)


# ---- voting -------------------------------------------------------------------------------------

PROBABILITIES = torch.full((3, 5, 4), 0.25)
TARGETS = torch.tensor([0, 1, 2, 3, 0])


def int64(*shape: int) -> Tensor:
    return torch.full(shape, 7, dtype=torch.int64)


@pytest.mark.parametrize("suffix", ["", "_emulated"])
def test_places_of_a_curve_are_compared_in_64_bits(suffix: str) -> None:
    curve = getattr(OPS, f"vote_curve{suffix}")
    for far in (-1, FAR, FAR + 1):
        ranking, targets = torch.tensor([0, far, 1]), torch.tensor([0, 1, 2, far, 0])
        with pytest.raises(RuntimeError, match=rf"ranking must be in \[0, 3\), got {far}"):
            curve(PROBABILITIES, TARGETS, ranking, False, int64(3), int64(3), int64(1))
        with pytest.raises(RuntimeError, match=rf"targets must be in \[0, 4\), got {far}"):
            curve(PROBABILITIES, targets, torch.arange(3), False, int64(3), int64(3), int64(1))


@pytest.mark.parametrize("suffix", ["", "_emulated"])
def test_empty_ensembles(suffix: str) -> None:
    """No models have no decision; what is counted of them is nothing, and so is what is written."""
    op = {
        name: getattr(OPS, name + suffix)
        for name in ("vote", "vote_curve", "class_planes", "greedy_scores", "bootstrap")
    }
    none, invalid = PROBABILITIES[:0], int64(1)
    for hard in (False, True):
        with pytest.raises(RuntimeError, match="predictions must be of at least one model"):
            op["vote"](none, None, hard, False, int64(5), torch.empty(5, 4), invalid)
    counts = int64(0), int64(0)
    op["vote_curve"](PROBABILITIES, TARGETS, int64(0), False, *counts, invalid)
    assert invalid.item() == 0
    invalid = int64(1)
    op["class_planes"](none, None, False, False, torch.empty(0, 4, 5), invalid)
    assert invalid.item() == 0
    sums = torch.zeros(4, 5, dtype=torch.float64), torch.zeros(5, dtype=torch.float64)
    own = torch.empty(0, 5)
    op["greedy_scores"](torch.empty(0, 4, 5), own, *sums, TARGETS, 0, int64(0))
    op["greedy_scores"](None, own, None, sums[1], TARGETS, 0, int64(0))
    op["bootstrap"](TARGETS, 0, int64(0, 3))
    drawn = int64(2, 3)
    op["bootstrap"](TARGETS[:0], 0, drawn)
    assert not drawn.any()
    right = int64(2), int64(2), int64(1)
    empty = torch.empty(3, 0, 4)
    op["vote_curve"](empty, TARGETS[:0], torch.arange(2), False, *right)
    assert not torch.cat(right).any()


# ---- memory -------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["", "_emulated"])
def test_what_is_only_read_is_not_asked_for_as_mutable(suffix: str) -> None:
    """A lazy clone is copied when its memory is asked for to be written."""
    clones: list[Tensor] = []

    def lazy(tensor: Tensor) -> Tensor:
        clones.append(torch._lazy_clone(tensor))
        return clones[-1]

    def call(name: str, *arguments: Any) -> None:
        getattr(OPS, name + suffix)(*arguments)

    labels = torch.arange(4)
    sums = channel_sums(IMAGES.permute(0, 3, 1, 2))
    draws = draw(IMAGES, Pipeline([CutMix()])._compile(8, 6, 3).words[0], sides=2)
    vectors = {"index": labels, "ids": labels, "labels": labels, "active": labels >= 0}
    given = vectors | {"sums": sums, "draws": draws, "step": labels[:1].clone()}
    augment("augment" + suffix, lazy(IMAGES), **{name: lazy(of) for name, of in given.items()})
    call("channel_sums", lazy(IMAGES), torch.empty(4, 3, dtype=torch.int64))
    weights, inverse = torch.ones(3, dtype=torch.float64), torch.ones(3)
    invalid = int64(1)
    call("vote", lazy(PROBABILITIES), lazy(weights), False, False, int64(5), torch.empty(5, 4),
         invalid, lazy(inverse))  # fmt: skip
    call("vote_curve", lazy(PROBABILITIES), lazy(TARGETS), lazy(torch.arange(3)), False, int64(3),
         int64(3), invalid, lazy(weights), lazy(inverse))  # fmt: skip
    planes = torch.empty(3, 4, 5)
    call("class_planes", lazy(PROBABILITIES), lazy(inverse), False, False, planes, invalid)
    total = torch.zeros(5, 5, dtype=torch.float64)
    call("greedy_scores", lazy(planes), lazy(torch.ones(3, 5)), lazy(total[:4]), lazy(total[0]),
         lazy(TARGETS), 0, int64(3))  # fmt: skip
    call("bootstrap", lazy(TARGETS), 0, int64(2, 1))
    assert all(torch._C._is_cow_tensor(clone) for clone in clones)  # type: ignore[attr-defined]


# ---- CUDA's side, compiled by g++ with stand-ins ------------------------------------------------

STAND_INS = {
    "cuda_runtime.h": """#pragma once
#include <cstddef>
#include <cstdint>
using cudaError_t = int;
using cudaStream_t = void*;
constexpr cudaError_t cudaSuccess = 0;
cudaError_t cudaMemsetAsync(void*, int, size_t, cudaStream_t);
cudaError_t cudaGetLastError();
""",
    "torch/csrc/inductor/aoti_torch/c/shim.h": """#pragma once
#define TORCH_ERROR_CODE_CHECK(call) (call)
inline int aoti_torch_get_current_cuda_stream(int, void**) { return 0; }
""",
    "torch/csrc/stable/accelerator.h": """#pragma once
namespace torch::stable::accelerator {
struct DeviceGuard {
  explicit DeviceGuard(int) {}
};
}
""",
    "torch/csrc/stable/macros.h": """#pragma once
#include <stdexcept>
#define STD_CUDA_CHECK(call) do { if (call) throw std::runtime_error("cuda"); } while (0)
""",
    "torch/csrc/stable/tensor.h": """#pragma once
namespace torch::stable {
struct Tensor {
  int get_device_index() const { return 0; }
};
}
""",
}


def run_native(name: str, folder: Path, *flags: str) -> None:
    """Compile and run tests/native/NAME.cpp."""
    for header, text in STAND_INS.items():
        (folder / header).parent.mkdir(parents=True, exist_ok=True)
        (folder / header).write_text(text)
    includes = [f"-I{path}" for path in (folder, ROOT / "csrc", ROOT / "kernels")]
    source, program = ROOT / "tests/native" / f"{name}.cpp", folder / name
    command = [COMPILER, "-std=c++17", "-Wall", *flags, *includes, source, "-o", program]
    subprocess.run(command, check=True)
    done = subprocess.run([program], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_failed_memset_does_not_blame_the_next_launch(tmp_path: Path) -> None:
    run_native("failed_memset", tmp_path)


def test_kernels_stop_at_numbers_that_only_the_gpu_has_seen(tmp_path: Path) -> None:
    """While a CUDA graph is captured, no host looks at a row, a partner, a model or a class."""
    run_native(
        "device_guards", tmp_path, "-fsanitize=address", "-Wno-psabi", "-Wno-unused-function"
    )
