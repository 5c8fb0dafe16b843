"""What users reach the engine by: presets, transforms alone, dictionaries, DataLoaders, ranks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

import warpmix
from warpmix import (
    CenterCrop,
    ColorJitter,
    CutMix,
    GaussianBlur,
    Pipeline,
    RandomAdjustSharpness,
    RandomAffine,
    RandomCrop,
    RandomErasing,
    RandomResizedCrop,
    RandomRotation,
    RandomShift,
    Resize,
    presets,
)


def batch(count: int = 6, height: int = 8, width: int = 9) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    shape = (count, 3, height, width)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


# ---- presets ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", presets.names())
def test_every_preset_makes_a_batch_and_a_dictionary(name: str) -> None:
    pipeline = presets.pipeline(name, mean=0.5, std=0.25, seed=3)
    images, labels = batch(8, 32, 32), torch.arange(8)
    made, _ = pipeline(images, labels, ids=labels)
    again = Pipeline.from_dict(pipeline.to_dict())
    assert torch.equal(again(images, labels, ids=labels)[0], made)


def test_named_presets_are_what_their_names_say() -> None:
    kinds = [type(t).__name__ for t in presets.airbench().transforms]
    assert kinds == ["AlternatingFlip", "RandomCrop", "Cutout"]
    assert presets.pipeline("warsaw-all").p == 1 and presets.cifar(p=0.25).p == 0.25
    assert presets.imagenet().output_size(224, 224) == (224, 224)
    with pytest.raises(ValueError, match=r"unknown preset 'cifr'; did you mean 'cifar'\?"):
        presets.pipeline("cifr")


# ---- dictionaries -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "error", "words"),
    [
        ({"tranforms": []}, ValueError, r"unknown field 'tranforms'; did you mean 'transforms'"),
        (
            {"transforms": [{"CutMix": {"alpha": -1}}]},
            ValueError,
            r"transforms\[0\]: CutMix: alpha",
        ),
        ({"transforms": ["Resise"]}, ValueError, r"transforms\[0\]: unknown.*'Resize'"),
        ({"dtype": "float31"}, ValueError, r"dtype must name a torch dtype, got 'float31'"),
        ([], TypeError, r"must be a mapping"),
    ],
)
def test_dictionaries_are_refused_by_field(config: Any, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        Pipeline.from_dict(config)


# ---- parameters -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: RandomRotation("15"), TypeError, r"RandomRotation: degrees must be \(low, high\)"),
        (lambda: RandomRotation(-5), ValueError, r"degrees must be in \[0, 3600\], got -5"),
        (lambda: RandomAffine(0, shear=(1, 2, 3)), TypeError, r"shear must be 2 or 4 numbers"),
        (lambda: RandomAffine(0, translate=(0.1, 2)), ValueError, r"translate must be in \[0, 1\]"),
        (lambda: RandomAffine(0, scale=(0, 1)), ValueError, r"scale must be in \[0.05, 20\]"),
        (lambda: RandomErasing(value=()), TypeError, r"value must be a number, or one a channel"),
        (lambda: RandomErasing(value="noise"), ValueError, r"value must be one of mean, random"),
        (
            lambda: RandomAffine(0, shear=-1),
            ValueError,
            r"shear, as one number, must be in \[0, 75",
        ),
        (lambda: RandomCrop(24, (1, 2, 3)), TypeError, r"padding must be an int .* 1, 2 or 4"),
        (lambda: RandomCrop(24, padding_mode="mirror"), ValueError, r"padding_mode must be one of"),
        (lambda: CenterCrop(24, p=0.5), ValueError, r"CenterCrop: p must be 1"),
        (lambda: GaussianBlur(4), ValueError, r"kernel_size must be odd and in \[1, 255\], got 4"),
        (lambda: GaussianBlur((3, 257)), ValueError, r"in \[1, 255\], got \(3, 257\)"),
        (lambda: GaussianBlur("3"), TypeError, r"kernel_size must be an int, got str"),
        (
            lambda: GaussianBlur((3, 3, 3)),
            ValueError,
            r"a number or \(width, height\), got \(3, 3, 3",
        ),
        (lambda: GaussianBlur(3, 0), ValueError, r"sigma must be in \[0.001, 1e\+06\], got 0"),
        (lambda: GaussianBlur(3, (2, 1)), ValueError, r"sigma must be \(low, high\), got \(2, 1\)"),
        (lambda: RandomAdjustSharpness(-1), ValueError, r"sharpness_factor must be in \[0, .* -1"),
        (
            lambda: Pipeline([GaussianBlur((3, 17))]).output_size(8, 8),
            ValueError,
            r"half of kernel_size \(3, 17\) must be below .* \(8, 8\), .* use a smaller one",
        ),
        (lambda: ColorJitter(hue=0.7), ValueError, r"hue must be in \[0, 0.5\], got 0.7"),
        (lambda: Resize(0), ValueError, r"size must be in \[1, 65535\]"),
        (lambda: Resize(64, p=0.5), ValueError, r"p must be 1, because all results have one size"),
        (
            lambda: Pipeline([ColorJitter(hue=0.1)]).output_size(8, 8, channels=1),
            ValueError,
            r"ColorJitter needs images of 3 channels",
        ),
        (
            lambda: Pipeline([warpmix.RandomChoice([Resize(64)])]).output_size(8, 8),
            ValueError,
            r"Resize must not change the size",
        ),
        (
            lambda: Pipeline([warpmix.Cutout(9, overhang=False)]).output_size(8, 8),
            ValueError,
            r"does not fit inside 8 x 8",
        ),
    ],
)
def test_impossible_parameters_are_refused(make: Any, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        make()


def test_eval_enlarges_and_does_nothing_else() -> None:
    pipeline = Pipeline([RandomRotation(30), RandomResizedCrop(16), CutMix()], mean=0.5, std=0.5)
    got, targets = pipeline.eval()(batch(), torch.arange(6))
    want = Pipeline([Resize((16, 16))], mean=0.5, std=0.5)(batch())
    assert torch.equal(got, want) and torch.equal(targets.lam, torch.ones(6))


def test_inactive_samples_are_enlarged_too() -> None:
    active = torch.tensor([True, False] * 3)
    listed = [RandomResizedCrop(16), RandomRotation(90)]
    made = Pipeline(listed)(batch(), active=active, ids=torch.arange(6))
    want = Pipeline([Resize((16, 16))])(batch())
    assert torch.equal(made[~active], want[~active])
    assert not torch.equal(made[active], want[active])


def test_draws_are_named_by_transform_and_parameter() -> None:
    listed = [RandomAffine(30, shear=5), ColorJitter(0.4, 0.4), warpmix.MixUp()]
    affine, jitter, mixup = Pipeline(listed).draw(images=batch(), ids=torch.arange(6)).named()
    assert affine.transform == "RandomAffine" and bool(affine.on.all())
    assert float(affine["degrees"].abs().max()) <= 30 and affine["dx"].dtype == torch.int64
    assert set(jitter.values) == {"brightness", "contrast"}
    assert set(mixup.values) == {"lam", "partner"}


# ---- alone, and in a DataLoader ---------------------------------------------------------------


def test_a_transform_alone_is_called_like_a_pipeline() -> None:
    images = batch()
    shift = RandomShift(0.5)
    first, second = shift(images), shift(images)
    assert first.shape == images.shape and first.dtype == torch.uint8
    assert not torch.equal(first, second)  # each call has a key of its own
    torch.manual_seed(5)
    again = shift(images), shift(images)
    torch.manual_seed(5)
    assert torch.equal(shift(images), again[0]) and torch.equal(shift(images), again[1])
    ids = torch.arange(6)
    made = shift(images, seed=3, epoch=2, ids=ids + 1)
    assert torch.equal(made[:5], shift(images[:5], seed=np.int64(3), epoch=2, ids=ids[1:]))
    assert torch.equal(
        made, Pipeline([shift], seed=3, dtype=torch.uint8)(images, ids=ids + 1, epoch=2)
    )
    nhwc = images.contiguous(memory_format=torch.channels_last)
    assert shift(nhwc).is_contiguous(memory_format=torch.channels_last)
    with pytest.raises(ValueError, match=r"seed must be in \[0, 2\^63\), got -1"):
        shift(images, seed=-1)
    assert shift(images[0]).shape == images[0].shape
    assert len(shift(images, torch.arange(6))) == 2
    mixed, targets = CutMix()(images, torch.arange(6))
    assert mixed.shape == images.shape and targets.y_b.shape == (6,)


def test_collate_serves_an_ordinary_dataloader() -> None:
    images = batch(10)

    class Rows(torch.utils.data.Dataset):  # type: ignore[type-arg]
        def __len__(self) -> int:
            return 10

        def __getitem__(self, i: int) -> tuple[Any, int, int]:
            array = images[i].permute(1, 2, 0).numpy()
            return (array, Image.fromarray(array), images[i])[i % 3], i % 4, i

    pipeline = Pipeline([RandomShift(0.5), CutMix()])
    want, _ = pipeline(images, torch.arange(10) % 4, index=torch.arange(10))
    for workers in (0, 2):
        loader = DataLoader(Rows(), 4, num_workers=workers, collate_fn=warpmix.collate)
        parts = list(loader)
        assert torch.equal(torch.cat([p[0] for p in parts]), images)
        assert torch.equal(torch.cat([p[1] for p in parts]), torch.arange(10) % 4)
        shifted = Pipeline([RandomShift(0.5)])
        alone = torch.cat([shifted(p[0], ids=p[2]) for p in parts])
        assert torch.equal(alone, shifted(images, ids=torch.arange(10)))
    assert want.shape == (10, 3, 8, 9)


def test_collate_refuses_floats_and_takes_mixed_sizes() -> None:
    with pytest.raises(TypeError, match=r"leave ToTensor and Normalize out"):
        warpmix.collate([(torch.rand(3, 8, 8), 0)])
    gray = np.zeros((4, 5), dtype=np.uint8)
    assert warpmix.collate([(gray, 1), (gray, 2)])[0].shape == (2, 1, 4, 5)
    mixed, _ = warpmix.collate([(gray, 1), (gray.T, 2)])
    assert isinstance(mixed, warpmix.RaggedImages) and mixed[1].shape == (1, 5, 4)


# ---- ranks ------------------------------------------------------------------------------------

RANK = """
import sys, torch, torch.distributed as dist, warpmix
from warpmix import Pipeline, RandomAffine, ColorJitter, CutMix, RandomErasing
rank, world, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
dist.init_process_group("gloo", init_method=f"file://{folder}/meet{world}", rank=rank,
                        world_size=world)
