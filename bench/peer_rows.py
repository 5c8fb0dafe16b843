"""The rows of the works that are compared: who does a work, and what they do otherwise."""

from __future__ import annotations

import functools
import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

OURS = "warpmix"
FLOOR = "floor"


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: in the table; a star says that it does less work.
        function: "module:name" of a function of a work and one of its batches, imported when it
            runs; with a chain it is called with that first.
        package: that it needs beside torch and torchvision, as it is imported.
        baseline: the column of ratios that it stands for; of several rows, the fastest.
        devices: that it runs on.
        loops: over samples, in Python. It has one thread of torch, as in a DataLoader's worker: two
            would wait for each other at every small operation.
        compiled: by torch.compile, at its first call.
        differs: what it does otherwise, in words.
    """

    name: str
    function: str
    chain: str | None = None
    package: str | None = None
    baseline: str | None = None
    devices: tuple[str, ...] = ("cpu", "cuda")
    loops: bool = False
    compiled: bool = False
    differs: str = ""

    def load(self) -> Callable[[Any, Any], Any]:
        module, name = self.function.split(":")
        function = getattr(importlib.import_module(module), name)
        return functools.partial(function, self.chain) if self.chain else function

    @property
    def missing(self) -> str | None:
        """Why it cannot run here, if it cannot."""
        if self.package is None or _is_installed(self.package):
            return None
        return f"needs {self.package}: pip install {PACKAGES.get(self.package, self.package)}"

    @property
    def marks(self) -> list[pytest.MarkDecorator]:
        return [pytest.mark.skip(reason=self.missing)] if self.missing else []


PACKAGES = {
    "nvidia.dali": "nvidia-dali-cuda130",
    "sklearn": "scikit-learn",
    "fuse_augmentations": "fuse-augmentations",
    "triton_augment": "triton-augment",
}


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # nor the package that it would be in
        return False


# ---- rows of chains -----------------------------------------------------------------------------

CPU, GPU = ("cpu",), ("cuda",)
FLOOR_ROW = Row(
    "floor: copy_ to the output's type", "augment_rows:floor", None, None, FLOOR,
    differs="converts the bytes into a ready buffer, and nothing else",
)  # fmt: skip


def ours(module: str = "augment_rows", call: str = "call") -> list[Row]:
    return [
        Row("warpmix", f"{module}:{call}", None, None, OURS,
            differs="`pipeline(images, labels)`, as one calls it: the batch is new"),
        Row("warpmix, ready buffer", f"{module}:fused", None, None, "warpmix, out=",
            differs="the same into a batch that is there already, `out=`"),
        Row("warpmix, NCHW", f"{module}:fused_planar", None, None, "warpmix, NCHW",
            differs="planar images to a planar batch, `out=`"),
    ]  # fmt: skip


def pytorch(chain: str) -> list[Row]:
    tuned = "vectorised, parameters per sample, in place where it can be"
    return [
        Row("PyTorch, channels_last", "peers_pytorch:row", chain, None, "PyTorch", differs=tuned),
        Row("PyTorch, NCHW", "peers_pytorch:row_planar", chain, None, "PyTorch", differs=tuned),
        Row("PyTorch, compiled", "peers_pytorch:row_compiled", chain, None, "PyTorch, compiled",
            compiled=True, differs=tuned),
    ]  # fmt: skip


def torchvision(chain: str, sample: str = "", batch: str | None = "") -> list[Row]:
    """sample, batch: what the two rows do otherwise; without a batch there is only one."""
    one = "its transforms on planar bytes one by one, as a data set calls them; `torch.stack`"
    rows = [
        Row("torchvision v2, per sample", f"peers_torchvision:{chain}", None, None, "torchvision",
            loops=True, differs=_joined(one, sample)),
    ]  # fmt: skip
    if batch is not None:
        all_alike = "the same transforms once on the batch: one draw for all of its samples"
        function = f"peers_torchvision:{chain}_by_batch"
        rows.append(
            Row("torchvision v2, per batch *", function, None, None, "torchvision *",
                differs=_joined(all_alike, batch))
        )  # fmt: skip
    return rows


def kornia(chain: str, differs: str = "") -> list[Row]:
    base = "its modules on the float batch, parameters per sample"
    return [
        Row("Kornia", "peers_kornia:row", chain, "kornia", "Kornia",
            differs=_joined(base, differs)),
        Row("Kornia, compiled", "peers_kornia:row_compiled", chain, "kornia", "Kornia, compiled",
            compiled=True, differs="the same under `torch.compile`"),
    ]  # fmt: skip


def albumentations(chain: str, differs: str = "") -> list[Row]:
    base = "`Compose` on interleaved bytes one by one, `Normalize` into a ready batch"
    return [
        Row("albumentations", f"peers_albumentations:{chain}", None, "albumentations",
            "albumentations", CPU, loops=True, differs=_joined(base, differs)),
    ]  # fmt: skip


def dali(chain: str, differs: str = "", function: str = "row") -> list[Row]:
    """One row a device: the GPU's pipelines take images that are there."""
    named = None if function != "row" else chain
    common = {"package": "nvidia.dali", "baseline": "DALI", "differs": _joined(DALI_BATCH, differs)}
    function = f"peers_dali:{function}"
    return [
        Row("DALI, CPU pipeline", function, named, devices=CPU, **common),  # type: ignore[arg-type]
        Row("DALI, GPU pipeline", function, named, devices=GPU, **common),  # type: ignore[arg-type]
    ]


def _joined(*texts: str) -> str:
    return "; ".join(text for text in texts if text)


