"""Image files of mixed sizes: cached with their own, resident and streamed with the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from warpmix import CutMix, Pipeline, RaggedImages, RandomCrop, RandomHorizontalFlip
from warpmix.data import (
    Dataset,
    Loader,
    StreamedDataset,
    cache_build,
    decode,
    load_folder,
    open_cache,
)
from warpmix.data.folder import list_folder
from warpmix.data.images import read_image

SIZES = [(20, 30), (33, 24), (16, 16), (40, 17), (25, 25), (18, 50), (30, 30), (21, 22)]
CROP = [RandomHorizontalFlip(), RandomCrop(16, 2), CutMix()]


def photos(root: Path) -> Path:
    """PNGs of mixed sizes, four a class, one of which a flag turns round."""
    noise = np.random.default_rng(0)
    for number, size in enumerate(SIZES):
        image = Image.fromarray(noise.integers(0, 256, (*size, 3), dtype=np.uint8))
        folder = root / "photos" / "train" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        turned = Image.Exif()
        turned[0x0112] = 6 if number == 3 else 1
        image.save(folder / f"{number}.png", exif=turned)
    return root / "photos"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return photos(tmp_path)


def own_sizes(dataset: Dataset) -> list[tuple[int, ...]]:
    assert isinstance(dataset.images, RaggedImages)
    return [tuple(size) for size in dataset.images.sizes.tolist()]


def epochs(dataset: Dataset | StreamedDataset, **options: Any) -> list[torch.Tensor]:
    pipeline = Pipeline(CROP, mean=0.5, std=0.25, seed=1)
    loader = Loader(dataset, pipeline, 3, seed=2, **options)
    return [part for _ in range(2) for batch, targets in loader for part in (batch, *targets)]


def same(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return len(a) == len(b) and all(map(torch.equal, a, b))


def test_the_cache_keeps_each_size(folder: Path, tmp_path: Path) -> None:
    files = list_folder(folder)
    cache = open_cache(files, tmp_path)
    stored, decoded = cache.dataset(), load_folder(folder)
    assert cache.size is None and stored.image_size is None
    assert own_sizes(stored) == own_sizes(decoded)
    assert sorted(own_sizes(stored)) == sorted([*SIZES[:3], (17, 40), *SIZES[4:]])  # one is turned
    for row, path in enumerate(files.paths):
        pixels = torch.from_numpy(read_image(path))
        assert torch.equal(stored.picture(row), pixels)
        assert torch.equal(decoded.picture(row), pixels)
    assert not any(differs for _, differs in cache.damaged())
    assert torch.equal(stored.channel_sums, decoded.channel_sums)


@pytest.mark.parametrize("options", [{}, {"expand": 0.5}, {"shuffle": False}])
def test_resident_and_streamed_give_the_same_bytes(
    folder: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    cache = open_cache(list_folder(folder), tmp_path)
    resident = epochs(cache.dataset(), **options)
    assert resident[0].shape == (3, 3, 16, 16)
    assert same(epochs(cache.stream(), **options), resident)
    rows = torch.tensor([6, 1, 3, 4])
    part = epochs(cache.dataset().subset(rows), **options)
    assert same(epochs(cache.stream().subset(rows), **options), part)
    assert same(epochs(cache.stream().resident(), **options), resident)


def test_chunks_are_all_pixels(folder: Path, tmp_path: Path) -> None:
    cache = open_cache(list_folder(folder), tmp_path)
    dataset = cache.dataset()
    want = torch.cat([dataset.picture(row).reshape(-1, 3) for row in range(8)])
    for source in (dataset, cache.stream()):
        assert torch.equal(torch.cat(list(source.chunks())), want)


def test_a_cap_on_the_shorter_side(folder: Path, tmp_path: Path) -> None:
    files = list_folder(folder)
    capped = open_cache(files, tmp_path, store_size=20)
    sizes = own_sizes(capped.dataset())
    assert all(min(size) <= 20 for size in sizes)
    for row, path in enumerate(files.paths):
        own = read_image(path)
        height, width = sizes[row]
        assert torch.equal(
            capped.dataset().picture(row), torch.from_numpy(read_image(path, (height, width)))
        )
        assert (min(own.shape[:2]) <= 20) == (sizes[row] == own.shape[:2])
    assert capped.folder != open_cache(files, tmp_path).folder
    assert own_sizes(load_folder(folder, store_size=20)) == sizes


def test_an_interrupted_cache_is_continued(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode, "_LARGEST_BLOCK", 2)
    files = list_folder(folder)
    written, original = [], cache_build._write

    def write(images: Any, block: Any, start: int) -> object:
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(block.rows)
        return original(images, block, start)

    with monkeypatch.context() as patch:
        patch.setattr(cache_build, "_write", write)
        with pytest.raises(KeyboardInterrupt):
            open_cache(files, tmp_path)
    cache = open_cache(files, tmp_path)
    assert len(cache.checksums) == 4
    decoded = load_folder(folder)
    assert all(torch.equal(cache.dataset().picture(row), decoded.picture(row)) for row in range(8))


def test_bad_files_are_left_out(folder: Path, tmp_path: Path) -> None:
    whole = (folder / "train/a/0.png").read_bytes()
    (folder / "train/a/1x.png").write_bytes(whole[: len(whole) // 2])  # a header and no end
    (folder / "train/b/1x.png").write_bytes(b"none")
    files = list_folder(folder)
    with pytest.raises(ValueError, match="2 of 10 images could not be read"):
        open_cache(files, tmp_path)
    with pytest.warns(UserWarning, match="2 of 10 images could not be read"):
        cache = open_cache(files, tmp_path, skip_bad_images=True)
    assert len(cache.dataset()) == 8 and own_sizes(cache.dataset()) == own_sizes(
        cache.stream().resident()
    )
    assert same(epochs(cache.stream()), epochs(cache.dataset()))


def test_only_a_bad_file_has_another_size(tmp_path: Path) -> None:
    """The images that are there have one size, and are a data set of that."""
    root = tmp_path / "same"
    for number in range(6):
        path = root / "train" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((20, 24, 3), 40 * number, np.uint8)).save(path)
    Image.fromarray(np.zeros((64, 9, 3), np.uint8)).save(tmp_path / "tall.png")
    content = (tmp_path / "tall.png").read_bytes()
    (root / "train/a/2x.png").write_bytes(content[: len(content) // 2])
    files = list_folder(root)
    with pytest.warns(UserWarning, match="1 of 7 images could not be read"):
        cache = open_cache(files, tmp_path / "cache", skip_bad_images=True)
    with pytest.warns(UserWarning, match="1 of 7 images could not be read"):
        decoded = load_folder(root, skip_bad_images=True)
    for dataset in (cache.dataset(), cache.stream().resident(), decoded):
        assert isinstance(dataset.images, torch.Tensor) and dataset.image_size == (20, 24)
        assert dataset.images[:, 0, 0, 0].tolist() == [0, 80, 160, 40, 120, 200]
    assert same(epochs(cache.stream()), epochs(cache.dataset()))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda content: content[:-1], r"sizes.i32: expected 64 bytes, got 63; delete "),
        (lambda content: b"\xff" * len(content), r"sizes.i32: expected sizes of images of up to"),
        (lambda content: content[8:] + content[:4] + b"\2\0\0\0", r"images.u8 is damaged"),
    ],
)
def test_damaged_sizes_are_refused(folder: Path, tmp_path: Path, damage: Any, words: str) -> None:
    files = list_folder(folder)
    path = open_cache(files, tmp_path).folder / "sizes.i32"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=words):
        open_cache(files, tmp_path)


def test_images_larger_than_are_augmented(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "MAX_AUGMENTED", 800)
    with pytest.raises(
        ValueError, match=r"30 x 30 pixels, and .* cap the shorter side with store_s"
    ):
        load_folder(folder)
    assert len(load_folder(folder, store_size=16)) == 8


def test_a_list_that_fixes_no_size(folder: Path) -> None:
    with pytest.raises(ValueError, match="mixed sizes must come to one size in the list"):
        Loader(load_folder(folder), Pipeline([RandomHorizontalFlip()]), 3)