images = torch.randint(0, 256, (50, 3, 12, 10), dtype=torch.uint8,
                       generator=torch.Generator().manual_seed(0))
labels = torch.arange(50) % 7
listed = [RandomAffine(20, (0.1, 0.1)), ColorJitter(0.3, 0.3, 0.3, 0.1), RandomErasing(), CutMix()]
order = torch.randperm(50, generator=torch.Generator().manual_seed(1))
mine = order[rank::world]
made, targets = Pipeline(listed, seed=9)(images, labels, index=mine, epoch=2)
gathered = [None] * world
dist.all_gather_object(gathered, (mine, made, *targets))
if rank == 0:
    rows = torch.cat([part[0] for part in gathered])
    torch.save([torch.cat([part[k] for part in gathered])[rows.argsort()] for k in range(1, 5)],
               f"{folder}/world{world}.pt")
dist.destroy_process_group()
"""


def test_one_and_three_ranks_make_the_same_samples(tmp_path: Path) -> None:
    made = []
    for world in (1, 3):
        ranks = [
            subprocess.Popen([sys.executable, "-c", RANK, str(r), str(world), str(tmp_path)])
            for r in range(world)
        ]
        assert [rank.wait(120) for rank in ranks] == [0] * world
        made.append(torch.load(tmp_path / f"world{world}.pt"))
    for one, three in zip(*made, strict=True):
        assert torch.equal(one, three)


# ---- what covers with the mean ----------------------------------------------------------------


@pytest.mark.parametrize(
    "transform",
    [
        warpmix.Cutout(4, value="mean"),
        RandomErasing(1.0, value="mean"),
        warpmix.RandomChoice([warpmix.Cutout(4, False, value="mean")]),
    ],
    ids=["Cutout", "RandomErasing", "RandomChoice"],
)
def test_the_mean_is_0_after_the_normalisation(transform: Any) -> None:
    mean, std, images = [0.49, 0.48, 0.44], [0.25, 0.24, 0.26], torch.full((6, 3, 8, 9), 255)
    pipeline = Pipeline([transform], mean=mean, std=std, seed=1)
    made = pipeline(images.to(torch.uint8), ids=torch.arange(6))
    covered = made < 1
    assert covered.flatten(1).any(1).all() and not covered.all()
    assert made[covered].abs().max() < 1e-6
    assert torch.equal(covered[:, :1].expand_as(covered), covered)
    other = Pipeline.from_dict(pipeline.to_dict())
    assert torch.equal(other(images.to(torch.uint8), ids=torch.arange(6)), made)
    words = r"value 'mean' is the mean by which a pipeline normalises, got none; use Pipeline\("
    for floats in (False, True):
        with pytest.raises(ValueError, match=words):
            Pipeline([transform])(images.to(torch.float32 if floats else torch.uint8))


def test_cutout_covers_with_its_value() -> None:
    images = torch.full((6, 3, 8, 9), 255, dtype=torch.uint8)
    made = warpmix.Cutout(4, value=(3, 0.4, 77))(images, seed=1)
    assert {tuple(v.tolist()) for v in made.permute(0, 2, 3, 1).reshape(-1, 3).unique(dim=0)} == {
        (255, 255, 255), (3, 0, 77),
    }  # fmt: skip
    with pytest.raises(ValueError, match="Cutout: value must be one of mean; got 'random'"):
        warpmix.Cutout(value="random")
    with pytest.raises(ValueError, match=r"Cutout: value must be in \[0, 255\], got 256"):
        warpmix.Cutout(value=256)