GREY = "contrast is about the grey mean"
ONE_LAM = "one λ and one box a batch, one-hot targets"
TIMM = (
    "the mixing part after timm's own conversion and normalisation; partners are the batch in "
    "reverse, one-hot targets"
)
JITTER_ORDER = "jitter in an order drawn a sample"
DALI_BATCH = "its operators, without prefetching; the batch is in its own memory, which it reuses"

CHAIN_ROWS: dict[str, list[Row]] = {
    "basic": [
        *pytorch("basic"),
        *torchvision("basic", f"`torch.roll` and slices for shift and borders; {GREY}; {ONE_LAM}"),
        *kornia("basic", "it cannot wrap, so shifts reflect; black borders are PyTorch's; "
                "contrast is `x · f`"),
        *albumentations("basic", f"CutMix and borders are NumPy slices; {GREY}"),
    ],
    "flip": [
        *pytorch("flip"),
        *torchvision("flip", GREY),
        *kornia("flip", "contrast is `x · f`"),
        *albumentations("flip", GREY),
        *dali("flip", "the box is uniform in its place"),
    ],
    "affine": [
        *pytorch("affine"),
        *torchvision("affine", JITTER_ORDER),
        *kornia("affine", "jitter in an order drawn a batch"),
        Row("fuse-augmentations", "peers_fused:affine", None, "fuse_augmentations",
            "fuse-augm.", differs="Kornia's transforms, flip and affine as one resampling"),
        *albumentations("affine", JITTER_ORDER),
        *dali("affine", "contrast about the middle; the flip comes last"),
        Row("triton-augment", "peers_fused:affine_of_triton", None, "triton_augment",
            "triton-augm.", GPU, differs="one kernel; affine before flip; needs a GPU"),
    ],
    "jitter": [
        *pytorch("jitter"),
        *torchvision("jitter", ONE_LAM),
        *kornia("jitter", "jitter in an order drawn a batch; one `p` a batch for CutMix"),
        *albumentations("jitter", f"CutMix by PyTorch on the batch; {JITTER_ORDER}"),
        *dali("jitter", "CutMix by PyTorch on the batch; contrast about the middle", "jitter"),
    ],
    "heavy": [
        *pytorch("heavy"),
        *torchvision("heavy", "one λ a batch, one-hot targets"),
        *kornia("heavy", "jitter in an order drawn a batch; one `p` a batch for MixUp"),
        *albumentations("heavy", f"MixUp by PyTorch on the batch; {JITTER_ORDER}"),
    ],
    "cutmix": [
        *pytorch("cutmix"),
        Row("timm Mixup, per sample", "peers_timm:cutmix", None, "timm", "timm", loops=True,
            differs=TIMM),
        Row("timm Mixup, per batch *", "peers_timm:cutmix_by_batch", None, "timm", "timm *",
            differs=f"{TIMM}; one box a batch"),
        Row("torchvision v2, per batch *", "peers_torchvision:cutmix", None, None, "torchvision *",
            differs=f"`v2.CutMix` on bytes: {ONE_LAM}"),
        *kornia("cutmix"),
    ],
    "trivial_augment": [
        *torchvision("trivial_augment", batch=None),
        *dali("trivial_augment", "DALI's own operators"),
    ],
    "rand_augment": [
        *torchvision("rand_augment", batch=None),
        *dali("rand_augment", "DALI's own operators"),
    ],
    "timm_rand_augment": [
        Row("timm, per sample", "peers_timm:rand_augment", None, "timm", "timm", CPU, loops=True,
            differs="Pillow's images of the bytes, NumPy's normalisation"),
    ],
}  # fmt: skip

CROPS = [
    *ours("photo_rows"),
    Row("torchvision v2, per sample, NCHW", "photo_rows:torchvision", None, None, "torchvision",
        loops=True, differs="its transforms on planar bytes one by one"),
    Row("torchvision v2, per sample, NHWC", "photo_rows:torchvision_interleaved", None, None,
        "torchvision", loops=True, differs="the same on interleaved bytes"),
    Row("torchvision v2, floats per batch", "photo_rows:torchvision_by_batch", None, None,
        "torchvision", loops=True, 
        differs="crops interleaved bytes one by one, converts them together"),
    Row("Pillow, per sample", "photo_rows:pillow", None, None, "Pillow", CPU, loops=True,
        differs="torchvision's transforms on Pillow's images, NumPy's normalisation"),
    Row("albumentations", "photo_rows:albumentations", None, "albumentations", "albumentations",
        CPU, loops=True, differs="OpenCV's area interpolation"),
    Row("Kornia", "photo_rows:kornia", None, "kornia", "Kornia", loops=True,
        differs="without antialiasing; photos of mixed sizes one by one"),
    Row("DALI, CPU pipeline", "photo_rows:dali", None, "nvidia.dali", "DALI", CPU,
        differs=DALI_BATCH),
    Row("DALI, GPU pipeline", "photo_rows:dali", None, "nvidia.dali", "DALI", GPU,
        differs=DALI_BATCH),
    Row("floor: copy_ to the output's type", "photo_rows:floor", None, None, FLOOR,
        differs="converts as many bytes as the batch has"),
]  # fmt: skip


def vote(how: str) -> list[Row]:
    return [
        Row("warpmix", "vote_rows:package", how, None, OURS, differs="`warpmix.vote`"),
        Row("scikit-learn", "vote_rows:sklearn", how, "sklearn", "scikit-learn", CPU,
            differs="`VotingClassifier.predict` of fitted members whose predictions are there"),
        Row("NumPy", "vote_rows:numpy", how, None, "NumPy", CPU, differs="vectorised"),
        Row("PyTorch", "vote_rows:pytorch", how, None, "PyTorch", differs="vectorised"),
        Row("floor: one read (sum)", "vote_rows:floor", None, None, FLOOR,
            differs="reads the predictions once"),
    ]  # fmt: skip
